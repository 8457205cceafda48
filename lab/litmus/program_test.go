package litmus

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/lab/listing"
)

// all reads the tests of the experiment, and one with everything else that
// the format has.
func all(t testing.TB) []*Test {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(experiment, "*.litmus"))
	if err != nil {
		t.Fatal(err)
	}
	var tests []*Test
	for _, f := range files {
		tests = append(tests, read(t, filepath.Base(f)))
	}
	rest, err := Parse("rest", []byte(`
test rest
doc  What "no other test" has.
var x = 7, y
mutex m, n
thread { lock m; lock n; x = 2147483647 + 1; unlock n; unlock m; r0 = atomic.Swap(y, 1); atomic.Add(x, r0) }
thread { r1 = atomic.CAS(x, 7, -1); if r1 == 1 || 1 == 2 { r2 = atomic.Add(y, 2 - 3); r3 = r2 + r2 } }
exists (r0 > 0 && r3 != 1) || 1 == 1 && x <= 0`))
	if err != nil {
		t.Fatal(err)
	}
	return append(tests, rest)
}

// write puts the program of tests into a new directory.
func write(t testing.TB, tests []*Test, o Options) string {
	t.Helper()
	files, err := Program(tests, o)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files["go.mod"] = []byte("module example.com/litmus\n\ngo 1.18\n")
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func goCommand(t testing.TB, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "GOFLAGS=", "GOWORK=off"), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestProgram runs a program of all tests and some random ones, and holds what
// does not depend on the machine: it prints its facts, and no outcome is
// forbidden.
func TestProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: builds and runs a program")
	}
	tests := all(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range 30 {
		random := random(rand.New(rand.NewPCG(seed, uint64(i))), false)
		random.Name = fmt.Sprintf("random_%d", i)
		if _, err := Analyze(random); err == nil {
			tests = append(tests, random)
		}
	}
	dir := write(t, tests, Options{Iterations: 500})
	out := goCommand(t, dir, nil, "run", ".")
	facts := make(map[string]string)
	for _, f := range regexp.MustCompile(`(?m)^([a-z][a-z0-9_]*) = (.+)$`).FindAllStringSubmatch(out, -1) {
		facts[f[1]] = f[2]
	}
	for _, test := range tests {
		a, err := Analyze(test)
		if err != nil {
			t.Fatal(err)
		}
		if got := facts[test.Name+"_forbidden"]; got != "0" {
			t.Errorf("%s: got %s forbidden outcomes, want 0\n%s", test.Name, got, out)
		}
		if got := facts[test.Name+"_go"]; got != string(a.Exists) {
			t.Errorf("%s: got class %s, want %s", test.Name, got, a.Exists)
		}
		var times map[string]int
		if err := json.Unmarshal([]byte(facts[test.Name+"_histogram"]), &times); err != nil || len(times) == 0 {
			t.Errorf("%s: got histogram %q: %v", test.Name, facts[test.Name+"_histogram"], err)
		}
		for key := range times {
			if !slices.ContainsFunc(a.Outcomes, func(o Classified) bool { return o.Key() == key }) {
				t.Errorf("%s: the program prints the outcome %q, which Analyze does not know", test.Name, key)
			}
		}
	}
	if n := strings.Count(out, "picture: {"); n != 1 {
		t.Errorf("got %d pictures, want 1", n)
	}
	for line := range strings.Lines(out) {
		if text, ok := strings.CutPrefix(line, "picture: "); ok && !json.Valid([]byte(text)) {
			t.Errorf("this picture is no JSON: %s", text)
		}
	}
}

// TestProgramElsewhere type-checks the program for other systems, with vet.
func TestProgramElsewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: compiles programs")
	}
	dir := write(t, all(t), Options{})
	for _, port := range [][2]string{{"linux", "amd64"}, {"linux", "arm64"}, {"linux", "386"}, {"darwin", "arm64"}, {"windows", "amd64"}} {
		t.Run(port[0]+"/"+port[1], func(t *testing.T) {
			goCommand(t, dir, []string{"GOOS=" + port[0], "GOARCH=" + port[1], "CGO_ENABLED=0"}, "vet", ".")
		})
	}
}

func TestProgramErrors(t *testing.T) {
	sb := read(t, "sb_plain.litmus")
	tests := []struct {
		name  string
		tests []*Test
		opts  Options
		want  string
	}{
		{"no tests", nil, Options{}, "no litmus tests"},
		{"one name twice", []*Test{sb, sb}, Options{}, "two tests are called sb_plain"},
		{"unknown start", []*Test{sb}, Options{Start: "soon"}, `no start "soon"; there are tsc, spin, none`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Program(tt.tests, tt.opts)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Program: got error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestHarness holds that the harness is what its constants say elsewhere.
func TestHarness(t *testing.T) {
	files, err := Program([]*Test{read(t, "sb_plain.litmus")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"pin_linux.go", "pin_other.go", "print.go", "program.go", "run.go", "start_amd64.go", "start_amd64.s", "start_other.go", "tests.go"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(files))); diff != "" {
		t.Errorf("files of the program (-want +got):\n%s", diff)
	}
	if src := string(files["program.go"]); !strings.Contains(src, "_    [124]byte") || cellBytes != 128 || !strings.Contains(src, "type results [8]int32") || MaxObserved != 8 {
		t.Error("the cells or results of the harness have another size than cellBytes and MaxObserved say")
	}
}

// TestCheckOrder compiles the tests with the compiler at hand. That it keeps
// atomic operations in order is the compiler's promise; the two tests that it
// does change were changed by every release since Go 1.18.
func TestCheckOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: compiles a program")
	}
	tests := all(t)
	dir := write(t, tests, Options{})
	funcs, _, err := listing.Compile(t.Context(), "go", append(os.Environ(), "GOFLAGS=", "GOWORK=off"), dir, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		got := CheckOrder(test, tests, funcs)
		switch test.Name {
		case "mp_compiler":
			if got.Kept || got.Note != "thread 2: the compiler put load data before load flag" {
				t.Errorf("CheckOrder(%s): got %+v, want a load of data before that of flag", test.Name, got)
			}
		case "corr_merged":
			if got.Kept || got.Note != "thread 2: the compiler merged or left out load x" {
				t.Errorf("CheckOrder(%s): got %+v, want one load left out", test.Name, got)
			}
		case "mp_plain", "corr_plain": // depends on the release
		default:
			if !got.Kept {
				t.Errorf("CheckOrder(%s): got %+v, want the order of the source", test.Name, got)
			}
		}
	}
	facts := OrderFacts(tests, funcs)
	if facts["sb_plain_order_kept"] != true || facts["mp_compiler_order_kept"] != false {
		t.Errorf("OrderFacts: got %v and %v for sb_plain and mp_compiler, want true and false", facts["sb_plain_order_kept"], facts["mp_compiler_order_kept"])
	}
	if got := CheckOrder(tests[0], tests, nil); got.Known {
		t.Errorf("CheckOrder without functions: got %+v, want that it is not known", got)
	}
}
