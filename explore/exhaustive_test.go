package explore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/finding"
)

// A litmus is a small program with its exact set of outcomes under sequential
// consistency. The first of them is one that an ordinary run has.
type litmus struct {
	name    string
	shared  string   // declarations
	threads []string // bodies of goroutines
	outcome string   // Go expression, when all have ended
	want    []string
}

var litmuses = []litmus{
	{"SB", "var x, y, a, b atomic.Int32", []string{
		"x.Store(1); a.Store(y.Load())", "y.Store(1); b.Store(x.Load())",
	}, `fmt.Sprint(a.Load(), b.Load())`, []string{"1 0", "0 1", "1 1"}},
	{"MP", "var x, y, a, b atomic.Int32", []string{
		"x.Store(1); y.Store(1)", "a.Store(y.Load()); b.Store(x.Load())",
	}, `fmt.Sprint(a.Load(), b.Load())`, []string{"0 0", "0 1", "1 1"}},
	{"LB", "var x, y, a, b atomic.Int32", []string{
		"a.Store(x.Load()); y.Store(1)", "b.Store(y.Load()); x.Store(1)",
	}, `fmt.Sprint(a.Load(), b.Load())`, []string{"0 0", "0 1", "1 0"}},
	{"IRIW", "var x, y atomic.Int32; var a, b, c, d int32", []string{
		"x.Store(1)", "y.Store(1)", "a = x.Load(); b = y.Load()", "c = y.Load(); d = x.Load()",
	}, `fmt.Sprint(a, b, c, d)`, []string{
		// All sixteen but 1 0 1 0: the readers agree on who wrote first.
		"0 0 0 0", "0 0 0 1", "0 0 1 0", "0 0 1 1", "0 1 0 0", "0 1 0 1", "0 1 1 0", "0 1 1 1",
		"1 0 0 0", "1 0 0 1", "1 0 1 1", "1 1 0 0", "1 1 0 1", "1 1 1 0", "1 1 1 1",
	}},
	{"LostUpdate", "var n atomic.Int32", []string{
		"v := n.Load(); n.Store(v + 1)", "v := n.Load(); n.Store(v + 1)",
	}, `fmt.Sprint(n.Load())`, []string{"2", "1"}},
	{"Mutex", "var mu sync.Mutex; n := 1", []string{
		"mu.Lock(); n = n * 2; mu.Unlock()", "mu.Lock(); n = n + 1; mu.Unlock()", "mu.Lock(); n = n * 3; mu.Unlock()",
	}, `fmt.Sprint(n)`, []string{"7", "8", "9", "12"}}, // 1*2*3+1, (1*3+1)*2, (1*2+1)*3, (1+1)*2*3
	{"RWMutex", "var mu sync.RWMutex; var x, y int; var a, b, c, d int", []string{
		"mu.Lock(); x, y = 1, 1; mu.Unlock()", "mu.RLock(); a, b = x, y; mu.RUnlock()", "mu.RLock(); c, d = x, y; mu.RUnlock()",
	}, `fmt.Sprint(a, b, c, d)`, []string{"0 0 0 0", "0 0 1 1", "1 1 0 0", "1 1 1 1"}},
	{"Channel", "c := make(chan int, 2); var s string", []string{
		"c <- 1", "c <- 2", "s = fmt.Sprint(<-c, <-c)",
	}, "s", []string{"1 2", "2 1"}},
	{"Unbuffered", "c := make(chan int); var s string", []string{
		"c <- 1", "c <- 2; c <- 3", "s = fmt.Sprint(<-c, <-c, <-c)",
	}, "s", []string{"1 2 3", "2 1 3", "2 3 1"}},
	{"ChanLen", "c := make(chan int, 2); a, b := 0, 0", []string{
		"c <- 1; c <- 2", "a = len(c); b = len(c)",
	}, `fmt.Sprint(a, b)`, []string{"2 2", "0 0", "0 1", "0 2", "1 1", "1 2"}},
	{"Select", "a, b := make(chan int, 1), make(chan int, 1); var s string", []string{
		"a <- 1", "b <- 2", "for range 2 { select { case <-a: s += \"a\"; case <-b: s += \"b\"; default: s += \"-\" } }",
	}, "s", []string{"ab", "ba", "--", "-a", "-b", "a-", "b-"}},
	{"Once", "var o sync.Once; n, m := 0, 0", []string{
		"o.Do(func() { n = 1 }); m += n", "o.Do(func() { n = 2 })",
	}, `fmt.Sprint(n, m)`, []string{"1 1", "2 2"}},
	{"Cond", "var mu sync.Mutex; c := sync.NewCond(&mu); ready, s := false, \"\"", []string{
		"mu.Lock(); for !ready { s += \"w\"; c.Wait() }; mu.Unlock()", "mu.Lock(); ready = true; mu.Unlock(); c.Broadcast()",
	}, `"-" + s`, []string{"-w", "-"}},
	{"Peterson", "var want [2]atomic.Bool; var turn atomic.Int32; in, both := atomic.Int32{}, atomic.Bool{}", []string{
		peterson(0, 1), peterson(1, 0),
	}, `fmt.Sprint(both.Load())`, []string{"false"}},
	{"PetersonWithoutTurn", "var want [2]atomic.Bool; var turn atomic.Int32; in, both := atomic.Int32{}, atomic.Bool{}", []string{
		strings.ReplaceAll(peterson(0, 1), "want[0].Store(true);", ""), strings.ReplaceAll(peterson(1, 0), "want[1].Store(true);", ""),
	}, `fmt.Sprint(both.Load())`, []string{"false", "true"}},
	{"Dekker", "var want [2]atomic.Bool; in, both := atomic.Int32{}, atomic.Bool{}", []string{
		dekker(0, 1), dekker(1, 0),
	}, `fmt.Sprint(both.Load())`, []string{"false"}},
	{"Seqlock", "var seq, x, y atomic.Int32; s := \"none\"", []string{
		"seq.Add(1); x.Store(1); y.Store(1); seq.Add(1)",
		"if v := seq.Load(); v%2 == 0 { a, b := x.Load(), y.Load(); if seq.Load() == v { s = fmt.Sprint(a, b) } }",
	}, "s", []string{"1 1", "0 0", "none"}},
	{"SeqlockTorn", "var seq, x, y atomic.Int32; s := \"none\"", []string{
		"seq.Add(1); x.Store(1); y.Store(1); seq.Add(1)",
		"if v := seq.Load(); v%2 == 0 { s = fmt.Sprint(x.Load(), y.Load()) }",
	}, "s", []string{"1 1", "0 0", "none", "0 1", "1 0"}},
	{"Timer", "c := make(chan int, 1); tm := time.AfterFunc(time.Hour, func() { c <- 1 }); var a, b bool", []string{
		"a = tm.Stop()", "b = tm.Reset(time.Minute)",
	}, `fmt.Sprint(a, b, tm.Stop())`, []string{"true false true", "true true false"}},
	// A stack of the nodes 1, 2 and 3, of which a pop may read that 2 follows 1,
	// while another one takes 1 and 2 and puts 1 back: 2 is handed out twice.
	{"ABA", "var top atomic.Int32; next := [4]atomic.Int32{}; top.Store(1); next[1].Store(2); next[2].Store(3)\n" +
		"pop := func() int32 { for range 3 { t := top.Load(); if t == 0 { return 0 }; n := next[t].Load(); if top.CompareAndSwap(t, n) { return t } }; return -1 }\n" +
		"push := func(t int32) { for range 3 { n := top.Load(); next[t].Store(n); if top.CompareAndSwap(n, t) { return } } }\n" +
		"var gave int32", []string{
		"pop()", "a := pop(); gave = pop(); push(a)",
	}, `fmt.Sprint(top.Load() == 2 && gave == 2)`, []string{"false", "true"}},
}

func peterson(me, other int) string {
	return fmt.Sprintf("want[%[1]d].Store(true); turn.Store(%[2]d); if !(want[%[2]d].Load() && turn.Load() == %[2]d) { if in.Add(1) == 2 { both.Store(true) }; in.Add(-1); want[%[1]d].Store(false) }", me, other)
}

func dekker(me, other int) string {
	return fmt.Sprintf("want[%[1]d].Store(true); if !want[%[2]d].Load() { if in.Add(1) == 2 { both.Store(true) }; in.Add(-1) }; want[%[1]d].Store(false)", me, other)
}

// source is a test that fails, on a line of its own, for each outcome but the
// first, and for impossible ones.
func (l litmus) source() string {
	var b strings.Builder
	fmt.Fprintf(&b, "func Test%s(t *testing.T) {\n%s\nvar wg sync.WaitGroup\n", l.name, l.shared)
	for _, body := range l.threads {
		fmt.Fprintf(&b, "wg.Go(func() { %s })\n", body)
	}
	fmt.Fprintf(&b, "wg.Wait()\nswitch o := %s; o {\ncase %q:\n", l.outcome, l.want[0])
	for _, o := range l.want[1:] {
		fmt.Fprintf(&b, "case %q:\nt.Fatalf(\"outcome <%%s>\", o)\n", o)
	}
	b.WriteString("default:\nt.Fatalf(\"outcome <%s>\", o)\n}\n}\n")
	return b.String()
}

var outcomeText = regexp.MustCompile(`outcome <([^>]*)>`)

// TestExactOutcomes holds the search over all schedules to the exact outcomes
// of real programs.
func TestExactOutcomes(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("package litmus\n\nimport (\n\"fmt\"\n\"sync\"\n\"sync/atomic\"\n\"testing\"\n\"time\"\n)\n\nvar _ = fmt.Sprint\nvar _ atomic.Int32\n\n")
	for _, l := range litmuses {
		b.WriteString(l.source())
	}
	for name, text := range map[string]string{"go.mod": "module litmus\n\ngo 1.26\n", "litmus_test.go": b.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, _ := compile(t, dir)
	for _, l := range litmuses {
		t.Run(l.name, func(t *testing.T) {
			outcome, found := search(t, p, "Test"+l.name, explore.Options{Strategy: "dpor", NoRace: true}, 100_000)
			got := []string{l.want[0]}
			for _, f := range found {
				if m := outcomeText.FindStringSubmatch(f.Message); f.Kind == finding.Failure && m != nil {
					got = append(got, m[1])
				} else {
					t.Errorf("found %s %s: %s", f.Kind, f.Title, f.Message)
				}
			}
			slices.Sort(got)
			if want := slices.Sorted(slices.Values(l.want)); !slices.Equal(got, want) {
				t.Errorf("got outcomes %q, want %q", got, want)
			}
			if len(l.want) == 1 && !outcome.Exhausted {
				t.Errorf("outcome is %s (%s), want a proof", outcome.Verdict, outcome.Reason)
			}
			if len(l.want) == 1 { // the default comes to a proof by the way
				if auto, _ := search(t, p, "Test"+l.name, explore.Options{NoRace: true}, 100_000); !auto.Exhausted {
					t.Errorf("outcome of the default strategy is %s (%s), want a proof", auto.Verdict, auto.Reason)
				}
			}
			t.Logf("%d executions, %s", outcome.Executions, outcome.Reason)
		})
	}
}

// TestAlwaysWrongIsNoProof explores all schedules of tests that no schedule
// lets pass: they are not clean.
func TestAlwaysWrongIsNoProof(t *testing.T) {
	p, _ := compile(t, "testdata/worlds")
	for _, test := range []string{"TestAlwaysDeadlocks", "TestDeadlocksWithOne", "TestAlwaysFails"} {
		outcome, _ := search(t, p, test, explore.Options{Strategy: "dpor"}, 1000)
		if outcome.Verdict == finding.Clean || outcome.Exhausted {
			t.Errorf("%s: outcome is %s (%s)", test, outcome.Verdict, outcome.Reason)
		}
	}
}
