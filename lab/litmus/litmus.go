// Package litmus reads litmus tests, tells which of their outcomes the Go
// memory model allows, and writes Go programs that measure which of them a
// machine shows.
//
// A [Test] is two to four threads of a few statements each on shared
// variables, and a condition on what they end with that names the outcome of
// interest. [Parse] reads one, and String prints it in the same format, which
// doc/litmus.md describes.
//
// [Analyze] runs a test on paper. It enumerates every interleaving, looks for
// data races in each with vector clocks, and sorts the outcomes: those of an
// interleaving are sequentially consistent; if the test has a race, what the
// rules of https://go.dev/ref/mem for racy reads of a machine word add is
// weak but allowed; everything else is forbidden. It also runs the test on a
// machine with store buffers, x86-TSO, to tell what the hardware adds from
// what a compiler adds.
//
// [Program] writes a program that runs tests on the machine at hand with the
// technique of litmus7, and [CheckOrder] reads the disassembly of that program
// and tells whether the compiler kept the accesses of each thread in order.
// Without that a count says nothing about the hardware.
//
// The package neither builds nor runs programs, and reads no files.
package litmus

import "fmt"

// Limits of a test. They keep the enumeration short, and no known litmus test
// comes near them.
const (
	MaxThreads  = 4
	MaxVars     = 8
	MaxObserved = 8  // names in the exists condition
	maxAccesses = 12 // statements of a thread, those in ifs included
)

// A Test is one litmus test.
type Test struct {
	Name    string // [a-z][a-z0-9_]*; the names of its facts begin with it
	Doc     string // what it shows, one line
	Vars    []Var
	Mutexes []string
	Threads []Thread
	Exists  Cond // the outcome of interest
}

// A Var is a shared variable: one machine word, alone on its cache lines.
type Var struct {
	Name string
	Init int32
}

// A Thread is what one goroutine does.
type Thread struct {
	Body []Stmt
}

// Op says what a statement does.
type Op int

// The operations. All but OpSet and OpIf are visible to other threads.
const (
	OpStore       Op = iota // x = Value
	OpLoad                  // Reg = x
	OpAtomicStore           // atomic.Store(x, Value)
	OpAtomicLoad            // Reg = atomic.Load(x)
	OpAdd                   // Reg = atomic.Add(x, Value), the new value
	OpSwap                  // Reg = atomic.Swap(x, Value), the old value
	OpCAS                   // Reg = atomic.CAS(x, Old, Value), 1 if it swapped
	OpLock                  // lock m
	OpUnlock                // unlock m
	OpSet                   // Reg = Value
	OpIf                    // if Cond { Body }
)

// atomicNames are the operations as they are written.
var atomicNames = map[Op]string{
	OpAtomicStore: "Store",
	OpAtomicLoad:  "Load",
	OpAdd:         "Add",
	OpSwap:        "Swap",
	OpCAS:         "CAS",
}

// reads, writes and synchronizes tell how an operation touches its variable.
func (o Op) reads() bool {
	return o == OpLoad || o == OpAtomicLoad || o == OpAdd || o == OpSwap || o == OpCAS
}

func (o Op) writes() bool {
	return o == OpStore || o == OpAtomicStore || o == OpAdd || o == OpSwap || o == OpCAS
}

func (o Op) synchronizes() bool {
	return o != OpStore && o != OpLoad && o != OpSet && o != OpIf
}

// A Stmt is one statement of a thread.
type Stmt struct {
	Pos   Pos
	Op    Op
	Name  string // of the variable or mutex
	Reg   string // that takes the result; "" if nobody does
	Old   Expr   // of OpCAS
	Value Expr
	Cond  Cond   // of OpIf
	Body  []Stmt // of OpIf
}

// Pos is a place in a .litmus file.
type Pos struct {
	Line, Col int // counted from 1; columns in bytes
}

// An Operand is a number, or a register, or in an exists condition a
// variable.
type Operand struct {
	Name   string // "" for a number
	Number int32
}

// An Expr is an operand, or two with + or - between them.
type Expr struct {
	A  Operand
	Op byte // 0, '+' or '-'
	B  Operand
}

// A Cond is a condition: a comparison, or conditions joined by && or ||.
type Cond struct {
	Op   string // "==", "!=", "<", "<=", ">", ">=" or "&&", "||"
	A, B Operand
	Args []Cond // of && and ||
}

// Error is what is wrong with a .litmus file, where, and what to do.
type Error struct {
	File string
	Pos  Pos
	Msg  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Pos.Line, e.Pos.Col, e.Msg)
}

// Observed returns the names that make up an outcome: those in the exists
// condition, in the order in which they first occur there.
func (t *Test) Observed() []string {
	var names []string
	seen := make(map[string]bool)
	t.Exists.walk(func(o Operand) {
		if o.Name != "" && !seen[o.Name] {
			seen[o.Name] = true
			names = append(names, o.Name)
		}
	})
	return names
}

// walk calls f for each operand of c.
func (c Cond) walk(f func(Operand)) {
	for _, a := range c.Args {
		a.walk(f)
	}
	if c.Args == nil {
		f(c.A)
		f(c.B)
	}
}

// variable returns the index of a variable, or -1.
func (t *Test) variable(name string) int {
	for i, v := range t.Vars {
		if v.Name == name {
			return i
		}
	}
	return -1
}

// mutex returns the index of a mutex, or -1.
func (t *Test) mutex(name string) int {
	for i, m := range t.Mutexes {
		if m == name {
			return i
		}
	}
	return -1
}

// walk calls f for each statement of a thread, in source order.
func walk(body []Stmt, f func(*Stmt)) {
	for i := range body {
		f(&body[i])
		walk(body[i].Body, f)
	}
}

// registers returns the names of the registers that a thread assigns, in
// source order.
func (th *Thread) registers() []string {
	var names []string
	seen := make(map[string]bool)
	walk(th.Body, func(s *Stmt) {
		if s.Reg != "" && !seen[s.Reg] {
			seen[s.Reg] = true
			names = append(names, s.Reg)
		}
	})
	return names
}
