package dpor

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/strategy"
	"github.com/ghostread/ghostread/internal/dportest"
)

// prefix follows decisions and then takes the first goroutine, noting how many
// there were each time.
type prefix struct {
	want   []int
	counts []int
}

func (f *prefix) Begin(uint64) {}
func (f *prefix) End(uint64)   {}
func (f *prefix) Choose(c *strategy.Choice) int32 {
	k := 0
	if len(f.counts) < len(f.want) {
		k = f.want[len(f.counts)]
	}
	f.counts = append(f.counts, len(c.Enabled))
	return int32(k)
}

// all returns the outcomes of all schedules of the model, and how many
// schedules there are; none if there are too many.
func all(p dportest.Program, limit int) (map[string]bool, int) {
	out := map[string]bool{}
	var want []int
	for n := 1; ; n++ {
		f := &prefix{want: want}
		o, _ := p.Run(f, false)
		out[o] = true
		if n == limit {
			return nil, 0
		}
		for len(want) < len(f.counts) {
			want = append(want, 0)
		}
		for len(want) > 0 && want[len(want)-1] == f.counts[len(want)-1]-1 {
			want = want[:len(want)-1]
		}
		if len(want) == 0 {
			return out, n
		}
		want[len(want)-1]++
	}
}

// reduced returns the outcomes that the search finds, and its executions; nil
// if there are too many. The search does not see events of the kind hidden.
func reduced(t testing.TB, p dportest.Program, limit int, hidden event.Kind) (map[string]bool, uint64, uint64) {
	t.Helper()
	out := map[string]bool{}
	s := New()
	for n := 0; !s.Done(); n++ {
		if n == limit {
			return nil, 0, 0
		}
		s.Begin(1)
		o, log := p.Run(s, false)
		s.End(0)
		for i := range log {
			if log[i].Kind == hidden {
				log[i].Kind = event.None
			}
		}
		s.Learn(log)
		out[o] = true
	}
	if g := s.Gap(); g != "" {
		t.Fatalf("gap: %s, in %v", g, p)
	}
	explored, redundant := s.Executions()
	return out, explored, redundant
}

// differ says which outcomes only one of the sets has; "" if they are equal.
func differ(got, want map[string]bool) string {
	var b strings.Builder
	for _, o := range slices.Sorted(maps.Keys(want)) {
		if !got[o] {
			b.WriteString("missed " + o + "\n")
		}
	}
	for _, o := range slices.Sorted(maps.Keys(got)) {
		if !want[o] {
			b.WriteString("impossible " + o + "\n")
		}
	}
	return b.String()
}

// TestAgainstBruteForce compares the outcomes that the search finds in random
// programs with those that the specification of the primitives allows, and the
// model's with the same in programs that have few schedules.
func TestAgainstBruteForce(t *testing.T) {
	const seed = 20_261_123
	programs := 3000
	if testing.Short() {
		programs = 500
	}
	r := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	var compared, outcomes, enumerated, schedules int
	var explored, redundant uint64
	for range programs {
		p := dportest.Generate(r)
		want := p.Outcomes(3000)
		if want == nil {
			continue
		}
		got, e, x := reduced(t, p, 1000, event.None)
		if got == nil {
			continue
		}
		compared, outcomes, explored, redundant = compared+1, outcomes+len(want), explored+e, redundant+x
		if d := differ(got, want); d != "" {
			t.Errorf("search of %v:\n%s", p, d)
		}
		if every, n := all(p, 150); every != nil {
			enumerated, schedules = enumerated+1, schedules+n
			if d := differ(every, want); d != "" {
				t.Errorf("all %d schedules of %v:\n%s", n, p, d)
			}
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("%d programs with %d outcomes: %d explored, %d executions more; %d schedules of %d programs",
		compared, outcomes, explored, redundant, schedules, enumerated)
	if compared < programs*3/4 {
		t.Errorf("compared %d programs only", compared)
	}
}

// TestMissedOnce has programs of which the search once missed outcomes.
func TestMissedOnce(t *testing.T) {
	load := dportest.Op{Code: dportest.Load}
	try := func(code dportest.Code) dportest.Op { return dportest.Op{Code: code, Skip: 2} }
	tests := []struct {
		name string
		p    dportest.Program
	}{
		// A goroutine that is woken in Lock or Wait tries again, and says so in no event.
		{"woken", dportest.Program{
			{{Code: dportest.WgWait}, {Code: dportest.WgWait}, {Code: dportest.WgWait}},
			{{Code: dportest.WLock}, {Code: dportest.WgAdd}, {Code: dportest.WUnlock}, try(dportest.TryWLock), {Code: dportest.CAS, Val: 25}, {Code: dportest.WUnlock}},
			{try(dportest.TryWLock), {Code: dportest.WgAdd}, {Code: dportest.WUnlock}, try(dportest.TryWLock), {Code: dportest.WgDone}, {Code: dportest.WUnlock}, {Code: dportest.WgWait}},
		}},
		// What follows the choice of a case is part of the step that chooses, and
		// begins before the decision.
		{"case", dportest.Program{
			{{Code: dportest.Close, Obj: 1}, {Code: dportest.Lock}, {Code: dportest.CondWait}, {Code: dportest.Unlock}},
			{load},
			{{Code: dportest.Select, Val: 1, Cases: []dportest.Case{{Send: true, Ch: 1, Val: 30}, {Ch: 1}}}, {Code: dportest.Signal}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, _ := reduced(t, tt.p, 1e6, event.None)
			if d := differ(got, tt.p.Outcomes(1e6)); d != "" {
				t.Errorf("search of %v:\n%s", tt.p, d)
			}
		})
	}
}

// TestNoticesBlindness hides one kind of events after the other from the
// search. Each time it misses outcomes, and the comparison says so.
func TestNoticesBlindness(t *testing.T) {
	const seed = 3
	t.Logf("seed %d", seed)
	for _, kind := range []event.Kind{
		event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.ChanSend, event.ChanRecv, event.ChanClose,
		event.Lock, event.Unlock, event.TryLock, event.RLock, event.RUnlock, event.TryRLock, event.WaitGroupAdd, event.WaitGroupWait,
		event.CondWait, event.CondSignal, event.CondBroadcast, event.Block,
	} {
		r := rand.New(rand.NewPCG(seed, uint64(kind)))
		programs, missed := 0, false
		for ; !missed && programs < 3000; programs++ {
			p := dportest.Generate(r)
			if want := p.Outcomes(1000); want != nil {
				got, _, _ := reduced(t, p, 200, kind)
				missed = got != nil && strings.Contains(differ(got, want), "missed")
			}
		}
		t.Logf("kind %d: %d programs", kind, programs)
		if !missed {
			t.Errorf("a search that does not see kind %d finds the same as others in %d programs", kind, programs)
		}
	}
}
