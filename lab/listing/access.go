package listing

import (
	"strconv"
	"strings"
)

// A Kind is what an instruction does with memory.
type Kind int

const (
	NoAccess Kind = iota
	Load
	Store
	Update // reads and writes
)

func (k Kind) String() string {
	switch k {
	case Load:
		return "load"
	case Store:
		return "store"
	case Update:
		return "update"
	default:
		return "none"
	}
}

// A Step is an instruction that matters to an observer of memory: it accesses
// memory that others may see, orders such accesses, or calls.
type Step struct {
	Instruction        // Op has the prefix LOCK in front: "LOCK XADDQ"
	Kind        Kind   // of its access
	Variable    string // what it accesses: x, x+8, pkg.y, *p for what variable p points to, or the operand where nothing better is known
	Order       Order
	Call        string // the symbol that it calls, * for a function value
	Loop        bool   // a jump back encloses it
}

// String is "load x" for an access, "call f" for a call, and else the opcode.
func (s Step) String() string {
	switch {
	case s.Call != "":
		return "call " + s.Call
	case s.Kind != NoAccess:
		return s.Kind.String() + " " + s.Variable
	default:
		return s.Op
	}
}

// Steps are the instructions of f that matter to an observer of memory. Left
// out are the accesses to the stack, the goroutine's header and the runtime's
// switches (whether the garbage collector wants write barriers, what the
// processor can do), the fill of the write barrier's buffer, checks for nil,
// and the growth of the stack.
//
// Which variable a register points to is followed from one instruction to the
// next as if there were no jumps, which is right for the short functions of an
// experiment and a guess for others.
func (f Func) Steps() []Step {
	t := tracker{arch: f.Arch, own: ownPrefix(f), regs: make(map[string]string)}
	var steps []Step
	var loops [][2]int
	lock, stackGrowth := false, false
	for _, in := range f.Instructions {
		if pseudo[in.Op] || isNop(f.Arch, in) {
			continue
		}
		if in.Op == "LOCK" {
			lock = true
			continue
		}
		if lock {
			in.Op, lock = "LOCK "+in.Op, false
		}
		s := Step{Instruction: in, Order: Ordering(f.Arch, in)}
		s.Call = callee(in)
		if strings.HasPrefix(s.Call, "runtime.morestack") {
			stackGrowth = true
			continue
		}
		if to, ok := target(f.Arch, in); ok && to <= in.PC {
			// The jump back after the growth of the stack restarts the
			// function; it is no loop of the source.
			if !(stackGrowth && to == 0) {
				loops = append(loops, [2]int{to, in.PC})
			}
		}
		s.Kind, s.Variable = t.access(in)
		t.follow(in, s)
		if s.Kind != NoAccess || s.Order != Unordered || s.Call != "" {
			steps = append(steps, s)
		}
	}
	for i, s := range steps {
		for _, l := range loops {
			if l[0] <= s.PC && s.PC <= l[1] {
				steps[i].Loop = true
			}
		}
	}
	return steps
}

// Opcodes are the opcodes of f without pseudo-instructions.
func (f Func) Opcodes() []string {
	ops := []string{}
	for _, in := range f.Instructions {
		if !pseudo[in.Op] && !isNop(f.Arch, in) {
			ops = append(ops, in.Op)
		}
	}
	return ops
}

var pseudo = map[string]bool{
	"TEXT": true, "FUNCDATA": true, "PCDATA": true, "NOP": true, "RET": true,
	"PCALIGN": true, "PCALIGNMAX": true, "UNDEF": true, "WORD": true, "DWORD": true,
	"END": true, "GETCALLERPC": true,
}

// noAccess are the beginnings of opcodes whose operands look like memory and
// are none.
var noAccess = []string{"LEA", "CALL", "JAL", "JMP", "DUFF", "PREFETCH", "PRFM", "DCBT", "BL"}

// stackRegs hold the stack pointer where it is not called SP.
var stackRegs = map[string]string{
	"arm64": "RSP", "arm": "R13", "ppc64le": "R1", "ppc64": "R1", "s390x": "R15",
	"loong64": "R3", "mips64le": "R29", "mips64": "R29", "mips": "R29", "mipsle": "R29",
}

// discard is where a check for nil loads to.
var discard = map[string]string{
	"arm64": "R27", "arm": "R11", "s390x": "R10", "ppc64le": "R31", "ppc64": "R31", "riscv64": "X0", "loong64": "R0",
	"mips64le": "R0", "mips64": "R0", "mips": "R0", "mipsle": "R0",
}

// bufferRegs hold the place in the write barrier's buffer that
// runtime.gcWriteBarrier returns since Go 1.21.
var bufferRegs = map[string]string{
	"amd64": "R11", "386": "DI", "arm64": "R25", "arm": "R8", "ppc64le": "R29", "ppc64": "R29",
	"riscv64": "X24", "s390x": "R9", "loong64": "R29", "mips64le": "R25", "mips64": "R25", "mips": "R25", "mipsle": "R25",
}

const private = "\x00" // what a register points to that is nobody else's

// ownPrefix is what the symbols of f's package begin with.
func ownPrefix(f Func) string {
	if f.Package == "" {
		return ""
	}
	return escape(f.Package) + "."
}

// tracker knows which variable a register points to.
type tracker struct {
	arch string
	own  string
	regs map[string]string
}

// access returns what an instruction does with memory that others may see.
func (t *tracker) access(in Instruction) (Kind, string) {
	for _, op := range noAccess {
		if strings.HasPrefix(in.Op, op) {
			return NoAccess, ""
		}
	}
	args := operands(in.Args)
	for i, a := range args {
		v, ok := t.variable(a)
		if !ok {
			continue
		}
		k := t.kind(in, args, i)
		if k == NoAccess {
			return k, ""
		}
		return k, v
	}
	return NoAccess, ""
}

func (t *tracker) kind(in Instruction, args []string, i int) Kind {
	op := strings.TrimPrefix(in.Op, "LOCK ")
	last := i == len(args)-1
	if op != in.Op {
		return Update
	}
	switch t.arch {
	case "amd64", "386":
		switch {
		case strings.HasPrefix(op, "XCHG"):
			return Update
		case strings.HasPrefix(op, "TEST"):
			if len(args) == 2 && i == 1 && args[1] == "("+whole(args[0])+")" {
				return NoAccess // a check for nil
			}
			return Load
		case strings.HasPrefix(op, "CMP"), strings.HasPrefix(op, "BT") && !strings.HasPrefix(op, "BTS") && !strings.HasPrefix(op, "BTR") && !strings.HasPrefix(op, "BTC"), strings.HasPrefix(op, "UCOMI"), strings.HasPrefix(op, "PUSH"):
			return Load
		case !last:
			return Load
		case strings.HasPrefix(op, "MOV"), strings.HasPrefix(op, "SET"), strings.HasPrefix(op, "VMOV"), strings.HasPrefix(op, "POP"):
			return Store
		default:
			return Update // ADDQ $1, x(SB)
		}
	case "s390x":
		switch {
		case op == "CS", op == "CSG", strings.HasPrefix(op, "LAA"), strings.HasPrefix(op, "LAN"), strings.HasPrefix(op, "LAO"), strings.HasPrefix(op, "LAX"):
			return Update
		case strings.HasPrefix(op, "CMP"):
			return Load
		}
	}
	switch Ordering(t.arch, in) {
	case ReadModifyWrite, StoreRelease:
		if storeConditional(op) {
			return Store
		}
		return Update
	case LoadAcquire:
		return Load
	}
	if last {
		return Store
	}
	if len(args) == 2 && args[1] == discard[t.arch] && strings.HasPrefix(op, "MOVB") {
		return NoAccess // a check for nil
	}
	return Load
}

// storeConditional reports whether an opcode that orders memory only stores.
func storeConditional(op string) bool {
	for _, p := range []string{"STLR", "STLXR", "STREX", "STDCCC", "STWCCC", "STHCCC", "STBCCC", "SC"} {
		if strings.HasPrefix(op, p) {
			return true
		}
	}
	return false
}

// variable names the memory that an operand stands for, if it is memory that
// others may see.
func (t *tracker) variable(arg string) (string, bool) {
	if strings.HasPrefix(arg, "$") || !strings.HasSuffix(arg, ")") {
		return "", false
	}
	i := strings.LastIndexByte(arg, '(')
	if i > 0 && arg[i-1] == ')' { // base and index: (AX)(CX*8)
		i = strings.LastIndexByte(arg[:i], '(')
	}
	if i < 0 {
		return "", false
	}
	offset, base := arg[:i], arg[i+1:]
	base, index, _ := strings.Cut(base, ")")
	switch {
	case base == "SB":
		name := offset
		if quietVariable(name) {
			return "", false
		}
		return t.short(name), true
	case base == "FP", base == "SP", base == "g", base == "TLS", base == stackRegs[t.arch], strings.Contains(base, ","), base == "PC":
		return "", false
	case t.arch == "amd64" && base == "R14", t.arch == "386" && index == "(TLS*2)":
		return "", false // the goroutine
	case offset != "" && !number(offset):
		return "", false // name+8(SP) in functions that keep the frame in another register
	}
	v, ok := t.regs[base]
	switch {
	case v == private || quietVariable(v):
		return "", false
	case !ok || index != "":
		return arg, true
	case offset == "":
		return v, true
	case strings.HasPrefix(offset, "-"):
		return v + offset, true
	default:
		return v + "+" + offset, true
	}
}

// short is a symbol as the package itself would write it.
func (t *tracker) short(symbol string) string {
	if t.own != "" {
		if rest, ok := strings.CutPrefix(symbol, t.own); ok {
			return rest
		}
	}
	return unescape(symbol)
}

// quietVariable reports whether a variable is one of the runtime's switches.
func quietVariable(symbol string) bool {
	if symbol == "runtime.writeBarrier" || strings.HasPrefix(symbol, "internal/cpu.") || strings.HasPrefix(symbol, "runtime.writeBarrier+") {
		return true
	}
	rest, ok := strings.CutPrefix(symbol, "runtime.")
	if !ok {
		return false
	}
	for _, port := range []string{"x86", "arm", "arm64", "loong64", "riscv64", "s390x", "ppc64"} {
		if strings.HasPrefix(rest, port+"Has") {
			return true
		}
	}
	return false
}

// follow notes what the destination of an instruction points to.
func (t *tracker) follow(in Instruction, s Step) {
	if s.Call != "" {
		clear(t.regs) // the callee may have used them all
		if strings.HasPrefix(s.Call, "runtime.gcWriteBarrier") {
			t.regs[bufferRegs[t.arch]] = private
		}
		return
	}
	args := operands(in.Args)
	if len(args) == 0 {
		return
	}
	dst := args[len(args)-1]
	if strings.ContainsAny(dst, "()$") {
		return
	}
	if len(args) == 2 && (strings.HasPrefix(in.Op, "MOV") || strings.HasPrefix(in.Op, "LEA")) {
		src := args[0]
		name, isSymbol := strings.CutSuffix(strings.TrimPrefix(src, "$"), "(SB)")
		switch {
		case strings.Contains(src, "TLS"):
			t.regs[dst] = private // the goroutine
			return
		case isSymbol && (strings.HasPrefix(src, "$") || strings.HasPrefix(in.Op, "LEA")):
			t.regs[dst] = t.short(name)
			return
		case s.Kind == Load:
			t.regs[dst] = "*" + s.Variable
			return
		case t.regs[src] != "" && strings.HasPrefix(in.Op, "MOV"):
			t.regs[dst] = t.regs[src]
			return
		}
	}
	delete(t.regs, dst)
}

// operands splits arguments at the commas that are not in parentheses.
func operands(args string) []string {
	if args == "" {
		return nil
	}
	var out []string
	depth, from := 0, 0
	for i, c := range args {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(args[from:i]))
				from = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(args[from:]))
}

// callee is the symbol that an instruction calls, without its end (SB).
func callee(in Instruction) string {
	args := operands(in.Args)
	if len(args) == 0 {
		return ""
	}
	symbol, direct := strings.CutSuffix(args[len(args)-1], "(SB)")
	switch in.Op {
	case "CALL", "CALLN", "BL", "DUFFCOPY", "DUFFZERO":
	case "JAL": // RISC-V: JAL X1, f(SB); a jump within the function has a number
		if !direct {
			return ""
		}
	case "JMP", "B", "BR":
		if !direct {
			return ""
		}
	case "BCL": // Power: BCL $20, CR0LT, $1, LR
	case "JALR":
		if args[0] != "X1" {
			return ""
		}
		return "*"
	default:
		return ""
	}
	if !direct {
		return "*"
	}
	return unescape(symbol)
}

// target is where a jump within a function goes.
func target(arch string, in Instruction) (int, bool) {
	if !strings.HasPrefix(in.Op, "J") && !strings.HasPrefix(in.Op, "B") && !strings.HasPrefix(in.Op, "CB") &&
		!strings.HasPrefix(in.Op, "TB") && !strings.HasPrefix(in.Op, "CIJ") && !strings.HasPrefix(in.Op, "CMP") &&
		!strings.HasPrefix(in.Op, "CGI") && !strings.HasPrefix(in.Op, "CL") && !strings.HasPrefix(in.Op, "CR") && !strings.HasPrefix(in.Op, "CG") {
		return 0, false
	}
	args := operands(in.Args)
	if len(args) == 0 {
		return 0, false
	}
	last := args[len(args)-1]
	if arch == "riscv64" { // relative: $-12
		n, err := strconv.Atoi(strings.TrimPrefix(last, "$"))
		if err != nil || !strings.HasPrefix(last, "$") {
			if n, err = strconv.Atoi(last); err != nil {
				return 0, false
			}
			return n, true
		}
		return in.PC + n, true
	}
	n, err := strconv.Atoi(last)
	return n, err == nil
}

// whole is the register that has a byte register as its lowest byte: AX for
// AL, R8 for R8B.
func whole(reg string) string {
	if len(reg) == 2 && reg[1] == 'L' {
		return reg[:1] + "X"
	}
	return strings.TrimSuffix(reg, "B")
}

func number(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}
