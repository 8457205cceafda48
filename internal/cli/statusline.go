package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// statusLine shows how far a command is: in one line of the terminal that is
// written again and again, or, where there is none, a line for each stage. It
// is not safe for concurrent use.
type statusLine struct {
	w     io.Writer
	width func() int // of the terminal, 0 if there is none
	stage string
	shown time.Time
	drawn bool
}

func newStatusLine(w io.Writer) *statusLine {
	l := &statusLine{w: w, width: func() int { return 0 }}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		l.width = func() int {
			if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
				return n
			}
			return 80
		}
	}
	return l
}

// show writes text, or just the stage when there is no terminal to rewrite.
func (l *statusLine) show(stage string, text func() string) {
	width := l.width()
	if width == 0 {
		if stage != "" && stage != l.stage {
			fmt.Fprintf(l.w, "%s\n", stage)
		}
		l.stage = stage
		return
	}
	if time.Since(l.shown) < 100*time.Millisecond && stage == l.stage {
		return
	}
	l.stage, l.shown = stage, time.Now()
	// What is left of a longer line is erased after the new one is written:
	// erasing first makes the line flicker. The last column stays free, where
	// some terminals would begin a new line.
	fmt.Fprintf(l.w, "\r%s\x1b[K", clip(text(), width-1))
	l.drawn = true
}

// erase removes the line. The next one comes at once.
func (l *statusLine) erase() {
	l.shown = time.Time{}
	if l.drawn {
		fmt.Fprint(l.w, "\r\x1b[K")
		l.drawn = false
	}
}

// clip shortens s to n columns, taking every character for one.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:max(n-1, 0)]) + "…"
	}
	return s
}
