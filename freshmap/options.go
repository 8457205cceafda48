package freshmap

// An Option says how a map is made.
type Option func(*options)

type options struct {
	capacity int
	hasher   any // func(K) uint64
	shrink   ShrinkPolicy
	observer func(Growth)
	manual   bool
}

// WithCapacity makes room for n entries from the start. The map never has less
// room than that.
func WithCapacity(n int) Option { return func(o *options) { o.capacity = n } }

// WithHasher replaces the hash function. Equal keys must have equal hashes; the
// map mixes them with a secret of its own, but cannot tell keys of one hash
// apart faster than one after the other. h must be safe for concurrent
// use, and must not panic for a key that it has hashed before.
func WithHasher[K comparable](h func(K) uint64) Option { return func(o *options) { o.hasher = h } }

// A ShrinkPolicy says when a map gives up room.
type ShrinkPolicy uint8

const (
	// ShrinkAuto joins two segments when deletions have left both together half as
	// full as one may be, and narrows a wide one that has less than that. It takes
	// back what Grow has made and nothing has filled, but not what WithCapacity
	// has.
	ShrinkAuto ShrinkPolicy = iota
	// ShrinkNever leaves that to [Map.Shrink].
	ShrinkNever
)

// WithShrink sets the shrink policy, which is ShrinkAuto otherwise.
func WithShrink(p ShrinkPolicy) Option { return func(o *options) { o.shrink = p } }

// WithObserver has f called when migration work begins, goes on and ends: in
// order, one call at a time, by a goroutine that does such work itself, or by the
// runtime's for cleanups if a snapshot was forgotten. It may use the map, but a
// slow one slows that goroutine.
func WithObserver(f func(Growth)) Option { return func(o *options) { o.observer = f } }

// WithManualSteps leaves all migration work to [Map.Step], [Map.Fence],
// [Map.Grow] and [Map.Shrink]: writers do not help. It is for tests that want
// to stop a migration at each of its steps. The observer hears of the work when
// the first step is done.
func WithManualSteps() Option { return func(o *options) { o.manual = true } }
