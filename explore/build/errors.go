package build

import (
	"fmt"
	"strings"
)

// Error says that the tests of a package do not compile.
type Error struct {
	ImportPath string
	Output     string // the words of the go command and the compiler
	Hint       string // what helps, if we know
}

func (e *Error) Error() string {
	msg := fmt.Sprintf("build the tests of %s:\n%s", e.ImportPath, e.Output)
	if e.Hint != "" {
		msg += "\n" + e.Hint
	}
	return msg
}

func newError(importPath string, stderr []byte, err error) *Error {
	e := &Error{ImportPath: importPath, Output: trimOutput(string(stderr))}
	if e.Output == "" {
		e.Output = err.Error()
	}
	if strings.Contains(e.Output, "C compiler") && strings.Contains(e.Output, "not found") {
		e.Hint = "The package uses cgo. Install a C compiler, or set CGO_ENABLED=0 if the package can do without."
	}
	return e
}

// trimOutput takes away the lines with which go test frames the compiler's
// own: "# example.com/p [example.com/p.test]" and "FAIL example.com/p [build
// failed]". A heading stays when packages other than the first one failed too.
func trimOutput(out string) string {
	var lines []string
	headings := 0
	for line := range strings.SplitSeq(strings.TrimSpace(out), "\n") {
		if strings.HasPrefix(line, "FAIL\t") && strings.HasSuffix(line, "failed]") || line == "FAIL" {
			continue
		}
		if strings.HasPrefix(line, "# ") {
			headings++
		}
		lines = append(lines, line)
	}
	if headings == 1 && strings.HasPrefix(lines[0], "# ") {
		lines = lines[1:]
	}
	return strings.Join(lines, "\n")
}

// PackageError says that the go command cannot load a package.
type PackageError struct {
	ImportPath string
	Pos        string // file:line:col, if the fault has a place
	Msg        string
}

func (e *PackageError) Error() string {
	if e.Pos != "" {
		return e.Pos + ": " + e.Msg
	}
	if strings.Contains(e.Msg, e.ImportPath) {
		return e.Msg
	}
	return e.ImportPath + ": " + e.Msg
}

// unmatched reports whether the fault is in the pattern: there is no package.
func (e *PackageError) unmatched() bool {
	return e.Pos == "" && (strings.HasPrefix(e.Msg, "pattern ") || strings.HasPrefix(e.ImportPath, ".") && strings.HasSuffix(e.Msg, "not found"))
}

// NoPackagesError says that patterns match nothing.
type NoPackagesError struct {
	Dir      string
	Patterns []string
	Reason   string // the words of the go command
}

// noModule reports whether the go command misses a module around it.
func noModule(reason string) bool {
	return strings.Contains(reason, "go.mod file not found") || strings.Contains(reason, "directory prefix . does not contain main module")
}

func (e *NoPackagesError) Error() string {
	if noModule(e.Reason) {
		return fmt.Sprintf("%s is not in a Go module, and %s means nothing there; change to the directory of a module, or make one with: go mod init NAME", e.Dir, strings.Join(e.Patterns, " "))
	}
	msg := fmt.Sprintf("no packages match %s in %s", strings.Join(e.Patterns, " "), e.Dir)
	if e.Reason != "" {
		msg += ": " + e.Reason
	}
	if len(e.Patterns) == 1 && e.Patterns[0] == "./..." {
		return msg + "; change to the directory of a Go module"
	}
	return msg + "; try ./..."
}

// NoTestsError says that no package that was named has tests.
type NoTestsError struct {
	Packages []string
}

func (e *NoTestsError) Error() string {
	if len(e.Packages) == 1 {
		return fmt.Sprintf("%s has no tests: explore runs the functions TestXxx of files _test.go; try ./...", e.Packages[0])
	}
	return fmt.Sprintf("none of %d packages has tests: explore runs the functions TestXxx of files _test.go", len(e.Packages))
}

// ListError says that a test binary does not list its tests.
type ListError struct {
	ImportPath string
	Output     string // what it printed instead
	Err        error  // how it ended; nil when it ended well
}

func (e *ListError) Error() string {
	msg := "the tests of " + e.ImportPath + " cannot be listed: "
	if e.Err != nil {
		msg += e.Err.Error()
	} else {
		msg += "the program ended before it ran any; does TestMain call m.Run?"
	}
	if e.Output != "" {
		msg += "\n" + e.Output
	}
	return msg
}

func (e *ListError) Unwrap() error { return e.Err }
