package detect

import "github.com/ghostread/ghostread/explore/event"

// reach follows happens-before from one event: clocks of one bit, that say
// whether the event is known. It is slower than Run for many questions, and
// much less to get wrong for one.
type reach struct {
	goroutines map[int32]bool
	objects    map[uint64]bool
	firing     bool // goroutine 0 is a timer function
	timer      bool // and knows
	final      bool // the finalizer goroutine knows
}

// happensBefore reports whether the access of event i happens before that of
// event j. It takes time linear in j.
func happensBefore(log []event.Event, i, j int32) bool {
	if i < 0 || j <= i || int(j) >= len(log) {
		return false
	}
	r := reach{goroutines: map[int32]bool{}, objects: map[uint64]bool{}}
	for k := i; k >= 0; k-- {
		if kind := log[k].Kind; kind == event.TimerFire || kind == event.TimerDone {
			r.firing = kind == event.TimerFire
			break
		}
	}
	r.set(log[i].G, true)
	r.release(&log[i])
	for k := i + 1; k < j; k++ {
		r.step(&log[k])
	}
	e := &log[j]
	r.enter(e)
	if e.Flags&event.Unsync == 0 && (e.Kind == event.AtomicLoad || e.Kind == event.AtomicRMW) {
		return r.get(e.G) || r.objects[e.Addr]
	}
	return r.get(e.G)
}

func (r *reach) get(g int32) bool {
	switch {
	case g != 0:
		return r.goroutines[g]
	case r.firing:
		return r.timer
	}
	return r.final
}

func (r *reach) set(g int32, knows bool) {
	switch {
	case g != 0:
		r.goroutines[g] = knows
	case r.firing:
		r.timer = knows
	default:
		r.final = knows
	}
}

// enter is what goroutine 0 learns as a finalizer: everything.
func (r *reach) enter(e *event.Event) {
	if e.G == 0 && !r.firing && (e.Kind.IsMemory() || e.Kind.IsLock() || e.Kind >= event.Acquire && e.Kind <= event.ReleaseAcquire || e.Kind == event.Spawn) {
		r.final = true
	}
}

// step lets the knowledge spread through one event.
func (r *reach) step(e *event.Event) {
	switch e.Kind {
	case event.TimerFire:
		r.firing, r.timer = true, r.objects[e.Addr]
		return
	case event.TimerDone:
		r.firing = false
		return
	case event.Adopt:
		r.goroutines[e.G] = e.Aux == 1
		return
	case event.Alloc:
		for a := range r.objects {
			if e.Size > 0 && e.Addr <= a && a <= last(e.Addr, uint64(e.Size)) {
				delete(r.objects, a)
			}
		}
		return
	}
	r.enter(e)
	if e.Flags&event.Unsync != 0 && e.Kind != event.Spawn {
		return
	}
	switch e.Kind {
	case event.Acquire, event.AtomicLoad, event.AtomicRMW:
		if r.objects[e.Addr] {
			r.set(e.G, true)
		}
	case event.ReleaseAcquire:
		before := r.get(e.G)
		if r.objects[e.Addr] {
			r.set(e.G, true)
		}
		r.store(e.Addr, before)
		return
	}
	r.release(e)
}

// release passes on what the goroutine of e knows.
func (r *reach) release(e *event.Event) {
	if e.Flags&event.Unsync != 0 && e.Kind != event.Spawn {
		return
	}
	switch e.Kind {
	case event.AtomicRMW:
		if e.Flags&event.Failed == 0 {
			r.store(e.Addr, r.get(e.G))
		}
	case event.Release, event.AtomicStore, event.ReleaseAcquire:
		r.store(e.Addr, r.get(e.G))
	case event.ReleaseMerge:
		if r.get(e.G) {
			r.objects[e.Addr] = true
		}
	case event.Spawn:
		r.goroutines[int32(e.Aux)] = r.get(e.G)
	}
}

func (r *reach) store(addr uint64, knows bool) {
	if knows {
		r.objects[addr] = true
	} else {
		delete(r.objects, addr)
	}
}
