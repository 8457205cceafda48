package wire

import (
	"strconv"
	"strings"
)

// Modes of a job.
const (
	Search  = "search"  // many executions, candidates reported as records
	Replay  = "replay"  // the warm-up and one execution, everything logged to the shared file
	Repeat  = "repeat"  // the schedule of the warm-up several times, to see whether the test ends the same way
	Reduce  = "reduce"  // several executions with fewer switches, until one shows a candidate again
	Symbols = "symbols" // no execution: names for program counters and addresses
)

// Strategies that package strategy does not make.
const (
	Lockstep   = "lockstep" // one execution of the mix: all goroutines by turns, one step each
	Auto       = "auto"     // a mix of random ones and, for small tests, Exhaustive
	Exhaustive = "dpor"     // all schedules, but for the order of independent steps
	Bounded    = "bounded"  // all schedules with few preemptions
)

// Systematic reports whether executions under a strategy enumerate schedules.
// They have more than others to decide: which ready case a select takes. What
// the program draws is the same in each, and the strategy learns from each.
func Systematic(strategy string) bool { return strategy == Exhaustive || strategy == Bounded }

// Job is what the test's side is to do.
type Job struct {
	Mode     string
	Test     string
	Shared   string // file with room for Header, MaxDecisions decisions and, in replay, events and stacks
	Strategy string
	Depth    int
	Seed     uint64
	First    uint64 // number of the first execution; 0, with Tickets: the first of a block that is still to be taken
	Last     uint64
	Tickets  string // file with the number of the next block that no process has taken; "": there is one process
	Divide   bool   // end with a block that others may follow in any order
	Until    int64  // ns since 1970; no execution starts later; 0: no end
	Grace    int64  // ns after Until in which a block of executions may come to its end
	MaxSteps uint64 // scheduling points with a choice, of one execution
	MaxTime  int64  // ns of real time for one execution
	Wall     int64  // what the wall clock says at the start of each execution, ns since 1970
	Race     bool
	Fresh    bool // no warm-up: one execution, the first of its process
	Early    bool // search: timers may fire although goroutines can run
	Oracle   bool // search: compare with what the C race detector in the process reports to its log file, OracleLog
	Short    bool // the process is started with -test.short; not part of the job file

	MaxDecisions int
	MaxEvents    int
	MaxWords     int // captured stacks, in words of 8 bytes; replay only

	// Reduce: the decisions to find the turns of (strategy.Turn), or turns, and
	// which of them to leave out in each execution. The turns that an execution
	// took are in the shared file, after their number.
	What     string // kind and key of the candidate
	Key      uint64
	Turns    []int32 // three numbers each
	Cuts     []int32 // first and end index of each range
	Alone    bool    // have the range only, instead of all but the range
	MaxTurns int

	// Replay of a livelock: first without a log, to find the two points with the
	// same state; then with it, to end at the second.
	Watch bool
	Base  uint64 // steps
	Again uint64

	Decisions string   // replay, reduce: as EncodeDecisions writes them
	Ask       []string // symbols: "pc HEX" or "type HEX SIZE OFFSET", without newlines
}

// Encode writes the job as the text of a job file.
func (j *Job) Encode() []byte {
	r := Record{Kind: "job"}.With("mode", j.Mode).With("test", j.Test).With("shared", j.Shared).
		With("tickets", j.Tickets).With("strategy", j.Strategy).Int("depth", int64(j.Depth)).Uint("seed", j.Seed).
		Uint("first", j.First).Uint("last", j.Last).Int("until", j.Until).Int("grace", j.Grace).
		Uint("maxsteps", j.MaxSteps).Int("maxtime", j.MaxTime).Int("wall", j.Wall).
		With("race", strconv.FormatBool(j.Race)).With("divide", strconv.FormatBool(j.Divide)).With("fresh", strconv.FormatBool(j.Fresh)).With("early", strconv.FormatBool(j.Early)).With("oracle", strconv.FormatBool(j.Oracle)).
		Int("maxdecisions", int64(j.MaxDecisions)).Int("maxevents", int64(j.MaxEvents)).Int("maxwords", int64(j.MaxWords)).
		With("what", j.What).Uint("key", j.Key).Int("maxturns", int64(j.MaxTurns)).With("alone", strconv.FormatBool(j.Alone)).
		With("turns", encodeInts(j.Turns)).With("cuts", encodeInts(j.Cuts)).
		With("watch", strconv.FormatBool(j.Watch)).Uint("base", j.Base).Uint("again", j.Again).
		With("decisions", j.Decisions).
		With("ask", strings.Join(j.Ask, "\n"))
	return r.Append(nil)
}

// DecodeJob reads a job file.
func DecodeJob(text string) (*Job, error) {
	r, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if r.Kind != "job" {
		return nil, &SyntaxError{0, text}
	}
	j := &Job{
		Mode: r.Get("mode"), Test: r.Get("test"), Shared: r.Get("shared"), Tickets: r.Get("tickets"), Strategy: r.Get("strategy"),
		Depth: int(r.GetInt("depth")), Seed: r.GetUint("seed"), First: r.GetUint("first"), Last: r.GetUint("last"),
		Until: r.GetInt("until"), Grace: r.GetInt("grace"), MaxSteps: r.GetUint("maxsteps"), MaxTime: r.GetInt("maxtime"), Wall: r.GetInt("wall"),
		Race: r.Get("race") == "true", Fresh: r.Get("fresh") == "true", Divide: r.Get("divide") == "true",
		Early: r.Get("early") == "true", Oracle: r.Get("oracle") == "true",
		MaxDecisions: int(r.GetInt("maxdecisions")), MaxEvents: int(r.GetInt("maxevents")), MaxWords: int(r.GetInt("maxwords")),
		What: r.Get("what"), Key: r.GetUint("key"), MaxTurns: int(r.GetInt("maxturns")), Alone: r.Get("alone") == "true",
		Watch: r.Get("watch") == "true", Base: r.GetUint("base"), Again: r.GetUint("again"),
		Decisions: r.Get("decisions"),
	}
	if j.Turns, err = decodeInts(r.Get("turns")); err != nil {
		return nil, err
	}
	if j.Cuts, err = decodeInts(r.Get("cuts")); err != nil {
		return nil, err
	}
	if ask := r.Get("ask"); ask != "" {
		j.Ask = strings.Split(ask, "\n")
	}
	return j, nil
}

// OracleLog is the log_path of the C race detector: it adds a dot and the id of
// its process.
func (j *Job) OracleLog() string { return j.Shared + ".tsan" }

// SharedBytes is the size of the shared file for j.
func (j *Job) SharedBytes(eventBytes int) int64 {
	n := int64(HeaderBytes) + int64(j.MaxDecisions)*4
	switch j.Mode {
	case Reduce:
		n += 4 + 12*int64(j.MaxTurns)
	case Replay:
		n += int64(j.MaxEvents)*int64(eventBytes) + int64(j.MaxWords)*8
	}
	return n
}

func encodeInts(list []int32) string {
	var b []byte
	for i, v := range list {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(v), 10)
	}
	return string(b)
}

func decodeInts(s string) (list []int32, err error) {
	for f := range strings.FieldsSeq(s) {
		v, err := strconv.ParseInt(f, 10, 32)
		if err != nil {
			return nil, &SyntaxError{0, s}
		}
		list = append(list, int32(v))
	}
	return list, nil
}

// Block is how many executions share what a strategy learns. A search goes
// through its executions in blocks, each with a strategy that starts anew:
// that is what makes an execution the same whichever process makes the others.
const Block = 200

// BlockOf is the block that execution n is in, counted from 0.
func BlockOf(n uint64) uint64 { return (n - 1) / Block }

// BlockEnd is the last execution of block k.
func BlockEnd(k uint64) uint64 { return (k + 1) * Block }

// SeedOf derives the seed of execution n. Executions of one search differ;
// searches with the same seed are the same.
func SeedOf(seed, n uint64) uint64 {
	z := seed*0x9e3779b97f4a7c15 + n*0xd1342543de82ef95 + 1
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
