package hunt_test

import (
	"context"
	"debug/buildinfo"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/explore/build"
	"github.com/ghostread/ghostread/explore/overlay"
	"github.com/ghostread/ghostread/explore/replay"
	"github.com/ghostread/ghostread/hunt"
)

// buggyTest has a race, a deadlock, a failure that needs timers, a select and a
// parallel subtest to be as they are in an ordinary run, a leak that needs an
// early timer, and a test without bugs.
const buggyTest = `package small

import (
	"sync"
	"testing"
	"time"
)

func TestRace(t *testing.T) {
	var wg sync.WaitGroup
	n := 0
	for range 2 {
		wg.Add(1)
		go func() { defer wg.Done(); n++ }()
	}
	wg.Wait()
}

func TestDeadlock(t *testing.T) {
	var a, b sync.Mutex
	done := make(chan bool)
	go func() { a.Lock(); b.Lock(); b.Unlock(); a.Unlock(); close(done) }()
	b.Lock()
	a.Lock()
	a.Unlock()
	b.Unlock()
	<-done
}

func TestLate(t *testing.T) {
	t.Run("sub", func(t *testing.T) {
		t.Parallel()
		c := make(chan int, 2)
		time.Sleep(time.Minute)
		for i := range 2 {
			go func() { c <- i }()
		}
		select {
		case first := <-c:
			if first == 1 {
				t.Error("the second goroutine was first")
			}
		case <-time.After(time.Hour):
			panic("an hour without an answer")
		}
	})
}

func fetch() {
	c := make(chan int)
	go func() { c <- 1 }()
	select {
	case <-c:
	case <-time.After(time.Hour):
	}
}

func TestTimeout(t *testing.T) { fetch() }

func TestFine(t *testing.T) {
	var mu sync.Mutex
	m := map[int]int{}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			mu.Lock()
			defer mu.Unlock()
			m[i] = i
		}()
	}
	<-tick.C
	wg.Wait()
	if len(m) != 3 {
		t.Error("a minute was not enough")
	}
}

func TestPublished(t *testing.T) {
	var m sync.Map
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if v, ok := m.Load(1); !ok {
				p := new(int)
				*p = 1
				m.Store(1, p)
			} else if *v.(*int) != 1 {
				t.Error("it is not what was stored")
			}
		}()
	}
	wg.Wait()
}
`

// TestReleases finds bugs with each release that explore supports, and replays
// them. The first run on a machine downloads the releases and compiles their
// standard libraries; they stay in the caches of the go command and ghostread.
func TestReleases(t *testing.T) {
	if testing.Short() {
		t.Skip("downloads toolchains and compiles their standard libraries")
	}
	for _, release := range []string{"1.24.13", "1.25.7", "1.26.8", "1.27.4"} {
		t.Run(release, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			dir := t.TempDir()
			for name, text := range map[string]string{"go.mod": "module example.com/small\n\ngo 1.24\n", "small_test.go": buggyTest} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			env, err := overlay.Select(nil, release)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := overlay.Detect(ctx, dir, env); err != nil {
				t.Skipf("Go %s cannot be downloaded: %v", release, err)
			}
			replays := filepath.Join(dir, "replays")
			e := &events{t: t}
			_, found, err := hunt.Run(ctx, hunt.Options{Dir: dir, Go: release, Execs: 300, Explore: explore.Options{Seed: 1, Replays: replays}}, e)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				got = append(got, f.Subject.Test+" "+string(f.Kind))
				if timing := f.Subject.Test == "TestTimeout"; timing != (f.Witness.EarlyTimers > 0) {
					t.Errorf("%s: %d early timers, want some: %t", f.Subject.Test, f.Witness.EarlyTimers, timing)
				}
			}
			slices.Sort(got)
			if want := []string{"TestDeadlock deadlock", "TestLate failure", "TestRace race", "TestTimeout leak"}; !slices.Equal(got, want) {
				t.Errorf("findings: got %q, want %q", got, want)
			}

			c, err := hunt.Toolchain(ctx, dir, release, nil, func(string) {})
			if err != nil {
				t.Fatal(err)
			}
			list, err := build.List(ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			b, err := build.Build(ctx, c, list.Packages[0])
			if err != nil {
				t.Fatal(err)
			}
			info, err := buildinfo.ReadFile(b.File)
			if err != nil {
				t.Fatal(err)
			}
			if info.GoVersion != "go"+release {
				t.Errorf("the tests are built with %s, want go%s", info.GoVersion, release)
			}
			for _, f := range found {
				file, err := replay.Open(f.Witness.File)
				if err != nil {
					t.Fatal(err)
				}
				if file.Release != "go"+release {
					t.Errorf("replay file of %s: recorded with %q, want go%s", f.Title, file.Release, release)
				}
				again, err := explore.Replay(ctx, hunt.Program(b), file)
				if err != nil {
					t.Fatal(err)
				}
				if !again.Same || again.Diverged != "" {
					t.Errorf("replay of %s: got the finding again: %v, by another schedule: %q", f.Title, again.Same, again.Diverged)
				}
			}
		})
	}
}
