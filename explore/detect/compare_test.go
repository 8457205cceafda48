package detect

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/event"
)

func failed(e event.Event) event.Event {
	e.Flags |= event.Failed
	return e
}

func fires(timer uint64) event.Event { return ev(0, event.TimerFire, timer) }
func done(timer uint64) event.Event  { return ev(0, event.TimerDone, timer) }

func TestCompare(t *testing.T) {
	const timer, other = 0x5000, 0x6000
	two := []event.Event{spawn(1, 2), ev(1, event.Write, x), ev(2, event.Write, x)}
	tests := []struct {
		name    string
		log     []event.Event
		reports []Report
		both    int
		want    []Difference
	}{
		{"the same race", two, []Report{{2, x}}, 1, nil},
		{"the same race of other bytes of a word", []event.Event{spawn(1, 2), sized(1, event.WriteRange, x, 8), ev(2, event.Write, x+3)}, []Report{{2, x + 3}}, 1, nil},
		{"only ours", two, nil, 0, []Difference{{Race: Race{1, 2, x}, Report: -1}}},
		{"only theirs", []event.Event{ev(1, event.Write, x), spawn(1, 2), ev(2, event.Write, x)}, []Report{{2, x}}, 0,
			[]Difference{{Race: Race{-1, 2, x}}}},
		{"theirs earlier", []event.Event{spawn(1, 2), ev(1, event.Read, x), ev(2, event.Read, x), ev(2, event.Write, x)}, []Report{{2, x}}, 0,
			[]Difference{{Race: Race{-1, 2, x}}}},
		{"theirs later", append(two[:3:3], ev(2, event.Write, x)), []Report{{3, x}}, 0, []Difference{{Race: Race{1, 2, x}, Report: -1}}},
		{"a second report of a word counts for nothing", append(two[:3:3], ev(2, event.Read, x)), []Report{{2, x}, {3, x}}, 1, nil},
		{"a range ends at its first race", []event.Event{spawn(1, 2), sized(1, event.WriteRange, x, 16), sized(2, event.ReadRange, x, 16)}, []Report{{2, x}}, 1,
			[]Difference{{Race: Race{1, 2, x + 8}, Report: -1, Why: RangeStops}}},
		{"what a range left out is not remembered", []event.Event{spawn(1, 2), spawn(1, 3),
			ev(1, event.Write, x), sized(2, event.WriteRange, x, 16), ev(3, event.Read, x+8)}, []Report{{3, x}}, 1,
			[]Difference{{Race: Race{3, 4, x + 8}, Report: -1, Why: RangeStops}}},
		{"five accesses are too many", []event.Event{spawn(1, 2), ev(1, event.Write, x), ev(1, event.Write, x+1), ev(1, event.Write, x+2), ev(1, event.Write, x+3), ev(1, event.Write, x+4), ev(2, event.Write, x)},
			nil, 0, []Difference{{Race: Race{1, 6, x}, Report: -1, Why: FourAccesses}}},
		{"four are not", []event.Event{spawn(1, 2), ev(1, event.Write, x), ev(1, event.Write, x+1), ev(1, event.Write, x+2), ev(1, event.Write, x+3), ev(2, event.Write, x)},
			nil, 0, []Difference{{Race: Race{1, 5, x}, Report: -1}}},
		{"checked before it acquires", []event.Event{spawn(1, 2), ev(1, event.Write, x), ev(1, event.AtomicStore, x), ev(2, event.AtomicRMW, x)}, []Report{{3, x}}, 0,
			[]Difference{{Race: Race{-1, 3, x}, Why: ChecksFirst}}},
		{"a failed compare-and-swap counts as a write", []event.Event{spawn(1, 2), ev(1, event.Read, x), failed(ev(2, event.AtomicRMW, x))}, []Report{{2, x}}, 0,
			[]Difference{{Race: Race{-1, 2, x}, Why: FailsToWrite}}},
		{"timer functions share a clock", []event.Event{spawn(1, 2), spawn(1, 3),
			ev(2, event.Write, x), ev(2, event.ReleaseMerge, timer), fires(timer), done(timer),
			fires(other), ev(0, event.Release, mu), done(other), ev(3, event.Acquire, mu), ev(3, event.Write, x)}, nil, 0,
			[]Difference{{Race: Race{2, 10, x}, Report: -1, Why: OneTimer}}},
		{"a finalizer is taken to know what comes later", []event.Event{spawn(1, 2), final(3), ev(2, event.Write, x), ev(3, event.Write, x)}, nil, 0,
			[]Difference{{Race: Race{2, 3, x}, Report: -1, Why: FinalKnows}}},
	}
	d := New()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			both, got := d.Compare(number(tt.log), tt.reports)
			if diff := cmp.Diff(tt.want, got); diff != "" || both != tt.both {
				t.Errorf("Compare: both %d, want %d; differences (-want +got):\n%s", both, tt.both, diff)
			}
		})
	}
}

// TestCompareLeavesNoHabits: a comparison does not change what Run finds.
func TestCompareLeavesNoHabits(t *testing.T) {
	d := New()
	for seed := range uint64(200) {
		log := randomLog(rand.New(rand.NewPCG(seed, 9)))
		want := New().Run(log)
		d.Compare(log, []Report{{0, x}, {int32(len(log) - 1), x + 8}})
		if diff := cmp.Diff(append([]Race{}, want...), append([]Race{}, d.Run(log)...)); diff != "" {
			t.Fatalf("seed %d: Run after Compare (-fresh +got):\n%s", seed, diff)
		}
	}
}

// TestFailedSwap: a compare-and-swap that fails learns and tells nothing.
func TestFailedSwap(t *testing.T) {
	tests := []struct {
		name string
		log  []event.Event
		want int
	}{
		{"it releases nothing", []event.Event{spawn(1, 2), ev(1, event.Write, y), failed(ev(1, event.AtomicRMW, x)), ev(2, event.AtomicLoad, x), ev(2, event.Read, y)}, 1},
		{"one that succeeds does", []event.Event{spawn(1, 2), ev(1, event.Write, y), ev(1, event.AtomicRMW, x), ev(2, event.AtomicLoad, x), ev(2, event.Read, y)}, 0},
		{"it acquires", []event.Event{spawn(1, 2), ev(1, event.Write, y), ev(1, event.AtomicStore, x), failed(ev(2, event.AtomicRMW, x)), ev(2, event.Read, y)}, 0},
		{"what was released before stays", []event.Event{spawn(1, 2), spawn(1, 3), ev(1, event.Write, y), ev(1, event.AtomicStore, x), failed(ev(2, event.AtomicRMW, x)), ev(3, event.AtomicLoad, x), ev(3, event.Read, y)}, 0},
		{"it is no write", []event.Event{spawn(1, 2), ev(1, event.Read, x), failed(ev(2, event.AtomicRMW, x))}, 0},
		{"it is a read", []event.Event{spawn(1, 2), ev(1, event.Write, x), failed(ev(2, event.AtomicRMW, x))}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := New().Run(number(tt.log)); len(got) != tt.want {
				t.Errorf("Run finds %v, want %d races", got, tt.want)
			}
		})
	}
}
