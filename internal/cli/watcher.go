package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/hunt"
	"github.com/ghostread/ghostread/report"
)

// watcher shows a hunt as it goes: findings on standard output, progress on
// standard error.
type watcher struct {
	text *report.Text // nil if findings are written at the end

	mu   sync.Mutex
	line *statusLine
	err  error
}

func newWatcher(stderr io.Writer) *watcher { return &watcher{line: newStatusLine(stderr)} }

// Finding implements hunt.Events.
func (w *watcher) Finding(f finding.Finding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line.erase()
	if w.text != nil && w.err == nil {
		w.err = w.text.Finding(f)
	}
}

// Progress implements hunt.Events.
func (w *watcher) Progress(p hunt.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line.show(p.Stage, func() string { return progressLine(p) })
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
	w.line.erase()
	fmt.Fprintln(w.line.w, "interrupted: finishing; interrupt again to end at once")
}

// clear removes the progress line.
func (w *watcher) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line.erase()
}
