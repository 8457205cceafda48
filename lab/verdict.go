package lab

import "slices"

// Rule says what a measurement may conclude.
type Rule string

// The rules.
const (
	// Exact compares values that are the same in every run.
	Exact Rule = "exact"
	// Detector counts how child processes ended.
	Detector Rule = "detector"
	// Statistical waits for something rare: one hit proves that it is
	// possible, no hit proves nothing. Only source or generated code may say
	// that it cannot happen.
	Statistical Rule = "statistical"
)

// Verdict is what an experiment says of a claim.
type Verdict string

// The verdicts. Depends is only given over several releases.
const (
	Confirmed Verdict = "confirmed"
	Refuted   Verdict = "refuted"
	Depends   Verdict = "depends"
	Racy      Verdict = "only in a racy program"
	NotSeen   Verdict = "not seen"
	Unknown   Verdict = "unknown"
)

// Verdicts lists all verdicts in the order in which summaries name them.
var Verdicts = []Verdict{Confirmed, Refuted, Depends, Racy, NotSeen, Unknown}

func (v Verdict) valid() bool { return slices.Contains(Verdicts, v) }
