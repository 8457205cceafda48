//go:build ghostread_guest

package guest

import (
	"internal/ghostread/detect"
	"internal/ghostread/event"
	"internal/ghostread/strategy"
	"internal/ghostread/wire"
	"slices"
	"time"
	"unsafe"
)

// reduce makes executions that leave out turns of a schedule, until one shows
// the candidate of the job again. That one's decisions are sent; its turns, as
// those of an execution that ends the process, stay in the shared file.
func (l *loop) reduce() {
	j := l.job
	want, err := wire.DecodeDecisions(j.Decisions)
	if err != nil {
		complain("decisions: " + err.Error())
		return
	}
	l.warmup()
	count, taken := l.turns()
	if len(j.Cuts) == 0 {
		l.strategy = strategy.NewFollow(want, taken, count)
		l.attempt(0)
		return
	}
	all := make([]strategy.Turn, 0, len(j.Turns)/3)
	for i := 0; i+3 <= len(j.Turns); i += 3 {
		t := j.Turns[i : i+3]
		all = append(all, strategy.Turn{Of: t[0], At: t[1], To: t[2]})
	}
	for i := 0; i+1 < len(j.Cuts); i += 2 {
		if i > 0 && (j.Until != 0 && time.Now().UnixNano() > j.Until || l.tired(true)) {
			return
		}
		some := slices.Concat(all[:j.Cuts[i]], all[j.Cuts[i+1]:])
		if j.Alone {
			some = slices.Clone(all[j.Cuts[i]:j.Cuts[i+1]])
		}
		slices.SortFunc(some, func(a, b strategy.Turn) int {
			if a.Of != b.Of {
				return int(a.Of - b.Of)
			}
			return int(a.At - b.At)
		})
		l.strategy = strategy.NewScript(some, taken, count)
		if l.attempt(i / 2) {
			return
		}
	}
}

// turns is where the shared file has room for the turns that are taken.
func (l *loop) turns() (count *uint32, taken []strategy.Turn) {
	at := unsafe.Add(unsafe.Pointer(l.head), wire.HeaderBytes+4*l.job.MaxDecisions)
	return (*uint32)(at), unsafe.Slice((*strategy.Turn)(unsafe.Add(at, 4)), l.job.MaxTurns)
}

// attempt makes an execution under the current strategy and reports whether it
// shows the candidate. i is its index in the job.
func (l *loop) attempt(i int) bool {
	c := l.run(uint64(i+1), l.job.Seed)
	l.head.Executions++
	if !l.shows(c) {
		return false
	}
	send(wire.Record{Kind: "reduced"}.Int("index", int64(i)).
		With("decisions", wire.EncodeDecisions(c.dec[:l.head.Decisions])))
	return true
}

// shows reports whether the execution that just ended shows the candidate of
// the job. It decides as look does. A panic ends the process and never comes
// here.
func (l *loop) shows(c *config) bool {
	if c.fired > 0 && c.failing {
		return false
	}
	key := l.job.Key
	whole := c.reason == wire.Done || l.returned && c.reason != wire.Deadlock
	list := l.stuck(c)
	l.leaked += len(list)
	switch l.job.What {
	case "race":
		log := unsafe.Slice((*event.Event)(c.events), l.head.Events)
		for _, r := range l.detector.Run(log) {
			if raceKey(log, r) == key {
				return true
			}
		}
	case "deadlock":
		return c.reason == wire.Deadlock && deadlockKey(list) == key
	case "broken":
		return c.reason == wire.Broken && brokenKey(c) == key
	case "failure":
		return whole && l.failed && !c.loose && hashString(3, place(string(l.out.b))) == key
	case "leak":
		if !whole || l.failed {
			return false
		}
		hopeless(list)
		return slices.ContainsFunc(list, func(g goroutine) bool { return g.hopeless && g.parked() && g.key()+4 == key })
	}
	return false
}

// raceKey is the key of a candidate race: its places and what it means.
func raceKey(log []event.Event, r detect.Race) uint64 {
	return hashString(pairKey(log, r), detect.Classify(log, r, func(uint64) string { return "" }).Kind)
}

func pairKey(log []event.Event, r detect.Race) uint64 {
	a, b := log[r.First].PC, log[r.Second].PC
	return hash(1, min(a, b), max(a, b))
}

// deadlockKey is the key of a candidate deadlock. The order of goroutines does
// not matter.
func deadlockKey(stuck []goroutine) uint64 {
	key := uint64(2)
	for i := range stuck {
		key += stuck[i].key()
	}
	return key
}
