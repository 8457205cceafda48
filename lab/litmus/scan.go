package litmus

import (
	"fmt"
	"strings"
)

// kind is the kind of a word.
type kind int

const (
	atEnd kind = iota // of the file
	aLine             // end of a line, or a semicolon
	aName             // a word; test names have underscores, other names do not
	anInt             // a number without its sign
	aSign             // an operator or bracket
)

// word is a name, number or sign of a .litmus file.
type word struct {
	kind kind
	text string
	pos  Pos
}

func (t word) String() string {
	switch t.kind {
	case atEnd:
		return "the end of the file"
	case aLine:
		return "the end of the line"
	default:
		return fmt.Sprintf("%q", t.text)
	}
}

// signs are the operators, longer ones before those they begin with.
var signs = []string{"==", "!=", "<=", ">=", "&&", "||", "=", "<", ">", "(", ")", "{", "}", ",", "+", "-", "."}

// scan splits a file into words. What follows the word doc on a line is one
// word, so that it can be prose.
func scan(file, src string) ([]word, error) {
	var words []word
	for n, line := range strings.Split(src, "\n") {
		line = strings.TrimSuffix(line, "\r")
		for i := 0; i < len(line); {
			pos := Pos{n + 1, i + 1}
			c := line[i]
			switch {
			case c == ' ' || c == '\t':
				i++
				continue
			case strings.HasPrefix(line[i:], "//"):
				i = len(line)
				continue
			case c == ';':
				words = append(words, word{aLine, ";", pos})
				i++
				continue
			}
			var t word
			switch {
			case letter(c):
				t = word{aName, take(line[i:], func(c byte) bool { return letter(c) || digit(c) || c == '_' }), pos}
			case digit(c):
				t = word{anInt, take(line[i:], digit), pos}
			default:
				for _, s := range signs {
					if strings.HasPrefix(line[i:], s) {
						t = word{aSign, s, pos}
						break
					}
				}
				if t.text == "" {
					r := []rune(line[i:])[0]
					return nil, &Error{file, pos, fmt.Sprintf("%q has no meaning here; a statement looks like x = 1 or r0 = atomic.Load(x)", r)}
				}
			}
			first := len(words) == 0 || words[len(words)-1].kind == aLine
			words = append(words, t)
			i += len(t.text)
			if first && t.text == "doc" {
				text := strings.TrimSpace(line[i:])
				words = append(words, word{aName, text, Pos{n + 1, i + 1}})
				i = len(line)
			}
		}
		words = append(words, word{aLine, "\n", Pos{n + 1, len(line) + 1}})
	}
	end := words[len(words)-1].pos
	return append(words, word{atEnd, "", end}), nil
}

func take(s string, in func(byte) bool) string {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return s[:n]
}

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }
