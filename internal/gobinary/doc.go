// Package gobinary reads from an executable what is needed to understand the
// memory of a Go process that runs it: types with their layout, package
// variables, and what closures capture. All of it comes from the binary's own
// DWARF, so no offset of any Go release is written down here.
//
// Go's DWARF differs from that of C compilers in attributes of its own
// (cmd/internal/dwarf/dwarf.go, Go 1.20 to 1.27): the reflect kind, key and
// element types, the place of the runtime's type descriptor, and the offset of
// a captured variable in its closure.
package gobinary
