package explore_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/event"
	"github.com/ghostread/ghostread/explore/strategy"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/dportest"
)

// writePrograms writes a module with a test for each program, and returns its
// directory.
func writePrograms(t *testing.T, programs []dportest.Program) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module litmus\n\ngo 1.24\n", "litmus_test.go": dportest.Source(programs)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestPrimitives compares the outcomes of all schedules of random programs with
// those that the specification of their primitives allows.
func TestPrimitives(t *testing.T) {
	const seed = 7
	count := 300
	if testing.Short() {
		count = 100
	}
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var programs []dportest.Program
	var want []map[string]bool
	for len(programs) < count {
		p := dportest.Generate(r)
		if out := p.Outcomes(2000); out != nil {
			programs, want = append(programs, p), append(want, out)
		}
	}
	dir := writePrograms(t, programs)
	p, _ := compile(t, dir)
	proved, outcomes := 0, 0
	var executions uint64
	for i := range programs {
		name := "Test" + strconv.Itoa(i)
		outcome, found := search(t, p, name, explore.Options{Strategy: "dpor", NoRace: true}, 1000)
		for _, f := range found {
			if f.Kind != finding.Leak {
				t.Errorf("%v: found %s %s: %s", programs[i], f.Kind, f.Title, f.Message)
			}
		}
		text, err := os.ReadFile(filepath.Join(dir, name+".out"))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			got[strings.TrimSuffix(line, "\n")] = true
		}
		executions += uint64(outcome.Executions)
		for o := range got {
			if !want[i][o] {
				t.Errorf("%v: impossible outcome %s", programs[i], o)
			}
		}
		if !outcome.Exhausted && len(found) == 0 {
			t.Logf("%v: %d executions: %s", programs[i], outcome.Executions, outcome.Reason)
			continue
		}
		proved++
		outcomes += len(want[i])
		for _, o := range slices.Sorted(maps.Keys(want[i])) {
			if !got[o] {
				t.Errorf("%v: missed outcome %s in %d executions", programs[i], o, outcome.Executions)
			}
		}
	}
	t.Logf("%d programs: %d executions; all schedules of %d, with %d outcomes", count, executions, proved, outcomes)
	if proved < count*9/10 {
		t.Errorf("searched all schedules of %d programs only", proved)
	}
}

// decider notes the decisions of another strategy.
type decider struct {
	strategy.Strategy
	made []int32
}

func (d *decider) Choose(c *strategy.Choice) int32 {
	i := d.Strategy.Choose(c)
	d.made = append(d.made, c.Enabled[i])
	return i
}

// operations is what a log says until time passes, as lines: from the
// first goroutine that the test starts, each operation with its object, numbered
// in the order in which objects come, and who parks, wakes and ends.
func operations(log []event.Event) (lines []string) {
	objects, started := map[uint64]int{0: 0}, false
	for _, e := range log {
		switch k := e.Kind; {
		case k == event.TimerFire:
			return lines
		case k == event.Spawn && e.G == 1:
			started = true
		case !started: // package testing
		case k.IsAtomic() || k >= event.ChanSend && k <= event.Sleep:
			if _, seen := objects[e.Addr]; !seen {
				objects[e.Addr] = len(objects)
			}
			isCase := k <= event.ChanRecv && e.Aux == 1
			lines = append(lines, fmt.Sprint("G", e.G, " operation ", k, " on ", objects[e.Addr], " case ", isCase, " flags ", e.Flags&event.Failed))
		case k == event.Wake:
			lines = append(lines, fmt.Sprint("G", e.G, " wakes ", e.Aux))
		case k == event.Block:
			lines = append(lines, fmt.Sprint("G", e.G, " parks"))
		case k == event.Exit:
			lines = append(lines, fmt.Sprint("G", e.G, " ends"))
		}
	}
	return lines
}

// TestModel runs random programs in the model of the core and, by the same
// decisions, in the core: their logs are the same, so that what the model is
// used for holds for the core.
func TestModel(t *testing.T) {
	const seed = 11
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	programs := make([]dportest.Program, 100)
	for i := range programs {
		programs[i] = dportest.Generate(r)
	}
	p, _ := compile(t, writePrograms(t, programs))
	decisions, lines := 0, 0
	for i, program := range programs {
		s, _ := strategy.New("random", 0)
		s.Begin(uint64(i))
		d := &decider{Strategy: s}
		_, modelled := program.Run(d, true)
		log, made, diverged, err := explore.LogOf(t.Context(), p, "Test"+strconv.Itoa(i), d.made)
		if err != nil {
			t.Fatal(err)
		}
		got, want := operations(log), operations(modelled)
		decisions, lines = decisions+made, lines+len(got)
		if made != len(d.made) || diverged != 0 || !slices.Equal(got, want) {
			t.Errorf("%v by %v: %d decisions, %d not repeated; the core:\n%s\nthe model:\n%s",
				program, d.made, made, diverged, strings.Join(got, "\n"), strings.Join(want, "\n"))
			return
		}
	}
	t.Logf("%d programs, %d decisions, %d operations", len(programs), decisions, lines)
}
