package cost

import (
	"strings"
	"syscall"

	"golang.org/x/arch/x86/x86asm"
)

// An instruction is one that was decoded, with what does not change from one
// execution to the next.
type instruction struct {
	op                 x86asm.Op
	args               []x86asm.Arg
	length             int
	branch, call       bool
	locked             bool
	readsTo, writesTo  bool // its first argument
	swaps, zeroes, far bool // far: has an address and does not go there
	breakpoint         bool
	disturbs           bool // begins what the scheduler wants
}

// onlyRead are the operations that do not write to their first argument.
var onlyRead = map[x86asm.Op]bool{
	x86asm.CMP: true, x86asm.TEST: true, x86asm.BT: true, x86asm.PTEST: true, x86asm.UCOMISD: true, x86asm.UCOMISS: true,
	x86asm.PUSH: true, x86asm.JMP: true, x86asm.CALL: true, x86asm.MUL: true, x86asm.DIV: true,
}

func decode(code []byte) *instruction {
	i, err := x86asm.Decode(code, 64)
	if err != nil {
		return &instruction{}
	}
	in := &instruction{op: i.Op, length: i.Len}
	for _, a := range i.Args {
		if a != nil {
			in.args = append(in.args, a)
		}
	}
	name := i.Op.String()
	in.call = i.Op == x86asm.CALL
	in.branch = strings.HasPrefix(name, "J") && i.Op != x86asm.JMP
	in.far = i.Op == x86asm.LEA || i.Op == x86asm.NOP || strings.HasPrefix(name, "PREFETCH")
	in.swaps = i.Op == x86asm.XCHG || i.Op == x86asm.XADD || i.Op == x86asm.CMPXCHG
	in.writesTo = !onlyRead[i.Op] && !in.branch
	moves := strings.HasPrefix(name, "MOV") || strings.HasPrefix(name, "SET") || in.far || i.Op == x86asm.POP ||
		(i.Op == x86asm.IMUL && len(in.args) == 3)
	in.readsTo = !moves
	if len(in.args) == 2 && in.args[0] == in.args[1] {
		in.zeroes = i.Op == x86asm.XOR || i.Op == x86asm.PXOR || i.Op == x86asm.XORPS || i.Op == x86asm.SUB
	}
	for _, p := range i.Prefix {
		if p&0xff == x86asm.PrefixLOCK && p&x86asm.PrefixImplicit == 0 {
			in.locked = true
		}
	}
	if i.Op == x86asm.XCHG {
		for _, a := range in.args {
			if _, ok := a.(x86asm.Mem); ok {
				in.locked = true
			}
		}
	}
	return in
}

// register returns the number of a register in operation.depth, or -1.
func register(r x86asm.Reg) int {
	switch {
	case r >= x86asm.RAX && r <= x86asm.R15:
		return int(r - x86asm.RAX)
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return int(r - x86asm.EAX)
	case r >= x86asm.AX && r <= x86asm.R15W:
		return int(r - x86asm.AX)
	case r >= x86asm.AL && r <= x86asm.BL:
		return int(r - x86asm.AL)
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return int(r-x86asm.SPB) + 4
	case r >= x86asm.X0 && r <= x86asm.X15:
		return int(r-x86asm.X0) + 16
	}
	return -1
}

// valueOf returns what a general register holds.
func valueOf(r x86asm.Reg, regs *syscall.PtraceRegs, next uint64) uint64 {
	if r == x86asm.RIP {
		return next
	}
	n := register(r)
	if n < 0 || n > 15 {
		return 0
	}
	return [16]uint64{regs.Rax, regs.Rcx, regs.Rdx, regs.Rbx, regs.Rsp, regs.Rbp, regs.Rsi, regs.Rdi,
		regs.R8, regs.R9, regs.R10, regs.R11, regs.R12, regs.R13, regs.R14, regs.R15}[n]
}

// The stack that is in use reaches from a little below its pointer, where calls
// write, to some frames above.
const below, above = 256, 2048

// step counts an instruction that is about to be executed.
func (o *operation) step(in *instruction, regs *syscall.PtraceRegs) {
	o.Instructions++
	if in.branch {
		o.Branches++
	}
	if in.call {
		o.Calls++
	}
	if in.locked {
		o.Locked++
	}
	depthOf := func(r x86asm.Reg) int {
		if n := register(r); n >= 0 {
			return o.depth[n]
		}
		return 0
	}
	result := 0
	address := make([]uint64, len(in.args))
	for i, a := range in.args {
		reads := i > 0 || in.readsTo
		writes := i == 0 && in.writesTo || i == 1 && in.swaps && in.op != x86asm.CMPXCHG
		switch a := a.(type) {
		case x86asm.Reg:
			if reads {
				result = max(result, depthOf(a))
			}
		case x86asm.Mem:
			depth := max(depthOf(a.Base), depthOf(a.Index))
			if in.far {
				result = max(result, depth)
				continue
			}
			if a.Segment == x86asm.FS {
				continue
			}
			at := valueOf(a.Base, regs, regs.Rip+uint64(in.length)) + uint64(a.Scale)*valueOf(a.Index, regs, 0) + uint64(a.Disp)
			address[i] = at
			stack := at >= regs.Rsp-below && at < regs.Rsp+above
			if a.Base == x86asm.RSP {
				stack = true
			}
			got := o.touch(access{address: at, depth: depth, read: reads, write: writes, stack: stack})
			if reads {
				result = max(result, got)
			}
		}
	}
	switch in.op {
	case x86asm.MUL, x86asm.DIV, x86asm.CMPXCHG:
		result = max(result, o.depth[0])
		o.depth[0] = result
		if in.op != x86asm.CMPXCHG {
			o.depth[2] = result
			return
		}
	}
	if in.zeroes {
		result = 0
	}
	for i, a := range in.args {
		if i > 0 && !(in.swaps && in.op != x86asm.CMPXCHG) || i == 0 && !in.writesTo {
			continue
		}
		switch a := a.(type) {
		case x86asm.Reg:
			if n := register(a); n >= 0 && n != 4 {
				o.depth[n] = result
			}
		case x86asm.Mem:
			if !in.far && a.Segment != x86asm.FS {
				o.stored[address[i]] = result
			}
		}
	}
}
