package finding

var checkRace = Check{
	Code:  "GR2001",
	Name:  "race",
	Kind:  Race,
	Title: "a read is not ordered with a write",
	Help:  "guard both accesses with one mutex, or make both of them atomic",
	Text: `Two goroutines touch the same memory, at least one of them writes, at least one
of them does so without sync/atomic, and nothing orders the two: neither
happens before the other.

What the memory model says. A Go program without data races behaves as if its
goroutines took turns, one operation at a time. With a race that promise is
gone. A racing read of one machine word still returns some value that was
really written there, but which one is not defined, and the compiler may keep
the value in a register and never look again. A value of several words (a
string, a slice, an interface, a struct) is read in pieces and in no particular
order: a string can get the pointer of one write and the length of another, and
what follows is memory corruption, not merely an old value. There is no benign
race.

Why it happens. Usually one access forgot the lock that all others hold: a
getter, a metric, a log line, a test that looks at a field. Other causes are
the wrong lock (a copy of the mutex, or the mutex of another shard), RLock held
while writing, a WaitGroup.Add inside the goroutine it is waiting for, a
variable captured by a closure, or a time.Sleep in place of synchronisation:
time orders nothing.

Example. This getter races with every Set:

	func (s *Store) Set(v string) { s.mu.Lock(); s.v = v; s.mu.Unlock() }
	func (s *Store) Get() string  { return s.v }

How to fix it. Make something order the two accesses:

	func (s *Store) Get() string { s.mu.Lock(); defer s.mu.Unlock(); return s.v }

A channel operation, the end of WaitGroup.Wait, sync.Once, or an atomic store
that is observed by an atomic load order them as well. An atomic on one side
only does not: both sides have to be atomic. To hand a large value to many
readers, build it first and publish it with atomic.Pointer, and do not change it
afterwards.

How it was found. The schedule that is shown ran both accesses without a
happens-before edge between them. The vector clocks see this whether or not the
two accesses were close in time, so the finding does not depend on luck; whether
your program reads a wrong value today depends on the compiler, the processor and
the load.`,
}

var checkStale = Check{
	Code:  "GR2002",
	Name:  "stale-read",
	Kind:  Stale,
	Title: "a read returns a value that was overwritten before it began",
	Help:  "read the value under the lock, or by the atomic, that publishes the newer one",
	Text: `When the read began, a newer value had already been written, and yet the read
returned the older one. No order of the operations that respects real time
explains the answer: somebody was told about the past as if it were the present.

Why it happens. The reader does not look where the writer wrote:

  - It looks at a copy: a struct copied out of a map, a slice header taken before
    append moved the elements, a value kept across Unlock and used after the
    next Lock.
  - It looks at an old version: a pointer loaded once from an atomic.Pointer and
    used for the whole life of a request or a goroutine.
  - It looks at a cache, filled by a slow reader after a fast writer had
    invalidated it, so that the old value stays until the next change.
  - Nothing orders the write before the read. Without a happens-before edge the
    reader is entitled to nothing newer: the compiler may even turn
    "for !done {}" into a loop that never looks again.

Example. The refill overwrites a newer value with an older one:

	v := db.Load(k)      // reads 1
	                     // another goroutine: db.Store(k, 2); cache.Delete(k)
	cache.Store(k, v)    // keeps 1, for ever

How to fix it. Let the check and the use be one step. Hold the lock from the read
to the use of what was read. Load an atomic.Pointer once for each decision, not
once per process. Give cache entries a version and refuse to replace a newer one
with an older one (compare-and-swap), or delete the entry after the write and
again when a refill that started earlier has finished.

When it is meant. Being a little behind is often acceptable. Then say how far:
put the version or the age beside the value, and test that bound instead.`,
}

var checkTorn = Check{
	Code:  "GR2003",
	Name:  "torn-read",
	Kind:  Torn,
	Title: "a read mixes two writes or sees a half-built object",
	Help:  "publish the value whole: build it, then store it with atomic.Pointer or under the lock",
	Text: `The value that was read was never written as a whole. Some of its parts come from
one write and some from another, or some had not been written at all.

Why it happens. In Go only a value of a single machine word is read and written
in one piece. A string is two words, a slice three, an interface two, and a
struct as many as it has. The memory model lets the parts of a racing access be
performed in any order, so the reader can see:

  - a string with the old pointer and the new length: it reads past the end of
    the bytes;
  - an interface with the type of one value and the data of another: the next
    method call runs on memory of the wrong type;
  - a struct whose invariant does not hold: {from: 100, to: 40};
  - a pointer to an object whose fields are still zero, because the pointer was
    stored before, or without ordering after, the fields.

The last one needs no large value. It is the classic mistake of double-checked
locking: the pointer is one word and arrives whole, what it points to does not.

Example.

	cfg = &Config{}       // visible to readers from here on
	cfg.Limit = 10        // too late for some of them

How to fix it. Finish first, publish second, and publish through something that
orders memory:

	c := &Config{Limit: 10}
	current.Store(c)      // atomic.Pointer[Config]

Everything before the Store happens before everything after a Load that returns
c. Do not change *c afterwards; store a new one. If parts must change in place,
every reader needs the lock too, also readers of a single field when it is tied
to others by an invariant. For lazy construction use sync.Once or
sync.OnceValue.

What the tool can see. Goroutines take turns under the explorer, at the
granularity of instrumented accesses, so it does not cut a word in half. It
reports a torn read when the accesses that make up one value are interleaved by
a write to an overlapping range.`,
}

var checkLost = Check{
	Code:  "GR2004",
	Name:  "lost-map-entry",
	Kind:  Lost,
	Title: "a lookup says absent though the key was present throughout",
	Help:  "guard every access to the map with one lock, or use sync.Map or freshmap",
	Text: `A key was in the table before the lookup began, it was still there after the
lookup ended, nobody deleted it in between, and the lookup answered "absent".

Why it happens. A table that grows or splits keeps its entries in two places for
a while, or moves them from one place to another. A lookup that is not ordered
with the move can search the old place after the entry left it, or the new place
before it arrived; or it computes the place with one directory and looks into
another. Reads alone never do this: several goroutines may read a Go map at the
same time as long as nobody writes. One unsynchronised writer is enough, and the
writer does not have to touch the key that is lost, because an insertion of any
key can make the table grow.

The runtime notices some of these accesses and stops the program with
"concurrent map read and map write". It looks at a flag without synchronisation,
so this is a chance, not a guarantee: silence is no evidence.

The same shape occurs above the language: a shard map that is replaced while a
request is under way, a cache that moves an entry between generations by delete
and insert, a cluster that is being resharded.

Example. Lookup takes the lock of the shard that the key used to belong to:

	s := shards[hash(k)%len(shards)] // reshard() replaces shards here
	s.mu.RLock()
	v, ok := s.m[k]                  // ok is false, k is in another shard

How to fix it. Order lookups with growth. The plain answer is one sync.RWMutex
held for the whole lookup, including the choice of the place. If tables are
replaced, publish the new one only when it is complete, or look into the new one
and then into the old one while the move goes on, or make the reader check a
version after the lookup and try again. When moving an entry, insert before
delete, so that at each moment at least one place has it.`,
}

var checkPhantom = Check{
	Code:  "GR2005",
	Name:  "phantom-map-entry",
	Kind:  Phantom,
	Title: "a repeated read of a range sees entries that came in between",
	Help:  "take one snapshot under the lock and work on that, instead of reading twice",
	Text: `Code reads a range (all entries, a length, the keys with a prefix) twice, or in
several steps, and treats the answers as one. In between an entry came or went,
so the answers belong to different moments: the total does not match the rows,
the second pass meets a key that the first pass had not prepared for, a page
shows an entry twice.

Why it happens. Each single step may be properly locked. What is missing is that
the steps together exclude the writer:

	n := store.Len()                 // locks, counts, unlocks
	out := make([]Item, 0, n)
	store.Each(func(it Item) { ... }) // locks again: may be n+1 by now

Iteration is a case of its own. The language allows it in a single goroutine: an
entry that is added during a range loop over a map may be produced or skipped,
and one that is deleted before it is reached is not produced. sync.Map.Range says
so too: it does not correspond to any one snapshot, though it visits no key more
than once. With another goroutine that writes to a plain map during the loop it
is a race as well, see GR2001, and the runtime may stop the program with
"concurrent map iteration and map write".

How to fix it. Decide what the unit is, and hold the lock for exactly that:

	store.mu.RLock()
	items := slices.Collect(maps.Values(store.m))
	store.mu.RUnlock()
	// len(items) and items now belong together

For large tables keep an immutable version behind an atomic.Pointer and load the
pointer once; every reader then has a snapshot for nothing. If a consistent
answer is not worth the lock, make the code bear the difference: append instead
of indexing, look every key up again with a comma-ok, and do not check a sum
against rows read at another time.`,
}
