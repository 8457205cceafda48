package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/finding"
)

func TestHeadline(t *testing.T) {
	outcomes := func(vs ...finding.Verdict) finding.Summary {
		var s finding.Summary
		for i, v := range vs {
			s.Outcomes = append(s.Outcomes, finding.Outcome{Verdict: v, Subject: finding.Subject{Package: "p", Test: fmt.Sprintf("Test%d", i)}})
		}
		return s
	}
	one := outcomes(finding.Found, finding.Clean)
	one.Findings = 1
	mixed := outcomes(finding.Found, finding.Unknown, finding.Unknown)
	mixed.Findings = 2
	packages := finding.Summary{Outcomes: []finding.Outcome{{Subject: finding.Subject{Package: "p"}, Verdict: finding.Clean}}}
	tests := []struct {
		name string
		s    finding.Summary
		want string
	}{
		{"nothing ran", finding.Summary{}, "nothing was checked"},
		{"nothing changed", finding.Summary{Unchanged: true}, "nothing changed that had to be checked"},
		{"clean", outcomes(finding.Clean), "nothing found in 1 test"},
		{"one finding", one, "1 finding in 2 tests"},
		{"unknown is said", mixed, "2 findings in 3 tests, 2 unknown"},
		{"only unknown", outcomes(finding.Unknown), "nothing found in 1 test, 1 unknown"},
		{"packages without tests", packages, "nothing found in 1 package"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := headline(tt.s); got != tt.want {
				t.Errorf("headline = %q, want %q", got, tt.want)
			}
		})
	}
}

// A program under test chooses its panic texts; the terminal must not obey
// them.
func TestTextShowsControlCharacters(t *testing.T) {
	f := finding.Finding{Code: "GR2012", Kind: finding.Panic, Title: "a\x1b[2Jb\u202ec\xffd\u0085", Message: "x\x1b]0;title\x07\r\ny"}
	got := render(t, FormatText, Input{Findings: []finding.Finding{f}})
	for _, want := range []string{`a\x1b[2Jb\u202ec\xffd\x85`, "\t| x\\x1b]0;title\\x07\n\t| y\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("text lacks %q:\n%s", want, got)
		}
	}
	if i := strings.IndexFunc(got, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }); i >= 0 {
		t.Errorf("text has control character %q at %d", got[i], i)
	}
}

func TestTextShortensLongEvidence(t *testing.T) {
	f := finding.Finding{Code: "GR2012", Kind: finding.Panic, Message: strings.Repeat("line\n", 25)}
	var stack []finding.Frame
	for i := range 20 {
		stack = append(stack, finding.Frame{Func: "a.F", File: "a.go", Line: i + 1})
	}
	f.Evidence = []finding.Evidence{{Role: finding.RolePanic, Text: "G1 panics", Stack: stack}}
	got := render(t, FormatText, Input{Findings: []finding.Finding{f}})
	for _, want := range []string{"\t\tand 8 more frames\n", "\t| and 5 more lines\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("text lacks %q:\n%s", want, got)
		}
	}
}

func TestPaths(t *testing.T) {
	tests := []struct {
		name, dir, file, want string
	}{
		{"below", "/src/app", "/src/app/a/b.go", "a/b.go"},
		{"beside, shorter", "/src/app", "/src/lib/b.go", "../lib/b.go"},
		{"beside, longer", "/home/someone/projects/app", "/go/b.go", "/go/b.go"},
		{"relative already", "/src/app", "a/b.go", "a/b.go"},
		{"no directory", "", "/src/app/b.go", "/src/app/b.go"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (Options{Dir: tt.dir}).path(tt.file); got != tt.want {
				t.Errorf("path(%s) in %s = %s, want %s", tt.file, tt.dir, got, tt.want)
			}
		})
	}
}

func TestVisibleFrames(t *testing.T) {
	tests := []struct {
		name string
		in   []string
		want []string
	}{
		{"plumbing around", []string{"runtime.gopark", "sync.(*Mutex).Lock", "a.F", "a.G", "testing.tRunner"}, []string{"a.F", "a.G"}},
		{"plumbing between stays", []string{"a.F", "sync.(*Once).Do", "a.G", "runtime.goexit"}, []string{"a.F", "sync.(*Once).Do", "a.G"}},
		{"only plumbing", []string{"runtime.gopark", "runtime.goexit"}, []string{"runtime.gopark", "runtime.goexit"}},
		{"nothing", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stack []finding.Frame
			for _, fn := range tt.in {
				stack = append(stack, finding.Frame{Func: fn})
			}
			var got []string
			for _, f := range visible(stack) {
				got = append(got, f.Func)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("visible(%v) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestColour(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(key string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == key {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	tests := []struct {
		name string
		env  func(string) string
		want bool
	}{
		{"nothing set", env(), true},
		{"NO_COLOR", env("NO_COLOR", "1", "TERM", "xterm"), false},
		{"dumb terminal", env("TERM", "dumb"), false},
		{"empty NO_COLOR counts as unset", env("NO_COLOR", ""), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := wantsColour(tt.env); got != tt.want {
				t.Errorf("wantsColour = %v, want %v", got, tt.want)
			}
		})
	}
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if ColourOn(file) {
		t.Error("ColourOn(a file) = true, want false")
	}
}

func TestShortDuration(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{time.Hour + 2*time.Second + time.Millisecond, "1h0m2s"},
		{3418 * time.Millisecond, "3.42s"},
		{12345678 * time.Nanosecond, "12.35ms"},
		{800 * time.Nanosecond, "800ns"},
	} {
		if got := shortDuration(tt.d); got != tt.want {
			t.Errorf("shortDuration(%d) = %s, want %s", tt.d, got, tt.want)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range Formats {
		if got, err := ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("ParseFormat(%s) = %s, %v", f, got, err)
		}
	}
	if _, err := ParseFormat("xml"); err == nil {
		t.Error("ParseFormat(xml) is accepted")
	}
}

func TestJSONIsTheStream(t *testing.T) {
	in := sample()
	fs, sum, err := finding.ReadStream(strings.NewReader(render(t, FormatJSON, in)), "json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in.Findings, fs); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&in.Summary, sum); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

type fullDisk struct{}

var errFull = errors.New("no space left")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorsAreReturned(t *testing.T) {
	for _, f := range Formats {
		if err := Write(fullDisk{}, f, sample()); !errors.Is(err, errFull) {
			t.Errorf("Write(%s) on a full disk: %v, want %v", f, err, errFull)
		}
	}
	if err := WriteSummary(fullDisk{}, finding.Summary{}, Options{}); !errors.Is(err, errFull) {
		t.Errorf("WriteSummary on a full disk: %v, want %v", err, errFull)
	}
	if err := Write(&bytes.Buffer{}, "xml", sample()); err == nil {
		t.Error("Write(xml) is accepted")
	}
}
