package detect

import (
	"math/rand/v2"
	"testing"

	"github.com/ghostread/ghostread/explore/event"
)

// TestPairs compares with sets that share no slots.
func TestPairs(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	var p Pairs
	type pair struct{ first, second uint64 }
	met := map[pair]bool{}
	for range 200 {
		type touch struct {
			pc uint64
			g  int32
		}
		last := map[uint64]touch{}
		var log []event.Event
		want := 0
		for range 100 {
			e := event.Event{Kind: event.Read, Addr: 0xc000_0000 + 8*r.Uint64N(16), PC: 0x40_0000 + r.Uint64N(20), G: 1 + r.Int32N(3)}
			switch r.IntN(8) {
			case 0:
				e.Kind, e.Addr = event.Acquire, 0xc000_0000 // orders, but is no operation
			case 1:
				e.Kind = event.Alloc
			case 2:
				e.Kind = event.ChanSend
			}
			log = append(log, e)
			if e.Kind != event.Read && e.Kind != event.ChanSend {
				continue
			}
			if l, ok := last[e.Addr]; ok && l.g != e.G && !met[pair{l.pc, e.PC}] {
				met[pair{l.pc, e.PC}] = true
				want++
			}
			last[e.Addr] = touch{e.PC, e.G}
		}
		if got := p.Add(log); got != want {
			t.Fatalf("%d new pairs, want %d", got, want)
		}
	}
	if p.Len() != uint64(len(met)) {
		t.Errorf("%d pairs, want %d", p.Len(), len(met))
	}
}

func BenchmarkPairs(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	log := make([]event.Event, 250)
	for i := range log {
		log[i] = event.Event{Kind: event.Read, Addr: 0xc000_0000 + 8*r.Uint64N(40), PC: 0x40_0000 + r.Uint64N(60), G: 1 + r.Int32N(4)}
	}
	var p Pairs
	for b.Loop() {
		p.Add(log)
	}
}
