//go:build ghostread_guest && !go1.26

package runtime

// What ghostread_since126.go has for later releases.

func ghostChan(sg *sudog) *hchan { return sg.c }
