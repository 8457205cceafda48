// Package gobinary reads from an executable what is needed to understand the
// memory of a Go process that runs it: types with their layout, package
// variables, and what closures capture. All of it comes from the binary's own
// DWARF, so no offset of any Go release is written down by hand.
//
// What a binary without DWARF still has is what the Go linker writes for the
// runtime: module data and type descriptors. How these and the runtime's own
// structs lie in memory is in layouts.txt, by exact release: it is made of the
// DWARF that each release gives a small program (layoutgen). See [Layout] and
// [Bare].
//
// Go's DWARF differs from that of C compilers in attributes of its own
// (cmd/internal/dwarf/dwarf.go, Go 1.20 to 1.27): the reflect kind, key and
// element types, the place of the runtime's type descriptor, and the offset of
// a captured variable in its closure.
package gobinary
