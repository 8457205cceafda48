// Package arch holds the rules that keep the packages of ghostread apart:
// which one may import which, how large a file may be, and that each package
// says what it is for.
//
// The rules are functions from facts to violations. The facts come from the
// go command and from the files of the repository; a test of the package
// applies the rules to the repository itself, and to made-up repositories
// that break each rule, because a check that cannot fail holds nothing.
//
// Nothing but its own tests uses the package.
package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// module is the import path that the packages of the repository begin with.
const module = "github.com/ghostread/ghostread"

// pkg is what the rules need to know of a package.
type pkg struct {
	ImportPath string
	Doc        string   // the first sentence
	Imports    []string // without those of its tests
}

// rel returns the import path within the module, "." for the root, and
// whether it is in the module at all.
func rel(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// within reports whether p is one of dirs or below one of them.
func within(p string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool {
		return p == d || strings.HasPrefix(p, d+"/")
	})
}

// standard reports whether an import path is one of the standard library:
// only those have no dot in their first element.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// An arrow says what the packages of some directories may import.
type arrow struct {
	from   []string // directories of the module, with what is below them
	allows func(importPath string) bool
	reason string
}

// arrows are the rules of doc/architecture.md.
var arrows = []arrow{
	{
		from:   []string{"finding", "history", "freshmap"},
		allows: standard,
		reason: "other programs import it, and get no dependency of ours with it",
	},
	{
		from:   []string{"internal/linear"},
		allows: standard,
		reason: "explore/spec brings it into programs of others, and freshmap is tested with it",
	},
	{
		from:   []string{"explore/spec"},
		allows: func(p string) bool { in, ok := rel(p); return standard(p) || ok && in == "internal/linear" },
		reason: "tests of other programs import it, and get no dependency of ours with it",
	},
	{
		from:   guests,
		allows: allowedInGuests,
		reason: "the overlay copies it into the standard library of the tested program, where a larger import would be a cycle",
	},
	{
		from:   []string{"explore/wire"},
		allows: func(p string) bool { return allowedInGuests(p) || p == "strconv" || p == "strings" },
		reason: "the overlay copies it next to package testing of the tested program, which imports strconv and strings anyway",
	},
	{
		from:   sources,
		allows: func(p string) bool { in, ok := rel(p); return !ok || !within(in, "report", "hunt", "internal/cli") },
		reason: "sources end in package finding and do not know how findings are shown",
	},
	{
		from:   []string{"report"},
		allows: func(p string) bool { in, ok := rel(p); return standard(p) || !ok || in == "finding" },
		reason: "it shows findings of any source, so it knows of none",
	},
}

// sources find things. A source that is added to the tree is added here.
var sources = []string{"vet", "explore", "inspect", "tracer", "blame", "history", "consistency", "target", "canary", "freshmap", "lab", "finding"}

// reporters are the only packages that may import report, besides itself:
// those that show findings, and the pages of the lab and of maps, which look as
// the report does and draw their timelines as it does.
var reporters = []string{"report", "hunt", "internal/cli", "internal/labpage", "internal/mappage"}

// guests run inside the program under test as well.
var guests = []string{"explore/event", "explore/strategy", "explore/detect", "explore/dpor"}

// guestStandard are the packages of the standard library that import next to
// nothing themselves, so that package runtime's neighbours can import them.
var guestStandard = []string{"math/bits", "unsafe", "slices", "cmp"}

func allowedInGuests(importPath string) bool {
	if in, ok := rel(importPath); ok {
		return slices.Contains(guests, in)
	}
	return slices.Contains(guestStandard, importPath)
}

// checkImports returns a line for each import that no arrow allows.
func checkImports(pkgs []pkg) []string {
	var violations []string
	for _, p := range pkgs {
		from, ok := rel(p.ImportPath)
		if !ok {
			continue
		}
		for _, imp := range p.Imports {
			for _, a := range arrows {
				if within(from, a.from...) && !a.allows(imp) {
					violations = append(violations, fmt.Sprintf("%s imports %s: %s", from, imp, a.reason))
				}
			}
			if in, ok := rel(imp); ok && in == "report" && !within(from, reporters...) && !within(from, sources...) {
				violations = append(violations, fmt.Sprintf("%s imports %s: only %s show findings", from, imp, strings.Join(reporters[1:], ", ")))
			}
		}
	}
	return violations
}

// checkDocs returns a line for each package that does not say what it is.
func checkDocs(pkgs []pkg) []string {
	var violations []string
	for _, p := range pkgs {
		if strings.TrimSpace(p.Doc) == "" {
			violations = append(violations, p.ImportPath+" has no package documentation")
		}
	}
	return violations
}

// The most lines of a file, and of a main.go: one is about what fits into a
// reader's head, the other keeps main packages free of logic, which cannot be
// imported and so is not tested. The programs of the lab are whole programs,
// to be read and taken along; their main packages have nothing beside main.
const (
	maxLines     = 800
	maxMainLines = 40
)

// checkLines returns a line for each file that is too long. Keys are paths
// with slashes, values are numbers of lines.
func checkLines(files map[string]int) []string {
	var violations []string
	for name, lines := range files {
		limit := maxLines
		if path.Base(name) == "main.go" && !within(name, "lab/_experiments") {
			limit = maxMainLines
		}
		if lines > limit {
			violations = append(violations, fmt.Sprintf("%s has %d lines, at most %d are allowed: split it by idea", name, lines, limit))
		}
	}
	slices.Sort(violations)
	return violations
}
