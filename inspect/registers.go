package inspect

import (
	"debug/elf"
	"fmt"
)

// registers are those of a thread that stands still. Those that a machine does
// not have are 0.
type registers struct {
	thread int    // id of the thread in its own PID namespace, which runtime.m.procid has too
	pc, sp uint64 // of the next instruction, of the stack
	bp     uint64 // frame pointer: RBP on amd64, R29 on arm64
	lr     uint64 // link register: R30 on arm64
	g      uint64 // R14 on amd64, R28 on arm64: in Go code the goroutine, elsewhere anything

	// dwarf has them by the number that DWARF gives them: 0 to 15 and, for the pc,
	// 16 on amd64; 0 to 31 on arm64.
	dwarf [33]uint64
}

// still is implemented by a memory whose program does not run: a core file, or
// a process while it is stopped.
type still interface {
	// threads returns the registers of all threads, those of the thread that the
	// program died in first if it died.
	threads() ([]registers, error)
}

// amd64Order has for each word of the kernel's struct user_regs_struct of amd64
// (sys/user.h) the register's DWARF number, -1 for those without one.
var amd64Order = [...]int{15, 14, 13, 12, 6, 3, 11, 10, 9, 8, 0, 2, 1, 4, 5, -1, 16, -1, -1, 7, -1, -1, -1, -1, -1, -1, -1}

// arm64Words are R0 to R30, SP, PC and PSTATE, the kernel's struct
// user_pt_regs of arm64.
const arm64Words = 34

// newRegisters reads the registers of a thread as the kernel gives them, in
// NT_PRSTATUS of a core file and by PTRACE_GETREGSET.
func newRegisters(machine elf.Machine, thread int, b []byte) (registers, error) {
	r := registers{thread: thread}
	word := func(i int) uint64 { return u64(b, int64(8*i)) }
	switch machine {
	case elf.EM_X86_64:
		if len(b) < 8*len(amd64Order) {
			return r, fmt.Errorf("thread %d: %d bytes of registers, want %d", thread, len(b), 8*len(amd64Order))
		}
		for i, number := range amd64Order {
			if number >= 0 {
				r.dwarf[number] = word(i)
			}
		}
		r.pc, r.sp, r.bp, r.g = r.dwarf[16], r.dwarf[7], r.dwarf[6], r.dwarf[14]
	case elf.EM_AARCH64:
		if len(b) < 8*arm64Words {
			return r, fmt.Errorf("thread %d: %d bytes of registers, want %d", thread, len(b), 8*arm64Words)
		}
		for i := range 32 {
			r.dwarf[i] = word(i)
		}
		r.pc, r.sp, r.bp, r.lr, r.g = word(32), word(31), word(29), word(30), word(28)
	default:
		return r, fmt.Errorf("thread %d: the registers of %v are not known", thread, machine)
	}
	return r, nil
}
