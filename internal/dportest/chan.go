package dportest

import (
	"slices"

	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/strategy"
)

// hchan is runtime/chan.go. What it logs of the order between sender and
// receiver is left out: it is in the step of the operation, and about parts of
// the channel.
type hchan struct {
	buf          []int8
	closed       bool
	recvq, sendq []*sudog
}

// sudog is a goroutine in the queue of a channel.
type sudog struct {
	t    *thread
	cas  int // of a select; -1: none
	val  int8
	ok   bool
	over *bool // the select has another case, or it is done
}

// next takes the first from a queue who has not been served elsewhere.
func next(q *[]*sudog) *sudog {
	for len(*q) > 0 {
		s := (*q)[0]
		*q = (*q)[1:]
		if !*s.over {
			*s.over = true
			return s
		}
	}
	return nil
}

func (t *thread) serve(s *sudog, ok bool) {
	s.ok = ok
	s.t.won = s
	t.ready(s.t)
}

func addrOf(ch int) uint64 {
	if ch == nilChan {
		return 0
	}
	return addrChan + uint64(ch)*apart
}

// wait parks in the queue of a channel, or for ever.
func (t *thread) wait(q *[]*sudog, val int8) *sudog {
	if q != nil {
		*q = append(*q, &sudog{t: t, cas: -1, val: val, over: new(bool)})
	}
	t.park(0)
	return t.won
}

func (t *thread) send(ch int, v int8) {
	t.point(event.ChanSend, addrOf(ch))
	if ch == nilChan {
		t.wait(nil, 0)
	}
	if c := &t.m.chans[ch]; !t.put(c, ch, v) && !t.wait(&c.sendq, v).ok {
		panic(panicked{})
	}
}

// put sends without waiting, if it can.
func (t *thread) put(c *hchan, ch int, v int8) bool {
	if c.closed {
		panic(panicked{})
	}
	if s := next(&c.recvq); s != nil {
		s.val = v
		t.serve(s, true)
		return true
	}
	if len(c.buf) == ch {
		return false
	}
	c.buf = append(c.buf, v)
	return true
}

func (t *thread) receive(ch int) (v int8, ok bool) {
	t.point(event.ChanRecv, addrOf(ch))
	if ch == nilChan {
		t.wait(nil, 0)
	}
	c := &t.m.chans[ch]
	v, ok, done := t.take(c)
	if !done {
		s := t.wait(&c.recvq, 0)
		v, ok = s.val, s.ok
	}
	if !ok {
		v = Closed
	}
	return v, ok
}

// take receives without waiting, if it can.
func (t *thread) take(c *hchan) (v int8, ok, done bool) {
	if c.closed && len(c.buf) == 0 {
		return Closed, false, true
	}
	if !c.closed {
		if s := next(&c.sendq); s != nil {
			c.buf = append(c.buf, s.val)
			t.serve(s, true)
		}
	}
	if len(c.buf) == 0 {
		return 0, false, false
	}
	v = c.buf[0]
	c.buf = c.buf[1:]
	return v, true, true
}

func (t *thread) close(ch int) {
	t.point(event.ChanClose, addrOf(ch))
	c := &t.m.chans[ch]
	if c.closed {
		panic(panicked{})
	}
	c.closed = true
	for s := next(&c.recvq); s != nil; s = next(&c.recvq) {
		s.val = Closed
		t.serve(s, false)
	}
	for s := next(&c.sendq); s != nil; s = next(&c.sendq) {
		t.serve(s, false)
	}
}

// choose is selectgo, with ghostSelect: which ready case it takes is a
// decision.
func (t *thread) choose(o *Op) {
	t.point(event.Select, 0)
	var order, ready []int
	for i, c := range o.Cases { // sends come first
		if c.Send && c.Ch != nilChan {
			order = append(order, i)
		}
	}
	for i, c := range slices.Backward(o.Cases) {
		if !c.Send && c.Ch != nilChan {
			order = append(order, i)
		}
	}
	for _, i := range order {
		c := o.Cases[i]
		ch, kind := &t.m.chans[c.Ch], event.ChanRecv
		if c.Send {
			kind = event.ChanSend
		}
		t.m.emit(event.Event{Kind: kind, G: t.id, Addr: addrOf(c.Ch), Aux: 1})
		if ch.closed || c.Send && (len(ch.recvq) > 0 || len(ch.buf) < c.Ch) || !c.Send && (len(ch.sendq) > 0 || len(ch.buf) > 0) {
			ready = append(ready, i)
		}
	}
	if len(ready) > 1 {
		ids := make([]int32, len(ready))
		for i := range ids {
			ids[i] = int32(i + 1)
		}
		k := t.m.ask(&strategy.Choice{Enabled: ids, Cur: t.id, Kind: event.Case})
		ready[0], ready[k-1] = ready[k-1], ready[0]
	}
	for _, i := range ready { // one that was served elsewhere may still stand in a queue
		c := o.Cases[i]
		ch := &t.m.chans[c.Ch]
		if c.Send {
			if t.put(ch, c.Ch, int8(c.Val)) {
				t.note(int8(i))
				return
			}
		} else if v, _, done := t.take(ch); done {
			t.note(int8(i))
			t.note(v)
			return
		}
	}
	if o.Val == 1 {
		t.note(int8(len(o.Cases)))
		return
	}
	over := new(bool)
	for _, i := range order {
		c := o.Cases[i]
		s := &sudog{t: t, cas: i, val: int8(c.Val), over: over}
		if q := &t.m.chans[c.Ch]; c.Send {
			q.sendq = append(q.sendq, s)
		} else {
			q.recvq = append(q.recvq, s)
		}
	}
	t.park(0)
	for _, i := range order {
		q := &t.m.chans[o.Cases[i].Ch]
		mine := func(s *sudog) bool { return s.over == over }
		q.sendq, q.recvq = slices.DeleteFunc(q.sendq, mine), slices.DeleteFunc(q.recvq, mine)
	}
	s := t.won
	send := o.Cases[s.cas].Send
	if send && !s.ok {
		panic(panicked{})
	}
	if t.note(int8(s.cas)); !send {
		t.note(s.val)
	}
}
