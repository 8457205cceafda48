//go:build ghostread_guest

package guest

import "internal/ghostread/wire"

// vain reports whether nothing can be said about the execution that just
// ended, and counts it: a timer fired although goroutines could run, and then
// an assertion failed or a limit ended the execution. A test may rightly
// assume that an hour does not pass; what it does when one has, from cleaning
// up in a hurry to leaving goroutines behind, is no finding.
func (l *loop) vain(c *config) bool {
	if c.fired == 0 || !c.failing && (c.reason == wire.Done || c.reason == wire.Deadlock || l.returned) {
		return false
	}
	l.head.Early++
	l.leaked += len(l.stuck(c))
	return true
}
