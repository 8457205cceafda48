// Package wire is what the process that runs a test and the process that
// explores it tell each other: a job (text, read once), records (text, one a
// line, from the test's side), and a file that both map, so that what an
// execution did survives however it ends.
//
// The package is compiled twice, like package event, and imports only strconv
// and strings of the standard library. Nothing in it may be called
// concurrently on the same value.
package wire

import (
	"strconv"
	"strings"
)

// JobVariable is the environment variable that names the job file and makes a
// test binary explore instead of running its tests.
const JobVariable = "GHOSTREAD_JOB"

// ResultFD is the file descriptor on which records go out.
const ResultFD = 3

// Magic is the first word of the shared file.
const Magic = 0x3164616572746867 // "ghtread1"

// HeaderBytes is the size of the header's part of the shared file.
const HeaderBytes = 4096

// Header is the head of the shared file. The first part has the layout of
// ghostShared in the runtime core, which writes it (TestLayouts in
// explore/sched compares them); the rest is the guest's.
type Header struct {
	Magic     uint64
	State     uint32 // 1 while an execution runs, 2 after a crash inside one
	Decisions uint32
	Steps     uint64
	Hash      uint64
	Events    uint64
	Words     uint64
	Stolen    uint64 // ns in which the process could run and got no CPU; the only field that the host writes

	Execution  uint64 // number of the execution that runs or ran last; 0 is the warm-up
	Seed       uint64
	Executions uint64 // ended, without the warm-up
	TotalSteps uint64
	Passed     uint64 // executions in which the test passed
	Unknown    uint64 // executions cut short by a limit
	Pairs      uint64 // pairs of operations that have met; see package detect
	Novel      uint64 // Executions when the last of them was new
	Early      uint64 // executions that failed or were cut short after a timer had fired early: they say nothing
	Strategy   [16]byte
	Digest     uint64 // of what the executions were, whatever their order
}

// StrategyName returns the strategy of the execution that runs or ran last, as
// in a candidate's record; "" before the first.
func (h *Header) StrategyName() string {
	name := string(h.Strategy[:])
	if i := strings.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	return name
}

// Digest is what execution n, with the given hash, adds to Header.Digest.
func Digest(n, hash uint64) uint64 { return SeedOf(hash, n) }

// Reasons why an execution ended.
const (
	Done       = 1 + iota // the test returned and all went quiet
	Deadlock              // the test did not return and nobody can run
	Steps                 // too many scheduling points with a choice
	Time                  // too long by the real clock
	Decisions             // decision log full
	Goroutines            // too many goroutines
	Polling               // time had to be pushed on for a program that polls the clock
	Broken                // package explore/spec saw what must not be, or could not look
	Undecided             // it saw a history that takes too long to judge
	Livelock              // the state of the world came again
)

// What an execution can touch that is not controlled, as bits.
const (
	OutsideNet = 1 << iota
	OutsideCall
	OutsideChild
	OutsideC
	OutsideCollector
	OutsideSignal
	OutsideFile
)

// Outside names what the bits of mask stand for, in that order.
func Outside(mask uint64) (names []string) {
	for i, name := range [...]string{"network or pipes", "system calls that block", "child processes", "C code", "the garbage collector", "signals", "files"} {
		if mask&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Reason says in words why an execution ended early.
func Reason(r int) string {
	switch r {
	case Done:
		return "done"
	case Deadlock:
		return "deadlock"
	case Steps:
		return "step limit (see --max-steps and --short)"
	case Time:
		return "time limit (see --max-time)"
	case Decisions:
		return "decision log full"
	case Goroutines:
		return "too many goroutines"
	case Livelock:
		return "livelock"
	case Polling:
		return "a loop polls for time to pass, and the test minds"
	case Broken:
		return "an invariant or a history was broken"
	case Undecided:
		return "too many recorded operations overlap to say whether an order explains them (see doc/spec.md)"
	}
	return "unknown reason " + strconv.Itoa(r)
}

// How the records begin that a report of package explore/spec is made of: one
// that names the cause and is the same for the same cause, one that says it, and
// one for each operation that has a part in it.
const (
	InvariantReport = "invariant" // name
	OrderReport     = "order"     // name of the object
	UndecidedReport = "undecided" // name of the object
	SpecSaid        = "said"      // title, message
	SpecOp          = "op"        // g, first, last, name, text, role
)

// Record is a line: a kind, and fields in order.
type Record struct {
	Kind   string
	Fields []Field
}

// Field is a named value.
type Field struct{ Name, Value string }

// With returns r with a field more. As with append, r itself must not be
// extended again: both would share what comes after its fields.
func (r Record) With(name, value string) Record {
	r.Fields = append(r.Fields, Field{name, value})
	return r
}

// Int returns r with a number more.
func (r Record) Int(name string, v int64) Record { return r.With(name, strconv.FormatInt(v, 10)) }

// Uint returns r with a number more.
func (r Record) Uint(name string, v uint64) Record { return r.With(name, strconv.FormatUint(v, 10)) }

// Get returns the value of the first field called name, or "".
func (r Record) Get(name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// GetInt returns the field as a number, 0 if it is missing, none, or too large.
func (r Record) GetInt(name string) int64 {
	v, err := strconv.ParseInt(r.Get(name), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// GetUint returns the field as a number, 0 if it is missing, none, or too large.
func (r Record) GetUint(name string) uint64 {
	v, err := strconv.ParseUint(r.Get(name), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// Append appends the line to b, with its newline. Values may be any bytes; the
// kind and the names are words without spaces, quotes, equal signs and
// newlines.
func (r Record) Append(b []byte) []byte {
	b = append(b, r.Kind...)
	for _, f := range r.Fields {
		b = append(b, ' ')
		b = append(b, f.Name...)
		b = append(b, '=')
		b = strconv.AppendQuote(b, f.Value)
	}
	return append(b, '\n')
}

// SyntaxError says where a line is not a record, or a list of decisions none.
type SyntaxError struct {
	Offset int // in Line
	Line   string
}

func (e *SyntaxError) Error() string {
	line := e.Line
	if len(line) > 80 {
		line = line[:80] + "..."
	}
	return strconv.Quote(line) + ": bad at offset " + strconv.Itoa(e.Offset)
}

// Parse reads a line as Append writes it, with or without the newline.
func Parse(line string) (Record, error) {
	line = strings.TrimSuffix(line, "\n")
	kind, rest, _ := strings.Cut(line, " ")
	if kind == "" || strings.ContainsAny(kind, "=\"\n") {
		return Record{}, &SyntaxError{0, line}
	}
	r := Record{Kind: kind}
	for rest != "" {
		at := len(line) - len(rest)
		name, tail, ok := strings.Cut(rest, "=")
		if !ok || name == "" || strings.ContainsAny(name, " \"\n") {
			return Record{}, &SyntaxError{at, line}
		}
		quoted, err := strconv.QuotedPrefix(tail)
		if err != nil || quoted[0] != '"' {
			return Record{}, &SyntaxError{at + len(name) + 1, line}
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return Record{}, &SyntaxError{at + len(name) + 1, line}
		}
		r.Fields = append(r.Fields, Field{name, value})
		tail = tail[len(quoted):]
		if tail != "" && (tail[0] != ' ' || tail == " ") {
			return Record{}, &SyntaxError{len(line) - len(tail), line}
		}
		rest = strings.TrimPrefix(tail, " ")
	}
	return r, nil
}

// EncodeDecisions writes decisions as runs: "1*3,2,1*2". A decision is the
// goroutine chosen, or -n: at the nth opportunity since the decision before it,
// a timer fires although goroutines can run.
func EncodeDecisions(d []int32) string {
	var b []byte
	for i := 0; i < len(d); {
		j := i
		for j < len(d) && d[j] == d[i] {
			j++
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(d[i]), 10)
		if j-i > 1 {
			b = append(b, '*')
			b = strconv.AppendInt(b, int64(j-i), 10)
		}
		i = j
	}
	return string(b)
}

// MaxDecisions bounds the decisions of one execution.
const MaxDecisions = 1 << 22

// EarlyTimers returns how many timers fire early in a schedule.
func EarlyTimers(d []int32) (n int) {
	for _, v := range d {
		if v < 0 {
			n++
		}
	}
	return n
}

// DecodeDecisions reads what EncodeDecisions writes, and no more than
// MaxDecisions of them.
func DecodeDecisions(s string) ([]int32, error) {
	var d []int32
	for at := 0; at < len(s); {
		run, _, more := strings.Cut(s[at:], ",")
		id, times, many := strings.Cut(run, "*")
		g, err := strconv.ParseInt(id, 10, 32)
		n := int64(1)
		if many && err == nil {
			n, err = strconv.ParseInt(times, 10, 32)
		}
		if err != nil || g == 0 || n < 1 || int64(len(d))+n > MaxDecisions {
			return nil, &SyntaxError{at, s}
		}
		for ; n > 0; n-- {
			d = append(d, int32(g))
		}
		at += len(run)
		if more {
			if at++; at == len(s) {
				return nil, &SyntaxError{at, s}
			}
		}
	}
	return d, nil
}
