package sched

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/explore/overlay"
)

// OraclePatch is Patch for a release that keeps its C race detector: our
// events and its calls come from the same places, so that what both find in
// one execution can be compared. It needs cgo and a C compiler, and Go 1.25.
func OraclePatch(shared fs.FS) (overlay.Patch, error) {
	p, err := Patch(shared)
	if err != nil {
		return p, err
	}
	p.Min = oracleOldest
	p.Remove = nil
	p.Add = slices.DeleteFunc(p.Add, func(a overlay.Added) bool {
		switch path.Base(a.File) {
		case "race.go", "race_amd64.s", "race_arm64.s", "ghostread_abi.go":
			return true
		}
		return false
	})
	added, err := overlay.GuestPackage("runtime", files, "tsan", nil, false)
	if err != nil {
		return p, err
	}
	for i := range added {
		added[i].File = "runtime/ghostread_" + path.Base(added[i].File)
	}
	p.Add = append(p.Add, added...)
	p.Edits = slices.DeleteFunc(p.Edits, func(e overlay.Edit) bool { return path.Dir(e.File) == "runtime/race" })
	p.Edits = append(p.Edits, oracleEdits()...)
	return p, nil
}

// oracleOldest is the oldest minor version of Go 1 that the edits below fit:
// before, cleanups had no race context.
const oracleOldest = 25

// entered are the functions of race_amd64.s whose place tsan/tsan.go takes.
var entered = []string{
	"raceread", "racewrite", "racereadrange", "racewriterange", "racereadpc", "racewritepc",
	"RaceRead", "RaceWrite", "RaceReadRange", "RaceWriteRange",
}

const (
	raceGo  = "runtime/race.go"
	raceAsm = "runtime/race_amd64.s"
)

func oracleEdits() []overlay.Edit {
	list := []overlay.Edit{
		{File: raceAsm, Regexp: regexp.MustCompile(`runtime·(` + strings.Join(entered, "|") + `)(<ABIInternal>)?\(SB\)`), Count: overlay.Any,
			Op: replace, Text: "runtime·tsan_${1}${2}(SB)", Why: "they are ours, and call the C detector themselves"},
		{File: raceAsm, Op: after, Anchor: "TEXT\tracecallatomic<>(SB), NOSPLIT|NOFRAME, $0-0\n", Text: "\tCALL\tghosttsanatomic<>(SB)\n",
			Why: "scheduling point"},
		{File: raceAsm, Op: overlay.Append, Text: oracleAtomicsAsm(), Why: "what the edit above calls"},

		{File: raceGo, In: "race_Errors", Op: replace, Anchor: "return RaceErrors()", Text: "return 0",
			Why: "package testing fails tests with races, and the program must not behave otherwise than with our detector alone"},
		{File: raceGo, In: "racecallback", Op: atStart, Text: "tsanReporting(cmd)", Why: "the event at which a race is reported"},
		{File: raceGo, In: "raceReadObjectPC", Op: replace, Anchor: "racereadpc(addr, callerpc, pc)",
			Text: "ghostMem(gkRead, uintptr(addr), 0, callerpc, 0); tsanReadPC(addr, callerpc, pc)", Why: "an access, and no map"},
		{File: raceGo, In: "raceWriteObjectPC", Op: replace, Anchor: "racewritepc(addr, callerpc, pc)",
			Text: "ghostMem(gkWrite, uintptr(addr), 0, callerpc, 0); tsanWritePC(addr, callerpc, pc)", Why: "likewise"},
		{File: raceGo, In: "racereadrangepc", Op: atStart, Text: "tsanCalls++; ghostMem(gkReadRange, uintptr(addr), sz, callpc, 0)", Why: "event"},
		{File: raceGo, In: "racewriterangepc", Op: atStart, Text: "tsanCalls++; ghostMem(gkWriteRange, uintptr(addr), sz, callpc, 0)", Why: "event"},
		{File: raceGo, In: "racegostart", Op: replace, Anchor: "if gp.m.curg != nil {", Text: "if gp.m.curg != nil && ghostFiring == 0 {",
			Why: "timers can fire at a point of a goroutine, which does not start what their functions start"},
		{File: raceGo, In: "racefingo", Op: atStart, Text: "tsanStep(); ghostFinal()", Why: "event"},
		{File: raceGo, In: "racectxstart", Op: atStart, Text: "ghostCleanup(pc)", Why: "event"},
		{File: raceGo, In: "racectxend", Op: atStart, Text: "ghostCleaned(uintptr(getg().ghost.born + 2))", Why: "event"},
	}
	for _, name := range entered {
		list = append(list, overlay.Edit{File: raceGo, Regexp: regexp.MustCompile(`(?m)^func ` + name + `\(([^)]*)\)$`),
			Op: replace, Text: "func tsan_" + name + "(${1})", Why: "named as in race_amd64.s, where nobody calls it any more"})
	}
	for _, f := range []struct{ name, kind string }{
		{"raceacquireg", "gkAcquire"}, {"racereleaseg", "gkRelease"}, {"racereleaseacquireg", "gkReleaseAcquire"}, {"racereleasemergeg", "gkReleaseMerge"},
	} {
		list = append(list, overlay.Edit{File: raceGo, In: f.name, Op: atStart, Text: "ghostHB(" + f.kind + ", gp, addr)", Why: "event"})
	}
	return list
}

// oracleAtomicsAsm is what all entry points of sync/atomic in race_amd64.s
// come by, with the function of the C detector in AX.
func oracleAtomicsAsm() string {
	var b strings.Builder
	b.WriteString(`
TEXT ghosttsanatomic<>(SB), NOSPLIT, $48-0
	NO_LOCAL_POINTERS
	MOVBLZX runtime·ghostActive(SB), CX
	TESTL CX, CX
	JEQ done
	MOVQ AX, 40(SP)
`)
	// Above the frame: its saved BP, the returns into racecallatomic, the
	// entry point and, at 72(SP), the program; the address at 80(SP), and
	// what a compare-and-swap compares with.
	is := func(op, label string) {
		for _, bits := range []string{"32", "64"} {
			b.WriteString("\tMOVQ $__tsan_go_atomic" + bits + "_" + op + "(SB), CX\n\tCMPQ AX, CX\n\tJEQ " + strings.ReplaceAll(label, "*", bits) + "\n")
		}
	}
	is("load", "load")
	is("store", "store")
	is("compare_exchange", "cas*")
	b.WriteString(`
	MOVQ $const_gkAtomicRMW, 0(SP)
	JMP report
load:
	MOVQ $const_gkAtomicLoad, 0(SP)
	JMP report
store:
	MOVQ $const_gkAtomicStore, 0(SP)
report:
	MOVQ 80(SP), AX
	MOVQ AX, 8(SP)
	MOVQ 72(SP), AX
	MOVQ AX, 16(SP)
	CALL runtime·ghostread_atomic(SB)
	JMP restore
cas32:
	MOVL 88(SP), AX
	MOVQ $4, 16(SP)
	JMP cas
cas64:
	MOVQ 88(SP), AX
	MOVQ $8, 16(SP)
cas:
	MOVQ AX, 8(SP)
	MOVQ 80(SP), AX
	MOVQ AX, 0(SP)
	MOVQ 72(SP), AX
	MOVQ AX, 24(SP)
	CALL runtime·ghostread_cas(SB)
restore:
	MOVQ 40(SP), AX
done:
	ADDQ $1, runtime·tsanCalls(SB)
	RET
`)
	return b.String()
}
