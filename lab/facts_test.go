package lab

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadOutput(t *testing.T) {
	out := `some words
load = 6.5
inserts = 105
swiss = true
list = ["a", 1]
word = half a sentence
Capital = 1
 indented = 1
a == b
picture: {"kind":"map"}
picture: {"kind":
empty =
none = NaN
`
	facts, pictures, text := readOutput([]byte(out))
	want := Facts{"load": 6.5, "inserts": 105, "swiss": true, "list": []any{"a", 1.0}, "word": "half a sentence", "none": "NaN"}
	if diff := cmp.Diff(want, facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if len(pictures) != 1 || string(pictures[0]) != `{"kind":"map"}` {
		t.Errorf("pictures: got %s", pictures)
	}
	// The broken picture stays where a reader sees it; the whole one is not text.
	if !strings.Contains(text, `picture: {"kind":`+"\n") || strings.Contains(text, `"map"`) || !strings.Contains(text, "load = 6.5\n") {
		t.Errorf("text: got\n%s", text)
	}
}

// Of a listing the instructions are kept.
func TestInstructions(t *testing.T) {
	head, store := "ops.Store STEXT size=8\n", "\t0x0003 00003 ($DIR/ops.go:6)\tXCHGQ\tCX, (AX)\n"
	got := instructions(head + "\t0x0000 00000 ($DIR/ops.go:5)\tFUNCDATA\t$0, gclocals(SB)\n" + store +
		"\t0x0000 48 87 08 c3 00 00 00 00                          H.......\n\trel 2+0 t=R_USEIFACE type:int+0\n")
	if got != head+store {
		t.Errorf("instructions: got\n%s, want\n%s", got, head+store)
	}
}

func TestMerge(t *testing.T) {
	sum := Facts{"runs": 0}
	sum.merge(Facts{"n": 3, "f": 0.5, "kind": "classic"})
	sum.merge(Facts{"n": 5, "f": 0.25, "kind": "swiss"})
	want := Facts{
		"runs": 0, "n": 8, "n_min": 3, "n_max": 5, "f": 0.75, "f_min": 0.25, "f_max": 0.5, "kind": "swiss",
	}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("merge (-want +got):\n%s", diff)
	}
}

// What is printed must read back as the same facts.
func FuzzReadOutput(f *testing.F) {
	f.Add([]byte("a = 1\nb = [1, 2]\npicture: {}\n"))
	f.Add([]byte("x = +1\ny = 0x10\nz = 1e400\nw = \"q\"\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		facts, pictures, _ := readOutput(out)
		for _, p := range pictures {
			if !json.Valid(p) {
				t.Errorf("picture %q is no JSON", p)
			}
		}
		again, _, _ := readOutput([]byte(facts.String()))
		for name, v := range facts {
			if s, ok := v.(string); ok && (s == "" || strings.Trim(s, "\" \t\r\v\f\u0085\u00a0") != s) {
				continue // quotes and blanks around a text are not part of it
			}
			if FormatFact(again[name]) != FormatFact(v) {
				t.Errorf("%s = %s read back as %s", name, FormatFact(v), FormatFact(again[name]))
			}
		}
	})
}
