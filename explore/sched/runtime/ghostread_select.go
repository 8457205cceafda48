//go:build ghostread_guest

package runtime

import "unsafe"

// Which of the cases of a select that are ready is taken.

// ghostSelectRand orders the cases of a select: as they are written, where
// ghostSelect decides.
func ghostSelectRand(n uint32) uint32 {
	if ghostMine() {
		if ghost.cases {
			return n - 1
		}
		return ghostRandn(n)
	}
	return cheaprandn(n)
}

// ghostSelect is called when the cases of a select are in order. Where all
// schedules are explored, it puts the one first that is decided upon; the
// strategy is asked with the numbers, from 1, of those that are ready. Nothing
// can become ready or stop being so before selectgo looks itself. While stacks
// are captured, or the execution is watched, it only notes what the cases are.
func ghostSelect(order []uint16, cases []scase, nsends int) {
	if !ghost.cases && !ghost.capture && !ghostSpin.on || !ghostMine() {
		return
	}
	id, ready := getg().ghost.id, 0
	for i, k := range order {
		c, send := cases[k].c, int(k) < nsends
		kind := uint8(gkChanRecv)
		if send {
			kind = gkChanSend
		}
		if ghost.cases || ghost.capture {
			ghostLog(kind, id, uintptr(unsafe.Pointer(c)), 0, 0, 1)
		}
		ghostTouch(kind, uintptr(unsafe.Pointer(c)), 0)
		if c.closed != 0 || send && (c.recvq.first != nil || c.qcount < c.dataqsiz) || !send && (c.sendq.first != nil || c.qcount > 0) {
			if ghost.cases {
				order[ready], order[i] = k, order[ready]
			}
			ready++
		}
	}
	if ready < 2 {
		return
	}
	ghostSpin.dirty = true // chance has a say
	if !ghost.cases {
		return
	}
	pick := int32(0)
	systemstack(func() {
		for i := range ready {
			ghost.ids[i] = int32(i + 1)
		}
		pick = ghostAsk(int32(ready), id, gkCase, 0, 0) - 1
	})
	order[0], order[pick] = order[pick], order[0]
}
