package detect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore/event"
)

// randomLog makes a log of well-formed goroutine lives and otherwise arbitrary
// events over few addresses, so that they meet. Program counters are unique:
// every race can be told from every other.
func randomLog(r *rand.Rand) []event.Event {
	n := 2 + r.IntN(60)
	log := make([]event.Event, 0, n)
	live := []int32{1}
	next := int32(2)
	firing := false
	firings := 0
	// Small worlds find conflicts, large ones vectors and lanes.
	words := uint64(1 + r.IntN(6))
	objects := uint64(1 + r.IntN(4))
	syncs := r.IntN(8)
	for len(log) < n {
		e := event.Event{G: live[r.IntN(len(live))], PC: uint64(len(log) + 1), Stack: -1}
		if firing && r.IntN(3) > 0 || r.IntN(40) == 0 {
			e.G = 0
		}
		e.Addr = 0x1000 + r.Uint64N(words*8)
		if r.IntN(2) == 0 {
			e.Addr &^= 7
		}
		switch k := r.IntN(30 + 2*syncs); {
		case k < 6:
			e.Kind = event.Read
		case k < 9:
			e.Kind = event.Write
		case k < 12:
			e.Kind, e.Size = event.ReadRange, uint32(r.IntN(25))
		case k < 14:
			e.Kind, e.Size = event.WriteRange, uint32(r.IntN(25))
		case k < 18:
			e.Kind = event.AtomicLoad + event.Kind(r.IntN(3))
			if e.Kind == event.AtomicRMW && r.IntN(2) == 0 {
				e.Flags |= event.Failed
			}
		case k < 20:
			e.Kind = event.MapRead + event.Kind(r.IntN(2))
		case k < 23:
			if len(live) > 12 {
				continue
			}
			e.Kind, e.Aux = event.Spawn, uint64(next)
			live = append(live, next)
			next++
		case k < 24:
			if e.G <= 1 {
				continue
			}
			e.Kind = event.Exit
			for i := range live {
				if live[i] == e.G {
					live = append(live[:i], live[i+1:]...)
					break
				}
			}
		case k < 25:
			e.G, e.Kind, e.Aux = next, event.Adopt, r.Uint64N(2)
			if e.Aux == 1 && r.IntN(2) == 0 {
				e.G = live[r.IntN(len(live))]
				break
			}
			live = append(live, next)
			next++
		case k < 26:
			e.Kind, e.Size = event.Alloc, uint32(r.IntN(20))
		case k < 28:
			e.G = 0
			switch {
			case firing:
				e.Kind = event.TimerDone
				firing = false
			case firings < timerLanes:
				e.Kind, e.Addr = event.TimerFire, 0x2000+8*r.Uint64N(objects)
				firing = true
				firings++
			default:
				continue
			}
		case k < 29:
			e.Kind = []event.Kind{event.ChanSend, event.Block, event.Wake, event.Yield, event.Lock}[r.IntN(5)]
		case k < 30:
			// Too large for words: exercises the list of big accesses.
			e.Kind, e.Size = event.ReadRange+event.Kind(r.IntN(2)), bigWords*8+uint32(r.IntN(100))
		default:
			e.Kind, e.Addr = event.Acquire+event.Kind(r.IntN(4)), 0x2000+4*r.Uint64N(objects)
		}
		if (e.Kind.IsAtomic() || e.Kind >= event.Acquire && e.Kind <= event.ReleaseAcquire) && r.IntN(12) == 0 {
			e.Flags |= event.Unsync
		}
		log = append(log, e)
	}
	return log
}

// check compares a run with the oracle: each reported pair races, and each
// access that races with an earlier one is the second of a reported pair.
func check(d *Detector, log []event.Event) error {
	races := oracle(log)
	second := map[int32]bool{}
	for p := range races {
		second[p[1]] = true
	}
	for _, r := range d.Run(log) {
		if !races[[2]int32{r.First, r.Second}] {
			return fmt.Errorf("reported %d,%d, which do not race", r.First, r.Second)
		}
		if lo, hi := bytesOf(&log[r.Second]); r.Addr < lo || r.Addr > hi {
			return fmt.Errorf("race %d,%d reported at %#x, which %d does not touch", r.First, r.Second, r.Addr, r.Second)
		}
		if lo, hi := bytesOf(&log[r.First]); r.Addr < lo || r.Addr > hi {
			return fmt.Errorf("race %d,%d reported at %#x, which %d does not touch", r.First, r.Second, r.Addr, r.First)
		}
		delete(second, r.Second)
	}
	for j := range second {
		return fmt.Errorf("event %d races with an earlier one and was not reported", j)
	}
	if !d.Exact() {
		return fmt.Errorf("not exact")
	}
	return nil
}

func dump(log []event.Event) string {
	var b strings.Builder
	for i, e := range log {
		fmt.Fprintf(&b, "%3d g%d kind %d addr %#x size %d aux %d flags %d\n", i, e.G, e.Kind, e.Addr, e.Size, e.Aux, e.Flags)
	}
	return b.String()
}

// TestRunAgreesWithReachability compares with the brute-force oracle.
func TestRunAgreesWithReachability(t *testing.T) {
	d := New()
	d.limit = 1 << 20
	logs := 30000
	if testing.Short() {
		logs = 5000
	}
	racy := 0
	for seed := range uint64(logs) {
		log := randomLog(rand.New(rand.NewPCG(seed, 1)))
		if err := check(d, log); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, dump(log))
		}
		if len(d.races) > 0 {
			racy++
		}
	}
	if racy < logs/20 || racy > logs*19/20 {
		t.Errorf("%d of %d random logs have races: the generator has lost its balance", racy, logs)
	}
	t.Logf("%d of %d logs have races", racy, logs)
}
