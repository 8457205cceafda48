package listing

import "strings"

// An Order is what an instruction does to the order in which memory accesses
// become visible to others, as far as the processor is concerned. What the
// compiler may reorder is another question, which the order of the
// instructions has already answered.
type Order int

const (
	Unordered       Order = iota // a plain access, or no access at all
	LoadAcquire                  // later accesses stay after it
	StoreRelease                 // earlier accesses stay before it
	AcquireRelease               // a fence that lets a load pass an earlier store
	Sequential                   // a full fence
	ReadModifyWrite              // reads and writes in one step; Says tells how it is ordered
)

func (o Order) String() string {
	switch o {
	case LoadAcquire:
		return "load-acquire"
	case StoreRelease:
		return "store-release"
	case AcquireRelease:
		return "acquire and release fence"
	case Sequential:
		return "full fence"
	case ReadModifyWrite:
		return "atomic read-modify-write"
	default:
		return "no order"
	}
}

// A Rule says what some opcodes of a port order.
type Rule struct {
	Ops    []string // opcodes; a trailing * matches any end
	Args   string   // what the arguments must begin with, if anything
	Order  Order
	As     Order // Order, or the one that a ReadModifyWrite has as well
	Says   string
	Source string
}

const (
	intel = "Intel SDM, volume 3A, Memory Ordering: reads or writes cannot be reordered with locked instructions; XCHG with memory is locked without a prefix"
	armv8 = "Arm ARM (DDI 0487), chapter B2: Load-Acquire, Load-AcquirePC and Store-Release"
	armv7 = "Arm ARM, ARMv7-A (DDI 0406), chapter A3: memory barriers, synchronization and semaphores"
	power = "Power ISA, Book II: Storage Access Ordering, Memory Barrier and Synchronization Instructions"
	riscv = "RISC-V unprivileged ISA, extension A and RVWMO; the listing does not show the bits aq and rl, which Go's assembler sets: cmd/internal/obj/riscv/obj.go"
	zarch = "z/Architecture Principles of Operation, Storage-Operand Consistency and Serialization: stores may be passed by later loads only"
	loong = "LoongArch reference manual, volume 1, AM* instructions with the suffix _DB and DBAR hints; cmd/compile/internal/loong64/ssa.go"
	mips  = "MIPS64 architecture, volume II-A: SYNC, LL and SC"
)

var x86 = []Rule{
	{[]string{"LOCK *"}, "", ReadModifyWrite, Sequential, "a locked read-modify-write, which is a full fence", intel},
	{[]string{"XCHGB", "XCHGW", "XCHGL", "XCHGQ"}, "", ReadModifyWrite, Sequential, "an exchange with memory, which is locked and a full fence", intel},
	{[]string{"MFENCE"}, "", Sequential, Sequential, "a full fence", intel},
	{[]string{"LFENCE"}, "", LoadAcquire, LoadAcquire, "a fence of loads", intel},
	{[]string{"SFENCE"}, "", StoreRelease, StoreRelease, "a fence of stores", intel},
}

// rules are the opcodes that order memory. Compiled code of Go 1.18 to 1.27
// was read for each port; assembly of the runtime may use others.
var rules = map[string][]Rule{
	"amd64": x86,
	"386":   x86,
	"arm64": {
		{[]string{"LDAR", "LDARB", "LDARH", "LDARW"}, "", LoadAcquire, LoadAcquire, "a load-acquire that no later access passes, and that passes no earlier store-release", armv8},
		{[]string{"LDAPR", "LDAPRB", "LDAPRH", "LDAPRW"}, "", LoadAcquire, LoadAcquire, "a load-acquire that may pass an earlier store-release", armv8},
		{[]string{"STLR", "STLRB", "STLRH", "STLRW"}, "", StoreRelease, StoreRelease, "a store-release that no earlier access passes, and that no later load-acquire passes", armv8},
		{[]string{"LDAXR", "LDAXRB", "LDAXRH", "LDAXRW"}, "", LoadAcquire, LoadAcquire, "the load-acquire of an exclusive pair", armv8},
		{[]string{"STLXR", "STLXRB", "STLXRH", "STLXRW"}, "", StoreRelease, StoreRelease, "the store-release of an exclusive pair", armv8},
		{[]string{"LDADDAL*", "LDORAL*", "LDCLRAL*", "LDEORAL*", "SWPAL*", "CASAL*"}, "", ReadModifyWrite, AcquireRelease, "a read-modify-write with acquire and release", armv8},
		{[]string{"DMB", "DSB"}, "", Sequential, Sequential, "a fence", armv8},
	},
	"arm": {
		{[]string{"LDREX", "LDREXD", "LDREXB"}, "", Unordered, Unordered, "", armv7},
		{[]string{"STREX", "STREXD", "STREXB"}, "", ReadModifyWrite, Unordered, "the store of an exclusive pair, without order of its own", armv7},
		{[]string{"DMB"}, "", Sequential, Sequential, "a full fence", armv7},
	},
	"ppc64le": {
		{[]string{"SYNC", "HWSYNC"}, "", Sequential, Sequential, "a full fence", power},
		{[]string{"LWSYNC"}, "", AcquireRelease, AcquireRelease, "a fence that lets a load pass an earlier store", power},
		{[]string{"ISYNC"}, "", LoadAcquire, LoadAcquire, "with the branch on the loaded value before it, an acquire", power},
		{[]string{"STDCCC", "STWCCC", "STHCCC", "STBCCC"}, "", ReadModifyWrite, Unordered, "the store of a reservation pair, without order of its own", power},
	},
	"riscv64": {
		{[]string{"LRW", "LRD"}, "", LoadAcquire, LoadAcquire, "a load-reserved with aq: an acquire", riscv},
		{[]string{"SCW", "SCD"}, "", StoreRelease, StoreRelease, "a store-conditional with rl: a release", riscv},
		{[]string{"AMO*"}, "", ReadModifyWrite, Sequential, "a read-modify-write with aq and rl: sequentially consistent", riscv},
		{[]string{"FENCE"}, "", Sequential, Sequential, "a full fence", riscv},
	},
	"s390x": {
		{[]string{"SYNC"}, "", Sequential, Sequential, "a serialization: stores before it are seen before loads after it", zarch},
		{[]string{"CS", "CSG"}, "", ReadModifyWrite, Sequential, "a compare-and-swap, which serializes", zarch},
		{[]string{"LAA", "LAAG", "LAN", "LANG", "LAO", "LAOG", "LAX", "LAXG"}, "", ReadModifyWrite, Sequential, "an interlocked update", zarch},
	},
	"loong64": {
		{[]string{"DBAR"}, "$20", LoadAcquire, LoadAcquire, "a fence that makes the load before it an acquire", loong},
		{[]string{"DBAR"}, "$18", StoreRelease, StoreRelease, "a fence that makes the store after it a release", loong},
		{[]string{"DBAR"}, "$24", Sequential, Sequential, "a fence that no later access passes before earlier stores are seen", loong},
		{[]string{"DBAR"}, "", Sequential, Sequential, "a full fence", loong},
		{[]string{"AMADDDB*", "AMSWAPDB*", "AMCASDB*", "AMANDDB*", "AMORDB*", "AMXORDB*"}, "", ReadModifyWrite, Sequential, "a read-modify-write that is a full fence", loong},
		{[]string{"SCV", "SC", "SCW"}, "", ReadModifyWrite, Unordered, "the store of an exclusive pair, without order of its own", loong},
	},
	"mips64le": {
		{[]string{"SYNC"}, "", Sequential, Sequential, "a full fence", mips},
		{[]string{"SCV", "SC", "SCW"}, "", ReadModifyWrite, Unordered, "the store of an exclusive pair, without order of its own", mips},
	},
}

func init() {
	for alias, port := range map[string]string{"ppc64": "ppc64le", "mips64": "mips64le", "mips": "mips64le", "mipsle": "mips64le"} {
		rules[alias] = rules[port]
	}
}

// Ports are the values of GOARCH whose orders are known.
func Ports() []string {
	return []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x"}
}

// RuleOf returns what is known of an instruction of a port, and whether it
// orders memory. The prefix LOCK is expected in front of its opcode, where
// [Func.Steps] puts it.
func RuleOf(arch string, in Instruction) (Rule, bool) {
	for _, r := range rules[arch] {
		for _, op := range r.Ops {
			if matches(op, in.Op) && strings.HasPrefix(in.Args, r.Args) && !isNop(arch, in) {
				return r, r.Order != Unordered
			}
		}
	}
	return Rule{}, false
}

// Ordering returns how an instruction of a port orders memory.
func Ordering(arch string, in Instruction) Order {
	r, _ := RuleOf(arch, in)
	return r.Order
}

func matches(pattern, op string) bool {
	head, star := strings.CutSuffix(pattern, "*")
	return op == head || star && strings.HasPrefix(op, head)
}

// isNop reports whether an instruction does nothing. The compiler puts one
// where a call was inlined and no instruction of the call is left to carry its
// position; on x86 that is an exchange of a register with itself.
func isNop(arch string, in Instruction) bool {
	switch in.Op {
	case "XCHGL", "XCHGQ", "XCHGW":
		return !strings.Contains(in.Args, "(")
	case "NOP", "NOOP", "NOPW", "NOPL", "HINT":
		return true
	}
	return false
}
