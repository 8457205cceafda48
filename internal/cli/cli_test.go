package cli

import (
	"errors"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/finding"
)

func TestStatus(t *testing.T) {
	tests := []struct {
		name string
		s    session
		want int
	}{
		{"no verdict", session{}, StatusClean},
		{"clean", session{verdict: finding.Clean}, StatusClean},
		{"found", session{verdict: finding.Found}, StatusFound},
		{"found is forgiven", session{verdict: finding.Found, exitZero: true}, StatusClean},
		{"unknown", session{verdict: finding.Unknown}, StatusUnknown},
		{"unknown is never forgiven", session{verdict: finding.Unknown, exitZero: true}, StatusUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.s.status(); got != tt.want {
				t.Errorf("status() of %+v: got %d, want %d", tt.s, got, tt.want)
			}
		})
	}
}

func TestNear(t *testing.T) {
	commands := []string{"completion", "explain", "explore", "help", "hunt", "replay", "version"}
	tests := []struct {
		name  string
		typed string
		from  []string
		want  []string
	}{
		{"letters swapped", "hnut", commands, []string{"hunt"}},
		{"letter missing", "relay", commands, []string{"replay"}},
		{"the beginning", "vers", commands, []string{"version"}},
		{"a part", "plore", commands, []string{"explore"}},
		{"last letter missing", "explor", commands, []string{"explore"}},
		{"case does not matter", "HUNT", commands, []string{"hunt"}},
		{"nothing like it", "frobnicate", commands, nil},
		{"empty", "", commands, nil},
		{"two candidates, nearest first", "GR2020", []string{"GR2001", "GR2002", "GR9999"}, []string{"GR2002", "GR2001"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, near(tt.typed, tt.from)); diff != "" {
				t.Errorf("near(%q) (-want +got):\n%s", tt.typed, diff)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"kitten", "sitting", 3},
		{"ca", "abc", 3}, // a swapped pair is not edited again
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q): got %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a); got != tt.want {
			t.Errorf("distance(%q, %q): got %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

// Every code of the catalogue can be explained by code and by name.
func TestExplainKnowsTheCatalogue(t *testing.T) {
	for _, c := range finding.Checks() {
		for _, word := range []string{c.Code, strings.ToLower(c.Code), c.Name} {
			var stdout, stderr strings.Builder
			status := Run(&stdout, &stderr, []string{"explain", word})
			if status != StatusClean || stderr.Len() > 0 {
				t.Errorf("explain %s: got status %d and stderr %q, want 0 and nothing", word, status, &stderr)
			}
			for _, part := range []string{c.Code + " " + c.Name + ": " + c.Title, strings.TrimSpace(c.Text), "help: " + c.Help} {
				if !strings.Contains(stdout.String(), part) {
					t.Errorf("explain %s: got no %q in:\n%s", word, part, &stdout)
				}
			}
		}
	}
}

// A planned command becomes an ordinary one by being added: then nothing may
// call it planned any more.
func TestPlannedCommandsDoNotExist(t *testing.T) {
	for _, c := range newRoot(new(session)).Commands() {
		for _, p := range planned {
			if c.Name() == p {
				t.Errorf("command %s exists and is listed as planned", p)
			}
		}
	}
}

// Every command says what it does in one line without a capital or a full
// stop, so that the list of commands reads as one text.
func TestCommandsAreDescribed(t *testing.T) {
	for _, c := range newRoot(new(session)).Commands() {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || strings.ToLower(c.Short[:1]) != c.Short[:1] {
			t.Errorf("Short of command %s: got %q, want a phrase like %q", c.Name(), c.Short, "print the version")
		}
	}
}

// An error of a command goes to stderr once, and the status says that it
// could not run, whatever the verdict was.
func TestErrorIsPrintedOnce(t *testing.T) {
	s := &session{verdict: finding.Found}
	root := newRoot(s)
	root.AddCommand(&cobra.Command{Use: "fail", RunE: func(*cobra.Command, []string) error {
		return errors.New("read trace a.out: no such file")
	}})
	var stdout, stderr strings.Builder
	got := execute(t.Context(), root, s, &stdout, &stderr, []string{"fail"})
	if got != StatusFailed {
		t.Errorf("execute(fail): got status %d, want %d", got, StatusFailed)
	}
	if stdout.Len() > 0 {
		t.Errorf("execute(fail): got stdout %q, want nothing", &stdout)
	}
	if want := "ghostread: read trace a.out: no such file\n"; stderr.String() != want {
		t.Errorf("execute(fail): got stderr %q, want %q", &stderr, want)
	}
}

func TestModuleVersion(t *testing.T) {
	tests := []struct {
		name string
		info *debug.BuildInfo
		ok   bool
		want string
	}{
		{"released", &debug.BuildInfo{Main: debug.Module{Version: "v0.3.1"}}, true, "v0.3.1"},
		{"no stamp", &debug.BuildInfo{}, true, "(devel)"},
		{"no build information", nil, false, "(devel)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := moduleVersion(tt.info, tt.ok); got != tt.want {
				t.Errorf("moduleVersion(%v, %t): got %q, want %q", tt.info, tt.ok, got, tt.want)
			}
		})
	}
}
