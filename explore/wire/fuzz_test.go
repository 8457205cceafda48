package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/explore/wire"
)

// FuzzParse: no line makes Parse panic, and what it accepts is written again
// as the same record.
func FuzzParse(f *testing.F) {
	for _, v := range hostile {
		f.Add(string(wire.Record{Kind: "k"}.With("a", v).With("b", v).Append(nil)))
		f.Add("k " + v)
	}
	f.Add(`k a="\u2028\x00" b=""`)
	f.Fuzz(func(t *testing.T, line string) {
		r, err := wire.Parse(line)
		if err != nil {
			return
		}
		if 4*len(r.Fields) > len(line) {
			t.Errorf("Parse(%q): got %d fields out of %d bytes", line, len(r.Fields), len(line))
		}
		text := string(r.Append(nil))
		if strings.Count(text, "\n") != 1 {
			t.Errorf("Append of what Parse(%q) accepts: got %q, want one line", line, text)
		}
		again, err := wire.Parse(text)
		if err != nil {
			t.Fatalf("Parse(%q), written from %q: %v", text, line, err)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Errorf("Parse(%q) again (-first +second):\n%s", line, diff)
		}
	})
}

// FuzzDecodeJob: likewise for job files.
func FuzzDecodeJob(f *testing.F) {
	f.Add(string((&wire.Job{Mode: wire.Search, Test: "TestX", Shared: "/tmp/s", MaxDecisions: 1 << 20}).Encode()))
	f.Add(string((&wire.Job{Mode: wire.Symbols, Ask: []string{"pc 4a", ""}}).Encode()))
	f.Add(`job depth="99999999999999999999" race="yes"`)
	f.Fuzz(func(t *testing.T, text string) {
		j, err := wire.DecodeJob(text)
		if err != nil {
			return
		}
		again, err := wire.DecodeJob(string(j.Encode()))
		if err != nil {
			t.Fatalf("DecodeJob of its own encoding, from %q: %v", text, err)
		}
		if diff := cmp.Diff(j, again); diff != "" {
			t.Errorf("DecodeJob(%q) again (-first +second):\n%s", text, diff)
		}
	})
}

// FuzzDecodeDecisions: likewise for decisions, which expand: a short text may
// stand for MaxDecisions of them and no more.
func FuzzDecodeDecisions(f *testing.F) {
	for _, s := range []string{"", "1", "1*3,2,1*2", "2147483647*7", "1*4194304", "1*4194304,1", "1,", "+1", "01*002"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := wire.DecodeDecisions(s)
		if err != nil {
			return
		}
		if len(d) > wire.MaxDecisions {
			t.Fatalf("DecodeDecisions(%q): got %d decisions, want at most %d", s, len(d), wire.MaxDecisions)
		}
		text := wire.EncodeDecisions(d)
		if len(text) > len(s) {
			t.Errorf("EncodeDecisions writes %d bytes for what was read from %d", len(text), len(s))
		}
		again, err := wire.DecodeDecisions(text)
		if err != nil {
			t.Fatalf("DecodeDecisions(%q), written from %q: %v", text, s, err)
		}
		if !equal(d, again) {
			t.Errorf("DecodeDecisions(%q): got other decisions the second time, by way of %q", s, text)
		}
	})
}

func equal(a, b []int32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
