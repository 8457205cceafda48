//go:build ghostread_guest && go1.25

package runtime

// What the core asks of the runtime in words that Go 1.25 has changed. The
// file ghostread_until124.go has the older ones.

// ghostBubbled reports whether gp lives by the clock of a testing/synctest bubble.
//
//go:nosplit
func ghostBubbled(gp *g) bool { return gp.bubble != nil }

// ghostRunTimers runs the world's timers that are due.
func ghostRunTimers(now int64) { ghostTimers.check(now, nil) }

// ghostCPUs is what GOMAXPROCS is by default.
func ghostCPUs() int { return int(numCPUStartup) }

// ghostEmptyCleanups waits, up to limit ns, until no cleanup is left to run.
func ghostEmptyCleanups(limit int64) { gcCleanups.blockUntilEmpty(limit) }
