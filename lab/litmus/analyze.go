package litmus

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Outcome is what the names of an exists condition stand for when all threads
// have ended.
type Outcome struct {
	Names  []string
	Values []int32
}

// Key returns the outcome as text, such as "r0=0 r1=1".
func (o Outcome) Key() string {
	words := make([]string, len(o.Names))
	for i, n := range o.Names {
		words[i] = fmt.Sprintf("%s=%d", n, o.Values[i])
	}
	return strings.Join(words, " ")
}

// outcome picks the observed names.
func (c *code) outcome(regs, mem []int32) Outcome {
	names := c.t.Observed()
	o := Outcome{Names: names, Values: make([]int32, len(names))}
	for i, n := range names {
		if v := c.t.variable(n); v >= 0 {
			o.Values[i] = mem[v]
		} else {
			o.Values[i] = regs[c.regs[n]]
		}
	}
	return o
}

// Interesting reports whether o satisfies the test's exists condition.
func (t *Test) Interesting(o Outcome) bool {
	return t.Exists.Holds(func(name string) int32 {
		return o.Values[slices.Index(o.Names, name)]
	})
}

// Class says how the Go memory model sees an outcome.
type Class string

// The classes.
const (
	Sequential Class = "sc"        // an interleaving of the statements has it
	Weak       Class = "racy"      // allowed only because the test has a data race
	Forbidden  Class = "forbidden" // neither
)

// Classified is an outcome with what the models say of it.
type Classified struct {
	Outcome
	Class       Class
	TSO         bool // x86-TSO has it, with the statements as they are written
	Interesting bool // it satisfies the exists condition
}

// Analysis is what is known of a test without running it.
type Analysis struct {
	Races []Race // pairs of statements; empty: the test is free of data races

	// Outcomes are those that the Go memory model or x86-TSO allows, sorted
	// by value. All others are forbidden.
	Outcomes []Classified

	// Exists is how the Go memory model sees the interesting outcome: the
	// mildest class of those that satisfy the condition.
	Exists Class
	// TSO reports whether x86-TSO has the interesting outcome.
	TSO bool
}

// Analyze enumerates the executions of a test. Its errors say that the test
// is too large or can deadlock; neither can be measured.
func Analyze(t *Test) (*Analysis, error) {
	c := compile(t)
	sc := &machine{code: c}
	if err := sc.run(); err != nil {
		return nil, fmt.Errorf("test %s: %w", t.Name, err)
	}
	if sc.stuck {
		return nil, fmt.Errorf("test %s: threads can wait for each other for ever; lock mutexes in the same order in all threads", t.Name)
	}
	a := &Analysis{Exists: Forbidden}
	a.Races = slices.SortedFunc(maps.Values(sc.races), func(r, s Race) int {
		return cmp.Or(comparePos(r.Stmts[0].Pos, s.Stmts[0].Pos), comparePos(r.Stmts[1].Pos, s.Stmts[1].Pos))
	})
	// A program without data races executes as if sequentially consistent.
	allowed := sc.ends
	if len(a.Races) > 0 {
		var err error
		if allowed, err = c.allowed(); err != nil {
			return nil, fmt.Errorf("test %s: %w", t.Name, err)
		}
	}
	tso := &machine{code: c, tso: true}
	if err := tso.run(); err != nil {
		return nil, fmt.Errorf("test %s: %w", t.Name, err)
	}
	all := maps.Clone(allowed)
	maps.Copy(all, tso.ends)
	for key, o := range all {
		k := Classified{Outcome: o, Class: Forbidden, Interesting: t.Interesting(o)}
		if _, ok := allowed[key]; ok {
			k.Class = Weak
		}
		if _, ok := sc.ends[key]; ok {
			k.Class = Sequential
		}
		_, k.TSO = tso.ends[key]
		a.Outcomes = append(a.Outcomes, k)
		if k.Interesting {
			a.TSO = a.TSO || k.TSO
			if a.Exists == Forbidden || k.Class == Sequential {
				a.Exists = k.Class
			}
		}
	}
	slices.SortFunc(a.Outcomes, func(x, y Classified) int { return slices.Compare(x.Values, y.Values) })
	return a, nil
}

func comparePos(p, q Pos) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
}
