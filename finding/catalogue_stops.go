package finding

var checkDeadlock = Check{
	Code:  "GR2010",
	Name:  "deadlock",
	Kind:  Deadlock,
	Title: "every goroutine that could go on waits for another one",
	Help:  "take locks in one order everywhere, and do not wait for anything while holding one",
	Text: `The test cannot end: the goroutines it depends on wait, each for something that
only another waiting one could do. The runtime's own message, "all goroutines are
asleep", appears only when every goroutine of the process is stuck; a single
ticker or an open connection hides it. Under the explorer the group is seen by
itself.

Why it happens. Four patterns cover most cases:

  - Lock order. One goroutine holds A and wants B, another holds B and wants A.
  - Waiting with a lock held. A goroutine sends on a channel, or calls Wait,
    while it holds the mutex that the receiver needs first.
  - The reader in the middle. A goroutine holds RLock and takes RLock again.
    Between the two a writer calls Lock; sync.RWMutex then holds back new
    readers, so the second RLock waits for the writer and the writer waits for
    the first RLock. It works until somebody writes.
  - A missing partner. Nobody will send, close, signal or call Done any more,
    often because of an early return on an error, or because the signal on a
    sync.Cond came before the wait.

Example.

	func transfer(from, to *Account, n int) {
		from.mu.Lock(); defer from.mu.Unlock()
		to.mu.Lock(); defer to.mu.Unlock() // transfer(b, a, 1) does the opposite
		...
	}

How to fix it. Give locks an order (by address, by id, by layer) and keep to it.
Copy what you need, unlock, and only then send, call back or wait. Do not nest
RLock; split the function into a public one that locks and a private one that
expects the lock. Give channel sends a way out: select with ctx.Done(), or a
buffer as large as the number of results. Check a condition in a loop under the
lock of its sync.Cond.

How to read the evidence. Each "waits" line says what a goroutine holds, what it
wants, and who could end that; each "holds" line where a lock was taken. If they
wait in a circle, the cycle comes first and is named; who merely waits for one of
them comes after it. If there is no cycle, somebody waits whom nobody will wake:
then a note says who used the channel, Cond or WaitGroup last, where those
goroutines returned, and which line they did not come to. Who would send, receive
or close is read from the functions that goroutines are in; a call in another
function is not seen, and then no more is said than who has a reference.`,
}

var checkLeak = Check{
	Code:  "GR2011",
	Name:  "goroutine-leak",
	Kind:  Leak,
	Title: "a goroutine is left behind that nothing can wake",
	Help:  "give the goroutine a way out, such as ctx.Done(), and wait for it where it is started",
	Text: `The test returned, and a goroutine that it started still waits for an event that
can no longer happen. It keeps its stack, everything the stack points to, and
whatever it holds: locks, connections, files. A leak per request is an outage
with a delay.

Why it happens. The other side of a channel went away first:

	ch := make(chan Result)
	go func() { ch <- slowCall() }()
	select {
	case r := <-ch:
		return r, nil
	case <-ctx.Done():
		return Result{}, ctx.Err() // nobody receives: the send waits for ever
	}

Other shapes: a range over a channel that is never closed; a worker that waits for
jobs although the pool was dropped; a time.Ticker loop without a stop case; an
early return between starting goroutines and collecting their results; a cancel
function that is not called.

How to fix it. Whoever starts a goroutine should know how it ends. In the example
make(chan Result, 1) suffices: the send no longer needs a receiver. In general,
let every blocking operation of the goroutine also select on ctx.Done(), let the
sender close the channel, and wait (sync.WaitGroup, errgroup) before returning,
so that a test and a shutdown see the end.

When it is meant. A process-wide worker that is started once and never stopped is
not a leak in production, but it is shared state between tests. Give it a Close
and call it with t.Cleanup.

How to read the evidence. The note tells who used the same channel, Cond or
WaitGroup: what they did last, by which way they left, and where they returned.

How it was found. At the end of the execution the goroutine was parked, and no
runnable goroutine, timer or pending operation was left that could wake it. Things
outside the control of the explorer, a socket for example, can wake a goroutine
later; then the finding carries a note that says so.`,
}

var checkPanic = Check{
	Code:  "GR2012",
	Name:  "panic",
	Kind:  Panic,
	Title: "the program panics or is stopped by the runtime in this schedule",
	Help:  "replay the schedule and look at the last operations of the goroutine that stopped",
	Text: `In the schedule that is shown the program panicked, or the runtime stopped it with
a fatal error, while other schedules of the same test went through. The panic is
where it came to light; the cause is the order of operations before it.

Why it happens. Something was true when it was checked and no longer true when it
was used:

	if c.conn != nil {        // true
		c.conn.Write(b)       // another goroutine: c.conn = nil
	}

Common forms: nil dereference after such a check; close of a closed channel or
send on a closed channel, because two goroutines believe that they own the close;
"sync: negative WaitGroup counter"; "sync: unlock of unlocked mutex", often an
early return combined with a deferred unlock; index out of range because a slice
was replaced between len and the index; "concurrent map writes".

A fatal error ("concurrent map writes", "all goroutines are asleep", "unlock of
unlocked mutex") is not a panic: recover does not catch it and deferred functions
do not run.

How to fix it. Make the check and the use one step: hold the lock over both, or
copy the shared value into a local variable under the lock and use only the copy.
Give each channel one owner, the goroutine that sends, and let only the owner
close it; with several senders use sync.Once, or do not close at all and end by
context. Call WaitGroup.Add before the go statement, not inside the goroutine.

How to read the evidence. The line marked as stop is the panic itself. Walk
backwards from it in the timeline to the last write of the value that was wrong:
that write came from another goroutine, between the check and the use. If a
GR2001 finding names the same variable, repair that one first.`,
}

var checkFailure = Check{
	Code:  "GR2013",
	Name:  "schedule-dependent-failure",
	Kind:  Failure,
	Title: "the test's own assertion fails in this schedule",
	Help:  "replay the schedule: the same assertion fails each time, so it can be debugged",
	Text: `The test passes in some schedules and fails in this one. Nothing that the tool
checks by itself was violated (no race, no deadlock); the program's own idea of
right and wrong was, as the test states it. This is what a flaky test looks like
when it is caught in the act.

Why it happens. Either the program is wrong in a way that locks do not cure, or
the test expects more than the program promises.

In the program the usual cause is atomicity: each access is locked, and the
operation made of several accesses is not.

	func (c *Counter) Inc() { c.Set(c.Get() + 1) } // Inc does not lock

Two Incs read the same number and one of them is lost, without any data race.
Others are check-then-act on a cache, a notification sent before the state it
announces is visible, and shutdown that overtakes the last item.

In the test the usual causes are an assertion on an order that nobody
guarantees (which of two goroutines is first, the order of a map, the arrival of
results), an assertion made before the goroutine it depends on has ended, a sleep
in place of waiting, and state shared between tests.

How to fix it. Decide which of the two it is; the timeline shows which operations
came between the two that belong together. In the program, widen the critical
section to the whole operation, use atomic.AddInt64 or compare-and-swap, or send
the state along with the notification. In the test, wait for the event itself
(WaitGroup, channel, synctest.Wait) and assert what every order must satisfy:
sort first, compare sets, check sums.

Is it real? The schedule is one that the Go scheduler may choose; nothing in it is
against the language. If the finding is labelled timing-dependent, a timer was
allowed to fire early relative to running goroutines, as it can on a loaded
machine; that is legal, and it is why tests with tight timeouts fail in CI.`,
}

var checkLivelock = Check{
	Code:  "GR2016",
	Name:  "livelock",
	Kind:  Livelock,
	Title: "goroutines run on and on and get nowhere",
	Help:  "wait on a channel, a Cond or a WaitGroup instead of asking again and again, and take locks in one order instead of giving way",
	Text: `The test does not end, and not because it has much to do: the state of the
program came again. Every goroutine was at the same place with the same values on
its stack, and every word of memory that had been written to meanwhile had its
old value. What happened in between can happen again for ever.

Why it happens. Three patterns cover most cases:

  - A flag that nobody will set. A goroutine loops until it sees a value, and
    whoever was to write it has returned early, or waits itself.
  - Giving way. Two goroutines each take a lock, try to take the other's, fail,
    give the first one back, and begin anew at the same time.
  - Undoing. Two compare-and-swap loops each put back what the other has done.

Example.

	for {
		a.mu.Lock()
		if b.mu.TryLock() { // the other goroutine holds b and tries a
			break
		}
		a.mu.Unlock()
	}

How to fix it. Do not ask again and again: a channel, a sync.Cond or a WaitGroup
says when there is something to see, and a deadlock on it is found by the runtime
and by tests. Let whoever should set a flag do so on every way out, with defer.
Take both locks, in one order, instead of trying. Where a retry must be, wait for
a random time before it.

How to read the evidence. Each "spins" line is what a goroutine does over and
over. "Certain" means that no schedule ends it: nobody else can run, or none of
those that run writes anything. "Under this schedule" means that everybody who
could run did run, step by step by turns, and that it can go on like this for
ever; another order ends it. A real machine leaves such an order by chance, often
soon, and under load not for a long time.

What is not reported. A loop that asks for the time, sleeps, draws random
numbers, allocates, calls the system or waits for the network is not followed,
and neither is a loop that counts: such an execution is cut short by a limit and
its test is unknown.`,
}
