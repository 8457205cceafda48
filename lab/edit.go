package lab

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/explore/overlay"
)

// sources returns the files of GOROOT/src that a glob names, without tests and
// directories.
func sources(root, glob string) ([]string, error) {
	src := os.DirFS(filepath.Join(root, "src"))
	names, err := fs.Glob(src, glob)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", glob, err)
	}
	return slices.DeleteFunc(names, func(n string) bool {
		info, err := fs.Stat(src, n)
		return err != nil || info.IsDir() || strings.HasSuffix(n, "_test.go")
	}), nil
}

// expand turns an edit of a glob into edits of the release's own files.
func (e Edit) expand(tc overlay.Toolchain) ([]overlay.Edit, error) {
	files, err := sources(tc.Root, e.File)
	if err != nil {
		return nil, err
	}
	find, err := multiline(e.Find)
	if err != nil {
		return nil, err
	}
	var edits []overlay.Edit
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(tc.Root, "src", filepath.FromSlash(f)))
		if err != nil {
			return nil, err
		}
		if matches, _ := search(f, text, e.In, find); len(matches) == 0 && (e.Optional || len(files) > 1) {
			continue
		}
		edits = append(edits, overlay.Edit{File: f, In: e.In, Regexp: find, Count: e.Count, Op: overlay.Replace, Text: e.Replace})
	}
	if len(edits) == 0 && !e.Optional {
		return nil, fmt.Errorf("%s has nothing that matches %s in %s", tc.Version, e.Find, e.File)
	}
	return edits, nil
}

// search returns where find matches in a file, or in one of its declarations.
// declared is false when there is no such declaration.
func search(name string, text []byte, declaration string, find *regexp.Regexp) (matches [][]int, declared bool) {
	if declaration == "" {
		return find.FindAllIndex(text, -1), true
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, false
	}
	for _, node := range overlay.Declarations(f, declaration) {
		declared = true
		from, to := fset.Position(node.Pos()).Offset, fset.Position(node.End()).Offset
		for _, m := range find.FindAllIndex(text[from:to], -1) {
			matches = append(matches, []int{from + m[0], from + m[1]})
		}
	}
	return matches, declared
}

// look runs the searches of a step. A declaration or a file that the release
// does not have gives no fact, so that nothing found where nothing was
// searched is not taken for an answer.
func (s *Step) look(r release) (Facts, string, error) {
	facts := Facts{}
	var out strings.Builder
	for _, q := range s.Source {
		count, declared := 0, false
		for _, glob := range q.Files {
			files, err := sources(r.tc.Root, glob)
			if err != nil {
				return nil, "", err
			}
			for _, f := range files {
				text, err := os.ReadFile(filepath.Join(r.tc.Root, "src", filepath.FromSlash(f)))
				if err != nil {
					return nil, "", err
				}
				matches, there := search(f, text, q.In, q.find)
				declared = declared || there
				for _, m := range matches {
					if count++; count <= shownMatches {
						line := 1 + strings.Count(string(text[:m[0]]), "\n")
						fmt.Fprintf(&out, "%s:%d: %s\n", f, line, strings.TrimSpace(lineAt(string(text), m[0])))
					}
				}
			}
		}
		place := strings.Join(q.Files, " ")
		if q.In != "" {
			place = q.In + " of " + place
		}
		if !declared {
			fmt.Fprintf(&out, "%s: this release has no %s\n", q.Fact, place)
			continue
		}
		if count > shownMatches {
			fmt.Fprintf(&out, "... %d more\n", count-shownMatches)
		}
		fmt.Fprintf(&out, "%s = %d\t(matches of %s in %s)\n", q.Fact, count, q.Find, place)
		facts[q.Fact] = count
	}
	return facts, out.String(), nil
}

// shownMatches are as many as a reader wants to check.
const shownMatches = 5

func lineAt(text string, offset int) string {
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	return line
}
