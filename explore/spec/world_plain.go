//go:build !ghostread

package spec

import "unsafe"

// world says that the program is in no world: this is an ordinary build.
func world(what int, p unsafe.Pointer) int64 { return 0 }
