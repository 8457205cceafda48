package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

// wellFormed reads the picture as XML, which a browser refuses to show
// otherwise, and looks for coordinates that are no numbers.
func wellFormed(t *testing.T, name string, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, svg)
		}
	}
	if strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
		t.Errorf("%s has a coordinate that is not a number:\n%s", name, svg)
	}
}

func TestPicturesAreWellFormed(t *testing.T) {
	tick := func(v float64) string { return "<" + number(v) + ">" }
	one := []Panel{{Title: "a & b", Series: []Series{{Name: "<x>", Points: []Point{{1000, 5}}}, {Name: "none", Style: 9}}}}
	for name, svg := range map[string][]byte{
		"no panel":     Lines("t", "x", "y", nil, tick),
		"one point":    Lines("t", "x", "y", one, tick),
		"empty panel":  Lines("t", "x", "y", []Panel{{Title: "p"}}, tick),
		"no group":     Ranges("t", "l", nil, nil, tick),
		"one value":    Ranges("t", "l", []string{"a"}, []Group{{"g", []Row{{"r", 1, []float64{7}}, {"r", 8, nil}}}}, tick),
		"no bar":       Bars("t", "l", nil),
		"zero and two": Bars("t", "l", []Group{{"g", []Row{{"r", 1, []float64{0}}, {"r", 2, []float64{5, 3}}}}}),
	} {
		wellFormed(t, name, svg)
	}
}

func TestTicksLieOnTheScale(t *testing.T) {
	for _, tt := range []struct {
		low, high float64
		want      []float64
	}{
		{1, 10, []float64{1, 2, 5, 10}},
		{3, 40, []float64{5, 10, 20}},
		{50, 5e6, []float64{100, 1e3, 1e4, 1e5, 1e6}},
	} {
		s := newScale(tt.low, tt.high, 0, 100)
		got := s.ticks()
		for i := range max(len(got), len(tt.want)) {
			if i >= len(got) || i >= len(tt.want) || math.Abs(got[i]/tt.want[i]-1) > 1e-9 {
				t.Errorf("ticks from %v to %v = %v, want %v", tt.low, tt.high, got, tt.want)
				break
			}
		}
	}
	if s := newScale(1, 100, 10, 20); s.at(10) != 15 {
		t.Errorf("at(10) on 1 to 100 = %v, want the middle, 15", s.at(10))
	}
}

func TestDurationsOnAnAxis(t *testing.T) {
	for v, want := range map[float64]string{100: "100 ns", 2e3: "2 µs", 5e7: "50 ms", 1e9: "1 s"} {
		if got := Nanoseconds(v); got != want {
			t.Errorf("Nanoseconds(%v) = %s, want %s", v, got, want)
		}
	}
}
