package listing

import "strings"

// Facts are the lists by which an experiment judges compiled functions. For
// each function F, by its short name, they are
//
//	F           opcodes of the accesses, fences and calls: "LOCK XADDQ", "DBAR $20", "CALL sync/atomic.StorePointer"
//	F_memory    the accesses, in order, with the variable: "load x", "store y"
//	F_loop      those of F_memory that a loop encloses
//	F_ordering  opcodes of the instructions that order memory
//	F_calls     symbols that are called
//
// See [Func.Steps] for what is left out. A list may be empty and is never
// absent for a function that was compiled. Two functions with one short name,
// such as the instances of a generic function, add up.
func Facts(fs []Func) map[string][]string {
	facts := make(map[string][]string, 5*len(fs))
	for _, f := range fs {
		if strings.HasPrefix(f.Package, "type:") || strings.HasPrefix(f.Package, "type.") {
			continue // made by the compiler, such as type:.eq.T
		}
		name := f.Short()
		add := func(suffix, s string) { facts[name+suffix] = append(facts[name+suffix], s) }
		for _, suffix := range []string{"", "_memory", "_loop", "_ordering", "_calls"} {
			if facts[name+suffix] == nil {
				facts[name+suffix] = []string{}
			}
		}
		for _, s := range f.Steps() {
			switch {
			case s.Call != "":
				add("", "CALL "+s.Call)
				add("_calls", s.Call)
				continue
			case s.Kind != NoAccess:
				add("_memory", s.String())
				if s.Loop {
					add("_loop", s.String())
				}
			}
			op := s.Op
			if s.Kind == NoAccess && strings.HasPrefix(s.Args, "$") {
				op += " " + s.Args // what a fence orders
			}
			add("", op)
			if s.Order != Unordered {
				add("_ordering", op)
			}
		}
	}
	return facts
}
