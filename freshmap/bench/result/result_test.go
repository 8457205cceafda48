package result

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const output = `goos: linux
cpu: AMD EPYC
BenchmarkHits/peer=xsync/size=1k/key=int/dist=uniform-2         	 8547976	        30.5 ns/op	        61.26 cpu-ns/op
BenchmarkHits/peer=sync.Map/size=1k/key=int/dist=uniform         	 10	        1e+03 ns/op
--- FAIL: BenchmarkHits
BenchmarkHits/broken 12 ns/op
BenchmarkHits/peer=x/number 12 abc ns/op
PASS
ok  	pkg	2.4s
cpu: AMD EPYC
`

func TestParse(t *testing.T) {
	s, err := Parse(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	want := &Set{
		Config: [][2]string{{"goos", "linux"}, {"cpu", "AMD EPYC"}},
		Lines: []Line{
			{Key{"Hits/size=1k/key=int/dist=uniform", "xsync", 2}, 8547976, map[string]float64{"ns/op": 30.5, "cpu-ns/op": 61.26}},
			{Key{"Hits/size=1k/key=int/dist=uniform", "sync.Map", 1}, 10, map[string]float64{"ns/op": 1000}},
		},
	}
	if d := cmp.Diff(want, s); d != "" {
		t.Errorf("Parse (-want +got):\n%s", d)
	}
	var b strings.Builder
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, again); d != "" {
		t.Errorf("Parse(Write) (-want +got):\n%s", d)
	}
}

func FuzzParseLine(f *testing.F) {
	for line := range strings.Lines(output) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, ok := ParseLine(text)
		if !ok || l.Peer == "" || !strings.Contains(l.Case, "/") {
			return
		}
		again, ok := ParseLine(l.String())
		if !ok || again.Peer == "" {
			t.Errorf("ParseLine(%q) rejects what String made of %q", l, text)
		}
	})
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		v    []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := Median(tt.v); got != tt.want {
			t.Errorf("Median(%v) = %v, want %v", tt.v, got, tt.want)
		}
	}
}

func TestCompare(t *testing.T) {
	s := &Set{}
	add := func(peer string, values ...float64) {
		for _, v := range values {
			s.Lines = append(s.Lines, Line{Key{"c", peer, 2}, 1, map[string]float64{"u": v}})
		}
	}
	add("a", 1, 2, 30)
	add("b", 2, 8, 10)
	got, ok := s.Compare(Key{"c", "a", 2}, "b", "u")
	if want := (Ratio{0.25, 0.25, 3}); !ok || got != want {
		t.Errorf("Compare(a, b) = %v, %v, want %v", got, ok, want)
	}
	if _, ok := s.Compare(Key{"c", "a", 2}, "none", "u"); ok {
		t.Errorf("Compare(a, none) is there, want nothing")
	}
	s.Without(&Set{Lines: []Line{{Key: Key{"c", "other", 2}}}})
	if len(s.Lines) != 0 {
		t.Errorf("Without the only case: %d lines, want 0", len(s.Lines))
	}
}
