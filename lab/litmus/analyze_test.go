package litmus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// experiment is where the litmus files of the experiment are.
const experiment = "../_experiments/litmus"

func read(t testing.TB, name string) *Test {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(experiment, name))
	if err != nil {
		t.Fatal(err)
	}
	test, err := Parse(name, src)
	if err != nil {
		t.Fatal(err)
	}
	return test
}

// TestKnown compares with what the literature says of these tests, and with
// what go.dev/ref/mem says of programs with and without races.
func TestKnown(t *testing.T) {
	tests := []struct {
		name  string
		class Class
		tso   bool
		races int
	}{
		{"sb_plain", Weak, true, 2},
		{"sb_atomic", Forbidden, false, 0},
		{"sb_atomic_load", Weak, true, 2},
		{"sb_atomic_store", Weak, false, 2},
		// The additions touch different variables and order nothing in Go.
		{"sb_add", Weak, false, 2},
		{"mp_plain", Weak, false, 2},
		{"mp_branch", Weak, false, 2},
		{"mp_compiler", Weak, false, 2},
		{"mp_atomic_flag", Forbidden, false, 0},
		{"mp_mutex", Forbidden, false, 0},
		{"lb_plain", Weak, false, 2},
		{"lb_atomic", Forbidden, false, 0},
		{"w22_plain", Weak, false, 2},
		{"w22_atomic", Forbidden, false, 0},
		// Go's rules for racy reads do not order two reads of one variable.
		{"corr_plain", Weak, false, 2},
		{"corr_merged", Weak, false, 2},
		{"corr_atomic", Forbidden, false, 0},
		{"r_plain", Weak, true, 2},
		{"r_atomic", Forbidden, false, 0},
		{"s_plain", Weak, false, 2},
		{"iriw_plain", Weak, false, 4},
		{"iriw_atomic", Forbidden, false, 0},
	}
	known := make(map[string]bool)
	for _, tt := range tests {
		known[tt.name+".litmus"] = true
		t.Run(tt.name, func(t *testing.T) {
			a, err := Analyze(read(t, tt.name+".litmus"))
			if err != nil {
				t.Fatal(err)
			}
			if a.Exists != tt.class || a.TSO != tt.tso || len(a.Races) != tt.races {
				t.Errorf("Analyze: got class %s, x86-TSO %t and %d races, want %s, %t and %d", a.Exists, a.TSO, len(a.Races), tt.class, tt.tso, tt.races)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(experiment, "*.litmus"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if !known[filepath.Base(f)] {
			t.Errorf("%s is not in the table", f)
		}
	}
}

// outcomes returns the outcomes of a test, each with its class.
func outcomes(t *testing.T, src string) string {
	t.Helper()
	test, err := Parse("t.litmus", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	a, err := Analyze(test)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, o := range a.Outcomes {
		b.WriteString(o.Key() + " " + string(o.Class) + "\n")
	}
	return b.String()
}

// TestModel goes through the rules of the memory model one by one.
func TestModel(t *testing.T) {
	tests := []struct {
		name, src, want string
	}{
		{"values do not come out of thin air", `
test t
var x, y
thread { r0 = y; x = r0 }
thread { r1 = x; y = r1 }
exists r0 == 1 && r1 == 1`, "r0=0 r1=0 sc\n"},
		{"nor over branches", `
test t
var x, y
thread { r0 = y; if r0 == 1 { x = 1 } }
thread { r1 = x; if r1 == 1 { y = 1 } }
exists r0 == 1 && r1 == 1`, "r0=0 r1=0 sc\n"},
		{"a branch not taken is a dependency too", `
test t
var x, y
thread { r0 = y; r2 = 1; if r0 == 0 { r2 = 0 }; x = r2 }
thread { r1 = x; y = r1 }
exists r0 == 1 && r1 == 1`, "r0=0 r1=0 sc\n"},
		{"a thread sees its own stores", `
test t
var x
thread { x = 1; r0 = x }
thread { r1 = x }
exists r0 == 0 || r1 == 0`, "r0=1 r1=0 sc\nr0=1 r1=1 sc\n"},
		{"a racy read is not of a value that was overwritten before the threads met", `
test t
var x, f
thread { x = 1; x = 2; atomic.Store(f, 1); x = 3 }
thread { r0 = atomic.Load(f); if r0 == 1 { r1 = x } }
exists r0 == 1 && r1 == 1`, "r0=0 r1=0 sc\nr0=1 r1=2 sc\nr0=1 r1=3 sc\n"},
		{"publication is transitive", `
test t
var x, f, g
thread { x = 1; atomic.Store(f, 1) }
thread { r0 = atomic.Load(f); atomic.Store(g, r0) }
thread { r1 = atomic.Load(g); if r1 == 1 { r2 = x } }
exists r1 == 1 && r2 == 0`, "r1=0 r2=0 sc\nr1=1 r2=1 sc\n"},
		{"compare and swap happens once", `
test t
var x
thread { r0 = atomic.CAS(x, 0, 1) }
thread { r1 = atomic.CAS(x, 0, 2) }
exists r0 == r1`, "r0=0 r1=1 sc\nr0=1 r1=0 sc\n"},
		{"additions are not lost", `
test t
var x
thread { r0 = atomic.Add(x, 1) }
thread { r1 = atomic.Add(x, 1) }
exists x != 2 || r0 == r1`, "x=2 r0=1 r1=2 sc\nx=2 r0=2 r1=1 sc\n"},
		{"plain additions are lost", `
test t
var x
thread { r0 = x; x = r0 + 1 }
thread { r1 = x; x = r1 + 1 }
exists x == 1`, "x=1 sc\nx=2 sc\n"},
		{"Peterson's lock with plain variables lets both in", `
test t
var a, b, turn
thread { a = 1; turn = 2; r0 = b; r1 = turn; r2 = 0; if r0 == 0 || r1 == 1 { r2 = 1 } }
thread { b = 1; turn = 1; r3 = a; r4 = turn; r5 = 0; if r3 == 0 || r4 == 2 { r5 = 1 } }
exists r2 == 1 && r5 == 1`, "r2=0 r5=0 sc\nr2=0 r5=1 sc\nr2=1 r5=0 sc\nr2=1 r5=1 racy\n"},
		{"Peterson's lock with atomic variables does not", `
test t
var a, b, turn
thread { atomic.Store(a, 1); atomic.Store(turn, 2); r0 = atomic.Load(b); r1 = atomic.Load(turn); r2 = 0; if r0 == 0 || r1 == 1 { r2 = 1 } }
thread { atomic.Store(b, 1); atomic.Store(turn, 1); r3 = atomic.Load(a); r4 = atomic.Load(turn); r5 = 0; if r3 == 0 || r4 == 2 { r5 = 1 } }
exists r2 == 1 && r5 == 1`, "r2=0 r5=0 sc\nr2=0 r5=1 sc\nr2=1 r5=0 sc\n"},
		{"what a mutex guards is whole", `
test t
var x, y
mutex m
thread { lock m; x = 1; y = 1; unlock m }
thread { lock m; r0 = x; r1 = y; unlock m }
exists r0 != r1`, "r0=0 r1=0 sc\nr0=1 r1=1 sc\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, outcomes(t, tt.src)); diff != "" {
				t.Errorf("outcomes of %s (-want +got):\n%s", tt.src, diff)
			}
		})
	}
}

func TestAnalyzeRefuses(t *testing.T) {
	test, err := Parse("t.litmus", []byte(`
test t
var x
mutex m, n
thread { lock m; lock n; x = 1; unlock n; unlock m }
thread { lock n; lock m; r0 = x; unlock m; unlock n }
exists r0 == 0`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Analyze(test); err == nil || !strings.Contains(err.Error(), "lock mutexes in the same order") {
		t.Errorf("Analyze of a test that deadlocks: got error %v, want one about the order of mutexes", err)
	}
}
