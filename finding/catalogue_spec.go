package finding

var checkInvariant = Check{
	Code:  "GR2014",
	Name:  "broken-invariant",
	Kind:  Invariant,
	Title: "a condition that the test states does not hold after this step",
	Help:  "replay the schedule, and look at what the step that is named leaves half done",
	Text: `The test states a condition with spec.Invariant (package explore/spec). It was
evaluated after each step of each goroutine that may have changed something, and
after the step that is shown it returned an error, or panicked.

Why it happens. A change takes several steps, and the condition is about all of
them:

	a.free -= n // here the sum is wrong
	a.used += n

If nobody can look between the two, because all readers hold the same lock, the
program is right and the condition says too much. If somebody can, this is the
moment at which that reader gets a wrong answer. The other cause is a change
that was made on an old idea of the state, between a check and the use of what
it said: then the condition stays broken, and this is the step that broke it
first.

A finding whose title speaks of a check that waits, or that starts a goroutine,
is about the test: a check runs while everything else stands still, so what it
waits for never comes.

How to fix it. Make the steps one: hold the lock over all of them, or prepare
the new state aside and publish it with one atomic store. If the condition is
only meant to hold when nobody is in the critical section, let the check say so:
call TryLock on the mutex, return nil if that fails, and Unlock after looking.

How to read the evidence. The first place is the step after which the condition
did not hold any more. Below are the last changes of the running goroutine
before it. The message is what the check returned.`,
}

var checkHistory = Check{
	Code:  "GR2015",
	Name:  "not-linearizable",
	Kind:  History,
	Title: "no order of the operations on an object explains what they returned",
	Help:  "replay the schedule, and look at what the wrong answer was read from",
	Text: `The test records the operations on an object with spec.Object (package
explore/spec) and says with a model what they answer when they happen one at a
time. An object is linearizable if each operation seems to happen at one moment
between its call and its return. Here there is no choice of such moments that
gives all the answers. The finding shows the fewest operations that contradict
each other: it does not matter when the others happened, or whether.

What the first word says.

	stale        the answer was right earlier, and another operation that makes it
	             wrong had returned before this one began
	lost         the same, and the answer is that nothing is there
	phantom      no operations lead to this answer, in whatever order
	misdirected  the answer would be right for another key
	premature    the answer comes of an operation that was called later

Why it happens. Most often an operation is made of several that are each
correct: a look and then a change (two callers see the same state), a copy that
is updated after the original (readers of the copy are late), a table that is
replaced while somebody still writes to the old one, a cache that is filled with
what was read before a deletion. A data race can do it too; then the race is
found as well.

	func (c *Counter) Inc() int { // two callers get the same number
		n := c.n.Load() + 1
		c.n.Store(n)
		return n
	}

How to fix it. Find the moment at which each operation takes effect: one store,
one compare-and-swap, or one critical section. If there are two, join them: hold
the lock over both, or use the operation that does both (Add, CompareAndSwap,
LoadOrStore, Swap). If a weaker guarantee is meant, for example a cache that may
be late, say so in the model: its state can hold what is still allowed.

How to read the evidence. Each operation has a call and a return in the
timeline. The answer that is wrong comes first, then the operation that it
contradicts. The message lists them with the order of calls and returns: an
interval that ends before another begins had returned before it.`,
}
