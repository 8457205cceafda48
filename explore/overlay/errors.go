package overlay

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// AnchorError says that a patch does not fit a release.
type AnchorError struct {
	Release string // go1.26.8
	Root    string // GOROOT
	File    string // relative to GOROOT/src
	In      string // the declaration that was searched, if only one was
	Anchor  string // the text or the regular expression
	Found   int
	Want    int    // Any: at least once
	Problem string // what is wrong when it is not the count
}

func (e *AnchorError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "patch %s/src/%s of %s: ", e.Root, e.File, e.Release)
	if e.Problem != "" {
		b.WriteString(e.Problem)
	} else {
		fmt.Fprintf(&b, "found %s %s", strconv.Quote(shorten(e.Anchor, 60)), times(e.Found))
		if e.In != "" {
			fmt.Fprintf(&b, " in %s", e.In)
		}
		if e.Want == Any {
			b.WriteString(", want it at least once")
		} else {
			fmt.Fprintf(&b, ", want it %s", times(e.Want))
		}
	}
	b.WriteString("; nothing was patched. If this GOROOT was modified, use one as go.dev ships it; otherwise report the release")
	return b.String()
}

func times(n int) string {
	switch n {
	case 0:
		return "nowhere"
	case 1:
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

func shorten(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}

// UnsupportedError says that ghostread cannot run tests on this Go release or
// platform.
type UnsupportedError struct {
	Got  string // go1.23.4 linux/amd64
	Want string // Go 1.26 on linux/amd64
	Help string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("explore does not support %s: it runs tests with %s. %s", e.Got, e.Want, e.Help)
}
