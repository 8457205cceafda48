//go:build ghostread_guest && go1.26

package runtime

// What the core asks of the runtime in words that Go 1.26 has changed. The
// file ghostread_until125.go has the older ones.

// ghostChan is the channel that sg waits for, nil if it waits for none.
func ghostChan(sg *sudog) *hchan { return sg.c.get() }
