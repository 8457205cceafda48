package detect

import "github.com/ghostread/ghostread/explore/event"

// Report is a race that another detector reported about the same execution.
type Report struct {
	Event int32  // the last event that was logged before
	Addr  uint64 // an address in the 8-byte word that it is on
}

// Difference is a race that one detector has and the other has not.
type Difference struct {
	Race         // First is -1 if only the other detector knows
	Report int32 // index of the report; -1 if only this detector has it
	Why    Habit // what of ThreadSanitizer's explains it; 0: nothing known does
}

// Habit is a set of things that ThreadSanitizer does otherwise, for reasons of
// its own: doc/race-detector.md tells of each.
type Habit uint8

const (
	RangeStops   Habit = 1 << iota // an access to several words ends at the first one with a race
	FourAccesses                   // four accesses of a word are remembered, and chance decides which
	ChecksFirst                    // a read-modify-write is checked before it acquires
	FailsToWrite                   // a compare-and-swap that fails is a write
	OneTimer                       // all timer functions share a clock
	FinalKnows                     // who runs finalizers knows what others do until they next release
)

var habits = [...]string{
	"an access to several words ends at the first one with a race, and the rest is not remembered",
	"no more than four accesses of a word are remembered",
	"a read-modify-write is checked before it acquires",
	"a compare-and-swap that fails counts as a write",
	"all timer functions share a clock",
	"a goroutine that runs finalizers is taken to know what others do later, until they release something",
}

func (h Habit) String() string {
	s := ""
	for i, text := range habits {
		if h>>i&1 != 0 {
			if s != "" {
				s += "; "
			}
			s += text
		}
	}
	return s
}

// imitated are the habits that Run can take on, one by one and in pairs.
var imitated = [...]Habit{
	ChecksFirst, FailsToWrite, OneTimer, FinalKnows,
	ChecksFirst | FailsToWrite, ChecksFirst | OneTimer, ChecksFirst | FinalKnows, FailsToWrite | OneTimer, FailsToWrite | FinalKnows, OneTimer | FinalKnows,
}

// Compare compares the races of an execution with what ThreadSanitizer
// reported about it. It returns on how many words they agree, and the
// differences.
//
// ThreadSanitizer reports at most one race for a word, and at most one for an
// access. So the two agree on a word if they see its first race at the same
// access. Where they do not, Compare runs again with each habit.
func (d *Detector) Compare(log []event.Event, reports []Report) (both int, differ []Difference) {
	mine := d.firsts(log, 0)
	theirs := map[uint64]int{} // word -> report
	for i, r := range reports {
		if _, ok := theirs[r.Addr>>3]; !ok {
			theirs[r.Addr>>3] = i
		}
	}
	for _, r := range mine {
		i, ok := theirs[r.Addr>>3]
		switch {
		case ok && reports[i].Event == r.Second:
			both++
			delete(theirs, r.Addr>>3)
		case ok && reports[i].Event < r.Second: // told below
		default:
			differ = append(differ, Difference{Race: r, Report: -1})
			delete(theirs, r.Addr>>3)
		}
	}
	for i, r := range reports {
		if j, ok := theirs[r.Addr>>3]; ok && i == j {
			differ = append(differ, Difference{Race: Race{First: -1, Second: r.Event, Addr: r.Addr}, Report: int32(i)})
		}
	}
	if len(differ) > 0 {
		d.explain(log, reports, differ)
	}
	return both, differ
}

// firsts returns the first race of each 8-byte word, as one with the habits
// sees them.
func (d *Detector) firsts(log []event.Event, h Habit) (list []Race) {
	d.every, d.habits = true, h
	races := d.Run(log)
	d.every, d.habits = false, 0
	seen := map[uint64]bool{}
	for _, r := range races {
		if word := r.Addr >> 3; !seen[word] {
			seen[word] = true
			list = append(list, r)
		}
	}
	return list
}

// explain finds for each difference a habit that makes it.
func (d *Detector) explain(log []event.Event, reports []Report, differ []Difference) {
	for _, h := range imitated {
		as := map[uint64]int32{} // word -> second access of its first race
		for _, r := range d.firsts(log, h) {
			as[r.Addr>>3] = r.Second
		}
		for i := range differ {
			f := &differ[i]
			second, ok := as[f.Addr>>3]
			if f.Why == 0 && (f.Report >= 0 && ok && second == f.Second || f.Report < 0 && (!ok || second != f.Second)) {
				f.Why = h
			}
		}
	}
	for i := range differ {
		f := &differ[i]
		switch {
		case f.Why != 0 || f.Report >= 0:
		case stops(log, reports, f.First) || stops(log, reports, f.Second):
			f.Why = RangeStops
		case crowded(log[:f.Second], f.Addr>>3):
			f.Why = FourAccesses
		}
	}
}

// stops reports whether event i is an access to a range at which a race was
// reported, or whose first word had one before.
func stops(log []event.Event, reports []Report, i int32) bool {
	e := &log[i]
	if e.Kind != event.ReadRange && e.Kind != event.WriteRange {
		return false
	}
	for _, r := range reports {
		if r.Event == i || r.Event < i && r.Addr>>3 == e.Addr>>3 {
			return true
		}
	}
	return false
}

// crowded reports whether a word was accessed so often that ThreadSanitizer
// may have forgotten an access: more than four times since it became part of
// an object.
func crowded(log []event.Event, word uint64) bool {
	n := 0
	for i := len(log) - 1; i >= 0; i-- {
		e := &log[i]
		lo, hi := touched(e)
		switch {
		case e.Kind == event.Alloc && e.Addr>>3 <= word && word <= last(e.Addr, uint64(e.Size))>>3:
			return false
		case (e.Kind.IsMemory() || e.Kind.IsLock()) && lo>>3 <= word && word <= hi>>3:
			if n++; n > 4 {
				return true
			}
		}
	}
	return false
}

// otherwise is what a read-modify-write by lane t does with the habits of d.
func (d *Detector) otherwise(e *event.Event, t, i int32) {
	failed, kind := e.Flags&event.Failed != 0, uint32(write)
	if failed && d.habits&FailsToWrite == 0 {
		kind = 0
	}
	if d.habits&ChecksFirst != 0 {
		d.single(e.Addr, t, kind, i)
		d.acquire(t, e.Addr)
	} else {
		d.acquire(t, e.Addr)
		d.single(e.Addr, t, kind, i)
	}
	if !failed {
		d.release(t, e.Addr)
	}
}
