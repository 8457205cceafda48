package barriers

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// A target is what an atomic function is given the address of: a variable or a
// field, or the elements of one.
type target struct {
	v        *types.Var
	elements bool
}

// access is one access to a target.
type access struct {
	target
	p      *pkg
	node   ast.Expr // the operand, or the call of the atomic function
	atomic bool
	write  bool
	fn     ast.Node // the function literal or declaration around it, or nil
	decl   *ast.FuncDecl
	name   string // of the declaration
	locks  []lock // that are held, as far as the function shows
	before bool   // it happens before anybody else knows the variable
}

// mixes are the plain accesses that may be concurrent with an atomic one.
//
// Not reported is a plain access
//
//   - in a composite literal, in a function init or in the initialization of a
//     package variable: nobody else runs yet, or knows the variable;
//   - through a local variable that holds a new value or a copy, as long as
//     the function has not passed it on; and to a local variable that no
//     function literal has taken yet;
//   - to a local variable after a WaitGroup was waited for;
//   - that shares a lock with every atomic access that it could disturb: the
//     second check under the lock of a double-checked flag, for instance. The
//     lock may have been taken by all callers of the function;
//   - that reads what is nowhere written atomically, but read;
//   - that a comment //ghostread:plain vouches for, with the reason.
func mixes(prog *program) []Mix {
	atomics := make(map[target][]access)
	for _, p := range prog.packages {
		p.entry = p.entryLocks()
		for _, f := range p.files {
			walk(f, func(n ast.Node, stack []ast.Node) {
				if a, ok := p.atomicAccess(n, stack); ok {
					atomics[a.target] = append(atomics[a.target], a)
				}
			})
		}
	}
	type place struct {
		target
		in *ast.FuncDecl
	}
	var found []Mix
	first := make(map[place]int) // index in found
	for _, p := range prog.packages {
		for _, f := range p.files {
			allowed := p.allowed(f)
			walk(f, func(n ast.Node, stack []ast.Node) {
				for _, a := range p.plainAccess(n, stack, atomics) {
					if allowed(a) {
						continue
					}
					m, ok := mix(prog, a, atomics[a.target])
					if !ok {
						continue
					}
					at := place{a.target, a.decl}
					if i, ok := first[at]; ok {
						found[i].add(m)
						continue
					}
					first[at] = len(found)
					found = append(found, m)
				}
			})
		}
	}
	return found
}

// add notes another plain access in the same function.
func (m *Mix) add(other Mix) {
	m.Also = append(m.Also, PlainPlace{other.Place, other.Access})
	for _, a := range other.Atomic {
		if !slices.Contains(m.Atomic, a) {
			m.Atomic = append(m.Atomic, a)
		}
	}
	slices.SortStableFunc(m.Atomic, func(x, y AtomicPlace) int { return comparePlaces(x.Place, y.Place) })
}

// allow is the comment that says that a plain access is known, and why it is
// right: on the line, on the line above, or in the comment of the function.
const allow = "//ghostread:plain "

// allowed returns whether such a comment is there for an access.
func (p *pkg) allowed(f *ast.File) func(access) bool {
	lines := make(map[int]bool)
	for _, group := range f.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, allow) {
				lines[p.fset.Position(c.Pos()).Line] = true
			}
		}
	}
	return func(a access) bool {
		if len(lines) == 0 {
			return false
		}
		at := p.fset.Position(a.node.Pos()).Line
		if lines[at] || lines[at-1] {
			return true
		}
		if a.decl == nil || a.decl.Doc == nil {
			return false
		}
		return slices.ContainsFunc(a.decl.Doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, allow) })
	}
}

// mix judges a plain access.
func mix(prog *program, a access, atomics []access) (Mix, bool) {
	if a.before || a.fn == nil {
		return Mix{}, false
	}
	var against []access
	for _, b := range atomics {
		if (a.write || b.write) && !b.before && !shareLock(a.locks, b.locks) {
			against = append(against, b)
		}
	}
	if len(against) == 0 {
		return Mix{}, false
	}
	at := func(n ast.Node) Place {
		pos := prog.fset.Position(n.Pos())
		return prog.place(pos.Filename, pos.Line, pos.Column)
	}
	m := Mix{
		Place:    at(a.node),
		Variable: a.describe(),
		Access:   "read",
		Source:   source(prog.fset, a.node),
		In:       a.name,
		Help:     fmt.Sprintf("use sync/atomic here too, or declare it as %s; if it is right, say why: //ghostread:plain reason", a.typed()),
	}
	if a.write {
		m.Access = "write"
	}
	if !slices.ContainsFunc(atomics, func(b access) bool { return b.write }) {
		m.Help = "no write to it is atomic, so the atomic loads order nothing: make all of it atomic, or none"
	}
	for _, b := range against {
		m.Atomic = append(m.Atomic, AtomicPlace{at(b.node), source(prog.fset, b.node), b.name})
	}
	slices.SortStableFunc(m.Atomic, func(x, y AtomicPlace) int { return comparePlaces(x.Place, y.Place) })
	return m, true
}

// describe names the target.
func (t target) describe() string {
	name := t.v.Name()
	switch {
	case t.v.IsField():
		name = "field " + name
	case t.v.Parent() != nil && t.v.Pkg() != nil && t.v.Parent() == t.v.Pkg().Scope():
		name = "package variable " + name
	default:
		name = "local variable " + name
	}
	if t.elements {
		name = "elements of " + name
	}
	return name
}

// typed is the type of sync/atomic that cannot be accessed plainly.
func (t target) typed() string {
	typ := t.v.Type().Underlying()
	if t.elements {
		switch s := typ.(type) {
		case *types.Slice:
			typ = s.Elem().Underlying()
		case *types.Array:
			typ = s.Elem().Underlying()
		}
	}
	switch typ := typ.(type) {
	case *types.Basic:
		switch typ.Kind() {
		case types.Int32:
			return "atomic.Int32"
		case types.Int64:
			return "atomic.Int64"
		case types.Uint32:
			return "atomic.Uint32"
		case types.Uint64:
			return "atomic.Uint64"
		case types.Uintptr:
			return "atomic.Uintptr"
		}
	}
	return "atomic.Pointer"
}

// atomicAccess is the access of a call of a function of sync/atomic.
func (p *pkg) atomicAccess(n ast.Node, stack []ast.Node) (access, bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return access{}, false
	}
	fn, _ := p.callee(call)
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "sync/atomic" || fn.Signature().Recv() != nil {
		return access{}, false
	}
	t, operand, ok := p.addressed(call.Args[0])
	if !ok {
		return access{}, false
	}
	a := p.access(t, call, stack)
	a.atomic, a.write = true, !strings.HasPrefix(fn.Name(), "Load")
	a.before = p.private(operand, append(slices.Clip(stack), call))
	return a, true
}

// addressed is what an argument is the address of, through conversions of the
// pointer.
func (p *pkg) addressed(e ast.Expr) (target, ast.Expr, bool) {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.CallExpr:
			if tv, ok := p.info.Types[x.Fun]; ok && tv.IsType() && len(x.Args) == 1 {
				e = x.Args[0]
				continue
			}
		case *ast.UnaryExpr:
			if x.Op == token.AND {
				t, ok := p.target(x.X)
				return t, ast.Unparen(x.X), ok
			}
		}
		return target{}, nil, false
	}
}

// target is the variable, or the elements of one, that an expression denotes.
func (p *pkg) target(e ast.Expr) (target, bool) {
	switch x := ast.Unparen(e).(type) {
	case *ast.Ident:
		if v, ok := p.info.Uses[x].(*types.Var); ok {
			return target{v: v.Origin()}, true
		}
	case *ast.SelectorExpr:
		if v, ok := p.info.Uses[x.Sel].(*types.Var); ok {
			return target{v: v.Origin()}, true
		}
	case *ast.IndexExpr:
		if t := p.info.TypeOf(x.X); t != nil {
			if _, ok := t.Underlying().(*types.Map); ok {
				return target{}, false
			}
		}
		if t, ok := p.target(x.X); ok && !t.elements {
			t.elements = true
			return t, true
		}
	}
	return target{}, false
}

// access fills in what surrounds an access.
func (p *pkg) access(t target, node ast.Expr, stack []ast.Node) access {
	a := access{target: t, p: p, node: node}
	called := false // what the literal around it is: var x = func() int { ... }()
	a.name = "a function literal of a package variable"
	for i, n := range slices.Backward(stack) {
		switch n := n.(type) {
		case *ast.FuncLit:
			if a.fn == nil {
				a.fn = n
			}
			if call, ok := stack[max(0, i-1)].(*ast.CallExpr); ok && call.Fun == n {
				called = true
			}
		case *ast.FuncDecl:
			if a.fn == nil {
				a.fn = n
			}
			a.decl, a.name = n, funcName(n)
			if n.Recv == nil && n.Name.Name == "init" && a.fn == n {
				a.before = true
			}
		}
	}
	if a.decl == nil && called {
		a.before = true
	}
	if a.fn != nil {
		a.locks = p.heldAt(a.fn, node.Pos())
	}
	if a.decl != nil && a.fn == a.decl {
		if f, ok := p.info.Defs[a.decl.Name].(*types.Func); ok {
			a.locks = append(a.locks, p.entry[f]...)
		}
	}
	return a
}

func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	star := ""
	if s, ok := t.(*ast.StarExpr); ok {
		t, star = s.X, "*"
	}
	for {
		switch x := t.(type) {
		case *ast.IndexExpr:
			t = x.X
			continue
		case *ast.IndexListExpr:
			t = x.X
			continue
		case *ast.Ident:
			if star != "" {
				return "(*" + x.Name + ")." + d.Name.Name
			}
			return x.Name + "." + d.Name.Name
		}
		return d.Name.Name
	}
}

// plainAccess are the accesses of n to the targets of atomic functions.
func (p *pkg) plainAccess(n ast.Node, stack []ast.Node, atomics map[target][]access) []access {
	if r, ok := n.(*ast.RangeStmt); ok && r.Value != nil {
		// for _, x := range s reads the elements.
		if id, ok := r.Value.(*ast.Ident); ok && id.Name == "_" {
			return nil
		}
		if t, ok := p.target(r.X); ok && !t.elements {
			t.elements = true
			if len(atomics[t]) > 0 {
				a := p.access(t, r.X, stack)
				a.before = a.before || p.private(r.X, stack)
				return []access{a}
			}
		}
		return nil
	}
	e, ok := n.(ast.Expr)
	if !ok {
		return nil
	}
	t, ok := p.target(e)
	if !ok || len(atomics[t]) == 0 {
		return nil
	}
	parent := ast.Node(nil)
	up := stack
	for len(up) > 0 {
		parent, up = up[len(up)-1], up[:len(up)-1]
		if _, ok := parent.(*ast.ParenExpr); !ok {
			break
		}
	}
	switch x := parent.(type) {
	case *ast.SelectorExpr:
		if x.Sel == e {
			return nil // the selector is looked at, not its last word
		}
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			return nil
		}
	case *ast.KeyValueExpr:
		if len(up) > 0 && x.Key == e {
			if lit, ok := up[len(up)-1].(*ast.CompositeLit); ok {
				if _, isStruct := p.info.TypeOf(lit).Underlying().(*types.Struct); isStruct {
					return nil
				}
			}
		}
	case *ast.CallExpr:
		if fn, ok := ast.Unparen(x.Fun).(*ast.SelectorExpr); ok {
			if b, ok := p.info.Uses[fn.Sel].(*types.Builtin); ok && b.Pkg() == types.Unsafe {
				return nil // its size or offset
			}
		}
	}
	a := p.access(t, e, stack)
	a.write = writes(parent, e)
	a.before = a.before || p.private(e, stack)
	return []access{a}
}

// writes reports whether the parent of an operand writes it.
func writes(parent ast.Node, e ast.Expr) bool {
	is := func(x ast.Expr) bool { return ast.Unparen(x) == e }
	switch x := parent.(type) {
	case *ast.AssignStmt:
		return slices.ContainsFunc(x.Lhs, is)
	case *ast.IncDecStmt:
		return true
	case *ast.RangeStmt:
		return x.Key != nil && is(x.Key) || x.Value != nil && is(x.Value)
	}
	return false
}
