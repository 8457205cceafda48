package litmus

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ghostread/ghostread/lab/listing"
)

// cellBytes is the size of a variable with its padding, which the harness
// fixes: variable i is at i times that many bytes, and the mutexes follow.
const cellBytes = 128

// Order is how the compiler ordered the accesses of a test.
type Order struct {
	Known bool   // only code for amd64 is read
	Kept  bool   // on every path, the accesses are those of the source, in its order
	Note  string // what is different, or why it is not known
}

// CheckOrder reads the compiled functions of a test's threads. They come from
// a listing of the program that [Program] returned for all of tests.
//
// Both the source and the machine code are a set of paths, one for each way
// through their branches, and a path is a sequence of accesses. The order is
// kept if the two sets are the same.
func CheckOrder(t *Test, tests []*Test, funcs []listing.Func) Order {
	vars := 0
	for _, o := range tests {
		vars = max(vars, len(o.Vars))
	}
	var notes []string
	for i := range t.Threads {
		k := slices.IndexFunc(funcs, func(f listing.Func) bool { return f.Name == t.functionName(i) })
		if k < 0 {
			return Order{Note: fmt.Sprintf("the listing lacks %s", t.functionName(i))}
		}
		if funcs[k].Arch != "amd64" {
			return Order{Note: "machine code for " + funcs[k].Arch + " is not read"}
		}
		r := reader{t: t, vars: vars, f: funcs[k], at: make(map[int]int), kinds: make(map[int]listing.Step), paths: make(map[string][]string)}
		r.run()
		source := make(map[string][]string)
		for _, p := range sourcePaths(t.Threads[i].Body) {
			source[strings.Join(p, "; ")] = p
		}
		if note := difference(source, r.paths); note != "" {
			notes = append(notes, fmt.Sprintf("thread %d: %s", i+1, note))
		}
	}
	if len(notes) > 0 {
		return Order{Known: true, Note: strings.Join(notes, "; ")}
	}
	return Order{Known: true, Kept: true}
}

// OrderFacts are NAME_order_kept and NAME_order, which says what is different,
// for each test NAME whose code can be read.
func OrderFacts(tests []*Test, funcs []listing.Func) map[string]any {
	facts := make(map[string]any)
	for _, t := range tests {
		if o := CheckOrder(t, tests, funcs); o.Known {
			facts[t.Name+"_order_kept"] = o.Kept
			facts[t.Name+"_order"] = "as in the source"
			if !o.Kept {
				facts[t.Name+"_order"] = o.Note
			}
		}
	}
	return facts
}

// sourcePaths returns the accesses of each way through a body.
func sourcePaths(body []Stmt) [][]string {
	paths := [][]string{nil}
	for i := range body {
		s := &body[i]
		var parts [][]string
		switch {
		case s.Op == OpSet:
			continue
		case s.Op == OpIf:
			parts = append(sourcePaths(s.Body), nil)
		case s.Op == OpLock || s.Op == OpUnlock:
			parts = [][]string{{s.String()}}
		case !s.Op.writes():
			parts = [][]string{{"load " + s.Name}}
		case s.Op == OpStore:
			parts = [][]string{{"store " + s.Name}}
		default:
			parts = [][]string{{"update " + s.Name}}
		}
		var longer [][]string
		for _, p := range paths {
			for _, q := range parts {
				longer = append(longer, append(slices.Clip(p), q...))
			}
		}
		paths = longer
	}
	return paths
}

// difference says what the compiled paths have that the source has not.
func difference(source, compiled map[string][]string) string {
	for _, key := range slices.Sorted(maps.Keys(compiled)) {
		path := compiled[key]
		if _, ok := source[key]; ok {
			continue
		}
		// The path that the compiler started from has the same accesses, or
		// more.
		for _, want := range source {
			if equalSets(want, path) {
				i := 0
				for want[i] == path[i] {
					i++
				}
				return fmt.Sprintf("the compiler put %s before %s", path[i], want[i])
			}
		}
		for _, want := range source {
			if missing := without(want, path); len(missing) > 0 && len(without(path, want)) == 0 {
				return "the compiler merged or left out " + strings.Join(missing, ", ")
			}
		}
		return fmt.Sprintf("the compiler made %q", key)
	}
	for _, key := range slices.Sorted(maps.Keys(source)) {
		if _, ok := compiled[key]; !ok {
			return fmt.Sprintf("the compiler has no path %q", key)
		}
	}
	return ""
}

func equalSets(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// without returns the elements of a that are left when those of b are taken
// out, one for one.
func without(a, b []string) []string {
	left := slices.Clone(a)
	for _, x := range b {
		if i := slices.Index(left, x); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return left
}

// reader walks through the machine code of a thread.
type reader struct {
	t     *Test
	vars  int // of the cells: mutexes begin behind them
	f     listing.Func
	at    map[int]int          // index of the instruction with a PC
	kinds map[int]listing.Step // what the instruction with a PC does with memory
	paths map[string][]string
	steps int
}

func (r *reader) run() {
	for i, in := range r.f.Instructions {
		if _, ok := r.at[in.PC]; !ok {
			r.at[in.PC] = i
		}
	}
	for _, s := range r.f.Steps() {
		r.kinds[s.PC] = s
	}
	// The only argument is the pointer to the cells: ABIInternal passes it in
	// AX, on all releases from 1.17 on.
	r.walk(0, map[string]int{"AX": 0}, nil)
}

var memory = regexp.MustCompile(`^(-?\d*)\(([A-Z0-9]+)\)$`)

// walk follows the code from instruction i to the function's ends. known has
// the offset into the cells that a register, or a slot of the stack, points
// to.
func (r *reader) walk(i int, known map[string]int, path []string) {
	for ; i < len(r.f.Instructions); i++ {
		if r.steps++; r.steps > 20_000 {
			return
		}
		in := r.f.Instructions[i]
		args := strings.Split(in.Args, ", ")
		switch {
		case in.Op == "RET":
			r.paths[strings.Join(path, "; ")] = path
			return
		case in.Op == "CALL" && strings.Contains(in.Args, "morestack"):
			return // the function begins anew
		case in.Op == "CALL":
			if o := mutexCall.FindStringSubmatch(in.Args); o != nil {
				if at, ok := known["AX"]; ok {
					path = append(slices.Clip(path), strings.ToLower(o[1])+" "+r.name(at))
				}
			}
			// A call leaves the slots of the stack.
			maps.DeleteFunc(known, func(k string, _ int) bool { return !strings.Contains(k, "SP") })
			continue
		case in.Op[0] == 'J':
			to, err := strconv.Atoi(in.Args)
			if err != nil {
				continue
			}
			target, ok := r.at[to]
			if !ok || target <= i {
				return // back: no body has a loop of its own
			}
			if in.Op == "JMP" {
				i = target - 1
				continue
			}
			r.walk(target, maps.Clone(known), path)
			continue
		}
		if s, ok := r.kinds[in.PC]; ok && s.Kind != listing.NoAccess && in.Op != "LOCK" {
			if a := r.access(s, args, known); a != nil {
				path = append(slices.Clip(path), a...)
			}
		}
		follow(in, args, known)
	}
}

var mutexCall = regexp.MustCompile(`^sync\.\(\*Mutex\)\.(Lock|Unlock)\(SB\)$`)

// access returns what an instruction does to the cells.
func (r *reader) access(s listing.Step, args []string, known map[string]int) []string {
	for _, a := range args {
		m := memory.FindStringSubmatch(a)
		if m == nil {
			continue
		}
		base, ok := known[m[2]]
		if !ok {
			continue
		}
		at := base + number(m[1])
		name := r.name(at)
		locked := strings.HasPrefix(s.Op, "LOCK ") || strings.HasPrefix(s.Op, "XCHG")
		switch {
		case at/cellBytes >= r.vars && strings.Contains(s.Op, "CMPXCHG"):
			return []string{"lock " + name}
		case at/cellBytes >= r.vars && strings.Contains(s.Op, "XADD"):
			return []string{"unlock " + name}
		case s.Kind == listing.Update && !locked:
			return []string{"load " + name, "store " + name}
		}
		return []string{s.Kind.String() + " " + name}
	}
	return nil
}

// name is what is at an offset into the cells.
func (r *reader) name(at int) string {
	cell, odd := at/cellBytes, at%cellBytes
	switch {
	case odd == 0 && cell < len(r.t.Vars) && at >= 0:
		return r.t.Vars[cell].Name
	case odd == 0 && cell >= r.vars && cell-r.vars < len(r.t.Mutexes):
		return r.t.Mutexes[cell-r.vars]
	}
	return fmt.Sprintf("byte %d of the cells", at)
}

// follow notes which registers point into the cells after an instruction.
func follow(in listing.Instruction, args []string, known map[string]int) {
	if len(args) < 2 || strings.HasPrefix(in.Op, "CMP") && !strings.HasPrefix(in.Op, "CMPXCHG") || strings.HasPrefix(in.Op, "TEST") {
		return
	}
	src, dst := args[0], args[len(args)-1]
	if strings.HasPrefix(in.Op, "XCHG") || strings.HasPrefix(in.Op, "XADD") {
		if src != dst { // otherwise it is the mark of an inlined call, and does nothing
			delete(known, src)
		}
		return
	}
	isStack := strings.HasSuffix(dst, "(SP)")
	if strings.Contains(dst, "(") && !isStack {
		return
	}
	switch {
	case in.Op == "MOVQ":
		if at, ok := known[src]; ok {
			known[dst] = at
			return
		}
	case in.Op == "LEAQ":
		if m := memory.FindStringSubmatch(src); m != nil {
			if base, ok := known[m[2]]; ok {
				known[dst] = base + number(m[1])
				return
			}
		}
	}
	delete(known, dst)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
