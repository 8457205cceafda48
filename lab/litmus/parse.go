package litmus

import (
	"fmt"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Parse reads one test. The name of the file is used in errors only; they are
// of type [*Error] and begin with file:line:column.
func Parse(file string, src []byte) (t *Test, err error) {
	words, err := scan(file, string(src))
	if err != nil {
		return nil, err
	}
	p := &parser{file: file, words: words, t: new(Test), owner: make(map[string]int)}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Error:
			t, err = nil, r
		default:
			panic(r)
		}
	}()
	p.test()
	return p.t, nil
}

// parser turns words into a test. Its methods leave at the first error with a
// panic of type *Error, which Parse turns into its result.
type parser struct {
	file  string
	words []word
	t     *Test
	owner map[string]int // thread of each register
	set   map[string]bool
	held  []string // mutexes that the thread holds here
	size  int      // statements of the thread so far
	depth int      // of parentheses that are open
}

func (p *parser) fail(pos Pos, format string, args ...any) {
	panic(&Error{p.file, pos, fmt.Sprintf(format, args...)})
}

func (p *parser) peek() word { return p.words[0] }

func (p *parser) next() word {
	w := p.words[0]
	if w.kind != atEnd {
		p.words = p.words[1:]
	}
	return w
}

// is reports whether the next word is text.
func (p *parser) is(text string) bool {
	w := p.peek()
	return w.text == text && (w.kind == aSign || w.kind == aName)
}

// accept takes the next word if it is text.
func (p *parser) accept(text string) bool {
	if p.is(text) {
		p.next()
		return true
	}
	return false
}

// want takes the next word, which has to be text.
func (p *parser) want(text, where string) word {
	if !p.is(text) {
		p.fail(p.peek().pos, "got %v, want %q %s", p.peek(), text, where)
	}
	return p.next()
}

// lines skips ends of lines.
func (p *parser) lines() {
	for p.peek().kind == aLine {
		p.next()
	}
}

// end takes the end of a line.
func (p *parser) end(after string) {
	if w := p.peek(); w.kind == aLine {
		p.next()
	} else if w.kind != atEnd && !p.is("}") {
		p.fail(w.pos, "got %v after %s; begin a new line, or put a semicolon between", w, after)
	}
}

var testName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// test reads the file.
func (p *parser) test() {
	p.lines()
	p.want("test", `and a name first, as in: test sb_plain`)
	w := p.next()
	if w.kind != aName || !testName.MatchString(w.text) {
		p.fail(w.pos, "%v cannot name a test; use small letters, digits and _, as in sb_plain", w)
	}
	p.t.Name = w.text
	p.end("the name of the test")
	for {
		p.lines()
		w := p.peek()
		switch {
		case p.accept("doc"):
			p.t.Doc = strings.TrimSpace(p.t.Doc + " " + p.next().text)
			p.end("doc")
		case p.accept("var"):
			p.list(p.variable)
			p.end("the variables")
		case p.accept("mutex"):
			p.list(p.mutex)
			p.end("the mutexes")
		case p.accept("thread"):
			p.thread(w.pos)
		case p.accept("exists"):
			p.exists(w.pos)
			return
		case w.kind == atEnd:
			p.fail(w.pos, "the test has no outcome of interest; end it with a line like: exists r0 == 0 && r1 == 0")
		default:
			p.fail(w.pos, "got %v, want one of: doc, var, mutex, thread, exists", w)
		}
	}
}

// list reads elements with commas between them.
func (p *parser) list(element func()) {
	element()
	for p.accept(",") {
		element()
	}
}

// reserved are words that are no names, besides Go's keywords.
var reserved = []string{"test", "doc", "mutex", "thread", "exists", "lock", "unlock", "atomic", "int32", "cells"}

// fresh takes a name that means nothing yet.
func (p *parser) fresh(what string) string {
	w := p.name(what)
	if p.t.variable(w.text) >= 0 || p.t.mutex(w.text) >= 0 {
		p.fail(w.pos, "%s is declared twice", w.text)
	}
	if len(p.t.Threads) > 0 {
		p.fail(w.pos, "%s %s is declared below a thread; move the declaration above the first one", what, w.text)
	}
	return w.text
}

// name takes a word that can be a name.
func (p *parser) name(what string) word {
	w := p.next()
	switch {
	case w.kind != aName:
		p.fail(w.pos, "got %v, want the name of a %s", w, what)
	case w.text[0] < 'a' || strings.Contains(w.text, "_"):
		p.fail(w.pos, "%s cannot name a %s; begin with a small letter and use letters and digits", w.text, what)
	case token.IsKeyword(w.text) || slices.Contains(reserved, w.text):
		p.fail(w.pos, "%s has a meaning of its own and cannot name a %s", w.text, what)
	}
	return w
}

func (p *parser) variable() {
	v := Var{Name: p.fresh("variable")}
	if p.accept("=") {
		v.Init = p.number()
	}
	if len(p.t.Vars) == MaxVars {
		p.fail(p.peek().pos, "a test has at most %d variables", MaxVars)
	}
	p.t.Vars = append(p.t.Vars, v)
}

func (p *parser) mutex() {
	p.t.Mutexes = append(p.t.Mutexes, p.fresh("mutex"))
	if len(p.t.Mutexes) > MaxVars {
		p.fail(p.peek().pos, "a test has at most %d mutexes", MaxVars)
	}
}

// number reads a number with its sign.
func (p *parser) number() int32 {
	pos, sign := p.peek().pos, ""
	if p.accept("-") {
		sign = "-"
	}
	w := p.next()
	if w.kind != anInt {
		p.fail(w.pos, "got %v, want a number", w)
	}
	n, err := strconv.ParseInt(sign+w.text, 10, 32)
	if err != nil {
		p.fail(pos, "%s%s does not fit into the 32 bits of a variable", sign, w.text)
	}
	return int32(n)
}

// thread reads the block of a thread.
func (p *parser) thread(pos Pos) {
	if len(p.t.Threads) == MaxThreads {
		p.fail(pos, "a test has at most %d threads", MaxThreads)
	}
	p.set, p.held, p.size = make(map[string]bool), nil, 0
	p.t.Threads = append(p.t.Threads, Thread{Body: p.block("thread")})
}

// block reads statements between braces.
func (p *parser) block(of string) []Stmt {
	open := p.want("{", "to open the block of the "+of)
	outer := slices.Clone(p.held)
	var body []Stmt
	for {
		p.lines()
		w := p.peek()
		if len(p.held) < len(outer) || !slices.Equal(p.held[:len(outer)], outer) {
			p.fail(w.pos, "a mutex that was locked outside of the block is unlocked in it; unlock it outside")
		}
		switch {
		case p.accept("}"):
			if len(p.held) > len(outer) {
				p.fail(w.pos, "%s is locked here and the block ends; add: unlock %[1]s", p.held[len(p.held)-1])
			}
			if len(body) == 0 {
				p.fail(open.pos, "the %s is empty", of)
			}
			if p.is("else") {
				p.fail(p.peek().pos, "there is no else; write a second if with the opposite condition")
			}
			p.end("}")
			return body
		case w.kind == atEnd:
			p.fail(open.pos, "the block of the %s that begins here has no end; close it with }", of)
		}
		if p.size++; p.size > maxAccesses {
			p.fail(w.pos, "a thread has at most %d statements: the number of interleavings explodes", maxAccesses)
		}
		s := p.statement()
		s.Pos = w.pos
		body = append(body, s)
		if s.Op != OpIf {
			p.end("the statement")
		}
	}
}

func (p *parser) statement() Stmt {
	w := p.peek()
	switch {
	case p.accept("if"):
		s := Stmt{Op: OpIf, Cond: p.cond(p.register)}
		s.Body = p.block("if")
		return s
	case p.accept("lock"):
		m := p.someMutex()
		if slices.Contains(p.held, m) {
			p.fail(w.pos, "%s is locked already; the thread would wait for itself", m)
		}
		p.held = append(p.held, m)
		return Stmt{Op: OpLock, Name: m}
	case p.accept("unlock"):
		m := p.someMutex()
		i := slices.Index(p.held, m)
		if i < 0 {
			p.fail(w.pos, "%s is not locked here; add above: lock %[1]s", m)
		}
		p.held = slices.Delete(p.held, i, i+1)
		return Stmt{Op: OpUnlock, Name: m}
	case p.is("atomic"):
		return p.atomic()
	}
	name := p.name("variable or register")
	if p.t.mutex(name.text) >= 0 {
		p.fail(name.pos, "%s is a mutex; write: lock %[1]s, or unlock %[1]s", name.text)
	}
	p.want("=", "as in: x = 1, or r0 = x")
	if p.t.variable(name.text) >= 0 {
		if p.is("atomic") {
			p.fail(p.peek().pos, "the result goes to a register, and %s is a variable; write: r0 = ..., then %[1]s = r0", name.text)
		}
		return Stmt{Op: OpStore, Name: name.text, Value: p.expr()}
	}
	var s Stmt
	switch w := p.peek(); {
	case p.is("atomic"):
		if s = p.atomic(); s.Op == OpAtomicStore {
			p.fail(w.pos, "atomic.Store has no result; write it without %s =", name.text)
		}
	case w.kind == aName && p.t.variable(w.text) >= 0:
		p.next()
		if p.is("+") || p.is("-") {
			p.fail(w.pos, "a statement touches one variable; read %s into a register first: r = %[1]s", w.text)
		}
		s = Stmt{Op: OpLoad, Name: w.text}
	default:
		s = Stmt{Op: OpSet, Value: p.expr()}
	}
	me := len(p.t.Threads)
	if other, ok := p.owner[name.text]; ok && other != me {
		p.fail(name.pos, "%s is a register of thread %d; give this one a name of its own", name.text, other+1)
	}
	p.owner[name.text], p.set[name.text] = me, true
	s.Reg = name.text
	return s
}

// atomic reads a call of an atomic operation.
func (p *parser) atomic() Stmt {
	p.next()
	if w := p.peek(); w.kind == aName {
		p.fail(w.pos, "write atomic operations as calls: atomic.Store(%s, 1), r0 = atomic.Load(%[1]s)", w.text)
	}
	p.want(".", "as in atomic.Load")
	w := p.next()
	var s Stmt
	for op, name := range atomicNames {
		if name == w.text {
			s.Op = op
		}
	}
	if s.Op == 0 {
		p.fail(w.pos, "no operation atomic.%s; there are Load, Store, Add, Swap and CAS", w.text)
	}
	p.want("(", "and the variable")
	v := p.next()
	if v.kind != aName || p.t.variable(v.text) < 0 {
		p.fail(v.pos, "got %v, want a variable; declare it above the threads: var x = 0", v)
	}
	s.Name = v.text
	if s.Op == OpCAS {
		p.want(",", "and the value it should have")
		s.Old = p.expr()
	}
	if s.Op != OpAtomicLoad {
		p.want(",", "and the value")
		s.Value = p.expr()
	}
	p.want(")", "to close the call of atomic."+w.text)
	return s
}

func (p *parser) someMutex() string {
	w := p.next()
	if w.kind != aName || p.t.mutex(w.text) < 0 {
		p.fail(w.pos, "got %v, want a mutex; declare it above the threads: mutex m", w)
	}
	return w.text
}

func (p *parser) expr() Expr {
	e := Expr{A: p.operand(p.register)}
	for _, op := range []string{"+", "-"} {
		if p.accept(op) {
			e.Op, e.B = op[0], p.operand(p.register)
			break
		}
	}
	return e
}

// operand reads a number or a name that known accepts.
func (p *parser) operand(known func(word)) Operand {
	if w := p.peek(); w.kind == aName {
		p.next()
		known(w)
		return Operand{Name: w.text}
	}
	return Operand{Number: p.number()}
}

// register accepts a register that the thread has assigned above.
func (p *parser) register(w word) {
	switch {
	case p.t.variable(w.text) >= 0:
		p.fail(w.pos, "a statement touches one variable; read %s into a register first: r = %[1]s", w.text)
	case !p.set[w.text]:
		p.fail(w.pos, "this thread has not assigned %s yet", w.text)
	}
}

// observable accepts what an exists condition may name.
func (p *parser) observable(w word) {
	if _, ok := p.owner[w.text]; !ok && p.t.variable(w.text) < 0 {
		p.fail(w.pos, "no register or variable %s", w.text)
	}
}

// maxDepth of parentheses is far above what a condition needs, and below what
// the stack holds.
const maxDepth = 100

// cond reads a condition; && binds closer than ||.
func (p *parser) cond(known func(word)) Cond {
	return p.join("||", func() Cond {
		return p.join("&&", func() Cond {
			if w := p.peek(); p.accept("(") {
				if p.depth++; p.depth > maxDepth {
					p.fail(w.pos, "more than %d parentheses in one another", maxDepth)
				}
				c := p.cond(known)
				p.depth--
				p.want(")", "to close the condition")
				return c
			}
			c := Cond{A: p.operand(known)}
			w := p.next()
			if w.kind != aSign || !slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, w.text) {
				p.fail(w.pos, "got %v, want a comparison: == != < <= > >=", w)
			}
			c.Op, c.B = w.text, p.operand(known)
			return c
		})
	})
}

func (p *parser) join(op string, part func() Cond) Cond {
	c := part()
	if !p.is(op) {
		return c
	}
	c = Cond{Op: op, Args: []Cond{c}}
	for p.accept(op) {
		c.Args = append(c.Args, part())
	}
	return c
}

// exists reads the last line, and checks what needs the whole test.
func (p *parser) exists(pos Pos) {
	if len(p.t.Threads) < 2 {
		p.fail(pos, "the test has %d threads; a litmus test has 2 to %d", len(p.t.Threads), MaxThreads)
	}
	p.t.Exists = p.cond(p.observable)
	p.end("the condition")
	p.lines()
	if w := p.peek(); w.kind != atEnd {
		p.fail(w.pos, "got %v after the exists line, which is the last one of a test", w)
	}
	switch n := len(p.t.Observed()); {
	case n == 0:
		p.fail(pos, "the condition names no register and no variable")
	case n > MaxObserved:
		p.fail(pos, "the condition names %d registers and variables; at most %d make up an outcome", n, MaxObserved)
	}
}
