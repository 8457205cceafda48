package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/hunt"
	"github.com/ghostread/ghostread/report"
)

// watcher shows a hunt as it goes: findings on standard output, progress in
// one line of the terminal, or, where there is none, a line for each stage.
type watcher struct {
	text   *report.Text // nil if findings are written at the end
	stderr io.Writer
	width  func() int // of the terminal, 0 if there is none

	mu    sync.Mutex
	stage string
	shown time.Time
	drawn bool
	err   error
}

func newWatcher(stderr io.Writer) *watcher {
	w := &watcher{stderr: stderr, width: func() int { return 0 }}
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		w.width = func() int {
			if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
				return n
			}
			return 80
		}
	}
	return w
}

// Finding implements hunt.Events.
func (w *watcher) Finding(f finding.Finding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.erase()
	w.shown = time.Time{} // the next progress comes at once, below the finding
	if w.text != nil && w.err == nil {
		w.err = w.text.Finding(f)
	}
}

// Progress implements hunt.Events.
func (w *watcher) Progress(p hunt.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	width := w.width()
	if width == 0 {
		if p.Stage != "" && p.Stage != w.stage {
			fmt.Fprintf(w.stderr, "%s\n", p.Stage)
		}
		w.stage = p.Stage
		return
	}
	if time.Since(w.shown) < 100*time.Millisecond && p.Stage == w.stage {
		return
	}
	w.stage, w.shown = p.Stage, time.Now()
	// What is left of a longer line is erased after the new one is written:
	// erasing first makes the line flicker. The last column stays free, where
	// some terminals would begin a new line.
	fmt.Fprintf(w.stderr, "\r%s\x1b[K", clip(progressLine(p), width-1))
	w.drawn = true
}

// progressLine says how far a hunt is, what changes most at the end.
func progressLine(p hunt.Progress) string {
	parts := []string{fmt.Sprintf("%d found", p.Findings)}
	if p.Tests > 0 {
		parts = append(parts, report.Plural(p.Tests, "test"))
	}
	if p.Executions > 0 && p.Elapsed > 0 {
		parts = append(parts, fmt.Sprintf("%s (%.0f/s)", report.Plural(int(p.Executions), "execution"), float64(p.Executions)/p.Elapsed.Seconds()))
	}
	if p.Left > 0 {
		parts = append(parts, p.Left.Round(time.Second).String()+" left")
	}
	if p.Stage != "" {
		parts = append(parts, p.Stage)
	}
	return strings.Join(parts, ", ")
}

// interrupted tells that the hunt comes to its end: confirming what was found
// takes a moment.
func (w *watcher) interrupted() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.erase()
	fmt.Fprintln(w.stderr, "interrupted: finishing; interrupt again to end at once")
}

// clear removes the progress line.
func (w *watcher) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.erase()
}

func (w *watcher) erase() {
	if w.drawn {
		fmt.Fprint(w.stderr, "\r\x1b[K")
		w.drawn = false
	}
}

// clip shortens s to n columns, taking every character for one.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:max(n-1, 0)]) + "…"
	}
	return s
}
