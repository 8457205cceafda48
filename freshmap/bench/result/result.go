// Package result reads what benchmarks printed, takes medians over
// repetitions and compares peers.
//
// A [Set] holds every repetition. The text it is read from and written to is
// the format of go test -bench, so benchstat reads the same file.
package result

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A Key names what was measured: a benchmark without its peer, the peer, and
// GOMAXPROCS.
type Key struct {
	Case  string // Hits/size=1k/key=int/dist=uniform
	Peer  string
	Procs int
}

// A Line is one repetition.
type Line struct {
	Key
	N      int
	Values map[string]float64 // by unit
}

// A Set is a list of repetitions in the order in which they ran.
type Set struct {
	Config [][2]string // the lines "key: value"
	Lines  []Line
}

// ParseLine reads a line of a benchmark. It reports false for any other line.
func ParseLine(s string) (Line, bool) {
	f := strings.Fields(s)
	if len(f) < 4 || len(f)%2 != 0 || !strings.HasPrefix(f[0], "Benchmark") {
		return Line{}, false
	}
	n, err := strconv.Atoi(f[1])
	if err != nil {
		return Line{}, false
	}
	l := Line{N: n, Values: map[string]float64{}}
	l.Key = parseName(strings.TrimPrefix(f[0], "Benchmark"))
	for i := 2; i < len(f); i += 2 {
		v, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return Line{}, false
		}
		l.Values[f[i+1]] = v
	}
	return l, true
}

// parseName takes the peer and GOMAXPROCS out of a name. Package testing
// writes no suffix when GOMAXPROCS is 1.
func parseName(name string) Key {
	k := Key{Procs: 1}
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		if n, err := strconv.Atoi(name[i+1:]); err == nil {
			k.Procs, name = n, name[:i]
		}
	}
	var rest []string
	for _, part := range strings.Split(name, "/") {
		if p, ok := strings.CutPrefix(part, "peer="); ok {
			k.Peer = p
		} else {
			rest = append(rest, part)
		}
	}
	k.Case = strings.Join(rest, "/")
	return k
}

// Parse reads a whole output. A configuration line is kept once per key and
// value; lines that are neither are passed over.
func Parse(r io.Reader) (*Set, error) {
	s := &Set{}
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		text := in.Text()
		if l, ok := ParseLine(text); ok {
			s.Lines = append(s.Lines, l)
			continue
		}
		key, value, ok := strings.Cut(text, ": ")
		if ok && key != "" && !strings.ContainsAny(key, " \t") && key[0] >= 'a' && key[0] <= 'z' {
			kv := [2]string{key, strings.TrimSpace(value)}
			if !slices.Contains(s.Config, kv) {
				s.Config = append(s.Config, kv)
			}
		}
	}
	return s, in.Err()
}

// Get returns the last value of a configuration key.
func (s *Set) Get(key string) string {
	v := ""
	for _, kv := range s.Config {
		if kv[0] == key {
			v = kv[1]
		}
	}
	return v
}

// Write writes the set in the format that Parse reads.
func (s *Set) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, kv := range s.Config {
		fmt.Fprintf(out, "%s: %s\n", kv[0], kv[1])
	}
	for _, l := range s.Lines {
		fmt.Fprintln(out, l)
	}
	return out.Flush()
}

// String is the line as go test prints it.
func (l Line) String() string {
	workload, rest, _ := strings.Cut(l.Case, "/")
	var b strings.Builder
	fmt.Fprintf(&b, "Benchmark%s/peer=%s/%s", workload, l.Peer, rest)
	if l.Procs != 1 {
		fmt.Fprintf(&b, "-%d", l.Procs)
	}
	fmt.Fprintf(&b, "\t%d", l.N)
	units := make([]string, 0, len(l.Values))
	for u := range l.Values {
		units = append(units, u)
	}
	slices.Sort(units)
	for _, u := range units {
		fmt.Fprintf(&b, "\t%s %s", strconv.FormatFloat(l.Values[u], 'g', 7, 64), u)
	}
	return b.String()
}

// Values returns the values of all repetitions that have the unit.
func (s *Set) Values(k Key, unit string) []float64 {
	var out []float64
	for _, l := range s.Lines {
		if v, ok := l.Values[unit]; ok && l.Key == k {
			out = append(out, v)
		}
	}
	return out
}

// Median returns the median over repetitions.
func (s *Set) Median(k Key, unit string) (float64, bool) {
	v := s.Values(k, unit)
	return Median(v), len(v) > 0
}

// A Ratio compares two peers: the ratio of the medians, and the smallest and
// largest ratio of two repetitions that ran one after the other.
type Ratio struct{ Mid, Low, High float64 }

// Compare returns the ratio of peer to base.
func (s *Set) Compare(k Key, base, unit string) (Ratio, bool) {
	a := s.Values(k, unit)
	k.Peer = base
	b := s.Values(k, unit)
	if len(a) == 0 || len(b) == 0 || Median(b) == 0 {
		return Ratio{}, false
	}
	r := Ratio{Mid: Median(a) / Median(b)}
	for i := range min(len(a), len(b)) {
		x := a[i] / b[i]
		if i == 0 {
			r.Low, r.High = x, x
		}
		r.Low, r.High = min(r.Low, x), max(r.High, x)
	}
	return r, true
}

// Cases returns the names of the cases in the order in which they first ran,
// with GOMAXPROCS and no peer.
func (s *Set) Cases() []Key {
	var out []Key
	seen := map[Key]bool{}
	for _, l := range s.Lines {
		k := l.Key
		k.Peer = ""
		if !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}

// Without drops the lines of the cases that replace has, whoever the peer.
func (s *Set) Without(replace *Set) {
	gone := replace.Cases()
	s.Lines = slices.DeleteFunc(s.Lines, func(l Line) bool {
		k := l.Key
		k.Peer = ""
		return slices.Contains(gone, k)
	})
}

// Median returns the middle value, or the mean of the two middle ones.
func Median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
