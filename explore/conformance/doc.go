// Package conformance compares ghostread with what it must agree with: the
// race corpus of the user's own Go release, and the race detector of that
// release on the same tests.
//
// It is tests only. They need GOROOT/src/runtime/race/testdata, which some
// distributions leave out, and skip without it. Nothing of the corpus is part
// of this repository.
package conformance
