package inspect

import (
	"reflect"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// frame is a call that has not returned.
type frame struct {
	site  *site
	sp    uint64
	base  uint64     // the stack pointer before the call
	varp  uint64     // where its locals end
	argp  uint64     // where its arguments begin
	known bool       // which words are live is known
	regs  *registers // what registers had at its place; nil if it is a call, which keeps none
}

// siteKey is a place in the code. A return address stands for the call before
// it; an exact one is the instruction that comes next.
type siteKey struct {
	pc    uint64
	exact bool
}

// site is what is known of a place in the code.
type site struct {
	fn       *function
	name     string
	pc, next uint64 // the instruction, and where it goes on
	done     bool   // the rest, from vars on, is known
	delta    int64  // from the stack pointer to the frame's base, without the return address
	locals   bitmap
	args     bitmap
	live     bool // locals and args are known
	objects  []object
	vars     []variable
	unnamed  []int64  // places of live words that no variable has, from the base; those of args from argp
	calls    []string // the functions, those that are inlined first
	runtime  bool     // of the runtime itself, whose variables are not the program's
}

// variable is one of a site that may lead to a map.
type variable struct {
	plan    *plan // nil for the address of the closure that is called
	path    int32
	size    int64
	places  []gobinary.Place
	closure []gobinary.Capture
}

// maxVariable bounds the bytes of one variable.
const maxVariable = 1 << 22

// site returns what is known of a place in the code, nil if it is not Go's.
func (s *stacks) site(pc uint64, exact bool) *site {
	k := siteKey{pc, exact}
	x, ok := s.sites[k]
	if !ok {
		x = s.newSite(pc, exact)
		s.sites[k] = x
	}
	return x
}

func (s *stacks) newSite(pc uint64, exact bool) *site {
	fn := s.f.at(pc)
	if !exact && pc > 0 {
		// The call may be the last instruction of its function.
		if fn = s.f.at(pc - 1); fn == nil || pc-1 < fn.entry {
			fn = s.f.at(pc)
		}
	}
	if fn == nil {
		return nil
	}
	x := &site{fn: fn, name: shortName(fn.name), runtime: ofRuntime(fn.name)}
	look := pc
	if !exact && pc != fn.entry {
		look--
	}
	d := s.f.value(fn, fn.pcsp, pc)
	if d < 0 {
		d = s.f.value(fn, fn.pcsp, look)
	}
	if d < 0 {
		return nil
	}
	x.delta = int64(d)
	if !exact || pc == fn.entry {
		index := int32(-1)
		if pc != fn.entry && len(fn.pc) > pcdataStackMap {
			index = s.f.value(fn, fn.pc[pcdataStackMap], look)
		}
		index = max(index, 0)
		var ok1, ok2 bool
		x.locals, ok1 = s.f.stackMap(fn, funcdataLocals, index)
		x.args, ok2 = s.f.stackMap(fn, funcdataArgs, index)
		x.live = ok1 || ok2
		x.objects = s.f.objects(fn)
	}
	x.pc, x.next = look, pc
	return x
}

// ofRuntime reports whether a function is one of the runtime itself.
func ofRuntime(name string) bool {
	return strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "internal/runtime/") || strings.HasPrefix(name, "runtime/internal/")
}

// describe finds the variables of a place that may lead to a map. It is done
// when the frames of a stack are looked at, the outermost first: so their
// variables have the lower paths, and own what both lead to.
func (s *stacks) describe(x *site) {
	if x.done || x.runtime {
		return
	}
	x.done = true
	w := s.w
	code, known, err := w.t.Image.Code(x.pc-w.t.bias, x.next-w.t.bias)
	if !known || err != nil {
		return
	}
	for _, name := range append(code.Inlined, x.fn.name) {
		x.calls = append(x.calls, shortName(name))
	}
	var covered []object // from the base
	for _, l := range code.Locals {
		size := int64(8)
		if !l.Closure {
			size = l.Type.Size
		}
		if size <= 0 || size > maxVariable {
			continue
		}
		name := x.name
		if l.Function != "" {
			name = shortName(l.Function)
		}
		v := variable{size: size, places: l.Places}
		if l.Listed && len(l.Places) == 1 && size > 8 && inRegisters(l.Type, 0) && !s.whole(x, l.Places[0].At, size) {
			v.places = []gobinary.Place{l.Places[0]}
			v.places[0].Size = 8
		}
		at := int64(0)
		for _, p := range v.places {
			n := p.Size
			if n == 0 || n > size-at {
				n = size - at
			}
			if p.Kind == gobinary.InFrame {
				if p.Via {
					n = 8
				}
				covered = append(covered, object{p.At, p.At + n})
			}
			at += n
		}
		if l.Closure {
			v.closure, _ = w.t.Image.Closure(x.fn.entry - w.t.bias)
			if len(v.closure) == 0 {
				continue
			}
			v.path = -1
		} else {
			if !w.reach[l.Type] || ofRuntime(name) {
				continue
			}
			if v.plan = w.plan(l.Type); len(v.plan.words) == 0 {
				continue
			}
			v.path = s.root(name, l.Name, l.Type)
		}
		x.vars = append(x.vars, v)
	}
	x.unnamed = s.uncovered(x, covered)
}

// inRegisters reports whether the compiler takes variables of a type apart, to
// keep the parts in registers (cmd/compile/internal/ssa/value.go, CanSSA, Go
// 1.20 to 1.27). Where of a variable's parts only the first has a place, the
// DWARF says that the variable is there.
func inRegisters(t *gobinary.Type, depth int) bool {
	const parts = 4
	switch {
	case t == nil || t.Size > parts*8 || depth > parts:
		return false
	case t.Kind == reflect.Array:
		return t.Len == 0 || t.Len == 1 && inRegisters(t.Elem, depth+1)
	case t.Kind == reflect.Struct:
		if len(t.Fields) > parts {
			return false
		}
		for _, f := range t.Fields {
			if !inRegisters(f.Type, depth+1) {
				return false
			}
		}
	}
	return true
}

// whole reports whether a variable at an offset from the base is kept in memory
// because its address is taken.
func (s *stacks) whole(x *site, at, size int64) bool {
	f := frame{site: x, sp: 1 << 40}
	s.extent(&f)
	for _, o := range x.objects {
		from := int64(f.argp-f.base) + o.from
		if o.from < 0 {
			from = int64(f.varp-f.base) + o.from
		}
		if from == at && o.to-o.from == size {
			return true
		}
	}
	return false
}

// uncovered returns the live words of a frame that no variable has.
func (s *stacks) uncovered(x *site, covered []object) (list []int64) {
	slices.SortFunc(covered, func(a, b object) int { return int(a.from - b.from) })
	has := func(off int64) bool {
		return slices.ContainsFunc(covered, func(o object) bool { return o.from <= off && off < o.to })
	}
	f := frame{site: x, sp: 1 << 40}
	s.extent(&f)
	for i := range x.locals.n {
		if off := int64(f.varp-f.base) + 8*int64(i-x.locals.n); x.locals.has(i) && !has(off) {
			list = append(list, off)
		}
	}
	for i := range x.args.n {
		if off := int64(f.argp-f.base) + 8*int64(i); x.args.has(i) && !has(off) {
			list = append(list, off)
		}
	}
	return list
}

// extent computes from the stack pointer of a frame where its parts are
// (runtime/traceback.go, resolveInternal, Go 1.20 to 1.27, on amd64 and arm64).
func (s *stacks) extent(f *frame) {
	const word = 8
	f.base = f.sp + uint64(f.site.delta)
	if s.f.link {
		f.varp, f.argp = f.base, f.base+word
	} else {
		f.base += word // the return address
		f.varp, f.argp = f.base-word, f.base
	}
	if f.varp > f.sp {
		f.varp -= word // the caller's frame pointer
	}
}

// word returns what is on the stack of a goroutine at an address.
func (g *goroutine) word(addr uint64) (uint64, bool) {
	if addr < g.sp || addr-g.sp+8 > uint64(len(g.stack)) {
		return 0, false
	}
	return u64(g.stack, int64(addr-g.sp)), true
}

// Functions that were not called by the code below them on the stack, but put
// there by a signal: that code goes on at the very instruction.
func injected(name string) bool {
	return name == "runtime.sigpanic" || name == "runtime.asyncPreempt" || strings.HasPrefix(name, "runtime.debugCall")
}

// unwind finds the frames of a goroutine, the innermost first. The base of each
// is above that of the one before, so it ends.
func (s *stacks) unwind(g *goroutine) {
	s.frames = s.frames[:0]
	pc, sp, lr, exact, regs := g.pc, g.sp, g.lr, g.exact, g.regs
	for inner := true; ; inner = false {
		x := s.site(pc, exact)
		if x == nil {
			s.Cut++
			return
		}
		f := frame{site: x, sp: sp, known: x.live, regs: regs}
		s.extent(&f)
		if f.base > g.hi || f.base < sp || !s.f.link && f.base == sp {
			s.Cut++
			return
		}
		s.frames = append(s.frames, f)
		s.Frames++
		if x.fn.top {
			return
		}
		if x.fn.split && !inner {
			s.Cut++
			return
		}
		ret, ok := lr, true
		switch {
		case !s.f.link:
			ret, ok = g.word(f.base - 8)
		case inner && sp < f.base || lr == 0:
			ret, ok = g.word(sp)
		}
		if !ok || ret == 0 || ret == pc && f.base == sp {
			s.Cut++
			return
		}
		regs = nil
		if x.fn.name == "runtime.asyncPreempt" && !exact {
			regs = s.saved(g, sp)
		}
		pc, sp, lr, exact = ret, f.base, 0, injected(x.fn.name)
		if exact && s.f.link {
			// The link register was saved before the call was put there.
			saved, ok := g.word(sp)
			if sp += 16; !ok {
				s.Cut++
				return
			}
			if next := s.site(pc, true); next != nil && next.delta == 0 {
				lr = saved
			}
		}
	}
}

// Registers that runtime.asyncPreempt saves, by DWARF number, -1 for what lies
// between them (runtime/preempt_amd64.s and preempt_arm64.s, Go 1.20 to 1.27).
var (
	savedAMD64 = [...]int{0, 2, 1, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15}
	savedARM64 = [...]int{-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26}
)

// saved returns the registers that runtime.asyncPreempt has saved at sp.
func (s *stacks) saved(g *goroutine, sp uint64) *registers {
	r, list := new(registers), savedAMD64[:]
	if s.f.link {
		list = savedARM64[:]
	}
	for i, number := range list {
		if number >= 0 {
			r.dwarf[number], _ = g.word(sp + 8*uint64(i))
		}
	}
	return r
}

// stackObject is a variable in a frame whose address is taken.
type stackObject struct {
	from, to uint64
	live     bool
}

// live decides which variables whose address is taken are live, as the garbage
// collector does: those that a live word of the stack points to, or a word of
// such a variable.
func (s *stacks) live(g *goroutine) {
	s.objects = s.objects[:0]
	for i := range s.frames {
		f := &s.frames[i]
		for _, o := range f.site.objects {
			at := f.argp
			if o.from < 0 {
				at = f.varp
			}
			s.objects = append(s.objects, stackObject{from: at + uint64(o.from), to: at + uint64(o.to)})
		}
	}
	if len(s.objects) == 0 {
		return
	}
	slices.SortFunc(s.objects, func(a, b stackObject) int {
		if a.from < b.from {
			return -1
		}
		return 1
	})
	var todo []*stackObject
	mark := func(v uint64) {
		if o := s.object(v); o != nil && !o.live {
			o.live = true
			todo = append(todo, o)
		}
	}
	each := func(from, to uint64) {
		for at := from; at+8 <= to; at += 8 {
			if v, ok := g.word(at); ok && v >= g.sp && v < g.hi {
				mark(v)
			}
		}
	}
	for i := range s.frames {
		f := &s.frames[i]
		if !f.known {
			each(f.sp, f.base)
			continue
		}
		for i := range f.site.locals.n {
			if at := f.varp - 8*uint64(f.site.locals.n-i); f.site.locals.has(i) {
				each(at, at+8)
			}
		}
		for i := range f.site.args.n {
			if at := f.argp + 8*uint64(i); f.site.args.has(i) {
				each(at, at+8)
			}
		}
	}
	mark(u64(g.head, s.g.defers))
	for i := range s.frames {
		if r := s.frames[i].regs; r != nil {
			for _, v := range r.dwarf {
				mark(v)
			}
		}
	}
	for len(todo) > 0 {
		o := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		each(o.from, o.to)
	}
}

// object returns the variable around an address of the stack, nil if there is
// none.
func (s *stacks) object(addr uint64) *stackObject {
	i, _ := slices.BinarySearchFunc(s.objects, addr, func(o stackObject, addr uint64) int {
		if o.to <= addr {
			return -1
		}
		return 1
	})
	if i == len(s.objects) || addr < s.objects[i].from {
		return nil
	}
	return &s.objects[i]
}

// alive reports whether a word of a frame is live.
func (s *stacks) alive(f *frame, addr uint64) bool {
	if !f.known {
		return true
	}
	if o := s.object(addr); o != nil && o.live {
		return true
	}
	if addr >= f.argp {
		return f.site.args.has(int(addr-f.argp) / 8)
	}
	return addr < f.varp && f.site.locals.has(f.site.locals.n-int(f.varp-addr+7)/8)
}

// variables walks from the variables of one frame.
func (s *stacks) variables(g *goroutine, f *frame) {
	for i := range f.site.vars {
		v := &f.site.vars[i]
		if int64(len(s.value)) < v.size {
			s.value = make([]byte, max(v.size, 1<<12))
		}
		b := s.value[:v.size]
		clear(b)
		addr := s.gather(g, f, v, b)
		if v.plan == nil {
			if at := u64(b, 0); at != 0 {
				s.closure(f.site.name, v.closure, at)
			}
			continue
		}
		for k := range v.plan.words {
			x := &v.plan.words[k]
			if x.off < 0 || x.off+x.size() > int64(len(b)) || u64(b, x.off) == 0 && x.kind != reflect.Array {
				continue
			}
			if addr != 0 && !s.w.seen.add(addr+uint64(x.off)) {
				continue // a variable of a call that is inlined has the same place
			}
			s.k.follow(v.plan, k, u64(b, x.off), b, addr, v.path)
		}
	}
	for _, off := range f.site.unnamed {
		if v, ok := g.word(f.base + uint64(off)); ok && v != 0 {
			s.unnamed(v)
		}
	}
}

// unnamed follows a pointer that no variable has, if it is to a closure.
func (s *stacks) unnamed(v uint64) {
	if s.function(v) {
		return
	}
	if sp := s.w.t.heap.span(v); sp != nil && !sp.noscan {
		s.Unnamed++
	}
}

// function walks from what a function value has captured. It reports false if
// there is none at v: a closure begins with the address of its code.
func (s *stacks) function(v uint64) bool {
	t := s.w.t
	if base, _, ok := t.heap.object(v); ok && base != v || !ok && !s.w.onStack(v) {
		return false
	}
	pc, ok := t.mem.word(v)
	if !ok {
		return false
	}
	list, _ := t.Image.Closure(pc - t.bias)
	fn := s.f.at(pc)
	if len(list) == 0 || fn == nil || fn.entry != pc {
		return false
	}
	s.closure(shortName(fn.name), list, v)
	return true
}

// closure walks from the variables that the closure at an address has captured.
func (s *stacks) closure(function string, list []gobinary.Capture, at uint64) {
	for _, c := range list {
		if c.Type != nil && s.w.reach[c.Type] {
			s.w.push(at+uint64(c.Offset), 1, c.Type, s.root(function, c.Name, c.Type))
		}
	}
}

// gather puts the parts of a variable together; words that are not live, or
// have no place, stay 0. It returns the address of the variable if all of it
// lies together in memory, else 0.
func (s *stacks) gather(g *goroutine, f *frame, v *variable, b []byte) (addr uint64) {
	at := int64(0)
	for _, p := range v.places {
		n := p.Size
		if n == 0 || n > v.size-at {
			n = v.size - at
		}
		part := b[at : at+n]
		at += n
		switch p.Kind {
		case gobinary.InRegister:
			if f.regs != nil && p.At < int64(len(f.regs.dwarf)) && n <= 8 {
				for i := range part {
					part[i] = byte(f.regs.dwarf[p.At] >> (8 * i))
				}
			}
		case gobinary.InFrame:
			from := f.base + uint64(p.At)
			if p.Via {
				// It was moved to the heap.
				to, ok := g.word(from)
				if text := s.w.t.mem.bytes(to, int(n)); ok && s.alive(f, from) && text != nil && s.w.fits(to, 1, n) {
					copy(part, text)
					if len(v.places) == 1 {
						addr = to
					}
				}
				continue
			}
			if from < g.sp || from-g.sp+uint64(n) > uint64(len(g.stack)) {
				continue
			}
			copy(part, g.stack[from-g.sp:])
			s.clear(f, v, part, at-n, from)
			if len(v.places) == 1 {
				addr = from
			}
		}
	}
	return addr
}

// clear removes the words of a part of a variable that are not live. The part
// begins at off in the variable and at from on the stack.
func (s *stacks) clear(f *frame, v *variable, part []byte, off int64, from uint64) {
	if !f.known {
		return
	}
	if v.plan == nil {
		if !s.alive(f, from) {
			clear(part)
		}
		return
	}
	for k := range v.plan.words {
		x := &v.plan.words[k]
		at := x.off - off
		if at < 0 || at+8 > int64(len(part)) {
			continue
		}
		pointer := at
		if x.kind == reflect.Interface {
			pointer += 8 // the collector does not look at the type
		}
		if pointer+8 > int64(len(part)) {
			continue
		}
		if !s.alive(f, from+uint64(pointer)) {
			clear(part[at : at+8])
		}
	}
}
