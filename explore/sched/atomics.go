package sched

import (
	"fmt"
	"strings"
)

// In race builds the functions of sync/atomic are entry points in
// runtime/race_amd64.s. Ours report and then jump to the operation proper.

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

func atomicsAsm() string {
	var b strings.Builder
	b.WriteString("//go:build race\n\n#include \"go_asm.h\"\n#include \"funcdata.h\"\n#include \"textflag.h\"\n")
	entry := func(name string, bytes int, report, target string) {
		fmt.Fprintf(&b, "\nTEXT sync∕atomic·%s(SB), NOSPLIT|NOFRAME, $0-%d\n\tGO_ARGS\n\tCALL ghostatomic%s<>(SB)\n\tJMP internal∕runtime∕atomic·%s(SB)\n",
			name, bytes, report, target)
	}
	for _, t := range atomicTypes {
		for _, op := range atomicOps {
			entry(op.name+t.name, op.argBytes(t), op.report, op.symbol(t))
		}
	}
	entry("LoadPointer", 16, "load", "Loadp")
	for i, report := range []string{"load", "store", "rmw"} {
		// Above the frame: its saved BP, the return into the entry point,
		// the return into the program at 48(SP), the address at 56(SP).
		fmt.Fprintf(&b, `
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
`, report, i)
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
