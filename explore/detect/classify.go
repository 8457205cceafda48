package detect

import "github.com/ghostread/ghostread/explore/event"

// Kinds of ghosts that a race can be; the values are those of package finding,
// which this package may not import.
const (
	KindRace    = "race"
	KindStale   = "stale"
	KindTorn    = "torn"
	KindLost    = "lost"
	KindPhantom = "phantom"
)

// Ghost is what a race means for the one who reads. The numbers are indexes
// into the log, -1 where there is none.
type Ghost struct {
	Kind   string
	Read   int32 // the access that reads; -1 if both write
	Write  int32 // the access that writes; the second one if both do
	Origin int32 // the write whose value Read returned; -1: the value from before the execution, or of a new object
	Newer  int32 // stale: the atomic write by which the reader knew that there is a newer value
	Mixed  bool  // torn: in this execution the words that were read come from different versions
}

// Classify says which kind of wrong read a race is. funcName names the
// function that contains a program counter; it is asked about the runtime's
// map functions only.
//
// The rules, in their order, and why:
//
//   - Both write: race. Nobody reads, so there is no wrong read to speak of.
//   - The write is a map's, the read iterates over it: phantom. An iteration
//     promises each entry at most once and sees entries move and come. Cloning
//     a map is an iteration.
//   - The write is a map's, the read looks up: lost. While a table grows, or a
//     group is rewritten, a key that was there all the time can be missed.
//   - The write is a map's, the read is of the header alone (len): race. The
//     count it returns was the count at some time.
//   - One of the two is atomic: race. The plain one is the mistake, and it is
//     one word.
//   - The read spans several words, as copies of strings, interfaces, slice
//     headers and structs do, and the write touches one of them: torn. The
//     words are loaded one by one; a write in between gives a value nobody
//     wrote. A serialised execution never interrupts one copy, so the mix is
//     possible rather than seen, unless a writer that stores word by word was
//     interrupted: see Mixed.
//   - The read comes before the write in this execution, and the reader knows
//     better: the last thing that the writer published before the write, and
//     after Origin, is an atomic write A, and A happens before the read: stale.
//     That is the pattern of a version, flag or pointer that is published
//     before what it announces. The reader has seen the announcement and
//     returns what it replaces.
//   - Else race.
//
// Mixed compares the versions of the words read: a word is old if its last
// writer in the log happens before the read, or if there is none, and new if
// that write is not ordered with the read. Old beside new is a mix, and so is
// new by two goroutines. An object whose fields were set one by one before
// it was handed over is all old, hence no mix.
//
// Classify takes time linear in the log and is meant for the process that
// reports, not for the tested one.
func Classify(log []event.Event, r Race, funcName func(pc uint64) string) Ghost {
	g := Ghost{Kind: KindRace, Read: -1, Write: r.Second, Origin: -1, Newer: -1}
	if r.First < 0 || r.Second <= r.First || int(r.Second) >= len(log) {
		return g
	}
	first, second := &log[r.First], &log[r.Second]
	switch {
	case writes(first) && writes(second):
		return g
	case writes(first):
		g.Read, g.Write = r.Second, r.First
	default:
		g.Read, g.Write = r.First, r.Second
	}
	read, write := &log[g.Read], &log[g.Write]
	lo, hi := touched(read)
	g.Origin = lastWriter(log[:g.Read], lo, hi)
	switch {
	case write.Kind == event.MapWrite:
		if read.Kind == event.MapRead {
			g.Kind = mapKind(funcName(read.Aux))
		}
	case read.Kind == event.MapRead || read.Kind.IsAtomic() || write.Kind.IsAtomic() || write.Kind.IsLock():
	case lo>>3 != hi>>3:
		g.Kind = KindTorn
		g.Mixed = mixed(log, g.Read)
	case g.Read < g.Write:
		if g.Newer = newer(log, g); g.Newer >= 0 {
			g.Kind = KindStale
		}
	}
	return g
}

// writes reports whether e changes what it touches. Lock operations do, but are
// nobody's origin: what they write is no value.
func writes(e *event.Event) bool {
	return (e.Kind.IsWrite() || e.Kind.IsLock()) && e.Flags&event.Failed == 0
}

// mapKind returns the kind of a map read by its runtime function. Releases
// name them differently: runtime.mapaccess1_faststr, runtime.mapiternext,
// runtime.mapIterNext, internal/runtime/maps.runtime_mapaccess1,
// reflect.mapIterStart, runtime.reflect_maplen.
func mapKind(function string) string {
	switch {
	case contains(function, "mapiter"), contains(function, "mapIter"), contains(function, "mapclone"):
		return KindPhantom
	case contains(function, "mapaccess"):
		return KindLost
	}
	return KindRace
}

// contains is strings.Contains, which this package may not import.
func contains(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

// touched returns the first and last byte of an access that touches any.
func touched(e *event.Event) (lo, hi uint64) {
	if (e.Kind == event.ReadRange || e.Kind == event.WriteRange) && e.Size > 0 {
		return e.Addr, last(e.Addr, uint64(e.Size))
	}
	return e.Addr, e.Addr
}

// lastWriter returns the last event of the log that wrote one of the bytes, or
// -1. A new object starts over.
func lastWriter(log []event.Event, lo, hi uint64) int32 {
	for i := len(log) - 1; i >= 0; i-- {
		e := &log[i]
		if e.Kind == event.Alloc && e.Size > 0 && e.Addr <= hi && lo <= last(e.Addr, uint64(e.Size)) {
			return -1
		}
		if e.Kind.IsWrite() && !(e.Kind == event.WriteRange && e.Size == 0) {
			if wlo, whi := touched(e); wlo <= hi && lo <= whi {
				return int32(i)
			}
		}
	}
	return -1
}

// newer returns the last atomic write by the goroutine of g.Write, after
// g.Origin and before g.Write, if it happens before g.Read and the goroutine
// published nothing else between it and g.Write, else -1. A constructor's
// atomic store announces nothing about a write that comes much later.
func newer(log []event.Event, g Ghost) int32 {
	writer := log[g.Write].G
	for i := g.Write - 1; i > g.Origin; i-- {
		e := &log[i]
		if e.Flags&event.Unsync != 0 {
			continue
		}
		if e.Kind == event.Spawn && e.Aux == uint64(writer) {
			return -1
		}
		if e.G != writer {
			continue
		}
		switch e.Kind {
		case event.AtomicStore, event.AtomicRMW:
			if i < g.Read && happensBefore(log, i, g.Read) {
				return i
			}
			return -1
		case event.Release, event.ReleaseMerge, event.ReleaseAcquire, event.Spawn:
			return -1
		}
	}
	return -1
}

// maxMixedWords bounds how much of a read mixed looks at. What is copied in
// one piece and larger is a buffer, not a value.
const maxMixedWords = 64

// mixed reports whether the words of a read come from different versions.
func mixed(log []event.Event, read int32) bool {
	lo, hi := touched(&log[read])
	old := false
	unordered := int32(-1) // a new word's writer
	var seen [maxMixedWords]int32
	n := 0
words:
	for w := lo >> 3; w <= hi>>3 && w-lo>>3 < maxMixedWords; w++ {
		i := lastWriter(log[:read], max(lo, w<<3), min(hi, w<<3|7))
		if i < 0 {
			old = true
			continue
		}
		for _, x := range seen[:n] {
			if x == i {
				continue words
			}
		}
		seen[n] = i
		n++
		if happensBefore(log, i, read) {
			old = true
			continue
		}
		if unordered >= 0 && log[unordered].G != log[i].G {
			return true
		}
		unordered = i
	}
	return old && unordered >= 0
}
