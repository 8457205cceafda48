package explore

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/finding"
)

// source names variables by what the program's text says. A variable that
// escapes to the heap has a type there, or not even that when the compiler
// puts several into one allocation; its name is in the statement that uses it.
// It also knows what a function would still do behind a line of it.
type source struct {
	files map[string]*text
}

// text is what a file of the program says.
type text struct {
	uses  map[spot][]use
	funcs []function
}

// spot is a line and what happens there: "assign", "send", "receive",
// "close", "len", "select", or the name of a method.
type spot struct {
	line int
	what string
}

// use is what a statement does something to.
type use struct {
	name  string
	depth int // of function literals around it
}

// function is a declared function or a function literal.
type function struct {
	depth       int // of function literals, itself included
	first, last int // lines
	ops         []operation
}

// operation is a use inside a function, but not inside another one that it
// contains, unless that is deferred.
type operation struct {
	spot
	name     string
	deferred bool
	loops    []loop // around it
}

type loop struct{ first, last int }

// at returns the variable or expression that the statement at f does what to,
// "" if that is not one thing.
func (s *source) at(f finding.Frame, what string) string {
	uses := s.file(f.File).uses[spot{f.Line, what}]
	if len(uses) > 1 {
		d := depth(f.Func)
		uses = slices.DeleteFunc(slices.Clone(uses), func(u use) bool { return u.depth != d })
	}
	if len(uses) == 1 {
		return uses[0].name
	}
	return ""
}

// later returns the place behind f, in the same function, that does one of what
// to something called name: what the goroutine at f would come to. A deferred
// operation comes last, wherever it stands; one in a loop comes again.
func (s *source) later(f finding.Frame, name string, what ...string) (best spot, ok bool) {
	fn, _ := s.function(f)
	for _, op := range fn.ops {
		if !slices.Contains(what, op.what) || !sameName(op.name, name) {
			continue
		}
		again := slices.ContainsFunc(op.loops, func(l loop) bool { return l.first <= f.Line && f.Line <= l.last })
		if op.line > f.Line && !op.deferred {
			return op.spot, true
		}
		if (op.deferred || again) && !ok {
			best, ok = op.spot, true
		}
	}
	return best, ok
}

// inFunction returns the first line of the function that f is in that does one
// of what to something called name.
func (s *source) inFunction(f finding.Frame, name string, what ...string) (int, bool) {
	fn, _ := s.function(f)
	for _, op := range fn.ops {
		if slices.Contains(what, op.what) && sameName(op.name, name) {
			return op.line, true
		}
	}
	return 0, false
}

// function returns the innermost function around f that f can be in.
func (s *source) function(f finding.Frame) (function, bool) {
	d := depth(f.Func)
	best, ok := function{}, false
	for _, fn := range s.file(f.File).funcs {
		if fn.depth == d && fn.first <= f.Line && f.Line <= fn.last && (!ok || fn.first >= best.first) {
			best, ok = fn, true
		}
	}
	return best, ok
}

var literal = regexp.MustCompile(`\.func\d+((?:\.\d+)*)`)

// depth is how many function literals are around the code of a function with
// this name, itself included: the compiler calls them f.func1, f.func1.2.
func depth(fn string) int {
	n := 0
	for _, m := range literal.FindAllStringSubmatch(fn[strings.LastIndexByte(fn, '/')+1:], -1) {
		n += 1 + strings.Count(m[1], ".")
	}
	return n
}

// sameName reports whether two expressions end in one name: m.done is s.done
// in another method.
func sameName(a, b string) bool {
	return a != "" && a[strings.LastIndexByte(a, '.')+1:] == b[strings.LastIndexByte(b, '.')+1:]
}

func (s *source) file(name string) *text {
	t, ok := s.files[name]
	if !ok {
		t = readText(name)
		if s.files == nil {
			s.files = map[string]*text{}
		}
		s.files[name] = t
	}
	return t
}

// readText reads a file of the program. One that cannot be read or parsed says
// nothing.
func readText(file string) *text {
	t := &text{uses: map[spot][]use{}}
	fset := token.NewFileSet()
	tree, _ := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution) // what could be parsed is enough
	if tree == nil {
		return t
	}
	line := func(p token.Pos) int { return fset.Position(p).Line }
	funcs := map[ast.Node]int{}
	ast.PreorderStack(tree, nil, func(n ast.Node, stack []ast.Node) bool {
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			funcs[n] = len(t.funcs)
			t.funcs = append(t.funcs, function{depth: literals(stack, n), first: line(n.Pos()), last: line(n.End())})
		}
		forUses(n, func(what, name string, at token.Pos) {
			if name == "_" || len(name) > maxName && what != "select" {
				return
			}
			p := spot{line(at), what}
			t.uses[p] = append(t.uses[p], use{name, literals(stack, n)})
			op := operation{spot: p, name: name}
			if r, ok := n.(*ast.RangeStmt); ok {
				op.loops = append(op.loops, loop{line(r.Pos()), line(r.End())})
			}
			for i := len(stack) - 1; i >= 0; i-- {
				switch m := stack[i].(type) {
				case *ast.ForStmt:
					op.loops = append(op.loops, loop{line(m.Pos()), line(m.End())})
				case *ast.RangeStmt:
					op.loops = append(op.loops, loop{line(m.Pos()), line(m.End())})
				case *ast.DeferStmt:
					op.deferred = true
				case *ast.FuncDecl, *ast.FuncLit:
					if i >= 2 {
						if _, ok := stack[i-2].(*ast.DeferStmt); ok {
							continue // its body is a part of the function that defers it
						}
					}
					f := &t.funcs[funcs[m]]
					f.ops = append(f.ops, op)
					return
				}
			}
		})
		return true
	})
	return t
}

// literals counts the function literals of stack, and n if it is one.
func literals(stack []ast.Node, n ast.Node) (depth int) {
	for _, m := range append(slices.Clip(stack), n) {
		if _, ok := m.(*ast.FuncLit); ok {
			depth++
		}
	}
	return depth
}

// forUses calls f for what n itself, not its parts, does something to.
func forUses(n ast.Node, f func(what, name string, at token.Pos)) {
	add := func(what string, x ast.Expr, at token.Pos) { f(what, types.ExprString(x), at) }
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, x := range n.Lhs {
			add("assign", x, x.Pos())
		}
	case *ast.IncDecStmt:
		add("assign", n.X, n.X.Pos())
	case *ast.ValueSpec:
		for _, x := range n.Names {
			add("assign", x, x.Pos())
		}
	case *ast.SendStmt:
		add("send", n.Chan, n.Pos())
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			add("receive", n.X, n.Pos())
		}
	case *ast.RangeStmt:
		add("receive", n.X, n.Pos())
	case *ast.SelectStmt:
		if text := cases(n); text != "" {
			f("select", text, n.Pos())
		}
	case *ast.CallExpr:
		switch fun := n.Fun.(type) {
		case *ast.SelectorExpr:
			add(fun.Sel.Name, fun.X, n.Pos())
		case *ast.Ident:
			if (fun.Name == "close" || fun.Name == "len") && len(n.Args) == 1 {
				add(fun.Name, n.Args[0], n.Pos())
			}
		}
	}
}

// cases says in words what a select waits for.
func cases(n *ast.SelectStmt) string {
	var list []string
	for _, c := range n.Body.List {
		switch comm := c.(*ast.CommClause).Comm.(type) {
		case *ast.SendStmt:
			list = append(list, "to send on "+types.ExprString(comm.Chan))
		case *ast.ExprStmt:
			list = append(list, received(comm.X))
		case *ast.AssignStmt:
			list = append(list, received(comm.Rhs[0]))
		}
	}
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), " or ")
}

func received(x ast.Expr) string {
	if u, ok := ast.Unparen(x).(*ast.UnaryExpr); ok && u.Op == token.ARROW {
		return "to receive from " + types.ExprString(u.X)
	}
	return ""
}

// maxName keeps expressions that are a story of their own out of sentences.
const maxName = 40

// nameless reports whether o says no more than a type, or nothing.
func (o object) nameless() bool {
	return !o.fromText && (!strings.Contains(o.name, ".") || strings.HasPrefix(o.name, "struct {") || o.name == o.typ)
}

// called returns o under the name that the program's text gives it.
func (o object) called(name string) object {
	if name == "" || !o.nameless() {
		return o
	}
	return object{name: name, typ: o.typ, kind: o.kind, fromText: true}
}
