package overlay

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestRefusals(t *testing.T) {
	const tail = "; nothing was patched. If this GOROOT was modified, use one as go.dev ships it; otherwise report the release"
	tests := []struct {
		name string
		p    Patch
		want string
	}{
		{
			"missing anchor",
			Patch{Edits: []Edit{{File: "pond/pond.go", Anchor: "func shark(", Text: "x"}}},
			`patch ROOT/src/pond/pond.go of go1.26.8: found "func shark(" nowhere, want it once` + tail,
		},
		{
			"repeated anchor",
			Patch{Edits: []Edit{{File: "pond/pond.go", Anchor: "fmt.Println(f.name", Text: "x"}}},
			`patch ROOT/src/pond/pond.go of go1.26.8: found "fmt.Println(f.name" 2 times, want it once` + tail,
		},
		{
			"anchor outside its declaration",
			Patch{Edits: []Edit{{File: "pond/pond.go", In: "fish.Rest", Anchor: "for", Text: "x"}}},
			`patch ROOT/src/pond/pond.go of go1.26.8: found "for" nowhere in fish.Rest, want it once` + tail,
		},
		{
			"regular expression with too few matches",
			Patch{Edits: []Edit{{File: "pond/pond.go", Regexp: regexp.MustCompile(`func \w+\(`), Count: 3, Text: "x"}}},
			`patch ROOT/src/pond/pond.go of go1.26.8: found "func \\w+\\(" once, want it 3 times` + tail,
		},
		{
			"any count of nothing",
			Patch{Edits: []Edit{{File: "pond/pond.go", Anchor: "shark", Count: Any, Text: "x"}}},
			`patch ROOT/src/pond/pond.go of go1.26.8: found "shark" nowhere, want it at least once` + tail,
		},
		{
			"long anchors are shortened",
			Patch{Edits: []Edit{{File: "pond/pond.go", Anchor: strings.Repeat("é", 100), Text: "x"}}},
			`patch ROOT/src/pond/pond.go of go1.26.8: found "` + strings.Repeat("é", 59) + `…" nowhere, want it once` + tail,
		},
		{
			"missing declaration",
			Patch{Edits: []Edit{{File: "pond/pond.go", In: "fish.Fly", Op: AtStart, Text: "x"}}},
			"patch ROOT/src/pond/pond.go of go1.26.8: found the declaration of fish.Fly nowhere, want it once" + tail,
		},
		{
			"missing file",
			Patch{Edits: []Edit{{File: "pond/sea.go", Anchor: "x", Text: "y"}}},
			"patch ROOT/src/pond/sea.go of go1.26.8: the file does not exist" + tail,
		},
		{
			"missing file to remove",
			Patch{Remove: []string{"pond/sea.go"}},
			"patch ROOT/src/pond/sea.go of go1.26.8: the file to remove does not exist" + tail,
		},
		{
			"no anchor at all",
			Patch{Edits: []Edit{{File: "pond/pond.go", Text: "y"}}},
			"patch ROOT/src/pond/pond.go of go1.26.8: an edit has neither an anchor nor a regular expression" + tail,
		},
		{
			"overlapping replacements",
			Patch{Edits: []Edit{
				{File: "pond/pond.go", Op: Replace, Anchor: "func count() int", Text: "x"},
				{File: "pond/pond.go", Op: Replace, Anchor: "int { return 1 }", Text: "y"},
			}},
			`patch ROOT/src/pond/pond.go of go1.26.8: two edits change "int"` + tail,
		},
		{
			"an insertion within a replacement",
			Patch{Edits: []Edit{
				{File: "pond/pond.go", In: "count", Op: AtStart, Text: "x()"},
				{File: "pond/pond.go", Op: Replace, Anchor: "count() int { return 1 }", Text: "y"},
			}},
			`patch ROOT/src/pond/pond.go of go1.26.8: two edits change " return 1 }"` + tail,
		},
		{
			"text that is not Go",
			Patch{Edits: []Edit{{File: "pond/pond.go", In: "count", Op: AtStart, Text: "if {"}}},
			"patch ROOT/src/pond/pond.go of go1.26.8: the edits make it invalid Go: 20:23: missing condition in if statement (and 2 more errors)" + tail,
		},
		{
			"lines inserted into a string",
			Patch{Edits: []Edit{{File: "pond/song.go", Anchor: "fish", Text: "two\n"}}},
			"patch ROOT/src/pond/song.go of go1.26.8: the edits move line 4 to line 6: a line directive landed in a string or comment" + tail,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tc := fakeRoot(t, map[string]string{
				"pond/pond.go": pond,
				"pond/song.go": "package pond\n\nvar song = `one\nfish`\n",
			})
			_, _, err := tt.p.apply(tc)
			var anchor *AnchorError
			if !errors.As(err, &anchor) {
				t.Fatalf("apply: got %v, want an AnchorError", err)
			}
			if got := strings.ReplaceAll(err.Error(), tc.Root, "ROOT"); got != tt.want {
				t.Errorf("apply:\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestAddRefusals(t *testing.T) {
	tests := []struct {
		name, want string
		p          Patch
	}{
		{"added twice", "patch go1.26.8: pond/a.go is added twice, or edited and added", Patch{Add: []Added{
			{File: "pond/a.go", Source: []byte("package pond\n")},
			{File: "pond/a.go", Source: []byte("package pond\n")},
		}}},
		{"removed and edited", "patch go1.26.8: pond/pond.go is both removed and changed", Patch{
			Edits:  []Edit{{File: "pond/pond.go", Op: NoRace}},
			Remove: []string{"pond/pond.go"},
		}},
		{"not Go", "add pond/a.go: pond/a.go:1:1: expected 'package', found pondering", Patch{Add: []Added{
			{File: "pond/a.go", Source: []byte("pondering\n")},
		}}},
		{"assembly in a new package", "patch go1.26.8: add lake/a.s: the go command runs the assembler in the package's directory, and an overlay cannot create one; declare what has no body with go:linkname", Patch{Add: []Added{
			{File: "lake/a.s"},
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := tt.p.apply(fakeRoot(t, map[string]string{"pond/pond.go": pond}))
			if err == nil || err.Error() != tt.want {
				t.Errorf("apply:\n got %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	p := Patch{Min: 24, Max: 26}
	tests := []struct {
		tc   Toolchain
		want string // "" means supported
	}{
		{Toolchain{Version: "go1.26.8", OS: "linux", Arch: "amd64"}, ""},
		{Toolchain{Version: "go1.24rc1", OS: "linux", Arch: "amd64"}, ""},
		{Toolchain{Version: "go1.26.8 X:jsonv2", OS: "linux", Arch: "amd64"}, ""},
		{Toolchain{Version: "go1.27.0", OS: "linux", Arch: "amd64"}, "explore does not support go1.27.0 linux/amd64: it runs tests with Go 1.24 to 1.26 on linux/amd64. Choose another release with --go or GOTOOLCHAIN"},
		{Toolchain{Version: "devel go1.27-abcdef", OS: "linux", Arch: "amd64"}, "explore does not support devel go1.27-abcdef linux/amd64: it runs tests with Go 1.24 to 1.26 on linux/amd64. Choose another release with --go or GOTOOLCHAIN"},
		{Toolchain{Version: "go1.26.8", OS: "linux", Arch: "arm64"}, "explore does not support go1.26.8 linux/arm64: it runs tests with Go 1.24 to 1.26 on linux/amd64. The patch for linux/arm64 compiles, and was never run on such a machine, so its answers could not be relied on. Use a linux/amd64 machine, or set GOARCH back"},
		{Toolchain{Version: "go1.26.8", OS: "darwin", Arch: "arm64"}, "explore does not support go1.26.8 darwin/arm64: it runs tests with Go 1.24 to 1.26 on linux/amd64. Use a linux/amd64 machine, or set GOOS and GOARCH back"},
	}
	for _, tt := range tests {
		err := p.Check(tt.tc)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("Check(%v):\n got %s\nwant %s", tt.tc, got, tt.want)
		}
		var unsupported *UnsupportedError
		if err != nil && !errors.As(err, &unsupported) {
			t.Errorf("Check(%v): got a %T, want an UnsupportedError", tt.tc, err)
		}
	}
}

func TestSelect(t *testing.T) {
	tests := []struct{ version, want string }{
		{"1.25.7", "GOTOOLCHAIN=go1.25.7"},
		{"go1.27rc1", "GOTOOLCHAIN=go1.27rc1"},
		{"1.24", "GOTOOLCHAIN=go1.24"},
		{"", ""},
		{"local", ""},
		{"1.25.7+auto", ""},
		{"go 1.25", ""},
	}
	for _, tt := range tests {
		env, err := Select([]string{"A=b"}, tt.version)
		if got := strings.Join(env, " "); err == nil && got != "A=b "+tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("Select(%q): got %q and %v, want %q", tt.version, got, err, tt.want)
		}
	}
}
