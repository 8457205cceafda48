package litmus

// instr is a statement with its names resolved. An if becomes an instruction
// that goes on at Else when its condition is false.
type instr struct {
	op         Op
	v          int // variable or mutex
	reg        int // register that takes the result, -1 for none
	old, value expr
	cond       Cond
	skip       int // where a false if goes on
	stmt       *Stmt
}

// expr is an expression with its registers resolved.
type expr struct {
	a, b operand
	op   byte
}

// operand is a register, or a number if reg is -1.
type operand struct {
	reg    int
	number int32
}

// code is a test that can be executed.
type code struct {
	t       *Test
	threads [][]instr
	regs    map[string]int // registers of all threads
	init    []int32
}

func compile(t *Test) *code {
	c := &code{t: t, regs: make(map[string]int)}
	for _, v := range t.Vars {
		c.init = append(c.init, v.Init)
	}
	for i := range t.Threads {
		for _, r := range t.Threads[i].registers() {
			c.regs[r] = len(c.regs)
		}
	}
	for i := range t.Threads {
		c.threads = append(c.threads, c.body(nil, t.Threads[i].Body))
	}
	return c
}

func (c *code) body(to []instr, body []Stmt) []instr {
	for i := range body {
		s := &body[i]
		in := instr{op: s.Op, v: c.t.variable(s.Name), reg: -1, cond: s.Cond, stmt: s, old: c.expr(s.Old), value: c.expr(s.Value)}
		if s.Op == OpLock || s.Op == OpUnlock {
			in.v = c.t.mutex(s.Name)
		}
		if s.Reg != "" {
			in.reg = c.regs[s.Reg]
		}
		at := len(to)
		to = append(to, in)
		to = c.body(to, s.Body)
		to[at].skip = len(to)
	}
	return to
}

func (c *code) expr(e Expr) expr {
	return expr{a: c.operand(e.A), b: c.operand(e.B), op: e.Op}
}

func (c *code) operand(o Operand) operand {
	if o.Name == "" {
		return operand{-1, o.Number}
	}
	return operand{c.regs[o.Name], 0}
}

func (o operand) eval(regs []int32) int32 {
	if o.reg < 0 {
		return o.number
	}
	return regs[o.reg]
}

func (e expr) eval(regs []int32) int32 {
	switch a := e.a.eval(regs); e.op {
	case '+':
		return a + e.b.eval(regs)
	case '-':
		return a - e.b.eval(regs)
	default:
		return a
	}
}

// Holds evaluates the condition; value returns what a name stands for.
func (c Cond) Holds(value func(name string) int32) bool {
	operand := func(o Operand) int32 {
		if o.Name == "" {
			return o.Number
		}
		return value(o.Name)
	}
	switch c.Op {
	case "&&":
		for _, a := range c.Args {
			if !a.Holds(value) {
				return false
			}
		}
		return true
	case "||":
		for _, a := range c.Args {
			if a.Holds(value) {
				return true
			}
		}
		return false
	}
	switch a, b := operand(c.A), operand(c.B); c.Op {
	case "==":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	default:
		return a >= b
	}
}

// holds evaluates the condition of an if.
func (c *code) holds(cond Cond, regs []int32) bool {
	return cond.Holds(func(name string) int32 { return regs[c.regs[name]] })
}

// effect is what an atomic operation makes of the value of its variable:
// whether it writes, what, and the result that its register takes.
func (in *instr) effect(was int32, regs []int32) (writes bool, now, result int32) {
	switch in.op {
	case OpStore, OpAtomicStore:
		return true, in.value.eval(regs), 0
	case OpAdd:
		now = was + in.value.eval(regs)
		return true, now, now
	case OpSwap:
		return true, in.value.eval(regs), was
	case OpCAS:
		if was != in.old.eval(regs) {
			return false, was, 0
		}
		return true, in.value.eval(regs), 1
	default:
		return false, was, was
	}
}
