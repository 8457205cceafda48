//go:build linux

package inspect

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// victim is the program in testdata/heap, with 210,000 sessions and a map of a
// million entries: a heap of 1.0 GB.
type victim struct {
	*subject
	exe string
}

// heapOf runs the program until the benchmark ends.
func heapOf(b *testing.B, sessions, entries int) *victim {
	b.Helper()
	exe := buildIn(b, "heap", "", nil)
	return &victim{start(b, exe, strconv.Itoa(sessions), strconv.Itoa(entries), "0"), exe}
}

// gap returns the longest time in which the program did not get to run since it
// was asked last.
func (v *victim) gap(b *testing.B) time.Duration {
	b.Helper()
	if _, err := io.WriteString(v.in, "\n"); err != nil {
		b.Fatal(err)
	}
	line, err := v.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(n)
}

// stopped adds up how long a thread of the program is stopped or traced, until
// done is closed. It looks each millisecond.
func (v *victim) stopped(done <-chan struct{}) (sum time.Duration) {
	last, was := time.Now(), false
	for {
		select {
		case <-done:
			return sum
		case <-time.After(time.Millisecond):
		}
		is := false
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", v.pid))
		for _, path := range tasks {
			text, _ := os.ReadFile(path)
			// The state comes after the name, which is in parentheses.
			if _, rest, ok := bytes.Cut(text, []byte(") ")); ok && len(rest) > 0 {
				is = is || rest[0] == 'T' || rest[0] == 't'
			}
		}
		now := time.Now()
		if is || was {
			sum += now.Sub(last)
		}
		last, was = now, is
	}
}

// watched runs commands one after the other, again and again, and reports the
// largest of them, and how long they stopped the program.
func (v *victim) watched(b *testing.B, commands ...[]string) {
	b.Helper()
	var peak int64
	var stopped, gap time.Duration
	for b.Loop() {
		v.gap(b)
		done := make(chan struct{})
		var watcher sync.WaitGroup
		watcher.Go(func() { stopped += v.stopped(done) })
		for _, args := range commands {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Dir = b.TempDir()
			var text bytes.Buffer
			cmd.Stdout, cmd.Stderr = &text, &text
			err := cmd.Run()
			if err != nil {
				close(done)
				watcher.Wait()
				b.Skipf("%s: %v\n%s", strings.Join(args, " "), err, text.Bytes())
			}
			peak = max(peak, int64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss))
		}
		close(done)
		watcher.Wait()
		gap = max(gap, v.gap(b))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/op")
	b.ReportMetric(float64(peak)/1024, "peak-MB")
	b.ReportMetric(float64(stopped.Milliseconds())/float64(b.N), "stopped-ms")
	b.ReportMetric(float64(gap.Milliseconds()), "longest-gap-ms")
}

// ghostread builds the command.
func ghostread(b *testing.B) string {
	b.Helper()
	exe := filepath.Join(b.TempDir(), "ghostread")
	if out, err := exec.Command("go", "build", "-o", exe, "../cmd/ghostread").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	return exe
}

// BenchmarkCensus finds all maps of a heap of 1 GB, with whole commands: of
// ghostread, and of the tools that walk a heap. gcore is what every tool pays
// that needs a core file, such as viewcore.
func BenchmarkCensus(b *testing.B) {
	v := heapOf(b, 210_000, 1_000_000)
	pid := strconv.Itoa(v.pid)
	b.Run("ghostread", func(b *testing.B) { v.watched(b, []string{ghostread(b), "inspect", pid}) })
	b.Run("peer/goref", func(b *testing.B) {
		v.watched(b, []string{peer(b, "github.com/cloudwego/goref", "cmd/grf"), "attach", pid, "-o", filepath.Join(b.TempDir(), "out")})
	})
	core := filepath.Join(b.TempDir(), "core")
	gcore := []string{"gcore", "-o", core, pid}
	b.Run("peer/gcore", func(b *testing.B) { v.watched(b, gcore) })
	b.Run("peer/viewcore", func(b *testing.B) {
		v.watched(b, gcore, []string{peer(b, "golang.org/x/debug", "cmd/viewcore"), core + "." + pid, "--exe", v.exe, "histogram"})
	})
}

// BenchmarkMap1M reads a map of a million entries that a package variable has:
// the whole command, opening the executable and counting what is in all slots,
// the same in a process that has opened it, and only the copy that is of one
// moment.
func BenchmarkMap1M(b *testing.B) {
	v := heapOf(b, 0, 1_000_000)
	b.Run("command", func(b *testing.B) {
		v.watched(b, []string{ghostread(b), "inspect", strconv.Itoa(v.pid), "main.million"})
	})
	target := attach(b, v.pid)
	b.Run("detail", func(b *testing.B) {
		for b.Loop() {
			if d, err := target.At("main.million", 0, Look{}); err != nil || d.Entries != 1_000_000 {
				b.Fatalf("got %v, %v", d, err)
			}
		}
	})
	b.Run("copy", func(b *testing.B) {
		w, f, err := target.find("main.million", 0)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			m := Map{Addr: f.Addr, Type: f.Type}
			if w.readSwiss(w.shape(f.Type).swiss, &m); m.Entries != 1_000_000 || !m.Consistent {
				b.Fatalf("got %+v", m)
			}
		}
	})
}

// BenchmarkReads is a census without other processes: what it reads and
// allocates does not depend on how much else the machine does.
func BenchmarkReads(b *testing.B) {
	v := heapOf(b, 21_000, 100_000)
	target := attach(b, v.pid)
	counted := &counting{memory: target.raw}
	target.raw = counted
	b.ReportAllocs()
	for b.Loop() {
		counted.calls, counted.pieces, counted.bytes = 0, 0, 0
		if c, err := target.Census(); err != nil || c.Total.Maps < 21_000 {
			b.Fatalf("got %v, %v", c, err)
		}
	}
	b.ReportMetric(float64(counted.calls), "calls/op")
	b.ReportMetric(float64(counted.pieces), "pieces/op")
	b.ReportMetric(float64(counted.bytes)/(1<<20), "MB-copied/op")
}

// counting counts what is read.
type counting struct {
	memory
	lock                 sync.Mutex
	calls, pieces, bytes int
}

func (c *counting) read(bufs [][]byte, addrs []uint64) error {
	c.lock.Lock()
	c.calls++
	c.pieces += len(bufs)
	for _, b := range bufs {
		c.bytes += len(b)
	}
	c.lock.Unlock()
	return c.memory.read(bufs, addrs)
}

// BenchmarkOpen opens executables: a small one and ghostread itself.
func BenchmarkOpen(b *testing.B) {
	for name, exe := range map[string]string{"small": buildIn(b, "heap", "", nil), "ghostread": ghostread(b)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m, err := gobinary.Open(exe)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(m.Types())), "types")
			}
		})
	}
}
