//go:build ghostread_guest

package testing

import (
	"context"
	"internal/ghostread/guest"
	"io"
	_ "unsafe" // for linkname
)

// ghostFail notes in the event log that a test fails here.
//
//go:linkname ghostFail runtime.ghostread_fail
func ghostFail()

// ghostExplore takes the place of the loop over tests when this process is to
// explore one of them. Every execution gets a root T of its own, so that
// subtests, t.Parallel, cleanups, temporary directories and names behave as
// in a run of the test alone.
func ghostExplore(modulePath, importPath string, matchString func(pat, str string) (bool, error), tests []InternalTest) (ran, ok, on bool) {
	if !guest.On() {
		return false, false, false
	}
	ok = guest.Main(func(name string) guest.Test {
		for _, test := range tests {
			if test.Name == name {
				return func(w io.Writer) (failed, skipped bool) {
					return ghostOnce(modulePath, importPath, matchString, test, w)
				}
			}
		}
		return nil
	})
	return true, ok, true
}

func ghostOnce(modulePath, importPath string, matchString func(pat, str string) (bool, error), test InternalTest, w io.Writer) (failed, skipped bool) {
	t := &T{
		common: common{
			signal:     make(chan bool, 1),
			barrier:    make(chan bool),
			w:          w,
			ctx:        context.Background(),
			cancelCtx:  func() {},
			modulePath: modulePath,
			importPath: importPath,
		},
		tstate: newTestState(*parallel, newMatcher(matchString, "", "-test.run", "")),
	}
	tRunner(t, func(t *T) {
		t.Run(test.Name, func(t *T) {
			defer func() { skipped = t.Skipped() }()
			test.F(t)
		})
	})
	<-t.signal
	return t.Failed(), skipped
}
