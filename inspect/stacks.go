package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Stacks counts what a census has followed of the stacks of goroutines.
type Stacks struct {
	Goroutines int    // that were followed
	Frames     int    // of those, with code that the program's tables know
	Running    int    // not followed: they run on a thread, and nothing says where
	Moved      int    // not followed: their stack changed while it was read
	Cut        int    // followed only up to a frame that is not known
	Unnamed    int    // live pointers to objects with pointers that no variable in the DWARF has
	Unknown    string // why no stack was followed, "" if they were
}

// String says what was followed, and what was not.
func (s Stacks) String() string {
	if s.Unknown != "" {
		return "no stack was followed: " + s.Unknown
	}
	text := fmt.Sprintf("%s with %s followed", Plural(uint64(s.Goroutines), "stack"), Plural(uint64(s.Frames), "frame"))
	for _, x := range []struct {
		n    int
		what string
	}{
		{s.Running, "not followed because they run"}, {s.Moved, "not followed because they changed while they were read"},
		{s.Cut, "followed only in part, up to a frame that is not known"}, {s.Unnamed, "live pointers that no variable is described for"},
	} {
		if x.n > 0 {
			text += fmt.Sprintf("; %s %s", Count(uint64(x.n)), x.what)
		}
	}
	return text
}

// stacks walks from the variables in the frames of goroutines.
type stacks struct {
	Stacks
	w       *walk
	k       *worker // that follows what is found
	f       *functions
	g       gFields
	sites   map[siteKey]*site
	roots   map[rootKey]int32
	threads map[int]registers // nil if the program runs
	missed  []missed          // goroutines that ran or changed while they were looked at
	frames  []frame           // of the goroutine that is looked at
	objects []stackObject     // likewise
	text    []byte            // the stacks of a batch
	value   []byte            // of one variable
}

type rootKey struct {
	function, variable string
	t                  *gobinary.Type
}

// gFields are places of fields in runtime.g and what belongs to it.
type gFields struct {
	size                        int64
	lo, hi, status              int64
	sp, pc, lr, ctxt            int64
	syscallSP, syscallPC        int64
	defers, waiting, m, procid  int64
	deferFn, deferLink          int64
	sudogElem, sudogLink, sudog int64
	chanSendq, chanType         int64
	sizes                       [3]int64 // of _defer, sudog, hchan
}

// Statuses of a goroutine (runtime/runtime2.go, Go 1.20 to 1.27).
const (
	gRunnable  = 1
	gRunning   = 2
	gSyscall   = 3
	gWaiting   = 4
	gDead      = 6
	gCopyStack = 8
	gPreempted = 9
	gLeaked    = 10
	gScan      = 0x1000
)

// Bounds of goroutines and their stacks. What a stack has beyond is not read.
const (
	maxGoroutines = 1 << 26
	maxStack      = 1 << 26 // bytes
	batchBytes    = 1 << 23 // of stacks that are read in one go
	maxDefers     = 1 << 12 // and waits, of one goroutine
	queueRoom     = 1 << 20 // pointers that wait before they are followed
)

// stackRoots queues what the variables of all goroutines lead to, and follows it.
// It takes time in proportion to the number of frames, and memory for those of
// one batch of goroutines.
func (w *walk) stackRoots() error {
	s := newStacks(w)
	defer func() { w.stacks = s.Stacks }()
	list, err := s.open()
	if err != nil {
		s.Unknown = err.Error()
		return nil
	}
	for len(list) > 0 {
		n := min(len(list), maxVector)
		if err := s.batch(list[:n]); err != nil {
			return err
		}
		list = list[n:]
		if len(list) == 0 || len(w.queue)+len(w.todo) > queueRoom {
			if err := s.run(); err != nil {
				return err
			}
		}
	}
	return s.stop()
}

// run follows what was queued.
func (s *stacks) run() error {
	slices.SortFunc(s.w.stacked, func(a, b region) int { return cmp.Compare(a.from, b.from) })
	return s.w.run()
}

func newStacks(w *walk) *stacks {
	return &stacks{w: w, sites: map[siteKey]*site{}, roots: map[rootKey]int32{}}
}

// open looks up what it takes to follow stacks, and returns the addresses of all
// goroutines.
func (s *stacks) open() ([]uint64, error) {
	if err := s.layouts(); err != nil {
		return nil, err
	}
	var err error
	if s.f, err = newFunctions(s.w.t); err != nil {
		return nil, err
	}
	s.registers()
	return s.w.t.goroutines()
}

// registers takes the registers of all threads, if they stand still.
func (s *stacks) registers() {
	if m, ok := s.w.t.raw.(still); ok {
		if list, err := m.threads(); err == nil && len(list) > 0 {
			s.threads = map[int]registers{}
			for _, r := range list {
				s.threads[r.thread] = r
			}
		}
	}
}

// missed is a goroutine that was not followed.
type missed struct {
	addr uint64
	why  *int // what counts it
}

func (s *stacks) miss(addr uint64, why *int) {
	*why++
	s.missed = append(s.missed, missed{addr, why})
}

// stop follows goroutines that were missed, as many as a batch has, from copies
// of their stacks and registers that are made while the process is stopped. It
// does nothing if it must not be stopped.
func (s *stacks) stop() error {
	n := min(len(s.missed), maxVector)
	if n == 0 {
		return nil
	}
	before, steady := s.Stacks, false
	var list []*goroutine
	var texts, heads [][]byte
	s.w.t.hold(func() {
		s.registers()
		addrs := make([]uint64, n)
		for i, m := range s.missed[:n] {
			addrs[i] = m.addr
			*m.why--
		}
		s.missed = s.missed[n:]
		size := uint64(0)
		for i, head := range s.heads(addrs) {
			g, ok := s.standing(addrs[i], head)
			if !ok {
				continue
			}
			if size += g.size(); size > batchBytes {
				s.miss(g.addr, &s.Moved)
				continue
			}
			text := [][]byte{make([]byte, g.size())}
			s.readAll(text, []uint64{g.sp})
			list, texts, heads = append(list, g), append(texts, text[0]), append(heads, head)
		}
		steady = s.w.t.held()
	})
	if s.threads = nil; !steady {
		s.Stacks = before
		return nil
	}
	s.w.task(0).reset(&s.w.paths, 0, 0)
	if err := s.w.spread(1, func(k *worker) { s.follow(k, list, texts, heads) }); err != nil {
		return err
	}
	return s.run()
}

// layouts looks up fields of the runtime's structs.
func (s *stacks) layouts() error {
	t := s.w.t
	g, buf, m := t.layout("runtime.g"), t.layout("runtime.gobuf"), t.layout("runtime.m")
	stack, d, sg, c := t.layout("runtime.stack"), t.layout("runtime._defer"), t.layout("runtime.sudog"), t.layout("runtime.hchan")
	at, sched := g.need("stack").Offset, g.need("sched").Offset
	s.g = gFields{
		size: g.t.Size, lo: at + stack.need("lo").Offset, hi: at + stack.need("hi").Offset, status: g.need("atomicstatus").Offset,
		sp: sched + buf.need("sp").Offset, pc: sched + buf.need("pc").Offset, lr: sched + buf.need("lr").Offset, ctxt: sched + buf.need("ctxt").Offset,
		syscallSP: g.need("syscallsp").Offset, syscallPC: g.need("syscallpc").Offset,
		defers: g.need("_defer").Offset, waiting: g.need("waiting").Offset, m: g.need("m").Offset, procid: m.need("procid").Offset,
		deferFn: d.need("fn").Offset, deferLink: d.need("link").Offset,
		sudogElem: sg.need("elem").Offset, sudogLink: sg.need("waitlink").Offset, sudog: sg.need("c").Offset,
		chanSendq: c.need("sendq").Offset, chanType: c.need("elemtype").Offset,
		sizes: [3]int64{d.t.Size, sg.t.Size, c.t.Size},
	}
	return cmp.Or(g.err, buf.err, m.err, stack.err, d.err, sg.err, c.err)
}

// goroutines returns the addresses of all goroutines, with an error of those that
// can be read.
func (t *Target) goroutines() ([]uint64, error) {
	v, ok := t.Image.Global("runtime.allgs")
	if !ok {
		return nil, fmt.Errorf("%s: its DWARF has no runtime.allgs", t.Image.Path)
	}
	b := t.mem.bytes(v.Addr+t.bias, 16)
	if b == nil {
		return nil, fmt.Errorf("%s: the list of goroutines cannot be read", t.Name)
	}
	at, n := u64(b, 0), u64(b, 8)
	if n > maxGoroutines || 8*n > t.room(at) {
		return nil, fmt.Errorf("%s: a list of %d goroutines, more than there can be", t.Name, n)
	}
	list := make([]uint64, 0, n)
	for i := range n {
		p, ok := t.mem.word(at + 8*i)
		if !ok {
			return list, fmt.Errorf("%s: the list of goroutines ends after %d of %d", t.Name, i, n)
		}
		list = append(list, p)
	}
	return list, nil
}

// goroutine is one that is looked at.
type goroutine struct {
	addr   uint64
	head   []byte // its runtime.g
	pc, sp uint64
	lr     uint64
	hi     uint64
	exact  bool       // pc is the next instruction, not a return address
	regs   *registers // of its thread
	stack  []byte     // from sp to hi
}

// size is how much is read of its stack.
func (g *goroutine) size() uint64 { return min(g.hi-g.sp, maxStack) }

// batch looks at goroutines, at most maxVector. Their stacks are copied between
// two copies of their heads: those whose heads differ have run meanwhile.
func (s *stacks) batch(list []uint64) error {
	first := s.heads(list)
	var todo []*goroutine
	size := uint64(0)
	for i, head := range first {
		g, ok := s.standing(list[i], head)
		if !ok {
			continue
		}
		if size += g.size(); size > batchBytes {
			if err := s.copyStacks(todo); err != nil {
				return err
			}
			todo, size = todo[:0], g.size()
		}
		todo = append(todo, g)
	}
	if err := s.copyStacks(todo); err != nil {
		return err
	}
	return s.w.t.mem.err
}

// heads reads the runtime.g of goroutines; nil for those that cannot be read.
func (s *stacks) heads(list []uint64) [][]byte {
	room := make([]byte, int(s.g.size)*len(list))
	bufs := make([][]byte, len(list))
	for i := range bufs {
		bufs[i] = room[i*int(s.g.size) : (i+1)*int(s.g.size)]
	}
	s.readAll(bufs, list)
	return bufs
}

// readAll fills buffers with one call or, if that fails, one after the other;
// those that cannot be read become nil.
func (s *stacks) readAll(bufs [][]byte, addrs []uint64) {
	if s.w.t.raw.read(bufs, addrs) == nil {
		return
	}
	for i := range bufs {
		if s.w.t.raw.read(bufs[i:i+1], addrs[i:i+1]) != nil {
			bufs[i] = nil
		}
	}
}

// standing returns where a goroutine stands. ok is false if it has no stack to
// follow; if it is alive, that was counted.
func (s *stacks) standing(addr uint64, head []byte) (g *goroutine, ok bool) {
	if head == nil {
		s.Moved++
		return nil, false
	}
	g = &goroutine{addr: addr, head: head, hi: u64(head, s.g.hi), lr: u64(head, s.g.lr), sp: u64(head, s.g.sp), pc: u64(head, s.g.pc)}
	switch number(head, s.g.status, 4) &^ gScan {
	case gRunnable, gWaiting, gPreempted, gLeaked:
	case gSyscall:
		g.sp, g.pc, g.lr = u64(head, s.g.syscallSP), u64(head, s.g.syscallPC), 0
	case gRunning:
		if !s.running(g) {
			s.miss(addr, &s.Running)
			return nil, false
		}
	case gCopyStack:
		s.miss(addr, &s.Moved)
		return nil, false
	default: // dead, or not born yet
		return nil, false
	}
	if lo := u64(head, s.g.lo); g.sp < lo || g.sp >= g.hi || g.sp%8 != 0 {
		s.miss(addr, &s.Moved)
		return nil, false
	}
	return g, true
}

// running says where a goroutine runs whose thread stands still.
func (s *stacks) running(g *goroutine) bool {
	m := u64(g.head, s.g.m)
	id, ok := s.w.t.mem.word(m + uint64(s.g.procid))
	if !ok || m == 0 {
		return false
	}
	r, ok := s.threads[int(id)]
	if !ok {
		return false
	}
	if lo := u64(g.head, s.g.lo); r.sp >= lo && r.sp < g.hi {
		g.pc, g.sp, g.lr, g.exact, g.regs = r.pc, r.sp, r.lr, true, &r
		return true
	}
	// On the thread's own stack it does something for the goroutine, whose place
	// is kept meanwhile, and is 0 otherwise (runtime.systemstack).
	return g.sp != 0
}

// copyStacks reads the stacks of goroutines and walks from them.
func (s *stacks) copyStacks(list []*goroutine) error {
	if len(list) == 0 {
		return nil
	}
	size := 0
	for _, g := range list {
		size += int(g.size())
	}
	if len(s.text) < size {
		s.text = make([]byte, max(size, batchBytes))
	}
	bufs, addrs, heads := make([][]byte, len(list)), make([]uint64, len(list)), make([]uint64, len(list))
	room := s.text
	for i, g := range list {
		n := int(g.size())
		bufs[i], addrs[i], heads[i], room = room[:n:n], g.sp, g.addr, room[n:]
	}
	s.readAll(bufs, addrs)
	again := s.heads(heads)
	s.w.task(0).reset(&s.w.paths, 0, 0)
	return s.w.spread(1, func(k *worker) { s.follow(k, list, bufs, again) })
}

// follow walks from goroutines whose stacks were copied; heads are their second
// copies.
func (s *stacks) follow(k *worker, list []*goroutine, texts, heads [][]byte) {
	s.k = k
	for i, head := range heads {
		g := list[i]
		if g.stack = texts[i]; g.stack == nil || head == nil || !s.same(g.head, head) {
			s.miss(g.addr, &s.Moved)
			continue
		}
		s.w.stack = region{u64(head, s.g.lo), g.hi}
		s.w.stacked = append(s.w.stacked, s.w.stack)
		s.Goroutines++
		s.unwind(g)
		s.live(g)
		for i := len(s.frames) - 1; i >= 0; i-- {
			s.describe(s.frames[i].site)
			s.variables(g, &s.frames[i])
		}
		s.records(g)
	}
}

// same reports whether a goroutine stands where it stood.
func (s *stacks) same(a, b []byte) bool {
	for _, off := range []int64{s.g.lo, s.g.hi, s.g.sp, s.g.pc, s.g.syscallSP, s.g.syscallPC} {
		if u64(a, off) != u64(b, off) {
			return false
		}
	}
	was, is := number(a, s.g.status, 4)&^gScan, number(b, s.g.status, 4)&^gScan
	return was == is || was == gWaiting && is == gRunnable
}

// root returns the path that begins at a variable of a function.
func (s *stacks) root(function, variable string, t *gobinary.Type) int32 {
	k := rootKey{function, variable, t}
	i, ok := s.roots[k]
	if !ok {
		i = s.w.paths.root(function+": "+variable, t)
		s.roots[k] = i
	}
	return i
}

// records follows what the runtime keeps of a goroutine besides its frames:
// deferred calls, and values that it waits to send.
func (s *stacks) records(g *goroutine) {
	w := s.w
	owner := ""
	for i := range s.frames {
		if x := s.frames[i].site; len(x.calls) > 0 && !ofRuntime(x.calls[0]) {
			owner = x.calls[0]
			break
		}
	}
	if owner == "" {
		return
	}
	at := u64(g.head, s.g.defers)
	for n := 0; at != 0 && n < maxDefers; n++ {
		b := w.t.mem.bytes(at, int(s.g.sizes[0]))
		if b == nil {
			break
		}
		at = u64(b, s.g.deferLink)
		if fn := u64(b, s.g.deferFn); fn != 0 {
			s.function(fn)
		}
	}
	at = u64(g.head, s.g.waiting)
	for n := 0; at != 0 && n < maxDefers; n++ {
		b := w.t.mem.bytes(at, int(s.g.sizes[1]))
		if b == nil {
			break
		}
		at = u64(b, s.g.sudogLink)
		elem, c := u64(b, s.g.sudogElem), u64(b, s.g.sudog)
		if elem == 0 || c == 0 {
			continue
		}
		if b = w.t.mem.bytes(c, int(s.g.sizes[2])); b == nil || u64(b, s.g.chanSendq) == 0 {
			continue // it waits to receive
		}
		if t, ok := w.t.Image.Runtime(u64(b, s.g.chanType) - w.t.bias); ok {
			w.push(elem, 1, t, s.root(owner, "(send)", t))
		}
	}
}

// onStack reports whether addr is in the stack that is looked at or, while what
// was queued is followed, in any.
func (w *walk) onStack(addr uint64) bool {
	if w.stack.from <= addr && addr < w.stack.to {
		return true
	}
	i, _ := slices.BinarySearchFunc(w.stacked, addr, func(r region, addr uint64) int {
		if r.to <= addr {
			return -1
		}
		return 1
	})
	return i < len(w.stacked) && w.stacked[i].from <= addr
}

// shortName is the name of a function with its type arguments left out, as
// Go's own stack traces have it: those of the compiler are not the source's.
func shortName(name string) string {
	i, j := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if i < 0 || j < i {
		return name
	}
	return name[:i] + "[...]" + name[j+1:]
}
