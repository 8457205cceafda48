package field

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
	"weak"
)

func get(t *testing.T, c *http.Client, url string) string {
	r, err := c.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func TestNetServer(t *testing.T) {
	var mu sync.Mutex
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		n++
		fmt.Fprint(w, n)
	}))
	defer s.Close()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { get(t, s.Client(), s.URL) })
	}
	wg.Wait()
	if got := get(t, s.Client(), s.URL); got != "3" {
		t.Errorf("got %q, want 3", got)
	}
}

// TestNetServerSlow asks a handler that sleeps, with a client that would wait
// longer.
func TestNetServerSlow(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second)
		fmt.Fprint(w, "late")
	}))
	defer s.Close()
	c := s.Client()
	c.Timeout = 5 * time.Second
	if got := get(t, c, s.URL); got != "late" {
		t.Errorf("got %q", got)
	}
}

func TestNetServerRace(t *testing.T) {
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n++ }))
	defer s.Close()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { get(t, s.Client(), s.URL) })
	}
	wg.Wait()
}

func TestNetDeadline(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
		c.Write([]byte("x"))
		c.Close()
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Errorf("Read before the answer: %v, want a timeout", err)
	}
	c.SetReadDeadline(time.Now().Add(time.Second))
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Errorf("Read of the answer: %v", err)
	}
}

func TestChild(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		io.WriteString(in, "abc")
		in.Close()
	})
	out, err := cmd.Output()
	wg.Wait()
	if err != nil || string(out) != "abc" {
		t.Errorf("got %q, %v", out, err)
	}
}

// TestChildTakesTime has a timeout that is long enough in real time.
func TestChildTakesTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := exec.CommandContext(ctx, "sleep", "0.25").Run(); err != nil {
		t.Error(err)
	}
}

func TestChildKilled(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := exec.CommandContext(ctx, "sleep", "100").Run(); err == nil {
		t.Error("sleep was not killed")
	}
}

// TestChildSelf starts the test binary, which must not explore there.
func TestChildSelf(t *testing.T) {
	if os.Getenv("FIELD_CHILD") != "" {
		os.Stdout.WriteString("child\n")
		os.Exit(3)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestChildSelf$")
	cmd.Env = append(os.Environ(), "FIELD_CHILD=1")
	out, err := cmd.Output()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 3 || string(out) != "child\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestSignal(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	defer signal.Stop(c)
	go syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	select {
	case <-c:
	case <-time.After(time.Second):
		t.Error("the signal did not come")
	}
}

func TestSignalOnly(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	defer signal.Stop(c)
	go syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	<-c
}

// TestSignalNone waits for a signal that nobody sends.
func TestSignalNone(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	defer signal.Stop(c)
	if second() {
		<-c
	}
}

func TestFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if _, err := os.Stat(name); err != nil {
		t.Error(err)
	}
}

func TestCollectorFinalizer(t *testing.T) {
	done := make(chan bool, 1)
	func() {
		x := new([4]*int)
		runtime.SetFinalizer(x, func(*[4]*int) { done <- true })
	}()
	runtime.GC()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("not finalized")
	}
}

//go:noinline
func weakly() weak.Pointer[[4]*int] { return weak.Make(new([4]*int)) }

func TestCollectorWeak(t *testing.T) {
	w := weakly()
	go func() {}()
	runtime.GC()
	if w.Value() != nil {
		t.Error("still there")
	}
}

// TestOutput wants no device for standard output: programs draw on it then.
func TestOutput(t *testing.T) {
	var wg sync.WaitGroup
	wg.Go(func() {
		if info, err := os.Stdout.Stat(); err != nil || info.Mode()&os.ModeDevice != 0 {
			t.Error("standard output is a device", err)
		}
	})
	wg.Wait()
}
