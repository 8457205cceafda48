package explore

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ghostread/ghostread/finding"
)

// failedState is the state of a process that has failed.
func failedState(t testing.TB) *os.ProcessState {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.no-such-flag")
	if err := cmd.Run(); err == nil {
		t.Fatal("a wrong flag is accepted")
	}
	return cmd.ProcessState
}

const stack = `goroutine 18 [running]:
testing.tRunner.func1.2({0x5a3e40, 0x60d0f0})
	/usr/local/go/src/testing/testing.go:1974 +0x232
panic({0x5a3e40?, 0x60d0f0?})
	/usr/local/go/src/runtime/panic.go:860 +0x13a
example.com/store.(*Cache[...]).evict(0xc000012345, {0xc00001c0a8, 0x3, 0x3}, 0x0)
	/home/ann/my store/cache.go:41 +0x1d
example.com/store.TestEvict.func1(...)
	/home/ann/my store/cache_test.go:12
created by example.com/store.TestEvict in goroutine 7
	/home/ann/my store/cache_test.go:10 +0x25
`

var storeFrames = []finding.Frame{
	{Func: "testing.tRunner.func1.2", File: "/usr/local/go/src/testing/testing.go", Line: 1974},
	{Func: "example.com/store.(*Cache[...]).evict", File: "/home/ann/my store/cache.go", Line: 41},
	{Func: "example.com/store.TestEvict.func1", File: "/home/ann/my store/cache_test.go", Line: 12},
}

// TestCrashed reads the last words of programs. They are those of Go 1.26.
func TestCrashed(t *testing.T) {
	tests := []struct {
		name, stderr string
		message      string
		frames       []finding.Frame
	}{
		{"panic", "panic: oh no\n\n" + stack, "panic: oh no", storeFrames},
		{"panic after a recovery", "panic: oh no [recovered, repanicked]\n\n" + stack, "panic: oh no [recovered, repanicked]", storeFrames},
		{"nested panics", "panic: first [recovered]\n\tpanic: second\n\n" + stack, "panic: first [recovered]\n\tpanic: second", storeFrames},
		{"panic with several lines", "panic: one\n\ttwo\n\t\n\tfour\n\n" + stack, "panic: one\n\ttwo\n\t\n\tfour", storeFrames},
		{"runtime error", "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4f2a5d]\n\n" + stack,
			"panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4f2a5d]", storeFrames},
		{"fatal error", "fatal error: concurrent map writes\n\n" + stack, "fatal error: concurrent map writes", storeFrames},
		{"fatal error without a blank line", "fatal error: sync: unlock of unlocked mutex\n" + stack, "fatal error: sync: unlock of unlocked mutex", storeFrames},
		{"stack overflow", "runtime: goroutine stack exceeds 1000000000-byte limit\nruntime: sp=0xc0200e0390 stack=[0xc0200e0000, 0xc0400e0000]\nfatal error: stack overflow\n\nruntime stack:\nruntime.throw({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:1023 +0x5c\n\n" + stack,
			"runtime: goroutine stack exceeds 1000000000-byte limit\nruntime: sp=0xc0200e0390 stack=[0xc0200e0000, 0xc0400e0000]\nfatal error: stack overflow", storeFrames},
		{"fault", "unexpected fault address 0xdead\nfatal error: fault\n[signal SIGSEGV: segmentation violation code=0x1 addr=0xdead pc=0x1]\n\n" + stack,
			"unexpected fault address 0xdead\nfatal error: fault\n[signal SIGSEGV: segmentation violation code=0x1 addr=0xdead pc=0x1]", storeFrames},
		{"what the program printed before", "starting\n2026/01/01 panic: no line of its own\nwarning: fatal error: neither\npanic: oh no\n\n" + stack, "panic: oh no", storeFrames},
		{"a panic that the program printed itself", "panic: only printed\n\ngoroutine 1 [running]:\nmain.other()\n\t/x.go:1 +0x1\n\nand went on\nfatal error: concurrent map writes\n\n" + stack, "fatal error: concurrent map writes", storeFrames},
		{"other goroutines follow", "panic: oh no\n\n" + stack + "\ngoroutine 9 [chan receive]:\nmain.other()\n\t/x.go:1 +0x1\n", "panic: oh no", storeFrames},
		{"no stack", "panic: oh no\n", "panic: oh no", nil},
		{"no newline", "panic: oh no", "panic: oh no", nil},
		{"no crash", "exit status 1\nFAIL\n", "", nil},
		{"nothing", "", "", nil},
	}
	state := failedState(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &process{state: state}
			if _, err := r.stderr.Write([]byte(tt.stderr)); err != nil {
				t.Fatal(err)
			}
			c, ok := r.crashed()
			if ok != (tt.message != "") || c.message != tt.message {
				t.Errorf("crashed: got %q and %t, want %q", c.message, ok, tt.message)
			}
			if diff := cmp.Diff(tt.frames, crashFrames(c)); diff != "" {
				t.Errorf("crashFrames (-want +got):\n%s", diff)
			}
			r.killed = "by us"
			if c, ok := r.crashed(); ok {
				t.Errorf("crashed after we ended it: got %q, want none", c.message)
			}
		})
	}
}

// The key of a crash names its cause: values and addresses do not change it,
// another place does.
func TestPanicKey(t *testing.T) {
	key := func(stderr string) string {
		r := &process{state: failedState(t)}
		r.stderr.buf = []byte(stderr)
		c, _ := r.crashed()
		return panicKey(c)
	}
	first := key("panic: index 5 out of range [3]\n\n" + stack)
	if got := key("panic: index 17 out of range [0]\n\n" + strings.ReplaceAll(stack, "0xc000012345", "0xc00009")); got != first {
		t.Errorf("panicKey with other numbers: got %q, want %q", got, first)
	}
	if got := key("panic: index 5 out of range [3]\n\n" + strings.ReplaceAll(stack, "evict", "add")); got == first {
		t.Errorf("panicKey of another place: got the same, %q", got)
	}
}

// FuzzCrashFrames: whatever a program prints, reading it gives frames that
// findings may hold, and no more than there are lines.
func FuzzCrashFrames(f *testing.F) {
	f.Add("panic: oh no\n\n" + stack)
	f.Add("fatal error: x\n\ngoroutine 1 gp=0xc000 m=0 mp=0x1 [running]:\nmain.f({0x1, 0x2}...)\n\tC:/x y/z.go:99999999999999999999 +0x1d fp=0x1\n")
	f.Add("panic: a\ngoroutine \n\t.go:1\n\t.s:2\n")
	state := failedState(f)
	f.Fuzz(func(t *testing.T, text string) {
		r := &process{state: state}
		r.stderr.buf = []byte(text)
		c, ok := r.crashed()
		if !ok {
			return
		}
		if c.message == "" || !strings.HasSuffix(text, c.text) {
			t.Errorf("crashed(%q): got message %q and text %q", text, c.message, c.text)
		}
		list := crashFrames(c)
		if n := strings.Count(text, "\n"); len(list) > n {
			t.Errorf("crashFrames(%q): got %d frames out of %d lines", text, len(list), n)
		}
		for _, f := range list {
			if f.Func == "" || f.File == "" || f.Line < 0 {
				t.Errorf("crashFrames(%q): got %+v", text, f)
			}
		}
	})
}
