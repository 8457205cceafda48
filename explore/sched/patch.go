// Package sched is what makes a Go release explorable: the files that go into
// the runtime, the standard library and package testing of the program under
// test, and the edits that call them.
//
// The model: with -race, the compiler reports every memory access, and the
// runtime every synchronisation. Here these reports drive a scheduler that
// runs one goroutine at a time and asks a strategy at each of them who is
// next (runtime/ghostread.go), a virtual clock (runtime/ghostread_time.go) and
// a log from which a detector reads races afterwards (runtime/ghostread_log.go).
// The loop around it, in ordinary Go, is package internal/ghostread/guest
// (guest/), which package testing calls (testing/ghostread.go).
//
// The package holds text only. The files below its directories carry the
// build tag ghostread_guest, so that they are compiled nowhere but in the
// patched release.
package sched

import (
	"embed"
	"io/fs"
	"maps"
	"slices"

	"github.com/ghostread/ghostread/explore/overlay"
)

//go:embed runtime race tsan sync testing guest atomic
var files embed.FS

// Patch returns the patch for the releases that ghostread explores tests on.
// shared holds the packages that both sides compile, each in a directory of
// its name below the root.
func Patch(shared fs.FS) (overlay.Patch, error) {
	p := overlay.Patch{
		Min: oldest, Max: latest,
		Edits:  edits(),
		Remove: []string{"runtime/race/race_v1_amd64.go"},
		Plain:  []string{guestRoot + "..."},
	}
	p.Add = []overlay.Added{{File: "runtime/ghostread_abi.go", Source: []byte(atomicsABI())}}
	for _, arch := range slices.Sorted(maps.Keys(assemblers)) {
		p.Add = append(p.Add, overlay.Added{File: "runtime/race_" + arch + ".s", Source: []byte(atomicsAsm(arch)), When: overlay.Arch(arch)})
	}
	add := func(fsys fs.FS, dir, pkg string) error {
		files, err := overlay.GuestPackage(pkg, fsys, dir, map[string]string{"github.com/ghostread/ghostread/explore/": guestRoot}, pkg == "testing")
		p.Add = append(p.Add, files...)
		return err
	}
	for _, dir := range []struct{ from, to string }{
		{"runtime", "runtime"},
		{"race", "runtime"},
		{"sync", "sync"},
		{"testing", "testing"},
		{"guest", guestRoot + "guest"},
		{"atomic", guestRoot + "atomic"},
	} {
		if err := add(files, dir.from, dir.to); err != nil {
			return p, err
		}
	}
	for _, name := range sharedPackages {
		if err := add(shared, name, guestRoot+name); err != nil {
			return p, err
		}
	}
	return p, nil
}

// sharedPackages are the packages below explore/ that the test's process
// needs too.
var sharedPackages = []string{"event", "strategy", "detect", "dpor", "wire"}

const guestRoot = "internal/ghostread/"
