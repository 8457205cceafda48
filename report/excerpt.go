package report

import (
	"strings"

	"github.com/ghostread/ghostread/finding"
)

// around is how many lines an excerpt has before and after its place.
const around = 3

// excerpts finds lines of source: in a timeline first, because it holds what
// the file was when it was compiled, and then through Options.ReadFile. One
// serves a whole report, so that each file is read once.
type excerpts struct {
	read  func(name string) ([]byte, error)
	files map[string][]string
}

func newExcerpts(opts Options) *excerpts {
	return &excerpts{read: opts.ReadFile, files: make(map[string][]string)}
}

// line returns one line of file.
func (x *excerpts) line(tl *finding.Timeline, file string, n int) (string, bool) {
	src, ok := x.find(tl, file, n)
	if !ok {
		return "", false
	}
	return src.Lines[n-src.First], true
}

// at returns the lines around line n of file, or false if that line is not to
// be had.
func (x *excerpts) at(tl *finding.Timeline, file string, n int) (finding.Source, bool) {
	src, ok := x.find(tl, file, n)
	if !ok {
		return finding.Source{}, false
	}
	from := max(n-around-src.First, 0)
	to := min(n+around+1-src.First, len(src.Lines))
	return finding.Source{File: file, First: src.First + from, Lines: src.Lines[from:to]}, true
}

func (x *excerpts) find(tl *finding.Timeline, file string, n int) (finding.Source, bool) {
	if tl != nil {
		for _, s := range tl.Sources {
			if s.File == file && n >= s.First && n < s.First+len(s.Lines) {
				return s, true
			}
		}
	}
	lines, seen := x.files[file]
	if !seen && x.read != nil {
		// A source that cannot be read costs the excerpt, not the report.
		if b, err := x.read(file); err == nil {
			lines = strings.Split(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n")
		}
		x.files[file] = lines
	}
	if n < 1 || n > len(lines) {
		return finding.Source{}, false
	}
	return finding.Source{File: file, First: 1, Lines: lines}, true
}
