package explore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ghostread/ghostread/explore/wire"
	"github.com/ghostread/ghostread/finding"
)

// symbols names addresses of a test binary. The binary itself is asked, so
// that inlined calls and types come out as its own runtime would print them;
// package variables come from its symbol table. It remembers what it was told.
type symbols struct {
	program Program
	frames  map[uint64][]finding.Frame // by return address
	objects map[typeQuery]object
	globals *globals
}

// typeQuery asks for what is at offset off of an allocation of size bytes
// whose elements have the type with descriptor typ.
type typeQuery struct{ typ, size, off uint64 }

// words reports whether values of o take several words, each of which is
// loaded and stored on its own.
func (o object) words() bool {
	switch o.kind {
	case "string", "slice", "interface", "complex128":
		return true
	}
	return false
}

// object is what is at an address.
type object struct {
	name string // "store.Cache.entries", "store.limit"
	typ  string // of that part, "map[string]int"; "" where not known
	kind string // of typ, in the words of package reflect

	fromText bool // name is what the program's text calls it
}

func (o object) String() string {
	switch {
	case o.name == "":
		return o.typ
	case o.typ == "" || o.typ == o.name:
		return o.name
	}
	return o.name + " (" + o.typ + ")"
}

func newSymbols(p Program) *symbols {
	return &symbols{program: p, globals: globalsOf(p.Path), frames: map[uint64][]finding.Frame{}, objects: map[typeQuery]object{}}
}

// resolve asks the binary for what is not known yet.
func (s *symbols) resolve(ctx context.Context, pcs []uint64, types []typeQuery) error {
	job := &wire.Job{Mode: wire.Symbols}
	asked := map[string]func(wire.Record){}
	ask := func(q string, answer func(wire.Record)) {
		if asked[q] == nil {
			asked[q] = answer
			job.Ask = append(job.Ask, q)
		}
	}
	for _, pc := range pcs {
		if _, ok := s.frames[pc]; ok || pc == 0 {
			continue
		}
		ask("pc "+strconv.FormatUint(pc, 16), func(r wire.Record) { s.frames[pc] = frames(r) })
	}
	for _, q := range types {
		if _, ok := s.objects[q]; ok || q.typ == 0 {
			continue
		}
		ask(fmt.Sprintf("type %x %x %x", q.typ, q.size, q.off), func(r wire.Record) {
			s.objects[q] = object{name: entry(r.Get("name"), r.Get("path")), typ: r.Get("leaf"), kind: r.Get("kind")}
		})
	}
	if len(job.Ask) == 0 {
		return nil
	}
	p, err := s.program.run(ctx, job, nil, func(r wire.Record) error {
		if answer := asked[r.Get("ask")]; answer != nil {
			answer(r)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("symbols: %w", err)
	}
	p.close()
	return nil
}

// entry is the name of a part of a type. The insides of a map are the
// runtime's: what the program sees is an entry.
func entry(name, path string) string {
	group := strings.TrimPrefix(name, "[]")
	if of, ok := strings.CutPrefix(group, "map.group["); ok {
		return "an entry of map[" + of
	}
	return name + path
}

// frames reads the answer to a pc: the inlined calls at it, innermost first.
func frames(r wire.Record) (list []finding.Frame) {
	for i := 0; i+2 < len(r.Fields); i += 3 {
		if r.Fields[i].Name != "func" {
			break
		}
		line, _ := strconv.Atoi(r.Fields[i+2].Value)
		list = append(list, finding.Frame{Func: r.Fields[i].Value, File: r.Fields[i+1].Value, Line: line})
	}
	return list
}

// stack returns the frames of a stack of return addresses, without those of
// the recorder.
func (s *symbols) stack(pcs []uint64) (list []finding.Frame) {
	for _, pc := range pcs {
		for _, f := range s.frames[pc] {
			if !recorder(f.Func) {
				list = append(list, f)
			}
		}
	}
	return list
}

// recorder reports whether fn is one of ours inside the runtime, or a part of
// how goroutines begin and end.
func recorder(fn string) bool {
	switch fn {
	case "runtime.goexit", "runtime.gopark", "runtime.goparkunlock", "runtime.mcall", "runtime.asyncPreempt",
		"runtime.systemstack", "runtime.systemstack_switch", "runtime.newproc", "os.runtime_beforeExit":
		return true
	}
	for _, p := range []string{"runtime.ghost", "runtime.race", "runtime.tsan", "racecallatomic", "ghosttsan", "sync.ghost", "testing.ghost", "internal/ghostread/", "internal/race.", "ghostatomic"} {
		if strings.HasPrefix(fn, p) {
			return true
		}
	}
	return false
}

// entry is the function whose entry point is pc.
func (s *symbols) entry(pc uint64) string {
	if f := s.frames[pc+1]; len(f) > 0 {
		return f[len(f)-1].Func
	}
	return ""
}
