// Package barriers shows what the synchronization in a program's source
// becomes in its machine code, and where one variable is accessed both
// atomically and plainly.
//
// [Run] compiles packages for a port, reads the compiler's listing with
// package listing, and type-checks the source. For each atomic operation, each
// operation of a lock and each operation on a channel it gives an [Operation]:
// the source, the instructions, and how they order memory. For each plain
// access to a variable that other code accesses through sync/atomic it gives a
// [Mix], unless the code shows that the two cannot be concurrent. The
// exemptions are in the comment of [mixes].
//
// The package reads code and runs none of it: an operation that is never
// executed is listed like any other, and a mix is a question to the reader,
// not a proof of a data race. What it cannot see is in [NotSeen].
package barriers

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/lab/listing"
)

// Options say what to look at.
type Options struct {
	Dir       string   // where the go command runs
	Patterns  []string // packages; none means "./..."
	GOARCH    string   // "" means that of the go command
	Tags      []string // build tags
	GoCommand string   // "" means "go"
	Env       []string // nil means that of the process
}

// Version is that of the form of Report as JSON.
const Version = 1

// Report is what Run found.
type Report struct {
	Version    int         `json:"version"`
	GoVersion  string      `json:"go"`
	GOARCH     string      `json:"goarch"`
	Packages   []string    `json:"packages"`
	Operations []Operation `json:"operations"`
	Mixes      []Mix       `json:"mixes"`
	NotSeen    []string    `json:"not_seen"`
}

// A Place is a position in the source.
type Place struct {
	File string `json:"file"` // relative to the directory of the run where it is below it
	Line int    `json:"line"`
	Col  int    `json:"col"`
}

func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

func comparePlaces(a, b Place) int {
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
}

// How an operation is done.
const (
	Inline   = "inline"   // by instructions in the function that asks for it
	Called   = "call"     // by a function
	Assembly = "assembly" // by a function that is written in assembly
	Generic  = "generic"  // in a generic function without instance: the code is what it would be
	NoCode   = "no code"  // there is none: it is never reached, or only in functions that were inlined
)

// An Operation is a place in the source that synchronizes.
type Operation struct {
	Place
	Package      string   `json:"package"`
	Name         string   `json:"name"`   // sync/atomic.(*Int64).Add, sync.(*Mutex).Lock, channel send
	Source       string   `json:"source"` // as written, shortened
	How          string   `json:"how"`
	Calls        string   `json:"calls,omitempty"` // the function, for Called and Assembly
	Instructions []string `json:"instructions"`    // those that access or order memory
	Ordering     string   `json:"ordering"`        // in words
}

// A Mix is a function's plain access to a variable that is accessed atomically
// elsewhere.
type Mix struct {
	Place
	Variable string        `json:"variable"` // field n of server
	Access   string        `json:"access"`   // read, write
	Source   string        `json:"source"`
	In       string        `json:"in"`             // the function
	Also     []PlainPlace  `json:"also,omitempty"` // more plain accesses to it in the same function
	Atomic   []AtomicPlace `json:"atomic"`         // that it may be concurrent with
	Help     string        `json:"help"`
}

// A PlainPlace is another plain access of a Mix.
type PlainPlace struct {
	Place
	Access string `json:"access"`
}

// An AtomicPlace is an atomic operation on the variable of a Mix.
type AtomicPlace struct {
	Place
	Source string `json:"source"`
	In     string `json:"in"`
}

// NotSeen says what the search for mixed accesses does not see.
var NotSeen = []string{
	"pointers: a variable whose address is passed on, and accessed atomically by another function",
	"copies of a whole struct or array, reflection and unsafe",
	"accesses in _test.go files, and in packages outside the main module",
	"locks that a caller holds who calls through a function value, with defer or from another package",
	"that a value has one owner for a while: a table that is filled before it is published by another function",
}

// Run compiles and reads packages.
func Run(ctx context.Context, o Options) (*Report, error) {
	prog, err := load(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &Report{Version: Version, GoVersion: prog.goVersion, GOARCH: prog.goarch, NotSeen: slices.Clone(NotSeen)}
	code := newCode(prog.goarch, prog.funcs)
	for _, p := range prog.packages {
		r.Packages = append(r.Packages, p.path)
		for _, op := range p.operations() {
			r.Operations = append(r.Operations, code.operation(prog, p, op))
		}
	}
	r.Mixes = mixes(prog)
	for _, err := range prog.unclear {
		r.NotSeen = append(r.NotSeen, fmt.Sprintf("what depends on this, which only the compiler understood: %v", err))
	}
	slices.SortFunc(r.Operations, func(a, b Operation) int { return comparePlaces(a.Place, b.Place) })
	slices.SortFunc(r.Mixes, func(a, b Mix) int { return comparePlaces(a.Place, b.Place) })
	return r, nil
}

// place makes a position one that the user can type.
func (prog *program) place(file string, line, col int) Place {
	if rel, err := filepath.Rel(prog.dir, file); err == nil && !strings.HasPrefix(rel, "..") {
		file = filepath.ToSlash(rel)
	}
	return Place{file, line, col}
}

// KnownPort reports whether the orders of a port's instructions are known.
func KnownPort(goarch string) bool { return slices.Contains(listing.Ports(), goarch) }
