package detect

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/event"
)

var functions = []string{
	"", "runtime.mapaccess1_faststr", "runtime.mapiternext", "internal/runtime/maps.runtime_mapaccess2_fast64",
	"runtime.mapIterStart", "reflect.mapIterNext", "runtime.reflect_maplen", "runtime.mapassign", "runtime.mapclone2",
}

func functionName(pc uint64) string { return functions[pc] }

func TestClassify(t *testing.T) {
	start := spawn(1, 2)
	tests := []struct {
		name string
		log  []event.Event
		race Race
		want Ghost
	}{
		{"two writes", []event.Event{start, ev(1, event.Write, x), ev(2, event.Write, x)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindRace, Read: -1, Write: 2, Origin: -1, Newer: -1}},
		{"a read that comes after the write", []event.Event{start, ev(1, event.Write, x), ev(2, event.Read, x)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindRace, Read: 2, Write: 1, Origin: 1, Newer: -1}},
		{"a read whose origin is an older write", []event.Event{ev(1, event.Write, x), start, ev(2, event.Read, x), ev(1, event.Write, x)}, Race{First: 2, Second: 3},
			Ghost{Kind: KindRace, Read: 2, Write: 3, Origin: 0, Newer: -1}},
		{"a new object has no origin", []event.Event{ev(1, event.Write, x), sized(1, event.Alloc, x, 8), start, ev(2, event.Read, x), ev(1, event.Write, x)}, Race{First: 3, Second: 4},
			Ghost{Kind: KindRace, Read: 3, Write: 4, Origin: -1, Newer: -1}},

		{"lookup during assignment", []event.Event{start, mapEv(1, event.MapWrite, x, 7), mapEv(2, event.MapRead, x, 1)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindLost, Read: 2, Write: 1, Origin: 1, Newer: -1}},
		{"lookup in Go 1.24 and later", []event.Event{start, mapEv(2, event.MapRead, x, 3), mapEv(1, event.MapWrite, x, 7)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindLost, Read: 1, Write: 2, Origin: -1, Newer: -1}},
		{"iteration", []event.Event{start, mapEv(1, event.MapWrite, x, 7), mapEv(2, event.MapRead, x, 2)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindPhantom, Read: 2, Write: 1, Origin: 1, Newer: -1}},
		{"start of an iteration", []event.Event{start, mapEv(1, event.MapWrite, x, 7), mapEv(2, event.MapRead, x, 4)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindPhantom, Read: 2, Write: 1, Origin: 1, Newer: -1}},
		{"iteration by reflection", []event.Event{start, mapEv(1, event.MapWrite, x, 7), mapEv(2, event.MapRead, x, 5)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindPhantom, Read: 2, Write: 1, Origin: 1, Newer: -1}},
		{"clone", []event.Event{start, mapEv(1, event.MapWrite, x, 7), mapEv(2, event.MapRead, x, 8)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindPhantom, Read: 2, Write: 1, Origin: 1, Newer: -1}},
		{"length by reflection", []event.Event{start, mapEv(1, event.MapWrite, x, 7), mapEv(2, event.MapRead, x, 6)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindRace, Read: 2, Write: 1, Origin: 1, Newer: -1}},
		{"length", []event.Event{start, mapEv(1, event.MapWrite, x, 7), ev(2, event.Read, x)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindRace, Read: 2, Write: 1, Origin: 1, Newer: -1}},
		{"two assignments", []event.Event{start, mapEv(1, event.MapWrite, x, 7), mapEv(2, event.MapWrite, x, 7)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindRace, Read: -1, Write: 2, Origin: -1, Newer: -1}},

		{"a string is copied before it is set", []event.Event{start, sized(2, event.ReadRange, x, 16), sized(1, event.WriteRange, x, 16)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindTorn, Read: 1, Write: 2, Origin: -1, Newer: -1}},
		{"a struct is copied whole after one write", []event.Event{start, sized(1, event.WriteRange, x, 24), sized(2, event.ReadRange, x, 24)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindTorn, Read: 2, Write: 1, Origin: 1, Newer: -1}},
		{"a struct is copied between the writes of its fields", []event.Event{
			ev(1, event.Write, x), ev(1, event.Write, x+8), start, ev(1, event.Write, x), sized(2, event.ReadRange, x, 16), ev(1, event.Write, x+8),
		}, Race{First: 3, Second: 4}, Ghost{Kind: KindTorn, Read: 4, Write: 3, Origin: 3, Newer: -1, Mixed: true}},
		{"a struct is copied after the writes of all its fields", []event.Event{
			ev(1, event.Write, x), ev(1, event.Write, x+8), start, ev(1, event.Write, x), ev(1, event.Write, x+8), sized(2, event.ReadRange, x, 16),
		}, Race{First: 3, Second: 5}, Ghost{Kind: KindTorn, Read: 5, Write: 3, Origin: 4, Newer: -1}},
		{"a struct is copied after two goroutines wrote a field each", []event.Event{
			start, spawn(1, 3), ev(2, event.Write, x), ev(3, event.Write, x+8), sized(1, event.ReadRange, x, 16),
		}, Race{First: 2, Second: 4}, Ghost{Kind: KindTorn, Read: 4, Write: 2, Origin: 3, Newer: -1, Mixed: true}},
		{"fields set one by one before the handover are no mix", []event.Event{
			ev(1, event.Write, x), ev(1, event.Write, x+8), start, sized(2, event.ReadRange, x, 16), sized(1, event.WriteRange, x, 16),
		}, Race{First: 3, Second: 4}, Ghost{Kind: KindTorn, Read: 3, Write: 4, Origin: 1, Newer: -1}},
		{"an unaligned range over two words", []event.Event{start, sized(2, event.ReadRange, x+4, 8), ev(1, event.Write, x+8)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindTorn, Read: 1, Write: 2, Origin: -1, Newer: -1}},
		{"a range within one word", []event.Event{start, sized(2, event.ReadRange, x, 8), ev(1, event.Write, x)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindRace, Read: 1, Write: 2, Origin: -1, Newer: -1}},
		{"a struct with an atomic field", []event.Event{start, sized(2, event.ReadRange, x, 16), ev(1, event.AtomicStore, x+8)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindRace, Read: 1, Write: 2, Origin: -1, Newer: -1}},
		{"an atomic load and a plain write", []event.Event{start, ev(2, event.AtomicLoad, x), ev(1, event.Write, x)}, Race{First: 1, Second: 2},
			Ghost{Kind: KindRace, Read: 1, Write: 2, Origin: -1, Newer: -1}},

		{"the version was published first", []event.Event{
			ev(1, event.Write, x), start, ev(1, event.AtomicStore, y), ev(2, event.AtomicLoad, y), ev(2, event.Read, x), ev(1, event.Write, x),
		}, Race{First: 4, Second: 5}, Ghost{Kind: KindStale, Read: 4, Write: 5, Origin: 0, Newer: 2}},
		{"by addition", []event.Event{
			ev(1, event.Write, x), start, ev(1, event.AtomicRMW, y), ev(2, event.AtomicLoad, y), ev(2, event.Read, x), ev(1, event.Write, x),
		}, Race{First: 4, Second: 5}, Ghost{Kind: KindStale, Read: 4, Write: 5, Origin: 0, Newer: 2}},
		{"through a third goroutine", []event.Event{
			start, spawn(1, 3), ev(1, event.AtomicStore, y), ev(3, event.AtomicLoad, y), ev(3, event.Release, mu),
			ev(2, event.Acquire, mu), ev(2, event.Read, x), ev(1, event.Write, x),
		}, Race{First: 6, Second: 7}, Ghost{Kind: KindStale, Read: 6, Write: 7, Origin: -1, Newer: 2}},
		{"the writer published something else since", []event.Event{
			ev(1, event.Write, x), start, ev(1, event.AtomicStore, y), ev(2, event.AtomicLoad, y), ev(1, event.Release, mu), ev(2, event.Read, x), ev(1, event.Write, x),
		}, Race{First: 5, Second: 6}, Ghost{Kind: KindRace, Read: 5, Write: 6, Origin: 0, Newer: -1}},
		{"a constructor's store, long before", []event.Event{
			ev(1, event.Write, x), ev(1, event.AtomicStore, y), start, ev(2, event.Read, x), ev(1, event.Write, x),
		}, Race{First: 3, Second: 4}, Ghost{Kind: KindRace, Read: 3, Write: 4, Origin: 0, Newer: -1}},
		{"the reader did not look", []event.Event{
			ev(1, event.Write, x), start, ev(1, event.AtomicStore, y), ev(2, event.Read, x), ev(1, event.Write, x),
		}, Race{First: 3, Second: 4}, Ghost{Kind: KindRace, Read: 3, Write: 4, Origin: 0, Newer: -1}},
		{"the reader looked before", []event.Event{
			ev(1, event.Write, x), start, ev(2, event.AtomicLoad, y), ev(1, event.AtomicStore, y), ev(2, event.Read, x), ev(1, event.Write, x),
		}, Race{First: 4, Second: 5}, Ghost{Kind: KindRace, Read: 4, Write: 5, Origin: 0, Newer: -1}},
		{"the version belongs to the value that was read", []event.Event{
			start, ev(1, event.AtomicStore, y), ev(2, event.AtomicLoad, y), ev(1, event.Write, x), ev(2, event.Read, x), ev(1, event.Write, x),
		}, Race{First: 4, Second: 5}, Ghost{Kind: KindRace, Read: 4, Write: 5, Origin: 3, Newer: -1}},
		{"another goroutine's version", []event.Event{
			start, spawn(1, 3), ev(3, event.AtomicStore, y), ev(2, event.AtomicLoad, y), ev(2, event.Read, x), ev(1, event.Write, x),
		}, Race{First: 4, Second: 5}, Ghost{Kind: KindRace, Read: 4, Write: 5, Origin: -1, Newer: -1}},
		{"the reader returns the new value", []event.Event{
			start, ev(1, event.AtomicStore, y), ev(1, event.Write, x), ev(2, event.AtomicLoad, y), ev(2, event.Read, x),
		}, Race{First: 2, Second: 4}, Ghost{Kind: KindRace, Read: 4, Write: 2, Origin: 2, Newer: -1}},

		{"numbers outside the log", nil, Race{First: 3, Second: 9}, Ghost{Kind: KindRace, Read: -1, Write: 9, Origin: -1, Newer: -1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := number(tt.log)
			if diff := cmp.Diff(tt.want, Classify(log, tt.race, functionName)); diff != "" {
				t.Errorf("Classify mismatch (-want +got):\n%s\n%s", diff, dump(log))
			}
			if len(log) > 0 && !oracle(log)[[2]int32{tt.race.First, tt.race.Second}] {
				t.Errorf("events %d and %d do not race: the row is wrong", tt.race.First, tt.race.Second)
			}
		})
	}
}

// TestHappensBeforeAgreesWithReachability compares for every pair of accesses.
func TestHappensBeforeAgreesWithReachability(t *testing.T) {
	logs := uint64(2000)
	if testing.Short() {
		logs = 200
	}
	for seed := range logs {
		log := randomLog(rand.New(rand.NewPCG(seed, 3)))
		g := newGraph(log)
		for j := range log {
			for i := range j {
				if !log[i].Kind.IsMemory() || !log[j].Kind.IsMemory() {
					continue
				}
				if got, want := happensBefore(log, int32(i), int32(j)), g.ordered(i, j); got != want {
					t.Fatalf("seed %d: happensBefore(%d, %d) = %t, want %t\n%s", seed, i, j, got, want, dump(log))
				}
			}
		}
	}
}

// TestClassifyOfRandomRaces checks what every ghost must satisfy.
func TestClassifyOfRandomRaces(t *testing.T) {
	d := New()
	kinds := map[string]int{}
	for seed := range uint64(3000) {
		log := randomLog(rand.New(rand.NewPCG(seed, 4)))
		for i := range log {
			if log[i].Kind == event.MapRead {
				log[i].Aux = uint64(i % len(functions))
			}
		}
		for _, r := range d.Run(log) {
			g := Classify(log, r, functionName)
			kinds[g.Kind]++
			if g.Read >= 0 && (writes(&log[g.Read]) || !writes(&log[g.Write])) {
				t.Fatalf("seed %d: Classify(%v) = %+v, which reads by a write or writes by a read", seed, r, g)
			}
			if g.Origin >= g.Read && g.Origin >= 0 {
				t.Fatalf("seed %d: Classify(%v) = %+v: read a value before it was written", seed, r, g)
			}
			if (g.Kind == KindStale) != (g.Newer >= 0) {
				t.Fatalf("seed %d: Classify(%v) = %+v: stale without evidence, or evidence without stale", seed, r, g)
			}
		}
	}
	for _, k := range []string{KindRace, KindStale, KindTorn, KindLost, KindPhantom} {
		if kinds[k] == 0 {
			t.Errorf("no random race is %s: %v", k, kinds)
		}
	}
}
