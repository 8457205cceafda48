package detect

import "github.com/ghostread/ghostread/explore/event"

// Pairs counts the pairs of operations that have met: two places in the code
// at which two goroutines touched the same word, object of synchronisation or
// map one after the other. What executions still add to it says whether more
// of them are worth their time (Lu, Jiang, Zhou: A study of interleaving
// coverage criteria, ESEC/FSE 2007; adjacent accesses). It is an estimate:
// objects and pairs share slots of tables with a fixed size.
//
// The zero value has met none. It must not be used concurrently.
type Pairs struct {
	n     uint64
	epoch uint32
	last  [1 << 11]struct {
		addr, pc uint64
		epoch    uint32
		g        int32
	}
	met [1 << 14]uint64 // a bit for each hash
}

// Add takes the log of an execution and returns how many pairs are new. It
// takes time in proportion to the log.
func (p *Pairs) Add(log []event.Event) (fresh int) {
	p.epoch++
	for i := range log {
		e := &log[i]
		if e.Kind >= event.Spawn || e.Addr == 0 || e.G == 0 || e.Kind >= event.Acquire && e.Kind < event.ChanSend {
			continue
		}
		l := &p.last[e.Addr*0x9e3779b97f4a7c15>>(64-11)]
		if l.epoch == p.epoch && l.addr == e.Addr && l.g != e.G {
			h := (l.pc*0xbf58476d1ce4e5b9 ^ e.PC) * 0x94d049bb133111eb
			word, bit := &p.met[h>>(64-14)], uint64(1)<<(h>>(64-20)&63)
			if *word&bit == 0 {
				*word |= bit
				fresh++
			}
		}
		l.addr, l.pc, l.epoch, l.g = e.Addr, e.PC, p.epoch, e.G
	}
	p.n += uint64(fresh)
	return fresh
}

// Len returns how many pairs have met.
func (p *Pairs) Len() uint64 { return p.n }
