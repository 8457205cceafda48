//go:build ghostread

package spec

import "unsafe"

// world is ghostread_spec in the runtime that ghostread builds programs with;
// so is the build tag.
//
//go:linkname world
//go:noescape
func world(what int, p unsafe.Pointer) int64
