// Package overlay patches a Go release without touching it: it applies
// anchored edits to files of a GOROOT, adds files and packages to it, and
// leaves the result as a directory with an overlay.json for `go build
// -overlay`.
//
// A [Patch] is data. Each [Edit] names a file, a place in it and a text, and
// every place is looked up in the file as the release ships it, never in the
// result of another edit, so edits can be read, moved and tested one by one. A
// place that is missing or ambiguous is an [AnchorError]: a patch that does
// not fit a release refuses, it never half applies. Lines of the original keep
// their numbers: after an insertion of several lines the text carries a line
// directive, and Generate checks each line of the result against the original.
// Positions in stack traces are those of the GOROOT the user knows, since the
// go command maps the paths of an overlay back.
//
// The result depends on its inputs only, byte for byte and path for path, so
// the go command compiles a patched standard library once. Directories are
// named by their content, written aside and renamed into place: processes that
// generate at the same time meet in the same directory.
//
// The package compiles nothing and knows nothing of what the edits mean;
// package build does the former, the files edits*.go the latter.
package overlay

import (
	"fmt"
	"regexp"
)

// Patch is what one or more Go releases need to become the release ghostread
// runs tests on. Files are named relative to GOROOT/src, with slashes.
type Patch struct {
	Min, Max int      // the minor versions of Go 1 the edits are written for, inclusive
	Edits    []Edit   // changes to existing files
	Add      []Added  // files that the release does not have, or that replace one entirely
	Remove   []string // files the build must not see

	// Plain lists import patterns (as -gcflags takes them) of packages that
	// are compiled without race instrumentation. The go:norace pragma is not
	// enough for them: it does not reach function literals.
	Plain []string
}

// Op is what an edit does at its place.
type Op int

// The operations. Those below Replace need no anchor but the declaration or
// the file itself, and put their text on a line that is there already.
const (
	InsertBefore Op = iota // before the anchor
	InsertAfter            // after the anchor
	Replace                // instead of the anchor

	AtStart // after the opening brace of the function, struct or interface In
	AtEnd   // before the closing brace of the function, struct or interface In
	Append  // at the end of the file
	Import  // Text is an import path; nothing happens when the file imports it
	NoRace  // //go:norace before every function; Text is empty
)

var opNames = [...]string{"insert before", "insert after", "replace", "at start", "at end", "append", "import", "no race"}

func (o Op) String() string {
	if o < 0 || int(o) >= len(opNames) {
		return fmt.Sprintf("Op(%d)", int(o))
	}
	return opNames[o]
}

// Edit is one change to one file. Anchor and Regexp exclude each other.
//
// In narrows the search to one top-level declaration: "chanrecv", "Mutex.Lock"
// for a method whatever its receiver is called, "g" for a type, variable or
// constant. It survives changes of signature and neighbourhood from release to
// release, so prefer it to a long anchor.
type Edit struct {
	File   string
	In     string
	Anchor string         // exact text
	Regexp *regexp.Regexp // Text may use its groups as ${1}
	Count  int            // how often the anchor must occur; 0 means once, Any means at least once
	Op     Op
	Text   string
	Why    string // the reason, for whoever ports the edit to the next release
	When   Probe  // nil means always
}

// Any, as the Count of an edit, takes every occurrence and wants at least one.
const Any = -1

// Added is a file to add. A Go file loses its "//go:build ghostread_guest" line.
type Added struct {
	File   string // relative to GOROOT/src
	Source []byte
	When   Probe // nil means always
}
