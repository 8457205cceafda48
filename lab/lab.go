// Package lab runs experiments on Go's maps, memory and locks, on one Go
// release or on many, and says what is true of claims about them.
//
// An [Experiment] is a folder, one of _experiments, which are built into
// ghostread, or one of the user's: a question, claims, small programs, and for
// each claim a predicate over what the programs print. Claims and predicates
// are data, so a sceptic can read what decides. [Measure] prepares the
// toolchains, builds the programs with each release and runs them as child
// processes with time limits; [Experiment.Judge] gives each claim a [Verdict]
// per release and one over all of them. Everything that
// led to a verdict is in the [Record]: commands, outputs, facts, sources.
//
// There are three rules of evidence (see [Rule]): an exact experiment compares
// values, a detector counts outcomes of child processes, and a statistical one
// waits for a hit, of which none proves nothing. What could not be decided is
// [Unknown], with the reason, never a pass.
//
// Maps are recognised by what is in their memory, not by the name of a
// release, so GOEXPERIMENT=noswissmap builds give the same answers as the
// releases they restore.
//
// The package draws nothing: internal/labpage makes a page of a record and
// internal/cli prints it.
package lab
