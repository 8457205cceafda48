package barriers

import (
	"bytes"
	"go/ast"
	"go/printer"
	"go/token"
	"go/types"
	"strings"
)

// class is what an operation is, as far as its code is looked for.
type class int

const (
	atomicOp class = iota // of sync/atomic
	lockOp                // of sync
	chanOp
)

// operation is a synchronizing operation in the source.
type operation struct {
	class   class
	name    string // for people: sync/atomic.(*Pointer).Store
	symbol  string // of the function, without type arguments; the runtime's for channels
	dynamic bool   // a call through an interface
	node    ast.Node
	pos     token.Pos   // where it is reported
	lines   []token.Pos // where its code may be said to come from
	within  []ast.Node  // functions that enclose it, the innermost first
	generic bool        // the outermost has type parameters
}

// runtimeCalls are what the compiler makes of an operation on a channel.
var runtimeCalls = map[string][]string{
	"channel send":    {"runtime.chansend1", "runtime.chansend"},
	"channel receive": {"runtime.chanrecv1", "runtime.chanrecv2"},
	"channel close":   {"runtime.closechan"},
	"select":          {"runtime.selectgo", "runtime.selectnbsend", "runtime.selectnbrecv", "runtime.selectnbrecv2", "runtime.chansend1", "runtime.chanrecv1", "runtime.chanrecv2", "runtime.block"},
}

// operations are the synchronizing operations of a package.
func (p *pkg) operations() []operation {
	var ops []operation
	for _, f := range p.files {
		if ast.IsGenerated(f) && p.fset.Position(f.Package).Filename != p.fset.File(f.Package).Name() {
			continue // what cgo made
		}
		walk(f, func(n ast.Node, stack []ast.Node) {
			op, ok := p.operation(n, stack)
			if !ok {
				return
			}
			for i := len(stack) - 1; i >= 0; i-- {
				switch stack[i].(type) {
				case *ast.FuncLit, *ast.FuncDecl:
					op.within = append(op.within, stack[i])
				}
				if d, ok := stack[i].(*ast.FuncDecl); ok {
					op.generic = p.generic(d)
				}
			}
			ops = append(ops, op)
		})
	}
	return ops
}

func (p *pkg) operation(n ast.Node, stack []ast.Node) (operation, bool) {
	channel := func(name string, pos ...token.Pos) (operation, bool) {
		if clause, ok := enclosingComm(n, stack); ok && clause {
			return operation{}, false // the select is reported
		}
		return operation{class: chanOp, name: name, node: n, pos: n.Pos(), lines: pos}, true
	}
	switch n := n.(type) {
	case *ast.CallExpr:
		return p.call(n)
	case *ast.SendStmt:
		return channel("channel send", n.Arrow, n.Pos())
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			return channel("channel receive", n.OpPos)
		}
	case *ast.RangeStmt:
		if t := p.info.TypeOf(n.X); t != nil && coreChan(t) {
			return channel("channel receive", n.For, n.X.Pos())
		}
	case *ast.SelectStmt:
		op := operation{class: chanOp, name: "select", node: n, pos: n.Pos(), lines: []token.Pos{n.Select}}
		for _, c := range n.Body.List {
			op.lines = append(op.lines, c.Pos())
		}
		return op, true
	}
	return operation{}, false
}

func (p *pkg) generic(d *ast.FuncDecl) bool {
	f, ok := p.info.Defs[d.Name].(*types.Func)
	if !ok {
		return false
	}
	sig := f.Signature()
	return sig.TypeParams().Len() > 0 || sig.RecvTypeParams().Len() > 0
}

func coreChan(t types.Type) bool {
	_, ok := t.Underlying().(*types.Chan)
	return ok
}

// enclosingComm reports whether n is the communication of a case of a select.
func enclosingComm(n ast.Node, stack []ast.Node) (bool, bool) {
	for i := len(stack) - 1; i >= 0; i-- {
		switch s := stack[i].(type) {
		case *ast.CommClause:
			return s.Comm != nil && s.Comm.Pos() <= n.Pos() && n.End() <= s.Comm.End(), true
		case *ast.FuncLit, *ast.FuncDecl:
			return false, false
		}
	}
	return false, false
}

// call is an operation that is a call of a function of sync or sync/atomic.
func (p *pkg) call(c *ast.CallExpr) (operation, bool) {
	if id, ok := ast.Unparen(c.Fun).(*ast.Ident); ok {
		if b, ok := p.info.Uses[id].(*types.Builtin); ok && b.Name() == "close" {
			return operation{class: chanOp, name: "channel close", node: c, pos: c.Pos(), lines: []token.Pos{c.Lparen, c.Rparen}}, true
		}
	}
	fn, at := p.callee(c)
	if fn == nil || fn.Pkg() == nil {
		return operation{}, false
	}
	op := operation{class: lockOp, node: c, pos: c.Pos(), lines: []token.Pos{at, c.Lparen, c.Rparen}}
	switch fn.Pkg().Path() {
	case "sync/atomic":
		op.class = atomicOp
	case "sync":
	default:
		return operation{}, false
	}
	op.symbol = fn.Pkg().Path() + "."
	if recv := fn.Signature().Recv(); recv != nil {
		t := recv.Type()
		ptr, isPtr := t.(*types.Pointer)
		if isPtr {
			t = ptr.Elem()
		}
		named, ok := t.(*types.Named)
		if !ok {
			return operation{}, false
		}
		switch {
		case types.IsInterface(named):
			op.dynamic = true
			op.symbol += named.Obj().Name() + "."
		case isPtr:
			op.symbol += "(*" + named.Obj().Name() + ")."
		default:
			op.symbol += named.Obj().Name() + "."
		}
		switch named.Obj().Name() {
		case "Map", "Pool": // containers, which synchronize inside
			return operation{}, false
		}
	} else if op.class == lockOp {
		return operation{}, false // NewCond, OnceFunc
	}
	op.symbol += fn.Name()
	op.name = op.symbol
	return op, true
}

// callee is the function that a call names, and where it names it.
func (p *pkg) callee(c *ast.CallExpr) (*types.Func, token.Pos) {
	fun := ast.Unparen(c.Fun)
	switch x := fun.(type) {
	case *ast.IndexExpr:
		fun = ast.Unparen(x.X)
	case *ast.IndexListExpr:
		fun = ast.Unparen(x.X)
	}
	var id *ast.Ident
	switch x := fun.(type) {
	case *ast.Ident:
		id = x
	case *ast.SelectorExpr:
		id = x.Sel
	default:
		return nil, token.NoPos
	}
	fn, _ := p.info.Uses[id].(*types.Func)
	return fn, id.Pos()
}

// walk calls f for each node with the nodes that enclose it.
func walk(root ast.Node, f func(n ast.Node, stack []ast.Node)) {
	var stack []ast.Node
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		f(n, stack)
		stack = append(stack, n)
		return true
	})
}

// source is a node as written, on one line and not too long.
func source(fset *token.FileSet, n ast.Node) string {
	switch s := n.(type) {
	case *ast.SelectStmt:
		return "select"
	case *ast.RangeStmt:
		return "range " + source(fset, s.X)
	case *ast.CallExpr: // a function literal among the arguments says nothing here
		short := *s
		short.Args = nil
		for _, a := range s.Args {
			if _, ok := a.(*ast.FuncLit); ok {
				a = ast.NewIdent("func…")
			}
			short.Args = append(short.Args, a)
		}
		n = &short
	}
	var b bytes.Buffer
	if err := (&printer.Config{Mode: printer.RawFormat}).Fprint(&b, token.NewFileSet(), n); err != nil {
		return ""
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	const most = 48
	if r := []rune(text); len(r) > most {
		text = string(r[:most-1]) + "…"
	}
	return text
}
