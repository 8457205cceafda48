// Package dportest has small concurrent programs, to hold the search over all
// schedules to: random ones ([Generate]), what they can come to by the
// specification of their primitives ([Program.Outcomes]), a model of the
// runtime core that runs them ([Program.Run]), and their text in Go
// ([Program.Source]), which package explore runs.
//
// The three know nothing of each other. The specification takes all
// interleavings of operations and says nothing of how a lock is made; the model
// follows the sources of sync and of the runtime step by step, asks where the
// core asks, and logs what the core logs. It is for tests only.
package dportest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Code is what an operation does. Those that read note what they got: notes
// are what an outcome is made of.
type Code uint8

// Operations. Obj is the number of the object among those of its kind.
const (
	Load  Code = iota // of a variable, noted
	Store             // Val
	Add               // 1; the sum is noted
	CAS               // from 0 to Val; success is noted

	Lock // of a mutex
	Unlock
	TryLock // Skip operations are left out if it fails; success is noted

	RLock // of the one RWMutex
	RUnlock
	TryRLock // as TryLock
	WLock
	WUnlock
	TryWLock // as TryLock

	WgAdd // 1
	WgDone
	WgWait

	OnceDo // Skip operations, the last of which is OnceEnd, are the function
	OnceEnd

	CondWait // its mutex is mutex 0, which is held
	Signal
	Broadcast

	Send  // Val to a channel
	Recv  // what came is noted, or Closed
	Range // receives until the channel is closed; each value is noted
	Close
	Select // of Cases, and a default if Val is 1; the case is noted, and what it received

	Gosched
)

// Notes that are no values.
const (
	Closed   = -1 // received from a closed channel
	Panicked = 99 // the goroutine panicked, and ended
)

// A Case is one of a select.
type Case struct {
	Send bool
	Ch   int
	Val  int
}

// An Op is one operation of a goroutine.
type Op struct {
	Code  Code
	Obj   int
	Val   int
	Skip  int
	Cases []Case
}

// Objects of a program. Channel i has i places, but for the last, which is nil.
const (
	variables = 2
	mutexes   = 2
	channels  = 4
	nilChan   = 3
)

// MaxThreads and MaxNotes bound a program: goroutines, and notes of each.
const (
	MaxThreads = 3
	MaxNotes   = 14
)

// A Program is its goroutines, all of which start at once.
type Program [][]Op

var codeNames = [...]string{
	"load", "store", "add", "cas", "lock", "unlock", "trylock", "rlock", "runlock", "tryrlock", "wlock", "wunlock", "trywlock",
	"wgadd", "wgdone", "wgwait", "once", "onceend", "condwait", "signal", "broadcast", "send", "recv", "range", "close", "select", "gosched",
}

func (o Op) String() string {
	s := fmt.Sprint(codeNames[o.Code], o.Obj)
	switch o.Code {
	case Store, CAS, Send:
		s += fmt.Sprint("=", o.Val)
	case TryLock, TryRLock, TryWLock, OnceDo:
		s += fmt.Sprint("+", o.Skip)
	case Select:
		s = "select("
		for _, c := range o.Cases {
			if c.Send {
				s += fmt.Sprint("send", c.Ch, "=", c.Val, " ")
			} else {
				s += fmt.Sprint("recv", c.Ch, " ")
			}
		}
		s += []string{")", "default)"}[o.Val]
	}
	return s
}

// outcome is what an execution came to, as a line of text: each goroutine's
// notes, with a ! if it is stuck, and the variables.
func outcome(notes [][]int8, ended []bool, x [variables]int8) string {
	var b strings.Builder
	for g, list := range notes {
		for _, n := range list {
			fmt.Fprintf(&b, "%d,", n)
		}
		if !ended[g] {
			b.WriteByte('!')
		}
		b.WriteByte('|')
	}
	for _, v := range x {
		fmt.Fprintf(&b, "%d,", v)
	}
	return b.String()
}

// Families of primitives that a random program is made of.
const (
	famMutex = iota
	famRWMutex
	famWaitGroup
	famOnce
	famCond
	famChan
	famSelect
	families
)

// Generate returns a random program with one or two families of primitives,
// and atomics.
func Generate(r *rand.Rand) Program {
	fams := []int{r.IntN(families), r.IntN(families)}
	p := make(Program, 2+r.IntN(MaxThreads-1))
	for g := range p {
		b := builder{r: r, fams: fams, val: 10 * (g + 1)}
		for range 1 + r.IntN(3) {
			b.statement(0)
		}
		p[g] = b.ops
	}
	return p
}

type builder struct {
	r    *rand.Rand
	fams []int
	ops  []Op
	val  int
	held [mutexes]bool
}

func (b *builder) add(o Op) {
	b.val++
	if o.Code == Store || o.Code == CAS || o.Code == Send {
		o.Val = b.val
	}
	b.ops = append(b.ops, o)
}

func (b *builder) atomic() {
	b.add(Op{Code: []Code{Load, Load, Store, Add, CAS}[b.r.IntN(5)], Obj: b.r.IntN(variables)})
}

// within adds first, a body, and last; first skips both if it is to.
func (b *builder) within(first Op, depth int, last Op) {
	at := len(b.ops)
	b.add(first)
	b.statement(depth + 1)
	b.add(last)
	switch first.Code {
	case TryLock, TryRLock, TryWLock:
		b.ops[at].Skip = len(b.ops) - at - 1
	}
}

// statement adds a random statement; what is deep is short.
func (b *builder) statement(depth int) {
	n := b.r.IntN(3)
	if n == 0 || depth > 1 {
		b.atomic()
		return
	}
	switch b.fams[b.r.IntN(len(b.fams))] {
	case famMutex:
		m := b.r.IntN(mutexes)
		if b.held[m] {
			b.atomic()
			return
		}
		b.held[m] = true
		b.within(Op{Code: []Code{Lock, Lock, TryLock}[b.r.IntN(3)], Obj: m}, depth, Op{Code: Unlock, Obj: m})
		b.held[m] = false
	case famRWMutex:
		switch b.r.IntN(6) {
		case 0, 1:
			b.within(Op{Code: RLock}, depth, Op{Code: RUnlock})
		case 2:
			b.within(Op{Code: TryRLock}, depth, Op{Code: RUnlock})
		case 3, 4:
			b.within(Op{Code: WLock}, depth, Op{Code: WUnlock})
		case 5:
			b.within(Op{Code: TryWLock}, depth, Op{Code: WUnlock})
		}
	case famWaitGroup:
		switch b.r.IntN(4) {
		case 0:
			b.within(Op{Code: WgAdd}, depth, Op{Code: WgDone})
		case 1:
			b.add(Op{Code: []Code{WgAdd, WgDone}[b.r.IntN(2)]})
		default:
			b.add(Op{Code: WgWait})
		}
	case famOnce:
		if depth > 0 {
			b.atomic()
			return
		}
		at := len(b.ops)
		b.add(Op{Code: OnceDo})
		if b.r.IntN(4) == 0 {
			b.add(Op{Code: Recv, Obj: b.r.IntN(nilChan)})
		}
		b.atomic()
		b.add(Op{Code: OnceEnd})
		b.ops[at].Skip = len(b.ops) - at - 1
	case famCond:
		switch {
		case b.held[0] || b.r.IntN(2) == 0:
			b.add(Op{Code: []Code{Signal, Signal, Broadcast}[b.r.IntN(3)]})
		case b.r.IntN(4) == 0:
			b.held[0] = true
			b.within(Op{Code: Lock}, depth, Op{Code: Unlock})
			b.held[0] = false
		default:
			b.add(Op{Code: Lock})
			b.add(Op{Code: CondWait})
			if b.r.IntN(2) == 0 {
				b.atomic()
			}
			b.add(Op{Code: Unlock})
		}
	case famChan:
		c := b.r.IntN(nilChan)
		if b.r.IntN(20) == 0 {
			c = nilChan
		}
		code := []Code{Send, Send, Send, Recv, Recv, Recv, Close, Range}[b.r.IntN(8)]
		if c == nilChan && code == Close {
			code = Recv
		}
		b.add(Op{Code: code, Obj: c})
	case famSelect:
		if b.r.IntN(3) == 0 {
			b.add(Op{Code: []Code{Send, Recv, Recv, Close}[b.r.IntN(4)], Obj: b.r.IntN(nilChan)})
			return
		}
		o := Op{Code: Select, Val: b.r.IntN(2), Cases: make([]Case, 2+b.r.IntN(2))}
		for i, k := range b.r.Perm(2 * channels)[:len(o.Cases)] { // no case twice
			c := k / 2
			o.Cases[i] = Case{k%2 == 0, c, b.val + 3*i}
		}
		b.add(o)
	}
}
