package wire_test

import (
	"errors"
	"math"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/wire"
)

// hostile are values that a test log, a file name or a panic may hold.
var hostile = []string{
	"", " ", "\n", "\r\n", "a=b", `"`, `\`, `\"`, "`", "'", "x=\"y\" z=\"", "\x00", "\xff\xfe", "\u2028", "héllo, 世界",
	"\x1b[31mred\x1b[0m", strings.Repeat("long ", 5000),
}

func TestRecordRoundTrip(t *testing.T) {
	for _, v := range hostile {
		r := wire.Record{Kind: "candidate"}.With("first", v).With("again", "x").With("again", v).
			Int("int", math.MinInt64).Uint("uint", math.MaxUint64)
		line := string(r.Append(nil))
		if n := strings.Count(line, "\n"); n != 1 || !strings.HasSuffix(line, "\n") {
			t.Errorf("Append with value %.40q: got %d newlines, want one at the end", v, n)
		}
		for _, text := range []string{line, strings.TrimSuffix(line, "\n")} {
			got, err := wire.Parse(text)
			if err != nil {
				t.Errorf("Parse with value %.40q: %v", v, err)
				continue
			}
			if diff := cmp.Diff(r, got); diff != "" {
				t.Errorf("Parse(Append) with value %.40q (-want +got):\n%s", v, diff)
			}
		}
	}
}

func TestRecordFields(t *testing.T) {
	r := wire.Record{Kind: "k"}.With("s", "text").With("twice", "1").With("twice", "2").Int("neg", -5).
		With("huge", "99999999999999999999").With("low", "-99999999999999999999")
	if got := r.Get("twice"); got != "1" {
		t.Errorf("Get of a name that occurs twice: got %q, want the first, %q", got, "1")
	}
	if got := r.Get("missing"); got != "" {
		t.Errorf("Get(missing): got %q, want nothing", got)
	}
	tests := []struct {
		name     string
		wantInt  int64
		wantUint uint64
	}{
		{"missing", 0, 0}, {"s", 0, 0}, {"neg", -5, 0}, {"twice", 1, 1},
		{"huge", 0, 0}, {"low", 0, 0}, // not the nearest number that fits
	}
	for _, tt := range tests {
		if got := r.GetInt(tt.name); got != tt.wantInt {
			t.Errorf("GetInt(%s): got %d, want %d", tt.name, got, tt.wantInt)
		}
		if got := r.GetUint(tt.name); got != tt.wantUint {
			t.Errorf("GetUint(%s): got %d, want %d", tt.name, got, tt.wantUint)
		}
	}
}

func TestParseRejects(t *testing.T) {
	tests := []struct {
		name, line string
		offset     int
	}{
		{"empty", "", 0},
		{"only a newline", "\n", 0},
		{"no kind", ` a="1"`, 0},
		{"a field in place of the kind", `a="1"`, 0},
		{"a quote in the kind", `k"`, 0},
		{"two lines", "k\nl a=\"1\"", 0},
		{"a newline in a name", "k a\nb=\"1\"", 2},
		{"no value", "k a", 2},
		{"no name", `k ="1"`, 2},
		{"value without quotes", "k a=1", 4},
		{"value in other quotes", "k a=`1`", 4},
		{"value cut off", `k a="1`, 4},
		{"fields without a space between", `k a="1"b="2"`, 7},
		{"two spaces", `k a="1"  b="2"`, 8},
		{"a space at the end", `k a="1" `, 7},
		{"something after the newline", "k a=\"1\"\nx", 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := wire.Parse(tt.line)
			checkSyntax(t, err, tt.offset)
		})
	}
}

func checkSyntax(t *testing.T, err error, offset int) {
	t.Helper()
	var s *wire.SyntaxError
	if !errors.As(err, &s) {
		t.Fatalf("got error %v, want a SyntaxError", err)
	}
	if s.Offset != offset {
		t.Errorf("got %v, want offset %d", err, offset)
	}
	if len(s.Error()) > 500 {
		t.Errorf("the error has %d characters, want a line: %.80s", len(s.Error()), s)
	}
}

func TestJobRoundTrip(t *testing.T) {
	full := wire.Job{
		Mode: wire.Replay, Test: "TestÄ", Shared: "/tmp/a b=\"c\"\n/shared", Strategy: "pct", Depth: 3,
		Seed: math.MaxUint64, First: 1, Last: math.MaxUint64, Until: math.MinInt64, Grace: -2, Tickets: "/tmp/t", MaxSteps: 1 << 63, MaxTime: -1, Wall: 1,
		Race: true, Fresh: true, Divide: true, Early: true, Oracle: true, Short: true, MaxDecisions: 1, MaxEvents: 2, MaxWords: 3, Decisions: "1*3,2",
		Ask:  []string{"pc 4a", "type 1 2 3"},
		What: "race", Key: math.MaxUint64, Turns: []int32{-1, 2, 3}, Cuts: []int32{0, 1}, Alone: true, MaxTurns: 7, Watch: true, Base: 8, Again: 9,
	}
	for _, j := range []wire.Job{{}, {Mode: wire.Symbols}, full} {
		text := string(j.Encode())
		got, err := wire.DecodeJob(text)
		if err != nil {
			t.Errorf("DecodeJob(%q): %v", text, err)
			continue
		}
		j.Short = false // not part of the job file
		if diff := cmp.Diff(&j, got); diff != "" {
			t.Errorf("DecodeJob(Encode) (-want +got):\n%s", diff)
		}
	}
	// A field that Encode forgets would pass unseen if it were zero.
	v := reflect.ValueOf(full)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the full job has no %s, and so the test does not cover it", v.Type().Field(i).Name)
		}
	}
	for _, text := range []string{"", "warmup", "\x00"} {
		if j, err := wire.DecodeJob(text); err == nil {
			t.Errorf("DecodeJob(%q): got %+v, want an error", text, j)
		}
	}
}

func TestSharedBytes(t *testing.T) {
	if size := unsafe.Sizeof(wire.Header{}); size > wire.HeaderBytes {
		t.Errorf("Header takes %d bytes, want at most HeaderBytes, %d", size, wire.HeaderBytes)
	}
	j := wire.Job{Mode: wire.Search, MaxDecisions: 10, MaxEvents: 100, MaxWords: 1000}
	if got, want := j.SharedBytes(40), int64(wire.HeaderBytes+40); got != want {
		t.Errorf("SharedBytes of a search: got %d, want %d", got, want)
	}
	j.Mode = wire.Replay
	if got, want := j.SharedBytes(40), int64(wire.HeaderBytes+40+4000+8000); got != want {
		t.Errorf("SharedBytes of a replay: got %d, want %d", got, want)
	}
}

func TestReasonsHaveWords(t *testing.T) {
	seen := map[string]int{}
	for r := wire.Done; r <= wire.Livelock; r++ {
		words := wire.Reason(r)
		if strings.HasPrefix(words, "unknown") || seen[words] != 0 {
			t.Errorf("Reason(%d): got %q, want words of its own", r, words)
		}
		seen[words] = r
	}
	if got, want := wire.Reason(wire.Livelock+1), "unknown reason 11"; got != want {
		t.Errorf("Reason(%d): got %q, want %q", wire.Livelock+1, got, want)
	}
}

func TestDecisionsRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	lists := [][]int32{nil, {1}, {1, 1}, {1, 2, 1}, {math.MaxInt32}, {-1}, {2, -3, -3, 1, math.MinInt32}}
	for range 200 {
		var d []int32
		for range r.IntN(300) {
			d = append(d, 1+r.Int32N(3))
		}
		lists = append(lists, d)
	}
	for _, d := range lists {
		text := wire.EncodeDecisions(d)
		got, err := wire.DecodeDecisions(text)
		if err != nil {
			t.Errorf("DecodeDecisions(%q): %v", text, err)
		} else if diff := cmp.Diff(d, got); diff != "" {
			t.Errorf("DecodeDecisions(%q) (-want +got):\n%s", text, diff)
		}
	}
	if got, want := wire.EncodeDecisions([]int32{1, 1, 1, 2, 1, 1}), "1*3,2,1*2"; got != want {
		t.Errorf("EncodeDecisions: got %q, want %q", got, want)
	}
}

func TestDecodeDecisionsRejects(t *testing.T) {
	tests := []struct {
		name, text string
		offset     int
	}{
		{"not a number", "x", 0},
		{"the second is none", "1,x,2", 2},
		{"goroutine 0", "1,0", 2},
		{"smaller than int32", "-2147483649", 0},
		{"zero times", "1*0", 0},
		{"no count", "1*", 0},
		{"two counts", "1*2*3", 0},
		{"comma at the end", "1,", 2},
		{"comma at the beginning", ",1", 0},
		{"two commas", "1,,1", 2},
		{"a space", "1, 2", 2},
		{"larger than int32", "2147483648", 0},
		{"too many at once", "1*4194305", 0},
		{"too many together", "1*4194304,2", 10},
		{"far too many", "1,2*9223372036854775807", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := wire.DecodeDecisions(tt.text)
			if d != nil {
				t.Errorf("DecodeDecisions(%q): got %d decisions with an error, want none", tt.text, len(d))
			}
			checkSyntax(t, err, tt.offset)
		})
	}
	if d, err := wire.DecodeDecisions("7*4194304"); err != nil || len(d) != wire.MaxDecisions {
		t.Errorf("DecodeDecisions at the limit: got %d and %v, want %d", len(d), err, wire.MaxDecisions)
	}
}

// TestSeedOf holds the seeds of executions to what strategies expect of them:
// they differ, and what differs is not a few bits. The sample is fixed.
func TestSeedOf(t *testing.T) {
	const seeds, executions = 100, 2000
	seen := make(map[uint64]bool, seeds*executions)
	var ones [64]int
	flips := 0
	for seed := range uint64(seeds) {
		for n := range uint64(executions) {
			v := wire.SeedOf(seed, n)
			if seen[v] {
				t.Fatalf("SeedOf(%d, %d): got %#x, which another execution has", seed, n, v)
			}
			seen[v] = true
			for b := range ones {
				ones[b] += int(v >> b & 1)
			}
			flips += bits.OnesCount64(v ^ wire.SeedOf(seed, n+1))
			flips += bits.OnesCount64(v ^ wire.SeedOf(seed+1, n))
		}
	}
	for b, n := range ones {
		if share := float64(n) / (seeds * executions); share < 0.49 || share > 0.51 {
			t.Errorf("bit %d is set in %.1f%% of the seeds, want about half", b, 100*share)
		}
	}
	if mean := float64(flips) / (2 * seeds * executions); mean < 31.9 || mean > 32.1 {
		t.Errorf("neighbours differ in %.2f bits, want about 32", mean)
	}
	// Replay files hold seeds: another function would be another search.
	if got, want := wire.SeedOf(1, 1), uint64(8128655420063278861); got != want {
		t.Errorf("SeedOf(1, 1): got %#x, want %#x as in earlier versions", got, want)
	}
}
