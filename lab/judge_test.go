package lab

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var testSteps = map[string]bool{"a": true, "b": true}

func mustPredicate(t *testing.T, text string) *predicate {
	t.Helper()
	p, err := compilePredicate(text, testSteps, true)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func TestPredicate(t *testing.T) {
	facts := map[string]Facts{"a": {"n": 3, "f": 6.5, "s": "x", "list": []any{"load X", "store Y"}}}
	look := func(step string) (Facts, string) {
		if f := facts[step]; f != nil {
			return f, ""
		}
		return nil, "was skipped: no gcc"
	}
	for _, tt := range []struct {
		text, want, seen string
	}{
		{"a.n == 3", "true", "[a.n]"},
		{"a.n > 3 or a.f == 6.5", "true", "[a.f a.n]"},
		{"a.f > a.n", "true", "[a.f a.n]"},
		{`a.list == ["load X", "store Y"]`, "true", "[a.list]"},
		{`any(a.list, # startsWith "store")`, "true", "[a.list]"},
		{`"load X" in a.list`, "true", "[a.list]"},
		{"go <= 23 and a.n == 4", "false", "[a.n]"},
		{"go > 23 and b.n == 1", "false", "[]"}, // b is not asked
		{`release == "1.22.12"`, "true", "[]"},
		{"a.missing == 0", "step a printed no missing", "[]"},
		{"not (a.missing == 0)", "step a printed no missing", "[]"},
		{"a.n == 3 and b.n == 1", "step b was skipped: no gcc", "[a.n]"},
	} {
		v, seen, err := mustPredicate(t, tt.text).eval(22, "1.22.12", look)
		got := fmt.Sprint(v)
		if err != nil {
			got = err.Error()
		}
		var names []string
		for line := range strings.Lines(seen.String()) {
			name, _, _ := strings.Cut(line, " = ")
			names = append(names, name)
		}
		if got != tt.want || fmt.Sprint(names) != tt.seen {
			t.Errorf("%s: got %s having seen %v, want %s having seen %s", tt.text, got, names, tt.want, tt.seen)
		}
	}
}

// What is neither true nor false must not count as false.
func TestPredicateIsNone(t *testing.T) {
	look := func(string) (Facts, string) { return Facts{"n": 3}, "" }
	if v, _, err := mustPredicate(t, "a.n").eval(22, "1.22.12", look); err == nil {
		t.Errorf("a.n: got %v and no error", v)
	}
}

func TestJudge(t *testing.T) {
	facts := Facts{"hits": 2, "none": 0, "tries": 1000, "impossible": true}
	look := func(string) (Facts, string) { return facts, "" }
	for _, tt := range []struct {
		name    string
		claim   Claim
		verdict Verdict
		trials  int64
		reason  string
	}{
		{"exact holds", Claim{Rule: Exact, Holds: "a.hits == 2"}, Confirmed, 0, ""},
		{"exact fails", Claim{Rule: Exact, Holds: "a.hits == 3"}, Refuted, 0, ""},
		{"detector in a racy program", Claim{Rule: Detector, Holds: "a.hits > 0", Racy: true}, Racy, 0, ""},
		{"one hit proves possible", Claim{Rule: Statistical, Holds: "a.hits > 0", Trials: "a.tries"}, Confirmed, 0, ""},
		{"no hit proves nothing", Claim{Rule: Statistical, Holds: "a.none > 0", Trials: "a.tries"}, NotSeen, 1000, ""},
		{"the source can refute", Claim{Rule: Statistical, Holds: "a.none > 0", Trials: "a.tries", Cannot: "a.impossible"}, Refuted, 0, ""},
		{"a hit beats the source", Claim{Rule: Statistical, Holds: "a.hits > 0", Cannot: "a.impossible"}, Confirmed, 0, ""},
		{"no tries are no answer", Claim{Rule: Statistical, Holds: "a.none > 0", Trials: "a.none"}, Unknown, 0, "a.none is 0: nothing was tried"},
		{"a missing fact is no answer", Claim{Rule: Exact, Holds: "a.gone == 0"}, Unknown, 0, "step a printed no gone"},
		{"a control that holds", Claim{Rule: Exact, Holds: "a.none == 0", Control: "a.tries > 0"}, Confirmed, 0, ""},
		{"a control that fails", Claim{Rule: Exact, Holds: "a.none == 0", Control: "a.tries > 1000"}, Unknown, 0, "the control does not hold: a.tries > 1000"},
		{"a control without its fact", Claim{Rule: Exact, Holds: "a.none == 0", Control: "a.gone > 0"}, Unknown, 0, "step a printed no gone"},
		{"undecidable", Claim{Rule: Exact, Undecidable: "no basis given"}, Unknown, 0, "no basis given"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.claim
			for _, p := range []struct {
				text string
				bool bool
				to   **predicate
			}{{c.Holds, true, &c.holds}, {c.Control, true, &c.control}, {c.Cannot, true, &c.cannot}, {c.Trials, false, &c.trials}} {
				var err error
				if *p.to, err = compilePredicate(p.text, testSteps, p.bool); err != nil {
					t.Fatal(err)
				}
			}
			j := c.judge(ReleaseInfo{Version: "1.22.12", Minor: 22}, look)
			if j.Verdict != tt.verdict || j.Trials != tt.trials || j.Reason != tt.reason {
				t.Errorf("judge: got %q, %d trials, reason %q; want %q, %d, %q", j.Verdict, j.Trials, j.Reason, tt.verdict, tt.trials, tt.reason)
			}
			if j := c.judge(ReleaseInfo{Asked: "1.19", Skipped: "no network"}, look); j.Verdict != Unknown || j.Reason != "no network" {
				t.Errorf("judge on a skipped release: got %q, reason %q", j.Verdict, j.Reason)
			}
		})
	}
}

func TestOverall(t *testing.T) {
	for _, tt := range []struct {
		releases string // release:verdict letter
		verdict  Verdict
		summary  string
	}{
		{"1.18.10:c 1.19.13:c", Confirmed, ""},
		{"1.18.10:c 1.19.13:r 1.20.14:r 1.21.13:c", Depends, "confirmed on 1.18, 1.21; refuted on 1.19-1.20"},
		{"1.18.10:u 1.19.13:r", Refuted, "refuted on 1.19; unknown on 1.18"},
		{"1.18.10:u 1.19.13:u", Unknown, "why"},
		{"1.22.1:c 1.22.12:r 1.23.12:r", Depends, "confirmed on 1.22.1; refuted on 1.22.12-1.23"},
		{"1.18.10:n 1.19.13:p 1.20.14:n", Depends, "only in a racy program on 1.19; not seen on 1.18, 1.20"},
	} {
		letters := map[string]Verdict{"c": Confirmed, "r": Refuted, "u": Unknown, "n": NotSeen, "p": Racy}
		var js []Judgment
		for _, word := range strings.Fields(tt.releases) {
			release, letter, _ := strings.Cut(word, ":")
			js = append(js, Judgment{Release: release, Verdict: letters[letter], Reason: "why"})
		}
		if v, s := overall(js); v != tt.verdict || s != tt.summary {
			t.Errorf("overall(%s) = %q, %q; want %q, %q", tt.releases, v, s, tt.verdict, tt.summary)
		}
	}
}

// The verdict over all releases against its definition, on random rows: it is
// the only verdict among those that know, and depends when there are several.
func TestOverallRandom(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	each := []Verdict{Confirmed, Refuted, Racy, NotSeen, Unknown}
	for range 5000 {
		var js []Judgment
		known := map[Verdict]bool{}
		for minor := 18; minor < 18+1+rnd.IntN(9); minor++ {
			v := each[rnd.IntN(len(each))]
			js = append(js, Judgment{Release: fmt.Sprintf("1.%d.3", minor), Verdict: v})
			if v != Unknown {
				known[v] = true
			}
		}
		want := Unknown
		for v := range known {
			want = v
		}
		if len(known) > 1 {
			want = Depends
		}
		got, summary := overall(js)
		if got != want {
			t.Fatalf("overall(%v) = %q, want %q", js, got, want)
		}
		// The summary, when there is one, names every release once.
		if summary == "" {
			continue
		}
		named := map[string]Verdict{}
		for part := range strings.SplitSeq(summary, "; ") {
			verdict, list, _ := strings.Cut(part, " on ")
			for item := range strings.SplitSeq(list, ", ") {
				first, last, ok := strings.Cut(item, "-")
				if !ok {
					last = first
				}
				for minor := minorOf(first); minor <= minorOf(last); minor++ {
					named[fmt.Sprintf("1.%d.3", minor)] = Verdict(verdict)
				}
			}
		}
		for _, j := range js {
			if named[j.Release] != j.Verdict {
				t.Fatalf("summary %q says %q of %s, which is %q", summary, named[j.Release], j.Release, j.Verdict)
			}
		}
	}
}
