//go:build ghostread_guest

package runtime

import "unsafe"

// What a walk over the heap needs. The guest asks whether anything that can
// still run holds what a parked goroutine waits for; the idea is that of
// Saioc, Lange and others, "Unveiling and Vanquishing Goroutine Leaks in
// Enterprise Microservices" (CGO 2024), and of runtime/mgc.go's goroutine leak
// profile. The walk is conservative: any word that looks like a pointer is one.

// ghostread_object returns the heap object that contains p; size is 0 if none
// does. noscan means that it holds no pointers.
//
//go:linkname ghostread_object internal/ghostread/guest.runtimeObject
func ghostread_object(p uintptr) (base, size uintptr, noscan bool) {
	s := spanOf(p)
	if s == nil || s.state.get() != mSpanInUse || p < s.base() || p >= s.limit {
		return 0, 0, false
	}
	return s.base() + s.objIndex(p)*s.elemsize, s.elemsize, s.spanclass.noscan()
}

// ghostread_roots calls f for each range of memory that holds package
// variables, without the table of goroutines that wait for semaphores: it
// knows every mutex that someone waits for.
//
//go:linkname ghostread_roots internal/ghostread/guest.runtimeRoots
func ghostread_roots(f func(lo, hi uintptr)) {
	lo := uintptr(unsafe.Pointer(&semtable))
	hi := lo + unsafe.Sizeof(semtable)
	for _, md := range activeModules() {
		f(md.data, md.edata)
		if md.bss <= lo && hi <= md.ebss {
			f(md.bss, lo)
			f(hi, md.ebss)
		} else {
			f(md.bss, md.ebss)
		}
	}
}

// ghostread_stacks calls f for all that knows what goroutines do without being a
// reference to it: for each goroutine, with the id that it has in the world that
// ended last (0 if it is not of that world) and its stack; for what it waits with;
// for each P, with its timers and the id -1; and for each thread. The memory that
// nothing is to be looked for in has lo >= hi.
//
//go:linkname ghostread_stacks internal/ghostread/guest.runtimeStacks
func ghostread_stacks(f func(holder uintptr, id int32, driver bool, lo, hi uintptr)) {
	for _, gp := range allGs() {
		s := readgstatus(gp) &^ _Gscan
		if s == _Gdead || s == _Gidle || isSystemGoroutine(gp, false) {
			f(uintptr(unsafe.Pointer(gp)), 0, false, 0, 0)
			continue
		}
		var id int32
		if gp.ghost.world == ghost.world {
			id = gp.ghost.id
		}
		// Below its stack pointer a goroutine has what others left there that had
		// the stack before it.
		lo := gp.stack.lo
		switch {
		case s == _Gwaiting || s == _Grunnable || s == _Gpreempted:
			lo = gp.sched.sp
		case s == _Gsyscall && gp.syscallsp != 0:
			lo = gp.syscallsp
		}
		for sg := gp.waiting; sg != nil; sg = sg.waitlink {
			f(uintptr(unsafe.Pointer(sg)), 0, false, 0, 0)
		}
		f(uintptr(unsafe.Pointer(gp)), id, gp == ghost.driver.ptr(), lo, gp.stack.hi)
	}
	// A P remembers in its write barrier buffer what the program wrote during the
	// last collection (mwbbuf.go).
	for _, pp := range allp {
		lo := uintptr(unsafe.Pointer(&pp.timers))
		f(uintptr(unsafe.Pointer(pp)), -1, false, lo, lo+unsafe.Sizeof(pp.timers))
	}
	// What threads know is the runtime's, and the end of a stack can be the
	// address of an object behind it.
	for mp := allm; mp != nil; mp = mp.alllink {
		for _, p := range [...]unsafe.Pointer{unsafe.Pointer(mp), unsafe.Pointer(mp.g0), unsafe.Pointer(mp.gsignal)} {
			f(uintptr(p), 0, false, 0, 0)
		}
	}
}

func allGs() []*g {
	lock(&allglock)
	list := allgs[:len(allgs):len(allgs)]
	unlock(&allglock)
	return list
}
