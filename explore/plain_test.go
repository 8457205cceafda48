package explore_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/internal/exploretest"
)

// TestPlainCopies looks at the packages that are compiled without race
// instrumentation. The linker keeps the first copy of a generic function that
// several packages have, so theirs must not come before an instrumented one:
// what they instantiate has to be in package os too, which is linked first. The
// copy of sync.Map in package testing once made what it orders a race.
func TestPlainCopies(t *testing.T) {
	o := exploretest.Patched(t, ".")
	// In the order of explore/build, whose flags these are.
	args := append([]string{"list", "-deps", "-export", "-tags=race,netgo,osusergo,ghostread", "-gcflags=all=-race"}, o.Flags...)
	cmd := exec.Command("go", append(args, "-f", "{{.ImportPath}} {{.Export}}", "testing")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOROOT="+o.Toolchain.Root)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	generic := func(file string) (names []string) {
		out, err := exec.Command("go", "tool", "nm", "-type", file).Output()
		if err != nil {
			t.Fatalf("go tool nm %s: %v", file, err)
		}
		for line := range strings.Lines(string(out)) {
			if _, name, ok := strings.Cut(line, " T "); ok && strings.Contains(name, "[go.shape.") {
				names = append(names, strings.TrimSpace(name))
			}
		}
		return names
	}
	plain := map[string]string{}
	var first []string
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "os" {
			first = generic(file)
		}
		if strings.HasPrefix(name, "internal/ghostread/") {
			plain[name] = file
		}
	}
	if len(plain) < 5 || len(first) == 0 {
		t.Fatalf("%d packages without instrumentation, %d generic functions in os", len(plain), len(first))
	}
	for name, file := range plain {
		for _, f := range generic(file) {
			own := strings.Contains(f, "internal/ghostread/") || strings.Contains(f, "struct { Of int32; At int32; To int32 }")
			if harmless := strings.HasPrefix(f, "cmp.") || strings.HasPrefix(f, "type:.eq."); !own && !harmless && !slices.Contains(first, f) {
				t.Errorf("%s has a copy of %s without instrumentation", name, f)
			}
		}
	}
}
