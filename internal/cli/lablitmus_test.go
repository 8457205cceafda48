package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/lab/litmus"
)

const storeBuffering = `test sb
var x, y
thread { x = 1; r0 = y }
thread { y = 1; r1 = x }
exists r0 == 0 && r1 == 0
`

// runLabLitmus runs the command on a file with that text.
func runLabLitmus(t *testing.T, src string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.litmus")
	if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	s := new(session)
	var out, errs bytes.Buffer
	status = execute(t.Context(), newLabLitmus(s), s, &out, &errs, append([]string{file}, args...))
	return out.String(), errs.String(), status
}

func TestLabLitmusModels(t *testing.T) {
	stdout, stderr, status := runLabLitmus(t, storeBuffering, "--models")
	if status != StatusClean || stderr != "" {
		t.Fatalf("litmus --models: got status %d and %q, want %d and nothing", status, stderr, StatusClean)
	}
	for _, want := range []string{
		"data race: line 3, thread 1: x = 1; line 4, thread 2: r1 = x\n",
		"r0=0 r1=0   only because of the data race   yes   <- r0 == 0 && r1 == 0\n",
		"r0=1 r1=1   yes, an interleaving            yes\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("litmus --models: output lacks %q:\n%s", want, stdout)
		}
	}
}

func TestLabLitmusRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: builds a program")
	}
	stdout, stderr, status := runLabLitmus(t, strings.NewReplacer("x = 1", "atomic.Store(x, 1)", "y = 1", "atomic.Store(y, 1)",
		"= y", "= atomic.Load(y)", "= x", "= atomic.Load(x)").Replace(storeBuffering), "--iterations", "2000")
	if status != StatusClean {
		t.Fatalf("litmus: got status %d, want %d\n%s%s", status, StatusClean, stdout, stderr)
	}
	for _, want := range []string{"no data race", "per million", "compiler: ", "verdict: r0 == 0 && r1 == 0 was not seen in ", " runs, and the Go memory model forbids it on every machine."} {
		if !strings.Contains(stdout, want) {
			t.Errorf("litmus: output lacks %q:\n%s", want, stdout)
		}
	}
}

func TestLabLitmusErrors(t *testing.T) {
	tests := []struct {
		name, src string
		args      []string
		want      string
	}{
		{"a mistake in the file", strings.Replace(storeBuffering, "r1 = x", "r1 = z", 1), nil, "t.litmus:4:22: "},
		{"no times", storeBuffering, []string{"--iterations", "0"}, "--iterations 0"},
		{"unknown start", storeBuffering, []string{"--start", "soon"}, `no start "soon"`},
		{"old release", storeBuffering, []string{"--go", "1.3"}, "1.3 is older"},
		{"two files", storeBuffering, []string{"other.litmus"}, "litmus takes one file, and was given 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, stderr, status := runLabLitmus(t, tt.src, tt.args...)
			if status != StatusFailed || !strings.Contains(stderr, tt.want) {
				t.Errorf("litmus: got status %d and %q, want %d and %q", status, stderr, StatusFailed, tt.want)
			}
		})
	}
}

func TestJudgeLitmus(t *testing.T) {
	test, err := litmus.Parse("t.litmus", []byte(storeBuffering))
	if err != nil {
		t.Fatal(err)
	}
	a, err := litmus.Analyze(test)
	if err != nil {
		t.Fatal(err)
	}
	kept := litmus.Order{Known: true, Kept: true}
	tests := []struct {
		name string
		m    litmusRun
		want string
	}{
		{"forbidden", litmusRun{runs: 10, forbidden: 2}, "2 of 10 runs ended with an outcome that the Go memory model forbids"},
		{"not seen", litmusRun{runs: 10, order: kept}, "another machine or release may show it"},
		{"the store buffer", litmusRun{runs: 10, weak: 3, order: kept}, "store buffer"},
		{"the compiler", litmusRun{runs: 10, weak: 3, order: litmus.Order{Known: true}}, "the compiler changed the accesses"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judgeLitmus(test, a, &tt.m); !strings.Contains(got, tt.want) {
				t.Errorf("judgeLitmus: got %q, want it to say %q", got, tt.want)
			}
		})
	}
}
