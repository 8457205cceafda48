package suite

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/exploretest"
)

var goroutineID = regexp.MustCompile(`\bG[0-9]+\b`)

// explained is what the finding of a buggy program must say, in its evidence or
// its help, in this order. G stands for any goroutine.
var explained = map[string][]string{
	"LockOrder":          {"holds to.mu #1 since mutex_test.go:17 (as from.mu) and waits to lock to.mu #2, which G holds", "the cycle: G waits for G (to.mu #2), G waits for G (to.mu #1)", "in one order"},
	"MissingUnlock":      {"waits to lock d.mu, which G holds since mutex_test.go:64 although it returned at mutex_test.go:72", "defer the unlock"},
	"LockAgain":          {"waits to lock d.mu, which G itself holds since mutex_test.go:99", "cannot be taken twice"},
	"ReadAgain":          {"waits to lock for reading n.mu, and the waiting Lock of G keeps new readers out", "G waits to lock n.mu, which G holds for reading since rwmutex_test.go:30", "for reading again"},
	"Upgrade":            {"waits to lock n.mu, which G itself holds for reading", "cannot become a write lock"},
	"WriterBetween":      {"keeps new readers out", "the cycle: G waits for G (mu), G waits for G (n.mu), G waits for G (n.mu)", "take mu and n.mu in one order"},
	"AnswerTooLate":      {"nobody is left who could receive from it: no other goroutine has a reference to it", "had it in the select at channel_test.go:12, which it left by another case", "returned at channel_test.go:23 without receiving", "buffer"},
	"RangeWithoutClose":  {"G sent on it at channel_test.go:56, then returned at channel_test.go:54 and did not come to line 58, where it would close it", "with defer"},
	"TokenLost":          {"received from it at channel_test.go:138, then returned at channel_test.go:140 and did not come to line 143, where it would send on it"},
	"SignalDropped":      {"tried to send on it at select_test.go:19, could not, and went on", "a send with a default is lost"},
	"SignalLost":         {"signalled it at cond_test.go:71 when nobody waited yet", "before each Wait"},
	"SignalFirst":        {"who waited again", "change what is waited for first"},
	"SignalOnClose":      {"signalled it at cond_test.go:153, which woke G", "with Broadcast"},
	"DoneSkipped":        {"whose counter is 1", "returned at waitgroup_test.go:50 and did not come to line 52, where it would call Done"},
	"WaitUnderLock":      {"the cycle: G waits for G (mu), G waits for G (WaitGroup wg)", "unlock mu before waiting for wg"},
	"SendUnderLock":      {"holds mu since mixed_test.go:15 and waits to send on channel c, and G would receive from it at mixed_test.go:21", "unlock mu before waiting for channel c"},
	"StopUnderLock":      {"waits to receive from channel m.done, and G would close it at mixed_test.go:94"},
	"OnceCycle":          {"runs the function of Once a since mixed_test.go:70 and waits for Once b, whose function G runs"},
	"FatalInGoroutine":   {"was ended by FailNow or Goexit at testing_test.go:46 and did not come to line 48"},
	"LenThenReceive":     {"len may change"},
	"ReadLockKept":       {"which G holds for reading since rwmutex_test.go:118 although it returned"},
	"WaitBeforeDrain":    {"waits to send on channel errs, and G would receive from it at mixed_test.go:56", "whose counter is 1: G has not called Done"},
	"ReaderAwaitsWriter": {"would close it at rwmutex_test.go:146"},
}

// TestExplained wants deadlocks and leaks told by their causes.
func TestExplained(t *testing.T) {
	p, _ := compile(t)
	for name, want := range explained {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, found := session(t, p, "TestBuggy"+name, explore.Options{})
			slice(t, s, maxExecs)
			if len(*found) == 0 {
				t.Fatalf("nothing found in %d executions with seed 1: %+v", maxExecs, s.Outcome())
			}
			f := (*found)[0]
			said := tale(f)
			exploretest.InOrder(t, said, want)
			if strings.Contains(said, "0x") {
				t.Errorf("finding has an address in place of a name:\n%s", said)
			}
			cycle := false
			for _, x := range f.Waits {
				cycle = cycle || x.Cycle
			}
			if told := strings.Contains(said, "itself") || strings.Contains(said, "the cycle:"); cycle != told {
				t.Errorf("waits say cycle %t, the text %t:\n%s", cycle, told, said)
			}
		})
	}
}

// tale is what f says, without the numbers of goroutines.
func tale(f finding.Finding) string {
	lines := []string{f.Title}
	for _, e := range f.Evidence {
		lines = append(lines, e.Text)
	}
	return goroutineID.ReplaceAllString(strings.Join(append(lines, f.Help), "\n"), "G")
}
