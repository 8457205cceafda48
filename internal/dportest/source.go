package dportest

import (
	"fmt"
	"strings"
)

// Source returns a test file of package litmus with a test for each program,
// Test0 and on. A test writes each outcome that is new in its process as a line
// to the file Test0.out, in the form of [Program.Outcomes].
//
// What goroutines note is written without race instrumentation, as the test
// itself is, and what they share comes as parameters: so there are no scheduling
// points but those of operations. The test sleeps until nobody can run.
func Source(programs []Program) string {
	var b strings.Builder
	b.WriteString(support)
	for i, p := range programs {
		for g, ops := range p {
			fmt.Fprintf(&b, "\nfunc p%dg%d(%s) {\n\tdefer finish(%d)\n", i, g, parameters, g)
			writeOps(&b, ops, g)
			b.WriteString("}\n")
		}
		fmt.Fprintf(&b, "\n//go:norace\nfunc Test%d(t *testing.T) {\n%s", i, objectsText)
		for g := range p {
			fmt.Fprintf(&b, "\tgo p%dg%d(%s)\n", i, g, arguments)
		}
		fmt.Fprintf(&b, "\ttime.Sleep(time.Hour)\n\treport(t, %d, x0, x1)\n}\n", len(p))
	}
	return b.String()
}

const (
	parameters = "x0, x1 *atomic.Int32, m0, m1 *sync.Mutex, rw *sync.RWMutex, wg *sync.WaitGroup, once *sync.Once, cond *sync.Cond, c0, c1, c2, c3 chan int32"
	arguments  = "x0, x1, m0, m1, rw, wg, once, cond, c0, c1, c2, c3"
)

const objectsText = `	reset()
	x0, x1, m0, m1, rw, wg, once := new(atomic.Int32), new(atomic.Int32), new(sync.Mutex), new(sync.Mutex), new(sync.RWMutex), new(sync.WaitGroup), new(sync.Once)
	cond := sync.NewCond(m0)
	c0, c1, c2, c3 := make(chan int32), make(chan int32, 1), make(chan int32, 2), (chan int32)(nil)
	hold(m0, m1, rw, wg, once, cond, c0, c1, c2)
`

const support = `package litmus

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	notes [3][14]int32
	count [3]int
	over  [3]bool
	held  []any // reachable, so that who waits for it is not leaked
	seen  []string
)

//go:norace
func reset() { count, over = [3]int{}, [3]bool{} }

//go:norace
func hold(list ...any) { held = list }

//go:norace
func note(g int, v int32) {
	notes[g][count[g]] = v
	count[g]++
}

//go:norace
func finish(g int) {
	if recover() != nil {
		note(g, 99)
	}
	over[g] = true
}

//go:norace
func report(t *testing.T, n int, x0, x1 *atomic.Int32) {
	var b []byte
	for g := range n {
		for _, v := range notes[g][:count[g]] {
			b = append(strconv.AppendInt(b, int64(v), 10), ',')
		}
		if !over[g] {
			b = append(b, '!')
		}
		b = append(b, '|')
	}
	for _, x := range []*atomic.Int32{x0, x1} {
		b = append(strconv.AppendInt(b, int64(x.Load()), 10), ',')
	}
	for _, s := range seen {
		if s == string(b) {
			return
		}
	}
	seen = append(seen, string(b))
	f, err := os.OpenFile(t.Name()+".out", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	f.Write(append(b, '\n'))
	f.Close()
}
`

// writeOps writes the operations of goroutine g.
func writeOps(b *strings.Builder, ops []Op, g int) {
	for i := 0; i < len(ops); i++ {
		o := &ops[i]
		ch := func(k int) string { return fmt.Sprint("c", k) }
		block := func(test string) {
			fmt.Fprintf(b, "if %s {\nnote(%d, 1)\n", test, g)
			writeOps(b, ops[i+1:i+1+o.Skip], g)
			fmt.Fprintf(b, "} else {\nnote(%d, 0)\n}\n", g)
			i += o.Skip
		}
		switch o.Code {
		case Load:
			fmt.Fprintf(b, "note(%d, x%d.Load())\n", g, o.Obj)
		case Store:
			fmt.Fprintf(b, "x%d.Store(%d)\n", o.Obj, o.Val)
		case Add:
			fmt.Fprintf(b, "note(%d, x%d.Add(1))\n", g, o.Obj)
		case CAS:
			fmt.Fprintf(b, "if x%d.CompareAndSwap(0, %d) {\nnote(%[3]d, 1)\n} else {\nnote(%[3]d, 0)\n}\n", o.Obj, o.Val, g)
		case Lock:
			fmt.Fprintf(b, "m%d.Lock()\n", o.Obj)
		case Unlock:
			fmt.Fprintf(b, "m%d.Unlock()\n", o.Obj)
		case TryLock:
			block(fmt.Sprintf("m%d.TryLock()", o.Obj))
		case TryRLock:
			block("rw.TryRLock()")
		case TryWLock:
			block("rw.TryLock()")
		case OnceDo:
			b.WriteString("once.Do(func() {\n")
			writeOps(b, ops[i+1:i+o.Skip], g)
			b.WriteString("})\n")
			i += o.Skip
		case Send:
			fmt.Fprintf(b, "%s <- %d\n", ch(o.Obj), o.Val)
		case Recv:
			fmt.Fprintf(b, "{\nv, ok := <-%s\n%s}\n", ch(o.Obj), received(g))
		case Range:
			fmt.Fprintf(b, "for v := range %s {\nnote(%d, v)\n}\n", ch(o.Obj), g)
		case Close:
			fmt.Fprintf(b, "close(%s)\n", ch(o.Obj))
		case Select:
			b.WriteString("select {\n")
			for k, c := range o.Cases {
				if c.Send {
					fmt.Fprintf(b, "case %s <- %d:\nnote(%d, %d)\n", ch(c.Ch), c.Val, g, k)
				} else {
					fmt.Fprintf(b, "case v, ok := <-%s:\nnote(%d, %d)\n%s", ch(c.Ch), g, k, received(g))
				}
			}
			if o.Val == 1 {
				fmt.Fprintf(b, "default:\nnote(%d, %d)\n", g, len(o.Cases))
			}
			b.WriteString("}\n")
		default:
			fmt.Fprintf(b, "%s\n", calls[o.Code])
		}
	}
}

var calls = map[Code]string{
	RLock: "rw.RLock()", RUnlock: "rw.RUnlock()", WLock: "rw.Lock()", WUnlock: "rw.Unlock()",
	WgAdd: "wg.Add(1)", WgDone: "wg.Done()", WgWait: "wg.Wait()",
	CondWait: "cond.Wait()", Signal: "cond.Signal()", Broadcast: "cond.Broadcast()",
}

func received(g int) string {
	return fmt.Sprintf("if !ok {\nv = %d\n}\nnote(%d, v)\n", Closed, g)
}
