package detect

import "github.com/ghostread/ghostread/explore/event"

// graph is happens-before as plain reachability: each event i is two nodes,
// before(i) = 2i and after(i) = 2i+1, and every reason for order is an edge.
// It knows no clocks, so it cannot share a mistake with them.
type graph struct {
	past [][]uint64 // node -> set of nodes that reach it, itself included
}

func (g *graph) edge(from, to int) {
	for w, x := range g.past[from] {
		g.past[to][w] |= x
	}
}

// ordered reports whether the access of event i happens before that of j. An
// access belongs to the after node of its event: loads and read-modify-writes
// have acquired by then, and stores release from there.
func (g *graph) ordered(i, j int) bool {
	return g.past[2*j+1][(2*i+1)/64]>>((2*i+1)%64)&1 != 0
}

// newGraph adds edges in log order. All edges point forward, and a node gets
// its last incoming edge before its first outgoing one.
func newGraph(log []event.Event) *graph {
	g := &graph{past: make([][]uint64, 2*len(log))}
	for n := range g.past {
		g.past[n] = make([]uint64, (2*len(log)+63)/64)
		g.past[n][n/64] |= 1 << (n % 64)
	}
	last := map[int32]int{}     // goroutine -> node its next event follows
	know := map[uint64][]int{}  // object -> nodes whose past it carries
	system, firing := -1, false // goroutine 0
	final := -1
	for i := range log {
		e := &log[i]
		before, after := 2*i, 2*i+1
		switch {
		case e.Kind == event.TimerFire:
			firing, system = true, after
			for _, n := range know[e.Addr] {
				g.edge(n, before)
			}
			g.edge(before, after)
			continue
		case e.Kind == event.TimerDone:
			firing, system = false, -1
			g.edge(before, after)
			continue
		case e.Kind == event.Alloc:
			g.edge(before, after)
			for a := range know {
				if e.Addr <= a && a-e.Addr < uint64(e.Size) {
					delete(know, a)
				}
			}
			continue
		case e.Kind == event.Adopt:
			if n, ok := last[e.G]; ok && e.Aux == 1 {
				g.edge(n, before)
			}
			for n := range before {
				if n%2 == 1 && e.Aux == 1 {
					g.edge(n, before)
				}
			}
			g.edge(before, after)
			last[e.G] = after
			continue
		case e.G == 0 && firing:
			g.edge(system, before)
			system = after
		case e.G == 0:
			if e.Kind.IsMemory() || e.Kind.IsLock() || e.Kind >= event.Acquire && e.Kind <= event.ReleaseAcquire || e.Kind == event.Spawn {
				for n := range before {
					if n%2 == 1 {
						g.edge(n, before)
					}
				}
			}
			if final >= 0 {
				g.edge(final, before)
			}
			final = after
		default:
			if n, ok := last[e.G]; ok {
				g.edge(n, before)
			}
			last[e.G] = after
		}
		if e.Flags&event.Unsync != 0 && e.Kind != event.Spawn {
			g.edge(before, after)
			continue
		}
		switch e.Kind {
		case event.Acquire, event.AtomicLoad, event.AtomicRMW, event.ReleaseAcquire:
			for _, n := range know[e.Addr] {
				g.edge(n, after)
			}
		}
		g.edge(before, after)
		if e.Flags&event.Failed != 0 {
			continue
		}
		switch e.Kind {
		case event.Release, event.AtomicStore:
			know[e.Addr] = []int{after}
		case event.ReleaseMerge, event.AtomicRMW:
			know[e.Addr] = append(append([]int(nil), know[e.Addr]...), after)
		case event.ReleaseAcquire:
			know[e.Addr] = []int{before}
		case event.Spawn:
			last[int32(e.Aux)] = after
		}
	}
	return g
}

// bytesOf returns the bytes an access touches; lo > hi if it is none.
func bytesOf(e *event.Event) (lo, hi uint64) {
	switch {
	case e.Kind == event.ReadRange || e.Kind == event.WriteRange:
		return e.Addr, e.Addr + uint64(e.Size) - 1
	case e.Kind.IsAtomic() && e.Flags&event.Unsync != 0, !e.Kind.IsMemory() && !e.Kind.IsLock():
		return 1, 0
	}
	return e.Addr, e.Addr
}

func plainly(e *event.Event) bool { return !e.Kind.IsAtomic() && !e.Kind.IsLock() }

// oracle returns every pair of accesses that race.
func oracle(log []event.Event) map[[2]int32]bool {
	g := newGraph(log)
	races := map[[2]int32]bool{}
	for j := range log {
		jlo, jhi := bytesOf(&log[j])
		for i := range j {
			a, b := &log[i], &log[j]
			ilo, ihi := bytesOf(a)
			if ilo > ihi || jlo > jhi || !writes(a) && !writes(b) || !plainly(a) && !plainly(b) || g.ordered(i, j) {
				continue
			}
			for at := max(ilo, jlo); at <= min(ihi, jhi); at++ {
				if !allocated(log[i:j], at) {
					races[[2]int32{int32(i), int32(j)}] = true
				}
			}
		}
	}
	return races
}

// allocated reports whether the byte became part of a new object.
func allocated(log []event.Event, at uint64) bool {
	for i := range log {
		if e := &log[i]; e.Kind == event.Alloc && e.Addr <= at && at-e.Addr < uint64(e.Size) {
			return true
		}
	}
	return false
}
