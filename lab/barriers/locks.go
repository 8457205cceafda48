package barriers

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// lock is a lock that is held.
type lock struct {
	v      *types.Var // the variable or field; all values of a struct count as one
	shared bool       // RLock
}

// shareLock reports whether two accesses hold a lock that keeps them apart.
// Two that only hold it for reading, with RLock, are not kept apart.
func shareLock(a, b []lock) bool {
	for _, x := range a {
		for _, y := range b {
			if x.v == y.v && !(x.shared && y.shared) {
				return true
			}
		}
	}
	return false
}

// heldAt are the locks that a function has taken and not given back before a
// position, in the order of the source. An unlock on a way out, in a block
// that ends the function or the round of a loop, does not count for what comes
// after it.
func (p *pkg) heldAt(fn ast.Node, pos token.Pos) []lock {
	var held []lock
	walk(fn, func(n ast.Node, stack []ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || call.End() > pos || otherFunction(stack) {
			return
		}
		kind, l := p.lockCall(call)
		if l.v == nil {
			return
		}
		switch kind {
		case "lock":
			held = append(held, l)
		case "trylock":
			if trySucceeded(stack, pos) {
				held = append(held, l)
			}
		case "unlock":
			if len(stack) > 0 {
				if _, ok := stack[len(stack)-1].(*ast.DeferStmt); ok {
					return
				}
			}
			if leaves(stack, pos) {
				return
			}
			held = slices.DeleteFunc(held, func(h lock) bool { return h.v == l.v })
		}
	})
	return held
}

// lockCall says what a call does to a lock: lock, trylock, unlock, or nothing.
// Besides the locks of package sync these are functions that are called lock
// or unlock with something behind it, such as lockBucket(&b.state), and are
// given the address of the lock, or are methods of it.
func (p *pkg) lockCall(call *ast.CallExpr) (kind string, l lock) {
	f, _ := p.callee(call)
	if f == nil {
		return "", lock{}
	}
	method := f.Signature().Recv() != nil
	name := strings.ToLower(f.Name())
	switch {
	case strings.HasPrefix(name, "unlock"), name == "runlock":
		kind = "unlock"
	case strings.HasPrefix(name, "trylock"), name == "tryrlock":
		kind = "trylock"
	case name == "lock", name == "rlock", strings.HasPrefix(name, "lock") && !strings.HasPrefix(name, "locked") && !method:
		kind = "lock"
	default:
		return "", lock{}
	}
	l.shared = strings.Contains(name, "rlock") && !strings.Contains(name, "unlock")
	if method {
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			l.v = p.lockVar(sel)
		}
	} else if len(call.Args) > 0 {
		if t, _, ok := p.addressed(call.Args[0]); ok {
			l.v = t.v
		}
	}
	return kind, l
}

// entryLocks are the locks that are held whenever a function begins: those
// that all of its callers hold. It is known for a function that is not
// exported and is only called: not started with go, deferred, or used as a
// value.
func (p *pkg) entryLocks() map[*types.Func][]lock {
	type site struct {
		caller *types.Func // nil in a function literal, whose caller is not known
		locks  []lock
	}
	sites := make(map[*types.Func][]site)
	unknown := make(map[*types.Func]bool)
	for _, f := range p.files {
		walk(f, func(n ast.Node, stack []ast.Node) {
			id, ok := n.(*ast.Ident)
			if !ok {
				return
			}
			fn, ok := p.info.Uses[id].(*types.Func)
			if !ok || fn.Pkg() == nil || fn.Pkg().Path() != p.path {
				return
			}
			fn = fn.Origin()
			call, up := enclosingCall(id, stack)
			if call == nil {
				unknown[fn] = true
				return
			}
			if len(up) > 0 {
				switch up[len(up)-1].(type) {
				case *ast.GoStmt, *ast.DeferStmt:
					unknown[fn] = true
					return
				}
			}
			for _, n := range slices.Backward(up) {
				switch n := n.(type) {
				case *ast.FuncLit:
					sites[fn] = append(sites[fn], site{nil, p.heldAt(n, call.Pos())})
					return
				case *ast.FuncDecl:
					caller, _ := p.info.Defs[n.Name].(*types.Func)
					sites[fn] = append(sites[fn], site{caller, p.heldAt(n, call.Pos())})
					return
				}
			}
			unknown[fn] = true // in the initialization of a variable
		})
	}
	entry := make(map[*types.Func][]lock)
	// From none upwards: a round adds what all callers are known to hold, so
	// that functions that call each other get less than they might.
	for range 4 {
		for fn, ss := range sites {
			if unknown[fn] || fn.Exported() {
				continue
			}
			var common []lock
			for i, s := range ss {
				held := slices.Concat(s.locks, entry[s.caller])
				if i == 0 {
					common = held
					continue
				}
				common = slices.DeleteFunc(slices.Clone(common), func(l lock) bool {
					return !slices.ContainsFunc(held, func(h lock) bool { return h.v == l.v && (l.shared || !h.shared) })
				})
			}
			entry[fn] = common
		}
	}
	return entry
}

// enclosingCall is the call whose function an identifier names, and what
// encloses it.
func enclosingCall(id *ast.Ident, stack []ast.Node) (*ast.CallExpr, []ast.Node) {
	var e ast.Node = id
	for i := len(stack) - 1; i >= 0; i-- {
		switch x := stack[i].(type) {
		case *ast.SelectorExpr:
			if x.Sel != e {
				return nil, nil
			}
			e = x
		case *ast.ParenExpr:
			e = x
		case *ast.IndexExpr:
			if x.X != e {
				return nil, nil
			}
			e = x
		case *ast.IndexListExpr:
			if x.X != e {
				return nil, nil
			}
			e = x
		case *ast.CallExpr:
			if x.Fun != e {
				return nil, nil
			}
			return x, stack[:i]
		default:
			return nil, nil
		}
	}
	return nil, nil
}

// lockVar is the variable or field that a method of a lock is called on; for
// an embedded lock it is the one that is embedded.
func (p *pkg) lockVar(sel *ast.SelectorExpr) *types.Var {
	if s := p.info.Selections[sel]; s != nil && len(s.Index()) > 1 {
		t := s.Recv()
		var v *types.Var
		for _, i := range s.Index()[:len(s.Index())-1] {
			if ptr, ok := t.Underlying().(*types.Pointer); ok {
				t = ptr.Elem()
			}
			st, ok := t.Underlying().(*types.Struct)
			if !ok {
				return nil
			}
			v = st.Field(i)
			t = v.Type()
		}
		if v != nil {
			return v.Origin()
		}
	}
	t, ok := p.target(sel.X)
	if !ok {
		return nil
	}
	return t.v
}

// otherFunction reports whether a function literal within the function that
// was walked is around a node.
func otherFunction(stack []ast.Node) bool {
	for _, n := range stack[min(1, len(stack)):] {
		if _, ok := n.(*ast.FuncLit); ok {
			return true
		}
	}
	return false
}

// trySucceeded reports whether pos is in the branch of an if that is taken
// when the lock was got.
func trySucceeded(stack []ast.Node, pos token.Pos) bool {
	if len(stack) == 0 {
		return false
	}
	s, ok := stack[len(stack)-1].(*ast.IfStmt)
	return ok && s.Body.Pos() <= pos && pos < s.Body.End()
}

// leaves reports whether the innermost block around a node ends in a jump out
// of it, and does not contain pos.
func leaves(stack []ast.Node, pos token.Pos) bool {
	for _, n := range slices.Backward(stack) {
		var list []ast.Stmt
		switch n := n.(type) {
		case *ast.BlockStmt:
			list = n.List
		case *ast.CaseClause:
			list = n.Body
		case *ast.CommClause:
			list = n.Body
		default:
			continue
		}
		if n.Pos() <= pos && pos < n.End() || len(list) == 0 {
			return false
		}
		switch last := list[len(list)-1].(type) {
		case *ast.ReturnStmt, *ast.BranchStmt:
			return true
		case *ast.ExprStmt:
			if c, ok := last.X.(*ast.CallExpr); ok {
				if id := calleeIdent(c); id != nil && id.Name == "panic" {
					return true
				}
			}
		}
		return false
	}
	return false
}
