// Package linear decides whether a history could have come from operations
// that happen one at a time.
//
// A history is a list of [Op]: when each was called, when it returned, what was
// asked and what was answered. It is linearizable if each operation can be
// given a moment between its call and its return such that a model which takes
// the operations one by one, in the order of these moments, gives the same
// answers. An operation that never returned may have happened or not. Two
// operations that touch at one instant overlap.
//
// [Check] searches as Wing and Gong do, with what Lowe added: an operation gets
// its moment only when a return asks for it, and a configuration, which is the
// set of open operations that have happened and the state that they led to, is
// looked at once. The cost depends on how many operations are open at a time,
// not on how long the history is. TestCheckAgainstAllOrders compares it with a
// search through every order.
//
// A [Problem] is a history with bounds: it can be undecided, and it can be made
// smaller ([Problem.Core]) until the operations are left that contradict each
// other.
//
// [Register] and [Whole] are models of one key of a map, and of a map of a few
// keys. The package starts no goroutines and reads no clock, and imports only
// the standard library: package explore/spec brings it into programs of others.
package linear

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
)

// Never is the time of a return that has not come.
const Never = 1<<63 - 1

// An Op is an operation with the closed interval in which it ran.
type Op[A any] struct {
	Client       int // for messages only
	Call, Return int64
	Action       A
}

// A Violation says where no order was left that explains a history.
type Violation[A any] struct {
	Op     Op[A]   // the operation whose return nothing explains
	Before []Op[A] // what was called before that return, the latest last
	States string  // the states that were possible before it
}

func (v *Violation[A]) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "not linearizable: nothing explains what client %d got from %v; possible before: %s; the operations up to its return:", v.Op.Client, v.Op.Action, v.States)
	for _, op := range v.Before {
		fmt.Fprintf(&b, "\n\t%d..", op.Call)
		if op.Return == Never {
			b.WriteString("never")
		} else {
			fmt.Fprintf(&b, "%d", op.Return)
		}
		fmt.Fprintf(&b, "\tclient %d\t%v", op.Client, op.Action)
	}
	return b.String()
}

// shown is how many operations a Violation lists.
const shown = 24

// A config is what may have happened so far: the open operations that have
// happened, by their slots, and the state after them.
type config[S comparable] struct {
	done  uint64
	state S
}

// A set of configurations, in the order in which they were added. The index
// begins when looking through the list would be slower than hashing.
type set[S comparable] struct {
	list  []config[S]
	index map[config[S]]struct{}
}

func (s *set[S]) reset() {
	s.list = s.list[:0]
	s.index = nil
}

func (s *set[S]) add(c config[S]) bool {
	const small = 24
	if s.index == nil {
		if slices.Contains(s.list, c) {
			return false
		}
		if len(s.list) == small {
			s.index = make(map[config[S]]struct{}, 4*small)
			for _, c := range s.list {
				s.index[c] = struct{}{}
			}
		}
	} else if _, ok := s.index[c]; ok {
		return false
	}
	if s.index != nil {
		s.index[c] = struct{}{}
	}
	s.list = append(s.list, c)
	return true
}

// Check returns the states that the model can be in after the history, if it
// began in one of the states from, or a [*Violation]. The model's step returns
// the state after an action and whether the action's answers fit. If more than
// 64 operations are open at a time the error is [ErrUndecided].
func Check[S comparable, A any](from []S, history []Op[A], step func(S, A) (S, bool)) ([]S, error) {
	return check(from, history, step, math.MaxInt)
}

// ErrUndecided says that a search was ended by its bounds.
var ErrUndecided = errors.New("undecided: too many operations overlap")

// check is Check with a limit of configurations.
func check[S comparable, A any](from []S, history []Op[A], step func(S, A) (S, bool), limit int) ([]S, error) {
	c := checker[S, A]{history: history, step: step, limit: limit}
	for _, s := range from {
		c.current.add(config[S]{state: s})
	}
	for _, e := range events(history) {
		if !e.isReturn {
			c.open(int(e.op))
			continue
		}
		explained := c.limit >= 0 && c.close(int(e.op))
		if c.limit < 0 {
			return nil, ErrUndecided
		}
		if !explained {
			return nil, c.violation(int(e.op))
		}
	}
	// What is still open may have happened.
	c.search(0)
	if c.limit < 0 {
		return nil, ErrUndecided
	}
	var to []S
	for _, cf := range c.seen.list {
		if !slices.Contains(to, cf.state) {
			to = append(to, cf.state)
		}
	}
	return to, nil
}

type event struct {
	at       int64
	op       int32
	isReturn bool
}

// events returns the calls and returns of a history in the order of time, at
// one instant the calls first: touching operations overlap.
func events[A any](history []Op[A]) []event {
	evs := make([]event, 0, 2*len(history))
	for i, op := range history {
		if op.Return < op.Call {
			panic(fmt.Sprintf("linear: operation %d returns at %d, before its call at %d", i, op.Return, op.Call))
		}
		evs = append(evs, event{at: op.Call, op: int32(i)})
		if op.Return != Never {
			evs = append(evs, event{at: op.Return, op: int32(i), isReturn: true})
		}
	}
	slices.SortFunc(evs, func(a, b event) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		case a.isReturn == b.isReturn:
			return int(a.op) - int(b.op)
		case b.isReturn:
			return -1
		}
		return 1
	})
	return evs
}

type checker[S comparable, A any] struct {
	history []Op[A]
	step    func(S, A) (S, bool)
	limit   int // configurations that may still be looked at

	slots   [64]int // operation in a slot
	taken   uint64  // slots in use
	current set[S]

	seen, next set[S] // reused by close
	stack      []config[S]
}

func (c *checker[S, A]) open(op int) {
	slot := bits.TrailingZeros64(^c.taken)
	if slot == 64 {
		c.limit = -1
		return
	}
	c.taken |= 1 << slot
	c.slots[slot] = op
}

// close takes the return of an operation: configurations in which it has not
// happened are replaced by those that other open operations and then this one
// lead to. It reports whether any configuration is left.
func (c *checker[S, A]) close(op int) bool {
	var bit uint64
	for rest := c.taken; rest != 0; rest &= rest - 1 {
		if slot := bits.TrailingZeros64(rest); c.slots[slot] == op {
			bit = 1 << slot
			break
		}
	}
	c.search(bit)
	if len(c.next.list) == 0 {
		return false
	}
	c.taken &^= bit
	c.current, c.next = c.next, c.current
	return true
}

// search starts from the current configurations and lets open operations
// happen, in every order, up to the one with the given bit. The configurations
// in which that one has happened go to c.next, without its bit, the others to
// c.seen.
func (c *checker[S, A]) search(bit uint64) {
	c.next.reset()
	c.seen.reset()
	c.stack = c.stack[:0]
	for _, cf := range c.current.list {
		if cf.done&bit != 0 {
			cf.done &^= bit
			c.next.add(cf)
		} else if c.seen.add(cf) {
			c.stack = append(c.stack, cf)
		}
	}
	for len(c.stack) > 0 {
		if c.limit--; c.limit < 0 {
			return
		}
		cf := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		for rest := c.taken &^ cf.done; rest != 0; rest &= rest - 1 {
			slot := bits.TrailingZeros64(rest)
			op := &c.history[c.slots[slot]]
			state, ok := c.step(cf.state, op.Action)
			if !ok || op.Return == Never && state == cf.state {
				continue // it need not have happened, and changes nothing
			}
			after := config[S]{done: cf.done | 1<<slot, state: state}
			if after.done&bit != 0 {
				after.done &^= bit
				c.next.add(after)
			} else if c.seen.add(after) {
				c.stack = append(c.stack, after)
			}
		}
	}
}

func (c *checker[S, A]) violation(op int) *Violation[A] {
	v := &Violation[A]{Op: c.history[op]}
	var states []string
	for _, cf := range c.current.list {
		if s := fmt.Sprint(cf.state); !slices.Contains(states, s) {
			states = append(states, s)
		}
	}
	v.States = strings.Join(states, " or ")
	for _, o := range c.history {
		if o.Call <= v.Op.Return {
			v.Before = append(v.Before, o)
		}
	}
	// Those that were open, and the last that were not.
	slices.SortStableFunc(v.Before, func(a, b Op[A]) int {
		if ra, rb := min(a.Return, v.Op.Return), min(b.Return, v.Op.Return); ra != rb {
			return int(min(max(ra-rb, -1), 1))
		}
		return int(min(max(a.Call-b.Call, -1), 1))
	})
	if n := len(v.Before); n > shown {
		v.Before = v.Before[n-shown:]
	}
	return v
}
