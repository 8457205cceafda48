// Package listing reads the assembly listing that the Go compiler prints with
// -gcflags=-S, and says which of its instructions access and order memory.
//
// A [Func] is one function with its [Instruction] list, in the order of the
// machine code. The compiler's opcodes are those of Go's assembler, which
// names some differently from the manual of the processor: STDCCC is Power's
// stdcx., LRD is RISC-V's lr.d. The table behind [Order] says what each
// orders, with the manual that says so.
//
// The listing is the same text for every release from 1.18, the first that
// was read, to 1.27; what differs is told at the places that care. A position
// in it is the innermost one: of code that was inlined it is the line in the
// callee, not of the call.
//
// Functions written in assembly are not in a listing, and neither is what the
// linker does. The package holds no opinion on what a program should do.
package listing

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// An Instruction is one line of a listing. Pseudo-instructions are kept: TEXT
// has the position of the function.
type Instruction struct {
	PC   int    // offset in the function
	Op   string // of Go's assembler: MOVQ, LDAR, LOCK
	Args string // as printed, separated by ", "
	File string // "" where the compiler knows none
	Line int
}

// A Func is one function of a listing.
type Func struct {
	Package      string // import path, or main from Go 1.20 on
	Name         string // within the package: F, (*T).M, F.func1, G[go.shape.int]
	Arch         string // GOARCH; the listing does not tell, so [Parse] leaves it ""
	Instructions []Instruction
}

// Symbol is the name of f in the arguments of the instructions that call it.
func (f Func) Symbol() string {
	if f.Package == "" {
		return f.Name
	}
	return escape(f.Package) + "." + f.Name
}

// Short is the name of f as an identifier: (*T).M is T_M, F.func1 is F_func1,
// and the type arguments of G[go.shape.int] are left out.
func (f Func) Short() string {
	var b strings.Builder
	for _, c := range WithoutTypeArgs(f.Name) {
		switch c {
		case '(', ')', '*':
		case '.', '-', '·':
			b.WriteByte('_')
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// Pos is where f begins, which is the line of its func keyword.
func (f Func) Pos() (file string, line int) {
	for _, in := range f.Instructions {
		if in.Op == "TEXT" {
			return in.File, in.Line
		}
	}
	return "", 0
}

// Parse reads a listing. Lines that are no part of one, such as the errors of
// another package, are passed over; a line that is an instruction by its first
// words and cannot be read is an error, with its number.
func Parse(r io.Reader) ([]Func, error) {
	var fs []Func
	for f, err := range Functions(r) {
		if err != nil {
			return nil, err
		}
		fs = append(fs, f)
	}
	return fs, nil
}

// Functions are the functions of a listing, one at a time: that of package
// runtime has 30 MB. An error ends it.
func Functions(r io.Reader) iter.Seq2[Func, error] {
	return func(yield func(Func, error) bool) {
		p := parser{strings: make(map[string]string)}
		in := bufio.NewReaderSize(r, 64<<10)
		for {
			p.lineno++
			line, err := readLine(in)
			if len(line) > 0 {
				done, perr := p.line(line)
				if perr != nil {
					yield(Func{}, fmt.Errorf("listing:%d: %w", p.lineno, perr))
					return
				}
				if done != nil && !yield(*done, nil) {
					return
				}
			}
			switch {
			case err == nil:
			case errors.Is(err, io.EOF):
				if p.fn != nil {
					yield(*p.fn, nil)
				}
				return
			default:
				yield(Func{}, err)
				return
			}
		}
	}
}

// readLine returns a line without its end. What is longer than the buffer is
// cut: only the dump of a large string is.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	for rest := err; errors.Is(rest, bufio.ErrBufferFull); err = rest {
		line = bytes.Clone(line) // the next read overwrites it
		_, rest = r.ReadSlice('\n')
	}
	return bytes.TrimRight(line, "\r\n"), err
}

type parser struct {
	lineno  int
	pkg     string // of the last line "# import/path"
	fn      *Func
	strings map[string]string // opcodes and files: few, and there is a million of each
}

// line reads one line and returns the function that it ended, if any.
func (p *parser) line(line []byte) (done *Func, err error) {
	if line[0] == '\t' {
		if p.fn != nil {
			err = p.instruction(line)
		}
		return nil, err
	}
	if pkg, ok := bytes.CutPrefix(line, []byte("# ")); ok {
		// "# path [test variant]"
		path, _, _ := strings.Cut(string(pkg), " ")
		done, p.fn, p.pkg = p.fn, nil, path
		return done, nil
	}
	// "symbol STEXT attributes", where type arguments put blanks into symbol
	symbol, _, ok := bytes.Cut(line, []byte(" STEXT "))
	if !ok {
		if isSymbol(line) {
			done, p.fn = p.fn, nil
		}
		return done, nil
	}
	done = p.fn
	p.fn = new(Func)
	p.fn.Package, p.fn.Name = splitSymbol(p.expand(string(symbol)))
	return done, nil
}

// isSymbol reports whether a line begins the listing of data.
func isSymbol(line []byte) bool {
	i := bytes.Index(line, []byte(" S"))
	return i >= 0 && bytes.Contains(line[i:], []byte(" size="))
}

// instruction reads a line of the form
//
//	0x0007 00007 (/src/a.go:14)	XCHGQ	AX, (CX)
//
// and passes over the dump of the bytes and the relocations, which are
// indented as well.
func (p *parser) instruction(line []byte) error {
	rest, ok := bytes.CutPrefix(line, []byte("\t0x"))
	if !ok {
		return nil
	}
	_, rest, ok = bytes.Cut(rest, []byte(" "))
	if !ok {
		return nil
	}
	decimal, rest, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(decimal) < 5 || len(rest) == 0 || rest[0] != '(' {
		return nil // bytes have two digits
	}
	pc, err := strconv.Atoi(string(decimal))
	if err != nil {
		return fmt.Errorf("offset %q is no number", decimal)
	}
	pos, code, ok := bytes.Cut(rest[1:], []byte(")\t"))
	if !ok {
		return fmt.Errorf("no end of the position in %q", line)
	}
	file, lineno, err := position(pos)
	if err != nil {
		return err
	}
	op, args, _ := bytes.Cut(code, []byte("\t"))
	if len(op) == 0 {
		return fmt.Errorf("no opcode in %q", line)
	}
	p.fn.Instructions = append(p.fn.Instructions, Instruction{
		PC: pc, Op: p.intern(op), Args: p.expand(string(bytes.TrimRight(args, " \t"))),
		File: p.intern(file), Line: lineno,
	})
	return nil
}

// position reads "file:line", which a //line directive makes
// "y.go:3[a.y:4]", and which is "<unknown line number>" for what belongs to no
// line, such as padding.
func position(pos []byte) (file []byte, line int, err error) {
	if bytes.HasPrefix(pos, []byte("<unknown")) {
		return nil, 0, nil
	}
	if i := bytes.IndexByte(pos, '['); i > 0 && pos[len(pos)-1] == ']' {
		pos = pos[:i]
	}
	i := bytes.LastIndexByte(pos, ':')
	if i < 0 {
		return nil, 0, fmt.Errorf("position %q has no line", pos)
	}
	line, err = strconv.Atoi(string(pos[i+1:]))
	if err != nil || line < 0 {
		return nil, 0, fmt.Errorf("position %q has no line", pos)
	}
	return pos[:i], line, nil
}

func (p *parser) intern(b []byte) string {
	if s, ok := p.strings[string(b)]; ok {
		return s
	}
	s := string(b)
	p.strings[s] = s
	return s
}

// expand makes the names of Go 1.18 and 1.19, which write "" for the package
// that is compiled, those of later releases.
func (p *parser) expand(s string) string {
	if !strings.Contains(s, `"".`) {
		return s
	}
	prefix := escape(p.pkg)
	if prefix != "" {
		prefix += "."
	}
	return strings.ReplaceAll(s, `"".`, prefix)
}

// splitSymbol splits import/path.Name.
func splitSymbol(s string) (pkg, name string) {
	head := s
	for _, end := range []string{"[", "("} {
		head, _, _ = strings.Cut(head, end)
	}
	slash := strings.LastIndexByte(head, '/') + 1
	if i := strings.IndexByte(head[slash:], '.'); i >= 0 {
		return unescape(s[:slash+i]), s[slash+i+1:]
	}
	return "", s
}

// escape is how symbols write an import path: the dots of its last element
// would be taken for the end of the path.
func escape(path string) string {
	slash := strings.LastIndexByte(path, '/') + 1
	return path[:slash] + strings.ReplaceAll(path[slash:], ".", "%2e")
}

func unescape(path string) string { return strings.ReplaceAll(path, "%2e", ".") }

// WithoutTypeArgs is a symbol or name without what is in brackets, which
// makes one name of all instances of a generic function.
func WithoutTypeArgs(s string) string {
	if !strings.Contains(s, "[") {
		return s
	}
	var b strings.Builder
	depth := 0
	for _, c := range s {
		switch c {
		case '[':
			depth++
			continue
		case ']':
			depth--
			continue
		}
		if depth <= 0 {
			b.WriteRune(c)
		}
	}
	return b.String()
}
