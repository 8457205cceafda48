package sched

import (
	"fmt"
	"strings"
)

// In race builds the functions of sync/atomic are entry points in
// runtime/race_amd64.s or race_arm64.s, with the same names and arguments. Ours
// report and then jump to the operation proper.

type atomicOp struct {
	name   string // in sync/atomic, before the type
	target string // in internal/runtime/atomic, for 32 bits
	report string
	params string // after addr, with T for the type
	result string
}

var atomicOps = []atomicOp{
	{"Load", "Load", "load", "", "val T"},
	{"Store", "Store", "store", "val T", ""},
	{"Swap", "Xchg", "rmw", "new T", "old T"},
	{"Add", "Xadd", "rmw", "delta T", "new T"},
	{"And", "And32", "rmw", "mask T", "old T"},
	{"Or", "Or32", "rmw", "mask T", "old T"},
	{"CompareAndSwap", "Cas", "rmw", "old, new T", "swapped bool"},
}

type atomicType struct {
	name, goType string
	size         int
}

var atomicTypes = []atomicType{
	{"Int32", "int32", 4}, {"Uint32", "uint32", 4},
	{"Int64", "int64", 8}, {"Uint64", "uint64", 8}, {"Uintptr", "uintptr", 8},
}

// symbol is the function of internal/runtime/atomic for op on t.
func (op atomicOp) symbol(t atomicType) string {
	base := strings.TrimSuffix(op.target, "32")
	switch {
	case t.name == "Uintptr":
		return base + "uintptr"
	case t.size == 8:
		return base + "64"
	}
	return op.target
}

// argBytes is the size of arguments and results on the stack.
func (op atomicOp) argBytes(t atomicType) int {
	n := 8 // addr
	switch op.name {
	case "Load", "Store":
		return n + t.size
	case "CompareAndSwap":
		return n + 2*t.size + 1
	}
	return (n+t.size+7)&^7 + t.size // the result is aligned to a word
}

// An assembler is how one machine's entry points are written.
type assembler struct {
	// entry reports and goes on to the operation: name, bytes of arguments,
	// which report, target.
	entry string
	// report is the text of a ghostatomic function: which, and its kind as a
	// distance from gkAtomicLoad.
	report string
	// cas is that for a compare-and-swap, which says whether it will fail: the
	// bytes, and the instruction that loads as many. "" if it is reported as
	// others are.
	cas string
}

// assemblers are the machines that the patch is written for.
var assemblers = map[string]assembler{
	"amd64": {
		entry: `
TEXT sync∕atomic·%s(SB), NOSPLIT|NOFRAME, $0-%d
	GO_ARGS
	CALL ghostatomic%s<>(SB)
	JMP internal∕runtime∕atomic·%s(SB)
`,
		// Above the frame: its saved BP, the return into the entry point,
		// the return into the program at 48(SP), the address at 56(SP).
		report: `
TEXT ghostatomic%s<>(SB), NOSPLIT, $32-0
	NO_LOCAL_POINTERS
	MOVBLZX runtime·ghostActive(SB), AX
	TESTL AX, AX
	JEQ done
	MOVQ $const_gkAtomicLoad+%d, 0(SP)
	MOVQ 56(SP), AX
	MOVQ AX, 8(SP)
	MOVQ 48(SP), AX
	MOVQ AX, 16(SP)
	CALL runtime·ghostread_atomic(SB)
done:
	RET
`,
		// Likewise; what is compared with is at 64(SP).
		cas: `
TEXT ghostatomiccas%[1]d<>(SB), NOSPLIT, $32-0
	NO_LOCAL_POINTERS
	MOVBLZX runtime·ghostActive(SB), AX
	TESTL AX, AX
	JEQ done
	MOVQ 56(SP), AX
	MOVQ AX, 0(SP)
	%[2]s 64(SP), AX
	MOVQ AX, 8(SP)
	MOVQ $%[1]d, 16(SP)
	MOVQ 48(SP), AX
	MOVQ AX, 24(SP)
	CALL runtime·ghostread_cas(SB)
done:
	RET
`,
	},
	"arm64": {
		// The entry point has a frame of 16 bytes for the return into the
		// program; RET with a target takes it down and jumps.
		entry: `
TEXT sync∕atomic·%s(SB), NOSPLIT, $0-%d
	GO_ARGS
	NO_LOCAL_POINTERS
	BL ghostatomic%s<>(SB)
	RET internal∕runtime∕atomic·%s(SB)
`,
		// 24 bytes of arguments, the saved return and 16 for the caller's saved
		// FP make a frame of 48 (cmd/internal/obj/arm64, preprocess). Above it:
		// the entry point's frame, which begins with the return into the
		// program, then the word where the program saves its own LR, and the
		// address at 72(RSP).
		report: `
TEXT ghostatomic%s<>(SB), NOSPLIT, $24-0
	NO_LOCAL_POINTERS
	MOVBU runtime·ghostActive(SB), R0
	CBZ R0, done
	MOVD $(const_gkAtomicLoad+%d), R0
	MOVD R0, 8(RSP)
	MOVD 72(RSP), R0
	MOVD R0, 16(RSP)
	MOVD 48(RSP), R0
	MOVD R0, 24(RSP)
	CALL runtime·ghostread_atomic(SB)
done:
	RET
`,
	},
}

// atomicsAsm is the assembly of the entry points for a machine.
func atomicsAsm(arch string) string {
	var b strings.Builder
	b.WriteString("//go:build race\n\n#include \"go_asm.h\"\n#include \"funcdata.h\"\n#include \"textflag.h\"\n")
	a := assemblers[arch]
	entry := func(name string, bytes int, report, target string) {
		fmt.Fprintf(&b, a.entry, name, bytes, report, target)
	}
	for _, t := range atomicTypes {
		for _, op := range atomicOps {
			report := op.report
			if op.name == "CompareAndSwap" && a.cas != "" {
				report = fmt.Sprint("cas", t.size)
			}
			entry(op.name+t.name, op.argBytes(t), report, op.symbol(t))
		}
	}
	entry("LoadPointer", 16, "load", "Loadp")
	for i, report := range []string{"load", "store", "rmw"} {
		fmt.Fprintf(&b, a.report, report, i)
	}
	if a.cas != "" {
		fmt.Fprintf(&b, a.cas, 4, "MOVL")
		fmt.Fprintf(&b, a.cas, 8, "MOVQ")
	}
	return b.String()
}

// atomicsABI declares the entry points to the compiler, which makes the
// wrappers that Go code calls them through.
func atomicsABI() string {
	var b strings.Builder
	b.WriteString("//go:build race\n\npackage runtime\n\nimport \"unsafe\"\n")
	declare := func(name, goType, params, result string) {
		fmt.Fprintf(&b, "\n//go:linkname ghostabi_%s sync/atomic.%s\nfunc ghostabi_%s(addr *%s", name, name, name, goType)
		if params != "" {
			b.WriteString(", " + strings.ReplaceAll(params, "T", goType))
		}
		b.WriteString(")")
		if result != "" {
			b.WriteString(" (" + strings.ReplaceAll(result, "T", goType) + ")")
		}
		b.WriteString("\n")
	}
	for _, t := range atomicTypes {
		for _, op := range atomicOps {
			if t.name == "Uintptr" && (op.name == "Store" || op.name == "Swap" || op.name == "CompareAndSwap") {
				continue // runtime/atomic_pointer.go has them
			}
			declare(op.name+t.name, t.goType, op.params, op.result)
		}
	}
	declare("LoadPointer", "unsafe.Pointer", "", "val unsafe.Pointer")
	return b.String()
}
