package overlay

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A splice replaces src[from:to] of the original by text.
type splice struct {
	from, to int
	text     string
}

// A target is a file under edit: the original, never changed, and the splices
// collected for it.
type target struct {
	src     *Source
	file    string
	text    string
	syntax  *ast.File // nil until a declaration is asked for
	fset    *token.FileSet
	splices []splice
}

func (t *target) fail(e Edit, problem string) error {
	return &AnchorError{Release: t.src.tc.Version, Root: t.src.tc.Root, File: t.file, In: e.In, Anchor: e.Anchor, Problem: problem}
}

func (t *target) parse() error {
	if t.syntax != nil {
		return nil
	}
	t.fset = token.NewFileSet()
	f, err := parser.ParseFile(t.fset, "", t.text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("patch %s of %s: the original does not parse: %w", t.file, t.src.tc.Version, err)
	}
	t.syntax = f
	return nil
}

func (t *target) offset(p token.Pos) int { return t.fset.PositionFor(p, false).Offset }

// position is that of an offset of the original, as a trace shows it.
func (t *target) position(offset int) token.Position {
	f := t.fset.File(t.syntax.FileStart)
	return f.PositionFor(f.Pos(offset), true)
}

// add turns an edit into splices.
func (t *target) add(e Edit) error {
	switch e.Op {
	case InsertBefore, InsertAfter, Replace:
		return t.addAnchored(e)
	case AtStart, AtEnd:
		return t.addInBraces(e)
	case Append:
		t.splices = append(t.splices, splice{len(t.text), len(t.text), e.Text})
		return nil
	case Import:
		return t.addImport(e)
	case NoRace:
		if err := t.parse(); err != nil {
			return err
		}
		t.splices = append(t.splices, noraceSplices(t.fset, t.syntax, t.text)...)
		return nil
	}
	return t.fail(e, "unknown operation "+e.Op.String())
}

func (t *target) addAnchored(e Edit) error {
	from, to := 0, len(t.text)
	if e.In != "" {
		node, err := t.declaration(e)
		if err != nil {
			return err
		}
		from, to = t.offset(node.Pos()), t.offset(node.End())
	}
	scope := t.text[from:to]

	var found [][]int // submatch indices into scope
	anchor := e.Anchor
	switch {
	case e.Regexp != nil:
		anchor = e.Regexp.String()
		found = e.Regexp.FindAllStringSubmatchIndex(scope, -1)
	case e.Anchor == "":
		return t.fail(e, "an edit has neither an anchor nor a regular expression")
	default:
		for at := 0; ; {
			i := strings.Index(scope[at:], e.Anchor)
			if i < 0 {
				break
			}
			found = append(found, []int{at + i, at + i + len(e.Anchor)})
			at += i + len(e.Anchor)
		}
	}
	want := e.Count
	if want == 0 {
		want = 1
	}
	if len(found) != want && (want != Any || len(found) == 0) {
		return &AnchorError{
			Release: t.src.tc.Version, Root: t.src.tc.Root, File: t.file,
			In: e.In, Anchor: anchor, Found: len(found), Want: want,
		}
	}
	for _, m := range found {
		text := e.Text
		if e.Regexp != nil {
			text = string(e.Regexp.ExpandString(nil, e.Text, scope, m))
		}
		s := splice{from + m[0], from + m[1], text}
		switch e.Op {
		case InsertBefore:
			s.to = s.from
		case InsertAfter:
			s.from = s.to
		}
		t.splices = append(t.splices, s)
	}
	return nil
}

// declaration finds the top-level declaration that an edit is restricted to.
func (t *target) declaration(e Edit) (ast.Node, error) {
	if err := t.parse(); err != nil {
		return nil, err
	}
	found := Declarations(t.syntax, e.In)
	if len(found) != 1 {
		return nil, t.fail(e, fmt.Sprintf("found the declaration of %s %s, want it once", e.In, times(len(found))))
	}
	return found[0], nil
}

// Declarations returns the top-level declarations of a name: "chanrecv",
// "Mutex.Lock" for a method whatever its receiver is called, "g" for a type,
// variable or constant.
func Declarations(f *ast.File, name string) []ast.Node {
	var found []ast.Node
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if funcName(d) == name {
				found = append(found, d)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if s.Name.Name == name {
						found = append(found, s)
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if n.Name == name {
							found = append(found, s)
						}
					}
				}
			}
		}
	}
	return found
}

// funcName is Recv.Name for a method and Name for a function.
func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) != 1 {
		return d.Name.Name
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.ParenExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.Name + "." + d.Name.Name
		default:
			return d.Name.Name
		}
	}
}

func (t *target) addInBraces(e Edit) error {
	node, err := t.declaration(e)
	if err != nil {
		return err
	}
	var open, shut token.Pos
	switch d := node.(type) {
	case *ast.FuncDecl:
		if d.Body != nil {
			open, shut = d.Body.Lbrace, d.Body.Rbrace
		}
	case *ast.TypeSpec:
		switch typ := d.Type.(type) {
		case *ast.StructType:
			open, shut = typ.Fields.Opening, typ.Fields.Closing
		case *ast.InterfaceType:
			open, shut = typ.Methods.Opening, typ.Methods.Closing
		}
	}
	if !open.IsValid() {
		return t.fail(e, e.In+" has no braces to insert into")
	}
	if e.Op == AtStart {
		at := t.offset(open) + 1
		text := " " + e.Text
		if rest, _, _ := strings.Cut(t.text[at:], "\n"); strings.TrimSpace(rest) != "" && !strings.HasSuffix(text, "\n") {
			text += ";"
		}
		t.splices = append(t.splices, splice{at, at, text})
		return nil
	}
	at := t.offset(shut)
	text := e.Text
	if !strings.HasSuffix(text, "\n") {
		text += " "
	}
	if line := t.text[strings.LastIndexByte(t.text[:at], '\n')+1 : at]; strings.TrimSpace(line) != "" && at != t.offset(open)+1 {
		text = "; " + text
	}
	t.splices = append(t.splices, splice{at, at, text})
	return nil
}

// addImport adds an import to the line of the package clause.
func (t *target) addImport(e Edit) error {
	if err := t.parse(); err != nil {
		return err
	}
	for _, s := range t.syntax.Imports {
		if p, err := strconv.Unquote(s.Path.Value); err == nil && p == e.Text && (s.Name == nil || s.Name.Name == path.Base(p)) {
			return nil
		}
	}
	text := "; import " + strconv.Quote(e.Text)
	at := t.offset(t.syntax.Name.End())
	for _, s := range t.splices {
		if s.from == at && s.text == text {
			return nil
		}
	}
	t.splices = append(t.splices, splice{at, at, text})
	return nil
}

// result applies the splices. Those at one place come in the order they were
// added; two that take away the same text are an error.
func (t *target) result() (string, error) {
	splices := slices.Clone(t.splices)
	slices.SortStableFunc(splices, func(a, b splice) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	for i := 1; i < len(splices); i++ {
		if prev := splices[i-1]; splices[i].from < prev.to {
			return "", t.fail(Edit{}, fmt.Sprintf("two edits change %q", shorten(t.text[splices[i].from:prev.to], 60)))
		}
	}
	if !strings.HasSuffix(t.file, ".go") {
		out, _ := assemble(t.text, splices, nil)
		return out, nil
	}
	if err := t.parse(); err != nil {
		return "", err
	}
	out, kept := assemble(t.text, splices, t.position)
	return out, t.verify(out, kept)
}

// A stretch is a part of the original that the result still has.
type stretch struct {
	from, to int // in the original
	out      int // where it begins in the result
}

// assemble writes the original with its splices. Text that does not have as
// many lines as what it replaces is followed by a line directive, if position
// is there to tell the line of an offset. The directive's form is ":line:col",
// which keeps the name of the file.
func assemble(src string, splices []splice, position func(offset int) token.Position) (string, []stretch) {
	var out []byte
	var kept []stretch
	at, drift := 0, 0 // offset in src; lines that out has too many
	for i, s := range splices {
		kept = append(kept, stretch{at, s.from, len(out)})
		out = append(out, src[at:s.from]...)
		out = append(out, s.text...)
		drift += strings.Count(s.text, "\n") - strings.Count(src[s.from:s.to], "\n")
		at = s.to
		if position == nil || drift == 0 || at == len(src) || i+1 < len(splices) && splices[i+1].from == at {
			continue
		}
		drift = 0
		fresh := len(out) == 0 || out[len(out)-1] == '\n'
		line := position(at).Line
		col := at - strings.LastIndexByte(src[:at], '\n')
		switch {
		case src[at] == '\n':
			if !fresh {
				out = append(out, '\n')
			}
			out = fmt.Appendf(out, "//line :%d:1", line+1)
		case fresh && col == 1:
			out = fmt.Appendf(out, "//line :%d:1\n", line)
		default:
			out = fmt.Appendf(out, "/*line :%d:%d*/", line, col)
		}
	}
	kept = append(kept, stretch{at, len(src), len(out)})
	return string(append(out, src[at:]...)), kept
}

// verify checks that the result is Go and that each line of the original that
// is still there has its number. A directive inside a string or a comment
// would have no effect, and a trace would show the wrong line for the rest of
// the file.
func (t *target) verify(out string, kept []stretch) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", out, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return t.fail(Edit{}, fmt.Sprintf("the edits make it invalid Go: %v", err))
	}
	file := fset.File(f.FileStart)
	part := 0
	for at := 0; at < len(t.text); {
		for kept[part].to <= at && part+1 < len(kept) {
			part++
		}
		if k := kept[part]; k.from <= at && at < k.to {
			want, got := t.position(at), file.PositionFor(file.Pos(k.out+at-k.from), true)
			if got.Line != want.Line || got.Filename != want.Filename {
				return t.fail(Edit{}, fmt.Sprintf("the edits move line %d to line %d: a line directive landed in a string or comment", want.Line, got.Line))
			}
		}
		i := strings.IndexByte(t.text[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	return nil
}
