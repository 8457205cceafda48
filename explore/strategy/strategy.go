// Package strategy decides which goroutine goes on whenever a controlled
// execution has a choice.
//
// The runtime core asks a [Strategy] at every scheduling point at which more
// than one goroutine can run; everything else about scheduling (what is a
// point, who is enabled, how to switch) is the core's. One execution is
// Begin, any number of Choose, End. The decisions are a function of the seed
// given to Begin, of the questions asked since, and, for [PCT] and [SURW], of
// how long earlier executions were.
//
// Six ways to decide, because no single one finds everything:
//
//   - [Random] walks uniformly: the widest spread over short executions.
//   - [Sticky] walks too, but preempts seldom, so that a long execution gets
//     further than a few steps before it is interrupted. Microsoft's Coyote
//     calls this probabilistic exploration.
//   - [PCT] runs the goroutine with the highest random priority and lowers
//     priorities at a few random places: Burckhardt, Kothari, Musuvathi and
//     Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of
//     Finding Bugs", ASPLOS 2010.
//   - [POS] runs the operation with the highest random priority and draws
//     anew for those in conflict with it, which spreads over the orders of
//     conflicts: Yuan, Yang, Gu, CAV 2018.
//   - [SURW] walks with probabilities that make every interleaving of some
//     operations equally likely: Zhao, Wolff, Mathur, Roychoudhury, ASPLOS
//     2025.
//   - [Mix] alternates between them from one execution to the next.
//
// [Replay] repeats a recorded list of decisions.
//
// A random priority scheduler would run `for !flag {}` for ever. All
// strategies share a guard: a goroutine chosen too often in a row while
// others could run is held back for a while. The guard bends PCT's guarantee
// only in executions in which a goroutine runs for thousands of decisions
// without blocking.
//
// The package is compiled twice: as a package of this module and, copied by
// the overlay, into the standard library of the tested program, where it runs
// on the system stack. It therefore imports only explore/event and math/bits,
// allocates nothing after construction (TestNoAllocation), uses no maps and no
// closures, and needs little stack. It is not a source of randomness for the
// program under test, which has a stream of its own.
//
// No method may be called concurrently with another one of the same Strategy.
package strategy

import "github.com/ghostread/ghostread/explore/event"

// Choice is what the runtime core asks at a scheduling point with more than
// one candidate.
type Choice struct {
	Enabled  []int32    // ids of goroutines that can run, ascending; includes Cur if Cur != 0
	Cur      int32      // goroutine at whose point this is; 0 if it blocked, slept or ended
	Kind     event.Kind // what Cur is about to do
	Object   uint64     // complement of the address that Cur is about to touch; 0 if Cur is 0 or the operation has none
	PC       uint64     // return address in the code of Cur that does it; 0 if Cur is 0
	Step     uint64     // scheduling points so far in this execution
	Decision uint32     // decisions so far
	Events   uint64     // entries of the log so far, 0 if there is no log
}

// Strategy decides who goes on.
type Strategy interface {
	// Begin starts an execution.
	Begin(seed uint64)
	// Choose returns an index into c.Enabled, which is not empty. It does not
	// keep c.
	Choose(c *Choice) int32
	// End ends an execution that had this many scheduling points.
	End(points uint64)
}

// New returns a strategy by name: "random", "sticky", "pct", "pos", "surw" or
// "mix". depth is the number of ordering constraints that pct aims at, clamped
// to what [NewPCT] accepts; the others ignore it. ok is false if there is no
// such name.
func New(name string, depth int) (s Strategy, ok bool) {
	switch name {
	case "random":
		return new(Random), true
	case "sticky":
		return new(Sticky), true
	case "pct":
		return NewPCT(depth), true
	case "pos":
		return new(POS), true
	case "surw":
		return new(SURW), true
	case "mix":
		return NewMix(), true
	}
	return nil, false
}

// find returns the index of g in enabled, or -1. Linear: there are a handful
// of enabled goroutines, and ids above g end the search.
func find(enabled []int32, g int32) int32 {
	for i, x := range enabled {
		if x >= g {
			if x == g {
				return int32(i)
			}
			break
		}
	}
	return -1
}

// after returns the index of the first enabled goroutine with an id above g,
// or 0: one step of round robin.
func after(enabled []int32, g int32) int32 {
	for i, x := range enabled {
		if x > g {
			return int32(i)
		}
	}
	return 0
}
