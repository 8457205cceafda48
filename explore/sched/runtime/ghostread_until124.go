//go:build ghostread_guest && !go1.25

package runtime

// What ghostread_since125.go has for later releases.

//go:nosplit
func ghostBubbled(gp *g) bool { return gp.syncGroup != nil }

func ghostRunTimers(now int64) { ghostTimers.check(now) }

func ghostCPUs() int { return int(ncpu) }

// ghostEmptyCleanups has nothing to do: the goroutine of the finalizers runs
// the cleanups too.
func ghostEmptyCleanups(int64) {}

// These are the reasons of no goroutine: a WaitGroup does not know of bubbles
// yet, and finalizers and cleanups have one goroutine.
const (
	waitReasonSynctestWaitGroupWait waitReason = 255 - iota
	waitReasonCleanupWait
)
