package litmus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParse(t *testing.T) {
	got, err := Parse("t.litmus", []byte(`// Everything once.
test all_1
doc  What it shows,
doc  on two lines.  // no comment
var  x, y = -2; mutex m

thread {
	lock m; x = 1 ; unlock m
	r0 = atomic.CAS(y, 0, 1)
	if r0 == 1 && (r0 != 2 || r0 < 3) {
		atomic.Add(x, -1)
	}
}
thread { r1 = atomic.Swap(x, 5)
	r2 = r1 - 1 }
exists x >= 0 && r0 == 1 || r2 == y
`))
	if err != nil {
		t.Fatal(err)
	}
	want := `test all_1
doc  What it shows, on two lines.  // no comment
var  x = 0, y = -2
mutex m

thread {
	lock m
	x = 1
	unlock m
	r0 = atomic.CAS(y, 0, 1)
	if r0 == 1 && (r0 != 2 || r0 < 3) {
		atomic.Add(x, -1)
	}
}

thread {
	r1 = atomic.Swap(x, 5)
	r2 = r1 - 1
}

exists (x >= 0 && r0 == 1) || r2 == y
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("String of what Parse read (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x", "r0", "r2", "y"}, got.Observed()); diff != "" {
		t.Errorf("Observed (-want +got):\n%s", diff)
	}
}

func TestParseErrors(t *testing.T) {
	// thread2 makes tests whole whose mistake is above it.
	const thread2 = "\nthread { r9 = x }\nexists r9 == 0"
	tests := []struct {
		name, src, want string
	}{
		{"empty", "", `1:1: got the end of the file, want "test" and a name first`},
		{"name with capitals", "test SB", `1:6: "SB" cannot name a test`},
		{"no exists", "test a\nvar x\nthread { x = 1 }\n", "4:1: the test has no outcome of interest"},
		{"one thread", "test a\nvar x\nthread { x = 1 }\nexists x == 0", "4:1: the test has 1 threads"},
		{"five threads", "test a\nvar x" + strings.Repeat("\nthread { x = 1 }", 5), "7:1: a test has at most 4 threads"},
		{"else", "test a\nvar x\nthread { r0 = x; if r0 == 1 { x = 1 } else { x = 2 } }", "3:39: there is no else"},
		{"two variables in a statement", "test a\nvar x, y\nthread { x = y }" + thread2, "3:14: a statement touches one variable; read y into a register first: r = y"},
		{"a sum of variables", "test a\nvar x, y\nthread { r0 = x + y }" + thread2, "3:15: a statement touches one variable"},
		{"a variable as condition", "test a\nvar x\nthread { if x == 1 { x = 2 } }" + thread2, "3:13: a statement touches one variable"},
		{"old style atomic", "test a\nvar x\nthread { atomic x = 1 }" + thread2, "3:17: write atomic operations as calls: atomic.Store(x, 1)"},
		{"unknown operation", "test a\nvar x\nthread { atomic.And(x, 1) }" + thread2, "3:17: no operation atomic.And; there are Load, Store, Add, Swap and CAS"},
		{"result of a store", "test a\nvar x\nthread { r0 = atomic.Store(x, 1) }" + thread2, "3:15: atomic.Store has no result"},
		{"atomic result to a variable", "test a\nvar x, y\nthread { x = atomic.Load(y) }" + thread2, "3:14: the result goes to a register, and x is a variable"},
		{"undeclared variable", "test a\nvar x\nthread { atomic.Store(z, 1) }" + thread2, `3:23: got "z", want a variable; declare it above the threads: var x = 0`},
		{"register not assigned", "test a\nvar x\nthread { x = r0 }" + thread2, "3:14: this thread has not assigned r0 yet"},
		{"register of another thread", "test a\nvar x\nthread { r0 = x }\nthread { r0 = x }", "4:10: r0 is a register of thread 1"},
		{"keyword", "test a\nvar range", "2:5: range has a meaning of its own"},
		{"underscore", "test a\nvar x_1", "2:5: x_1 cannot name a variable"},
		{"declared twice", "test a\nvar x, x", "2:8: x is declared twice"},
		{"declared below a thread", "test a\nvar x\nthread { x = 1 }\nvar y", "4:5: variable y is declared below a thread"},
		{"large number", "test a\nvar x = 2147483648", "2:9: 2147483648 does not fit"},
		{"locked twice", "test a\nvar x\nmutex m\nthread { lock m; lock m }", "4:18: m is locked already"},
		{"not locked", "test a\nvar x\nmutex m\nthread { unlock m }", "4:10: m is not locked here"},
		{"not unlocked", "test a\nvar x\nmutex m\nthread { lock m }", "4:17: m is locked here and the block ends; add: unlock m"},
		{"unlocked in an if", "test a\nvar x\nmutex m\nthread { lock m; r0 = x; if r0 == 1 { unlock m }; unlock m }", "4:48: a mutex that was locked outside of the block is unlocked in it"},
		{"mutex as variable", "test a\nvar x\nmutex m\nthread { m = 1 }", "4:10: m is a mutex; write: lock m"},
		{"unknown name in exists", "test a\nvar x\nthread { x = 1 }\nthread { x = 2 }\nexists y == 1", "5:8: no register or variable y"},
		{"nothing in exists", "test a\nvar x\nthread { x = 1 }\nthread { x = 2 }\nexists 1 == 1", "5:1: the condition names no register and no variable"},
		{"text after exists", "test a\nvar x\nthread { x = 1 }\nthread { x = 2 }\nexists x == 1\nvar y", `6:1: got "var" after the exists line`},
		{"strange character", "test a\nvar x ≠ 1", `2:7: '≠' has no meaning here`},
		{"open block", "test a\nvar x\nthread { x = 1", "3:8: the block of the thread that begins here has no end"},
		{"empty thread", "test a\nvar x\nthread { }", "3:8: the thread is empty"},
		{"two statements on a line", "test a\nvar x\nthread { x = 1 x = 2 }", `3:16: got "x" after the statement; begin a new line, or put a semicolon between`},
		{"too long", "test a\nvar x\nthread {" + strings.Repeat(" x = 1;", 13) + "}", "3:94: a thread has at most 12 statements"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("t.litmus", []byte(tt.src))
			if err == nil || !strings.HasPrefix(err.Error(), "t.litmus:"+tt.want) {
				t.Errorf("Parse(%q): got error %v, want t.litmus:%s", tt.src, err, tt.want)
			}
		})
	}
}

// FuzzParse holds that Parse never panics, and that what it reads is printed
// in a form that it reads as the same test.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(experiment, "*.litmus"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte("test a\nvar x\nmutex m\nthread { lock m; r0 = atomic.CAS(x, 0, -1); if r0 < 1 || r0 > 1 { x = r0 - -1 }; unlock m }\nthread { x = 1 }\nexists (r0 == 0)"))
	f.Fuzz(func(t *testing.T, src []byte) {
		first, err := Parse("fuzz", src)
		if err != nil {
			return
		}
		second, err := Parse("printed", []byte(first.String()))
		if err != nil {
			t.Fatalf("Parse of what String printed: %v\n%s", err, first)
		}
		if diff := cmp.Diff(first, second, cmpopts.IgnoreTypes(Pos{})); diff != "" {
			t.Fatalf("what String printed reads differently (-first +second):\n%s\n%s", diff, first)
		}
	})
}
