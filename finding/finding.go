// Package finding holds what every source of ghostread ends in: a [Finding],
// the evidence that proves it, and the [Timeline] it is drawn on.
//
// A ghost is one wrong read. A Finding names its [Kind], the place in the
// source where a reader should look first, and the [Evidence]: accesses with
// their stacks, waits, messages. Its [Witness] says how a sceptic makes it
// happen again. Sources (explore, vet, inspect, blame, consistency, canary)
// build Findings; package report shows them; nothing else lies in between.
//
// The package imports only the standard library, reads no files and starts no
// goroutines. Its types are plain data and may be used concurrently as long as
// nobody writes to them.
package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Kind is what is wrong with a read, or what else an exploration met.
type Kind string

// The kinds of ghosts, and below them what explore reports on the way.
const (
	Race        Kind = "race"        // not ordered with a write by happens-before: the value is undefined
	Stale       Kind = "stale"       // returns a value overwritten before the read began
	Torn        Kind = "torn"        // mixes two writes, or sees a half-built object
	Lost        Kind = "lost"        // says absent though the key was present throughout
	Phantom     Kind = "phantom"     // repeated over a range, sees rows that came in between
	Misdirected Kind = "misdirected" // returns another key's value
	Dangling    Kind = "dangling"    // goes through a pointer whose object was reclaimed
	Residue     Kind = "residue"     // finds data that was deleted, still in memory
	Blocked     Kind = "blocked"     // waits although nobody seems to write

	Deadlock Kind = "deadlock" // every goroutine that could go on waits for another one
	Leak     Kind = "leak"     // a goroutine that nothing can wake any more
	Livelock Kind = "livelock" // goroutines run on and on, and the state comes again
	Panic    Kind = "panic"    // the program panicked or the runtime stopped it
	Failure  Kind = "failure"  // the test's own assertion failed

	Invariant Kind = "invariant" // a condition that the test states does not hold between two steps
	History   Kind = "history"   // answers of an object that no order of the operations explains
)

// Verdict is the outcome of a check. Unknown is never a pass.
type Verdict string

// The three verdicts.
const (
	Clean   Verdict = "clean"
	Found   Verdict = "found"
	Unknown Verdict = "unknown"
)

// Wait is an edge of the graph of who waits for whom at the end of an
// execution.
type Wait struct {
	From  int    `json:"from"`            // lane of who waits
	To    int    `json:"to,omitempty"`    // of who could end that; 0: nobody is left who could
	For   string `json:"for"`             // "mu", "channel done"
	Cycle bool   `json:"cycle,omitempty"` // it is a part of a cycle
}

// Position is a place in a source file. Line and Col count from 1; 0 means
// not known.
type Position struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"col,omitempty"`
}

// String returns file:line:col without the parts that are not known.
func (p Position) String() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
		if p.Col > 0 {
			s += ":" + strconv.Itoa(p.Col)
		}
	}
	return s
}

// Frame is one call of a stack, innermost first where frames are listed.
type Frame struct {
	Func string `json:"func"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// Role says what a piece of evidence shows.
type Role string

// The roles of evidence.
const (
	RoleRead   Role = "read"   // the read that lies
	RoleWrite  Role = "write"  // the access it is not ordered with
	RoleOrigin Role = "origin" // the write whose value the read returned
	RoleWait   Role = "wait"   // a goroutine that waits
	RoleSpin   Role = "spin"   // a goroutine that runs in a circle
	RoleHold   Role = "hold"   // who holds what another one waits for
	RoleSpawn  Role = "spawn"  // where a goroutine was started
	RolePanic  Role = "panic"  // where the program stopped
	RoleAssert Role = "assert" // the assertion that failed
	RoleNote   Role = "note"   // anything else worth knowing
)

// Evidence is one fact of a finding: who did what where.
type Evidence struct {
	Role      Role    `json:"role"`
	Text      string  `json:"text"`                // a sentence without place, e.g. "G7 reads riskservice.Status.text (string)"
	Goroutine int     `json:"goroutine,omitempty"` // lane of the timeline; 0: none
	Point     int     `json:"point"`               // index into Timeline.Points; -1: not on the timeline
	Object    string  `json:"object,omitempty"`    // variable or type, where known
	Addr      uint64  `json:"addr,omitempty"`
	Size      uint32  `json:"size,omitempty"` // bytes
	Stack     []Frame `json:"stack,omitempty"`
}

// Place returns the innermost frame of e that is not [Frame.Plumbing], or the
// innermost one if there is no other. It is the line that a reader should look
// at.
func (e Evidence) Place() (Frame, bool) {
	for _, f := range e.Stack {
		if !f.Plumbing() {
			return f, true
		}
	}
	if len(e.Stack) > 0 {
		return e.Stack[0], true
	}
	return Frame{}, false
}

// Plumbing reports whether f is in a package whose lines explain nothing to the
// author of a program: the runtime, sync, testing and what they are made of.
func (f Frame) Plumbing() bool {
	for _, p := range []string{"runtime.", "internal/", "sync.", "sync/atomic.", "testing.", "reflect.", "github.com/ghostread/ghostread/explore/spec."} {
		if strings.HasPrefix(f.Func, p) {
			return true
		}
	}
	return false
}

// Subject is what was under test.
type Subject struct {
	Package string `json:"package"`        // import path
	Test    string `json:"test,omitempty"` // top-level test
}

// String returns the name by which other findings refer to s, e.g.
// "example.com/store.TestGet".
func (s Subject) String() string {
	if s.Test == "" {
		return s.Package
	}
	if s.Package == "" {
		return s.Test
	}
	return s.Package + "." + s.Test
}

// Witness is how a finding is made to happen again.
type Witness struct {
	Kind        string `json:"kind"`                   // "schedule"
	File        string `json:"file,omitempty"`         // replay file
	Token       string `json:"token,omitempty"`        // short form, where seed and strategy suffice
	Command     string `json:"command,omitempty"`      // a line that can be typed
	Hash        string `json:"hash,omitempty"`         // of the schedule: equal hashes, equal schedules
	Strategy    string `json:"strategy,omitempty"`     // that found it
	Seed        uint64 `json:"seed,omitempty"`         // of the execution that found it
	Decisions   int    `json:"decisions,omitempty"`    // scheduling decisions with more than one candidate
	Switches    *int   `json:"switches,omitempty"`     // places at which the schedule does other than run each goroutine until it blocks; nil: not counted
	EarlyTimers int    `json:"early_timers,omitempty"` // timers that fire while goroutines could run: above 0, the finding is timing-dependent
	Found       int    `json:"found,omitempty"`        // and how many the schedule had with which it was found
}

// Finding is one thing that is wrong, with its proof.
type Finding struct {
	Code        string     `json:"code"` // of the catalogue, e.g. "GR2001"
	Kind        Kind       `json:"kind"`
	Title       string     `json:"title"` // one line, without the place
	Pos         Position   `json:"pos"`
	Source      string     `json:"source"` // "explore", "vet", ...
	Subject     Subject    `json:"subject"`
	Evidence    []Evidence `json:"evidence,omitempty"`
	Waits       []Wait     `json:"waits,omitempty"`      // who waits for whom, those of a cycle first and in its order
	Message     string     `json:"message,omitempty"`    // what the program itself said: panic text, test log
	Executions  int        `json:"executions,omitempty"` // it took to find it, counted from 1
	AlsoIn      []string   `json:"also_in,omitempty"`    // other tests that meet the same cause
	Notes       []string   `json:"notes,omitempty"`      // what qualifies the finding, e.g. "real network was used"
	Fingerprint string     `json:"fingerprint"`          // equal for equal causes, across seeds and runs
	Witness     *Witness   `json:"witness,omitempty"`
	Help        string     `json:"help,omitempty"` // one line that can be typed or done
	Timeline    *Timeline  `json:"timeline,omitempty"`
}

// Fingerprint condenses the parts that make a cause what it is to a short
// stable name. It does not depend on the order of equal parts' addresses or
// line numbers unless the caller puts them in.
func Fingerprint(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p))))
		h.Write([]byte{':'})
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
