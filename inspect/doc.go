// Package inspect looks at the maps of a running Go program without stopping
// it: how many there are, of which types, who owns them, how full they are,
// what they waste, and whether they grow.
//
// [Attach] opens a process, [Launch] starts one, and [OpenCore] opens a core
// file. A [Census] walks from the package variables, and the variables on the
// stacks of goroutines, along typed pointers, interfaces, channels and closures
// to every map that they reach, reading the process's memory with
// process_vm_readv(2); what is left of the heap is swept for objects that look
// like the header of a map. Offsets come from the executable's DWARF (package
// internal/gobinary).
//
// The program goes on meanwhile, so what is read can be torn. A map is copied
// until its parts agree with each other (see [Map.Consistent]) or a number of
// tries is up; then [Target.AllowStop] lets the process be stopped to read it
// once more. What could not be followed is counted, not left out silently.
//
// [Of] looks at a map of the program itself, and [AssertNoResidue] is for tests
// that nothing of deleted keys is left. Neither needs DWARF.
package inspect
