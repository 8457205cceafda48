package strategy

import "github.com/ghostread/ghostread/explore/event"

// pendingSize is for how many goroutines a pending table has room. Two whose
// ids are equal modulo it share a place; the one that was there first then
// counts as having nothing pending, which costs spread and nothing else.
const pendingSize = 256

// pending remembers at which operation each goroutine was preempted. Objects
// are only compared with each other: their addresses differ from one execution
// to the next, and a schedule must not.
//
// An operation is there from the decision at which its goroutine was the
// current one until the goroutine is chosen. A goroutine that went on without
// a decision, because nobody else could, leaves a stale one behind until its
// next point.
type pending struct {
	execution uint32 // entries of earlier ones do not count
	ops       [pendingSize]operation
}

type operation struct {
	execution uint32
	g         int32
	object    uint64 // 0 if there is no operation, or none that others notice
	rank      uint64 // of POS
	class     uint8  // of SURW
	kind      event.Kind
	waiting   bool // the goroutine is at a point, and not just started or woken
}

func (p *pending) begin() { p.execution++ }

// of returns the entry of g, and whether it was g's already. It takes one that
// was not.
func (p *pending) of(g int32) (op *operation, was bool) {
	op = &p.ops[uint32(g)&(pendingSize-1)]
	if op.execution == p.execution && op.g == g {
		return op, true
	}
	*op = operation{execution: p.execution, g: g}
	return op, false
}

// arrive notes what the current goroutine is about to do. c.Cur is not 0.
func (p *pending) arrive(c *Choice) *operation {
	op, _ := p.of(c.Cur)
	op.object, op.kind, op.waiting = c.Object, c.Kind, true
	return op
}

// conflicts reports whether it matters which of two operations comes first:
// they touch one object and not both only look at it. A select names none of
// its channels, so it conflicts with whatever is done to a channel.
func conflicts(a, b *operation) bool {
	if !a.waiting || !b.waiting {
		return false
	}
	if a.kind == event.Select || b.kind == event.Select {
		return onChannel(a.kind) && onChannel(b.kind)
	}
	return a.object != 0 && a.object == b.object && !(looks(a.kind) && looks(b.kind))
}

func onChannel(k event.Kind) bool {
	return k >= event.ChanSend && k <= event.Select || k == event.ChanLen
}

// looks reports whether two operations of such kinds on one object commute.
func looks(k event.Kind) bool {
	switch k {
	case event.RLock, event.TryRLock, event.RUnlock, event.WaitGroupWait, event.ChanLen:
		return true
	}
	return k.IsMemory() && !k.IsWrite()
}
