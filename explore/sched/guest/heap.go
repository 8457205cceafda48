//go:build ghostread_guest

package guest

import (
	"strconv"
	"unsafe"
)

// Provided by package runtime (ghostread_heap.go there).

//go:linkname runtimeObject
func runtimeObject(p uintptr) (base, size uintptr, noscan bool)

//go:linkname runtimeRoots
func runtimeRoots(f func(lo, hi uintptr))

//go:linkname runtimeStacks
func runtimeStacks(f func(holder uintptr, id int32, driver bool, lo, hi uintptr))

// walk finds out which of the goroutines that wait can never go on: those
// whose channels and locks nothing but themselves and each other can reach.
// A worker that waits on a channel in a package variable is not one of them.
//
// Addresses of what goroutines wait for are kept complemented (see goroutine),
// so that our own copies of them are not taken for references.
type walk struct {
	seen map[uintptr]bool // object bases
	gs   map[uintptr]bool // what the runtime has of goroutines and Ps: it knows what they wait for
	work [][2]uintptr
	vars [][2]uintptr // package variables
}

// hopeless marks those of list that can never go on. It takes time linear in
// the heap. The stack of the goroutine that runs the loop is not looked at: it
// is ours.
func hopeless(list []goroutine) {
	waiting := map[int32]*goroutine{}
	for i := range list {
		if list[i].parked() {
			waiting[list[i].id] = &list[i]
		}
	}
	if len(waiting) == 0 {
		return
	}
	w := &walk{seen: map[uintptr]bool{}, gs: map[uintptr]bool{}}
	stacks := map[int32][2]uintptr{}
	runtimeStacks(func(holder uintptr, id int32, driver bool, lo, hi uintptr) {
		base, _, _ := runtimeObject(holder)
		w.gs[base] = true
		switch {
		case waiting[id] != nil && id != 0:
			stacks[id] = [2]uintptr{lo, hi}
		case lo < hi && !driver:
			w.work = append(w.work, [2]uintptr{lo, hi})
		}
	})
	runtimeRoots(func(lo, hi uintptr) {
		w.vars = append(w.vars, [2]uintptr{lo, hi})
		w.work = append(w.work, [2]uintptr{lo, hi})
	})
	for {
		w.drain()
		more := false
		for id, g := range waiting {
			if w.reaches(g) {
				w.work = append(w.work, stacks[id])
				delete(waiting, id)
				more = true
			}
		}
		if !more {
			break
		}
	}
	for _, g := range waiting {
		g.hopeless = true
	}
}

func (w *walk) drain() {
	for len(w.work) > 0 {
		r := w.work[len(w.work)-1]
		w.work = w.work[:len(w.work)-1]
		for p := (r[0] + 7) &^ 7; p+8 <= r[1]; p += 8 {
			base, size, noscan := runtimeObject(*(*uintptr)(unsafe.Pointer(p)))
			if size == 0 || w.seen[base] || w.gs[base] {
				continue
			}
			w.seen[base] = true
			if !noscan {
				w.work = append(w.work, [2]uintptr{base, base + size})
			}
		}
	}
}

// reaches reports whether something that g waits for has been seen.
func (w *walk) reaches(g *goroutine) bool {
	if g.nchan == 0 {
		return w.has(^g.obj)
	}
	for _, c := range g.channels[:g.nchan] {
		if w.has(^c) {
			return true
		}
	}
	return false
}

func (w *walk) has(p uintptr) bool {
	base, size, _ := runtimeObject(p)
	if size != 0 {
		return w.seen[base]
	}
	for _, v := range w.vars {
		if v[0] <= p && p < v[1] {
			return true
		}
	}
	return false
}

// maxHolders bounds references: it walks the heap once for each goroutine.
const maxHolders = 24

// references returns, for each of list that waits, the ids of the goroutines of
// list that can reach something it waits for, itself included, separated by
// spaces; 0 stands for package variables. "?" means that there are too many
// goroutines to find out, "" that the goroutine does not wait for an object. It
// takes time linear in the heap for each goroutine.
func references(list []goroutine) []string {
	holders := make([]string, len(list))
	stacks := map[int32][2]uintptr{}
	gs := map[uintptr]bool{}
	var vars [][2]uintptr
	runtimeStacks(func(holder uintptr, id int32, driver bool, lo, hi uintptr) {
		base, _, _ := runtimeObject(holder)
		gs[base] = true
		switch {
		case id > 0:
			stacks[id] = [2]uintptr{lo, hi}
		case id < 0: // timers belong to nobody either
			vars = append(vars, [2]uintptr{lo, hi})
		}
	})
	look := func(id int32, from ...[2]uintptr) {
		w := &walk{seen: map[uintptr]bool{}, gs: gs, work: from}
		if id == 0 {
			w.vars = append(w.vars, from...)
		}
		w.drain()
		for i := range list {
			if g := &list[i]; g.parked() && w.reaches(g) {
				if holders[i] != "" {
					holders[i] += " "
				}
				holders[i] += strconv.Itoa(int(id))
			}
		}
	}
	if len(list) > maxHolders {
		for i := range list {
			holders[i] = "?"
		}
		return holders
	}
	runtimeRoots(func(lo, hi uintptr) { vars = append(vars, [2]uintptr{lo, hi}) })
	look(0, vars...)
	for i := range list {
		if s, ok := stacks[list[i].id]; ok {
			look(list[i].id, s)
		}
	}
	return holders
}
