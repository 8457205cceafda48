package barriers

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// private reports whether an operand is part of a value that nobody but the
// function knows at that point: a new one, or a copy.
func (p *pkg) private(e ast.Expr, stack []ast.Node) bool {
	root, copied := p.root(e)
	if copied {
		return true
	}
	if root == nil {
		return false
	}
	v, ok := p.info.Uses[root].(*types.Var)
	if !ok || v.IsField() || v.Parent() == nil || v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
		return false
	}
	fn, loops := enclosing(stack, v.Pos())
	if fn == nil {
		return false // a function literal uses a variable of the function around it
	}
	_, isPointer := v.Type().Underlying().(*types.Pointer)
	if _, isSlice := v.Type().Underlying().(*types.Slice); isSlice {
		isPointer = ast.Unparen(e) != root
	}
	if isPointer && ast.Unparen(e) != root && !p.isNew(fn, v) {
		return false
	}
	if p.waited(fn, v, e.Pos()) {
		return true
	}
	shared := p.sharedAt(fn, v, isPointer)
	if !shared.IsValid() || e.Pos() < shared {
		if !shared.IsValid() {
			return true
		}
		// In a loop that the declaration is outside of, the next round comes
		// after what is further down.
		return !slices.ContainsFunc(loops, func(l ast.Node) bool { return l.Pos() <= shared && shared < l.End() })
	}
	return false
}

// root is the variable at the left end of an operand, or nil; copied means
// that the operand is part of a value that a call returned.
func (p *pkg) root(e ast.Expr) (id *ast.Ident, copied bool) {
	pointers := 0
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.Ident:
			return x, false
		case *ast.SelectorExpr:
			if _, ok := p.info.Uses[x.Sel].(*types.Var); !ok || p.info.Selections[x] == nil {
				return nil, false // pkg.V
			}
			if isPointerType(p.info.TypeOf(x.X)) {
				pointers++
			}
			e = x.X
		case *ast.IndexExpr:
			if t := p.info.TypeOf(x.X); t != nil {
				if _, ok := t.Underlying().(*types.Array); !ok {
					pointers++
				}
			}
			e = x.X
		case *ast.CallExpr:
			return nil, pointers == 0
		default:
			return nil, false
		}
		if pointers > 1 {
			return nil, false // behind a pointer that the value holds
		}
		if pointers == 1 {
			// Only the variable itself may be the pointer.
			if _, ok := ast.Unparen(e).(*ast.Ident); !ok {
				return nil, false
			}
		}
	}
}

func isPointerType(t types.Type) bool {
	if t == nil {
		return false
	}
	_, ok := t.Underlying().(*types.Pointer)
	return ok
}

// enclosing is the innermost function around an access, if it declares the
// variable at decl, and the loops in between.
func enclosing(stack []ast.Node, decl token.Pos) (fn ast.Node, loops []ast.Node) {
	for _, n := range slices.Backward(stack) {
		switch n := n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			if decl < n.Pos() || n.End() <= decl {
				loops = append(loops, n)
			}
		case *ast.FuncLit, *ast.FuncDecl:
			if n.Pos() <= decl && decl < n.End() {
				return n, loops
			}
			return nil, nil
		}
	}
	return nil, nil
}

// isNew reports whether all that a function assigns to a pointer or slice is
// a new value.
func (p *pkg) isNew(fn ast.Node, v *types.Var) bool {
	assigned, fresh := false, true
	judge := func(e ast.Expr) {
		assigned = true
		switch x := ast.Unparen(e).(type) {
		case *ast.UnaryExpr:
			if _, ok := ast.Unparen(x.X).(*ast.CompositeLit); ok && x.Op == token.AND {
				return
			}
		case *ast.CompositeLit:
			return
		case *ast.CallExpr:
			if id, ok := ast.Unparen(x.Fun).(*ast.Ident); ok {
				if b, ok := p.info.Uses[id].(*types.Builtin); ok && (b.Name() == "new" || b.Name() == "make") {
					return
				}
			}
		}
		fresh = false
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				id, ok := ast.Unparen(l).(*ast.Ident)
				if !ok || p.info.Defs[id] != types.Object(v) && p.info.Uses[id] != types.Object(v) {
					continue
				}
				if len(n.Lhs) != len(n.Rhs) {
					assigned, fresh = true, false
					continue
				}
				judge(n.Rhs[i])
			}
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if p.info.Defs[id] == types.Object(v) && i < len(n.Values) {
					judge(n.Values[i])
				}
			}
		}
		return true
	})
	return assigned && fresh
}

// sharedAt is where a function first passes a variable on: a pointer or slice
// when it is used other than to reach what it points to, and a value when its
// address is taken or a function literal uses it.
func (p *pkg) sharedAt(fn ast.Node, v *types.Var, pointer bool) token.Pos {
	first := token.NoPos
	note := func(pos token.Pos) {
		if !first.IsValid() || pos < first {
			first = pos
		}
	}
	walk(fn, func(n ast.Node, stack []ast.Node) {
		id, ok := n.(*ast.Ident)
		if !ok || p.info.Uses[id] != types.Object(v) {
			return
		}
		for _, s := range stack[1:] {
			if lit, ok := s.(*ast.FuncLit); ok {
				note(lit.Pos())
				return
			}
		}
		// Climb from the variable along x.f, x[i] and (x).
		var e ast.Node = id
		for i := len(stack) - 1; i >= 0; i-- {
			switch up := stack[i].(type) {
			case *ast.ParenExpr:
				e = up
				continue
			case *ast.SelectorExpr:
				if fn, ok := p.info.Uses[up.Sel].(*types.Func); ok {
					// A method gets a pointer, or a copy.
					recv := fn.Signature().Recv()
					if recv != nil && (isPointerType(recv.Type()) || types.IsInterface(recv.Type())) && !synchronizes(fn) {
						note(id.Pos())
					}
					return
				}
				e = up
				continue
			case *ast.IndexExpr:
				if up.X == e {
					e = up
					continue
				}
				return
			case *ast.UnaryExpr:
				if up.Op == token.AND {
					if i > 0 {
						if call, ok := stack[i-1].(*ast.CallExpr); ok {
							if f, _ := p.callee(call); f != nil && f.Pkg() != nil && f.Pkg().Path() == "sync/atomic" {
								return
							}
						}
					}
					note(id.Pos())
				}
				return
			case *ast.AssignStmt:
				if slices.ContainsFunc(up.Lhs, func(l ast.Expr) bool { return ast.Node(l) == e }) {
					return
				}
			case *ast.RangeStmt:
				return
			case *ast.BinaryExpr, *ast.IncDecStmt:
				return
			case *ast.CallExpr:
				if b, ok := p.info.Uses[calleeIdent(up)].(*types.Builtin); ok && (b.Name() == "len" || b.Name() == "cap") {
					return
				}
			}
			break
		}
		if pointer && e == ast.Node(id) {
			note(id.Pos())
		}
	})
	return first
}

func calleeIdent(c *ast.CallExpr) *ast.Ident {
	id, _ := ast.Unparen(c.Fun).(*ast.Ident)
	return id
}

// synchronizes reports whether a method is one of sync or sync/atomic, which
// keep no pointer to their receiver.
func synchronizes(fn *types.Func) bool {
	return fn.Pkg() != nil && (fn.Pkg().Path() == "sync" || fn.Pkg().Path() == "sync/atomic")
}

// waited reports whether a function waits for a WaitGroup, or for a group of
// goroutines that has a method Wait, between the last goroutine it starts with
// a local variable and pos.
func (p *pkg) waited(fn ast.Node, v *types.Var, pos token.Pos) bool {
	wait, start := token.NoPos, token.NoPos
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			f, _ := p.callee(n)
			if f != nil && f.Name() == "Wait" && f.Signature().Recv() != nil && n.Pos() < pos {
				wait = n.Pos()
			}
		case *ast.FuncLit:
			if n.Pos() < pos && !(n.Pos() <= pos && pos < n.End()) {
				uses := false
				ast.Inspect(n, func(m ast.Node) bool {
					if id, ok := m.(*ast.Ident); ok && p.info.Uses[id] == types.Object(v) {
						uses = true
					}
					return !uses
				})
				if uses {
					start = max(start, n.Pos())
				}
				return false
			}
		}
		return true
	})
	return wait.IsValid() && start < wait
}
