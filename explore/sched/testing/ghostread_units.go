//go:build ghostread_guest

package testing

import (
	"context"
	"fmt"
	"internal/ghostread/guest"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// ghostM is what M.Run was called on: fuzz targets and examples are not among
// the arguments of the loop over tests.
var ghostM *M

// ghostOut keeps the file that an example prints to from being closed.
var ghostOut *os.File

// ghostUnit returns what one execution of a fuzz target or an example is; nil
// if there is none of this name.
func ghostUnit(name string) guest.Test {
	if ghostM == nil {
		return nil
	}
	for _, target := range ghostM.fuzzTargets {
		if target.Name == name {
			return func(w io.Writer, end func(failed, skipped bool)) { ghostSeeds(target, w, end) }
		}
	}
	for _, example := range ghostM.examples {
		if example.Name == name {
			return ghostExample(example)
		}
	}
	return nil
}

// ghostSeeds runs the target on its seeds, those of F.Add and those in
// testdata/fuzz, one after the other, as go test does without -fuzz.
func ghostSeeds(target InternalFuzzTarget, w io.Writer, end func(failed, skipped bool)) {
	ctx, cancel := context.WithCancel(context.Background())
	f := &F{
		common: common{
			barrier:   make(chan bool),
			signal:    make(chan bool, 2), // the end, which nobody waits for
			name:      target.Name,
			parent:    &common{w: w, barrier: ghostOpen},
			level:     1,
			ctx:       ctx,
			cancelCtx: cancel,
		},
		tstate: newTestState(*parallel+1, newMatcher(ghostM.deps.MatchString, "", "-test.run", "")),
		fstate: &fuzzState{deps: ghostM.deps, mode: seedCorpusOnly},
	}
	f.w = indenter{&f.common}
	ghostOutput(&f.common)
	defer func() { end(f.Failed(), f.Skipped()) }()
	fRunner(f, target.Fn)
}

// ghostExample returns an execution of the example. What it prints goes to a
// file, which needs neither a goroutine nor the network poller, as the pipe of
// an ordinary run does. Each execution has an os.File of its own, because one
// that is cut short may leave it locked. os.Stdout is not put back: a goroutine
// that is left behind prints to the file too.
func ghostExample(example InternalExample) guest.Test {
	out, err := os.CreateTemp("", "ghostread-example-")
	if err != nil {
		panic("ghostread: output of " + example.Name + ": " + err.Error())
	}
	os.Remove(out.Name())
	ghostOut = out
	base := int(out.Fd())
	file, line := "example_test.go", 0
	if fn := runtime.FuncForPC(reflect.ValueOf(example.F).Pointer()); fn != nil {
		file, line = fn.FileLine(fn.Entry())
	}
	return func(w io.Writer, end func(failed, skipped bool)) {
		syscall.Ftruncate(base, 0)
		syscall.Seek(base, 0, io.SeekStart)
		fd, err := syscall.Dup(base)
		if err != nil {
			panic("ghostread: output of " + example.Name + ": " + err.Error())
		}
		os.Stdout = os.NewFile(uintptr(fd), "/dev/stdout")
		returned := false
		defer func() {
			why := "the example called runtime.Goexit"
			if returned {
				printed, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", base))
				if err != nil {
					panic("ghostread: output of " + example.Name + ": " + err.Error())
				}
				why = ghostCompare(&example, string(printed))
			}
			if why != "" {
				ghostFail()
				fmt.Fprintf(w, "--- FAIL: %s\n    %s:%d: %s\n", example.Name, filepath.Base(file), line, why)
			}
			end(why != "", false)
		}()
		example.F()
		returned = true
	}
}

// ghostCompare says how what was printed differs from the example's comment,
// by the rules of processRunResult; "" if it does not.
func ghostCompare(example *InternalExample, printed string) string {
	got, want := strings.TrimSpace(printed), strings.TrimSpace(example.Output)
	if !example.Unordered {
		if got == want {
			return ""
		}
		return "got:\n" + got + "\nwant:\n" + want
	}
	gotLines, wantLines := slices.Sorted(strings.SplitSeq(got, "\n")), slices.Sorted(strings.SplitSeq(want, "\n"))
	if slices.Equal(gotLines, wantLines) {
		return ""
	}
	return "got:\n" + got + "\nwant (unordered):\n" + want
}
