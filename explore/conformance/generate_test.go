package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// state is what each generated program has: the variables of one are not
// shared with another.
const state = `package generated

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type pair struct{ a, b int }

type big struct {
	n [4]int
	s string
	p *int
}

type state struct {
	x     [2]int
	bytes [8]byte
	pair  pair
	big   [2]big
	iface any
	slice []int
	buf   []byte
	m     map[int]int
	ms    map[string]pair
	ptr   *int

	i32  int32
	i64  int64
	a32  atomic.Int32
	a64  atomic.Uint64
	ab   atomic.Bool
	aptr atomic.Pointer[pair]
	av   atomic.Value

	mu   [2]sync.Mutex
	rw   sync.RWMutex
	once sync.Once
	wg   sync.WaitGroup
	pool sync.Pool
	sm   sync.Map
	cond *sync.Cond

	c0     chan int
	c1     chan pair
	c2     chan big
	closed chan int
	hand   [4]chan int

	sum [8]int // each goroutine its own
}

func newState() *state {
	v := &state{
		slice: make([]int, 4, 8), buf: make([]byte, 64), m: map[int]int{1: 1}, ms: map[string]pair{"a": {}}, ptr: new(int),
		c0: make(chan int), c1: make(chan pair, 1), c2: make(chan big, 2), closed: make(chan int),
		hand: [4]chan int{make(chan int), make(chan int), make(chan int, 1), make(chan int)},
	}
	v.aptr.Store(new(pair))
	v.av.Store(pair{})
	v.cond = sync.NewCond(&v.mu[0])
	return v
}

var _ = runtime.GC
var _ time.Duration

`

// plain are statements that touch memory without order of their own. $i is 0
// or 1, $g the goroutine, $n a small number.
var plain = []string{
	"v.x[$i]++", "v.x[$i] = $n", "v.sum[$g] += v.x[$i]",
	"v.bytes[$n]++", "v.sum[$g] += int(v.bytes[$n])",
	"v.pair = pair{$n, $n}", "v.pair.b = $n", "q := v.pair; v.sum[$g] += q.a", "v.sum[$g] += v.pair.a",
	"v.big[$i] = v.big[1-$i]", "v.big[$i].s = \"abc\"", "v.sum[$g] += len(v.big[$i].s)", "v.big[$i].n[2] = $n", "q := v.big[$i]; v.sum[$g] += q.n[1]",
	"v.iface = $n", "v.iface = pair{$n, 1}", "if v.iface != nil { v.sum[$g]++ }",
	"v.slice = append(v.slice, $n)", "if q := v.slice; len(q) > 2 { q[2] = $n }", "for _, e := range v.slice { v.sum[$g] += e }", "v.slice = v.slice[:2]", "clear(v.slice)",
	"copy(v.buf[$n:], v.buf[32:40])", "v.sum[$g] += len(string(v.buf[$n:20]))", "copy(v.buf[8:24], \"hello, world\")", "v.buf[$n+8]++",
	"v.m[$n] = $g", "v.sum[$g] += v.m[$n]", "delete(v.m, $n)", "v.sum[$g] += len(v.m)", "for k := range v.m { v.sum[$g] += k }",
	"v.ms[\"a\"] = pair{$n, $n}", "v.sum[$g] += v.ms[\"b\"].a", "clear(v.ms)",
	"v.i32++", "v.i64 = $n", "v.sum[$g] += int(v.i32) + int(v.i64)",
	"v.ptr = new(int)", "*v.ptr = $n",
}

// ordering are statements that order, or look as if they did. None of them
// blocks for ever.
var ordering = []string{
	"atomic.AddInt32(&v.i32, 1)", "atomic.LoadInt32(&v.i32)", "atomic.StoreInt64(&v.i64, $n)", "atomic.CompareAndSwapInt32(&v.i32, $i, $n)", "atomic.SwapInt64(&v.i64, $n)",
	"v.a32.Store($n)", "v.a32.Load()", "v.a32.Add(1)", "v.a32.CompareAndSwap(0, $n)", "v.a32.CompareAndSwap(77, $n)", "v.a32.Swap($n)", "v.a32.Or($n)", "v.a32.And($n)",
	"v.a64.CompareAndSwap(0, $n)", "v.a64.CompareAndSwap(99, 1)", "v.a64.Add(1)", "v.ab.CompareAndSwap(false, true)", "v.ab.Swap(false)", "v.a64.Load()",
	"q := v.aptr.Load(); v.sum[$g] += q.a", "v.aptr.Store(&pair{$n, $n})", "q := &pair{}; q.a = $n; v.aptr.CompareAndSwap(v.aptr.Load(), q)", "v.aptr.Load().a++",
	"v.av.Store(pair{$n, $n})", "v.sum[$g] += v.av.Load().(pair).a",
	"if v.a32.Load() > 0 { $p }", "if v.a32.CompareAndSwap(0, 1) { $p }", "if !v.a32.CompareAndSwap(0, 1) { $p }", "$p; v.a32.Store(1)", "if v.ab.Load() { $p }", "$p; v.ab.Store(true)", "$p; v.a64.CompareAndSwap(99, 1)", "if v.a64.Load() == 0 { $p }",
	"v.mu[$i].Lock(); $p; v.mu[$i].Unlock()", "v.mu[$i].Lock(); $p; $p; v.mu[$i].Unlock()", "v.mu[0].Lock(); $p; v.mu[0].Unlock()",
	"if v.mu[$i].TryLock() { $p; v.mu[$i].Unlock() }", "if !v.mu[$i].TryLock() { $p } else { v.mu[$i].Unlock() }",
	"v.rw.RLock(); $p; v.rw.RUnlock()", "v.rw.Lock(); $p; v.rw.Unlock()", "if v.rw.TryRLock() { $p; v.rw.RUnlock() }", "if v.rw.TryLock() { $p; v.rw.Unlock() } else { $p }",
	"v.once.Do(func() { $p })", "v.once.Do(func() { $p }); $p",
	"select { case v.c0 <- $n: $p; default: }", "select { case n := <-v.c0: v.sum[$g] += n; $p; default: $p }",
	"$p; select { case v.c1 <- pair{$n, $n}: default: }", "select { case q := <-v.c1: v.sum[$g] += q.b; $p; default: }", "$p; select { case v.c2 <- v.big[$i]: default: }", "select { case v.big[$i] = <-v.c2: $p; default: }",
	"select { case <-v.closed: $p; default: }", "select { case v.c1 <- pair{}: case q := <-v.c1: v.sum[$g] += q.a; default: $p }",
	"if q, _ := v.pool.Get().(*pair); q != nil { q.a++ }", "q := &pair{}; q.a = $n; v.pool.Put(q)", "q, _ := v.pool.Get().(*pair); if q == nil { q = new(pair) }; q.b++; v.pool.Put(q); $p",
	"v.sm.Store($n, &pair{$n, $n})", "if q, ok := v.sm.Load($n); ok { v.sum[$g] += q.(*pair).a }", "if q, loaded := v.sm.LoadOrStore($n, &pair{}); loaded { q.(*pair).b++ }", "v.sm.Delete($n)", "v.sm.Range(func(k, q any) bool { v.sum[$g] += q.(*pair).a; return true })",
	"v.wg.Add(1); go func() { defer v.wg.Done(); $p }()", "v.wg.Add(1); go func() { defer v.wg.Done(); $p; $p }(); $p", "v.wg.Go(func() { $p; v.a32.Store(1) })",
	"v.wg.Add(1); time.AfterFunc($n, func() { $p; v.wg.Done() }); $p", "v.wg.Add(1); q := time.AfterFunc($n, func() { $p; v.wg.Done() }); $p; if q.Stop() { v.wg.Done() }",
	"q := time.AfterFunc(time.Hour, func() { $p }); $p; q.Reset($n); $p", "q := time.NewTimer($n); $p; <-q.C; $p", "time.Sleep($n); $p",
	"v.cond.L.Lock(); $p; v.cond.L.Unlock(); v.cond.Signal()", "v.cond.Broadcast(); $p",
	"runtime.Gosched(); $p",
}

// collecting are statements that run the garbage collector, which takes long.
var collecting = []string{
	"q := &big{}; q.n[0] = $n; runtime.SetFinalizer(q, func(q *big) { v.sum[7] += q.n[0]; $p }); q = nil; $p; runtime.GC()",
	"q := &big{}; q.n[0] = $n; runtime.AddCleanup(q, func(n int) { $p }, 1); q = nil; $p; runtime.GC()",
	"q := make([]byte, 64); q[0] = 1; q = nil; runtime.GC(); q = make([]byte, 64); q[0] = 2; v.buf = q",
	"v.pool.Put(&pair{}); runtime.GC(); $p",
}

type generator struct{ *rand.Rand }

// statement fills the blanks of one of list.
func (g generator) statement(list []string, goroutine int) string {
	s := list[g.IntN(len(list))]
	for strings.Contains(s, "$p") {
		s = strings.Replace(s, "$p", "{ "+plain[g.IntN(len(plain))]+" }", 1)
	}
	return strings.NewReplacer("$i", fmt.Sprint(g.IntN(2)), "$g", fmt.Sprint(goroutine), "$n", fmt.Sprint(1+g.IntN(6))).Replace(s)
}

// program is a function that starts a few goroutines, which end by themselves.
// Hands pass from one to the next: a send and a receive that wait for each
// other.
func (g generator) program(name string, collects bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "func %s() {\n\tv := newState()\n\tdefer v.wg.Wait()\n", name)
	goroutines := 2 + g.IntN(3)
	closer := g.IntN(2 * goroutines)
	hands := make([]bool, goroutines)
	for i := range hands {
		hands[i] = i+1 < goroutines && g.IntN(3) == 0
	}
	body := func(me, n int) (lines []string) {
		for range n {
			list := ordering
			switch g.IntN(5) {
			case 0, 1:
				list = plain
			case 2:
				if collects {
					list = collecting
				}
			}
			lines = append(lines, "{ "+g.statement(list, me)+" }")
		}
		insert := func(s string) {
			at := g.IntN(len(lines) + 1)
			lines = append(lines[:at], append([]string{s}, lines[at:]...)...)
		}
		if me > 0 && hands[me-1] {
			insert(fmt.Sprintf("<-v.hand[%d]", me-1))
		}
		if hands[me] {
			insert(fmt.Sprintf("v.hand[%d] <- 1", me))
		}
		if me == closer {
			insert("close(v.closed)")
		}
		return lines
	}
	for i := range goroutines {
		fmt.Fprintf(&b, "\tv.wg.Add(1)\n\tgo func() {\n\t\tdefer v.wg.Done()\n")
		for _, line := range body(i, 1+g.IntN(4)) {
			b.WriteString("\t\t" + line + "\n")
		}
		b.WriteString("\t}()\n")
	}
	for range g.IntN(3) {
		fmt.Fprintf(&b, "\t{ %s }\n", g.statement(ordering, 6))
	}
	if g.IntN(2) == 0 {
		fmt.Fprintf(&b, "\tv.wg.Wait()\n\t%s\n", "{ "+g.statement(plain, 6)+" }")
	}
	b.WriteString("}\n\n")
	return b.String()
}

// generate returns a test file with programs, so many in a test, and the names
// of its tests. One test in ten collects garbage.
func generate(seed uint64, tests, programs int) string {
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	var b strings.Builder
	b.WriteString(state)
	for i := range tests {
		var calls strings.Builder
		for j := range programs {
			name := fmt.Sprintf("program%dx%d", i, j)
			b.WriteString(g.program(name, i%10 == 9))
			fmt.Fprintf(&calls, "\t%s()\n", name)
		}
		fmt.Fprintf(&b, "func TestGenerated%d(t *testing.T) {\n%s}\n\n", i, &calls)
	}
	return b.String()
}
