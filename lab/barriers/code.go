package barriers

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/lab/listing"
)

// line is a line of a file as the compiler names it.
type line struct {
	file string
	line int
}

// code is the listing, by where the instructions come from.
type code struct {
	arch   string
	byLine map[line][]listing.Step
	byFunc map[line][]*listing.Func // by the line of func
	bodies map[string]*body         // by symbol, without type arguments
}

// body is what a function does to memory.
type body struct {
	steps []listing.Step
}

func newCode(arch string, fs []listing.Func) *code {
	c := &code{
		arch:   arch,
		byLine: make(map[line][]listing.Step),
		byFunc: make(map[line][]*listing.Func),
		bodies: make(map[string]*body),
	}
	for i := range fs {
		f := &fs[i]
		steps := f.Steps()
		for j := range steps {
			s := &steps[j]
			s.Call = listing.WithoutTypeArgs(s.Call)
			at := line{s.File, s.Line}
			c.byLine[at] = append(c.byLine[at], *s)
		}
		file, n := f.Pos()
		c.byFunc[line{file, n}] = append(c.byFunc[line{file, n}], f)
		if strings.HasPrefix(f.Package, "sync") || f.Package == "internal/sync" {
			name := listing.WithoutTypeArgs(f.Symbol())
			b := c.bodies[name]
			if b == nil {
				b = new(body)
				c.bodies[name] = b
			}
			b.steps = append(b.steps, steps...)
		}
	}
	return c
}

// operation finds the code of an operation.
//
// A position in the listing is the innermost one. So the code of an operation
// is at its own line if the compiler made an instruction of it, or a call; and
// if the function was inlined, it is somewhere in the enclosing function, with
// positions in the body of the callee. What that body does is known, because
// package sync is compiled as well.
func (c *code) operation(prog *program, p *pkg, op operation) Operation {
	pos := prog.fset.Position(op.pos)
	o := Operation{
		Place:        prog.place(pos.Filename, pos.Line, pos.Column),
		Package:      p.path,
		Name:         op.name,
		Source:       source(prog.fset, op.node),
		Instructions: []string{},
	}
	lines := positions(prog.fset, op.lines)
	if op.class == chanOp {
		c.channel(&o, op, lines)
		return o
	}
	if op.dynamic {
		o.How, o.Ordering = Called, "what the lock behind the interface does"
		return o
	}
	want := c.wanted(op)
	own := c.at(lines)
	if len(want) == 0 && op.class == atomicOp {
		// The port has no listing of the function by itself: what orders memory
		// on the line will be it.
		for _, s := range own {
			if s.Order != listing.Unordered {
				want[s.Op] = true
			}
		}
	}
	if steps := pick(own, want); len(steps) > 0 && (op.class == atomicOp || steps[0].Order != listing.Unordered) {
		o.How = Inline
		c.describe(&o, want, steps)
		return o
	}
	steps, call := c.inlined(prog.fset, op, want)
	if len(steps) > 0 {
		o.How = Inline
		c.describe(&o, want, steps)
		return o
	}
	if call != "" {
		o.How, o.Calls = Called, call
		c.describe(&o, want, c.follow(call, 3))
		return o
	}
	for _, s := range own {
		if s.Call == op.symbol {
			o.How, o.Calls = Called, op.symbol
			c.describe(&o, want, c.follow(op.symbol, 3))
			if len(o.Instructions) == 0 {
				o.How = Assembly
				o.Ordering = "sequentially consistent, by its documentation"
				if op.class == lockOp {
					o.Ordering = "that of the lock"
				}
			}
			return o
		}
	}
	if op.generic {
		o.How = Generic
		c.describe(&o, want, c.follow(op.symbol, 3))
		if len(o.Instructions) == 0 {
			o.Ordering = "not known without an instance"
		}
		return o
	}
	o.How, o.Ordering = NoCode, "none: the compiler made no code of it"
	return o
}

func positions(fset *token.FileSet, ps []token.Pos) []line {
	var lines []line
	for _, p := range ps {
		if !p.IsValid() {
			continue
		}
		at := fset.Position(p)
		if l := (line{at.Filename, at.Line}); !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	return lines
}

func (c *code) at(lines []line) []listing.Step {
	var steps []listing.Step
	for _, l := range lines {
		steps = append(steps, c.byLine[l]...)
	}
	return steps
}

// wanted are the opcodes that an operation is made of: all that access memory
// for an atomic one, and those that order it for a lock, whose other accesses
// are its own bookkeeping.
func (c *code) wanted(op operation) map[string]bool {
	want := make(map[string]bool)
	steps := c.follow(op.symbol, 3)
	ordered := slices.ContainsFunc(steps, func(s listing.Step) bool { return s.Order != listing.Unordered })
	for _, s := range steps {
		if s.Call == "" && (s.Order != listing.Unordered || op.class == atomicOp || !ordered && s.Kind == listing.Load) {
			want[s.Op] = true
		}
	}
	return want
}

// pointerStores are functions of the runtime, and what they call after the
// write barrier of the garbage collector: runtime/atomic_pointer.go.
var pointerStores = map[string]string{
	"sync/atomic.StorePointer":          "sync/atomic.StoreUintptr",
	"sync/atomic.SwapPointer":           "sync/atomic.SwapUintptr",
	"sync/atomic.CompareAndSwapPointer": "sync/atomic.CompareAndSwapUintptr",
}

// follow are the steps of a function, and of those that it calls when it does
// nothing itself.
func (c *code) follow(symbol string, depth int) []listing.Step {
	if number := pointerStores[symbol]; number != "" {
		symbol = number
	}
	b := c.bodies[symbol]
	if b == nil || depth == 0 {
		return nil
	}
	var calls []string
	for _, s := range b.steps {
		switch {
		case s.Call != "" && s.Call != symbol:
			calls = append(calls, s.Call)
		case s.Order != listing.Unordered, s.Kind == listing.Load, s.Kind == listing.Update:
			return b.steps
		}
	}
	var steps []listing.Step
	for _, to := range calls {
		steps = append(steps, c.follow(to, depth-1)...)
	}
	if len(steps) == 0 {
		return b.steps
	}
	return steps
}

// pick are the steps with a wanted opcode.
func pick(steps []listing.Step, want map[string]bool) []listing.Step {
	var picked []listing.Step
	for _, s := range steps {
		if s.Call == "" && want[s.Op] {
			picked = append(picked, s)
		}
	}
	return picked
}

// inlined are the steps of an operation whose function was inlined. If only a
// call is left of it, that is returned instead: WaitGroup.Done is a call of
// Add.
func (c *code) inlined(fset *token.FileSet, op operation, want map[string]bool) (steps []listing.Step, call string) {
	from := make(map[line]bool)
	calls := make(map[string]bool)
	var collect func(symbol string, depth int)
	collect = func(symbol string, depth int) {
		b := c.bodies[symbol]
		if b == nil || depth == 0 {
			return
		}
		for _, s := range b.steps {
			if s.File != "<autogenerated>" {
				from[line{s.File, s.Line}] = true
			}
			if s.Call != "" && s.Call != symbol {
				calls[s.Call] = true
				collect(s.Call, depth-1)
			}
		}
	}
	collect(op.symbol, 2)
	// A Mutex of package sync is one of internal/sync since Go 1.24, and where
	// that is inlined, its positions are those of either.
	if rest, ok := strings.CutPrefix(op.symbol, "sync."); ok {
		collect("internal/sync."+rest, 2)
	}
	// What is deferred or started with go is in a function of its own, which
	// begins at that statement.
	around := slices.Clone(op.lines)
	for _, n := range op.within {
		around = append(around, funcPos(n))
	}
	for _, at := range positions(fset, around) {
		for _, f := range c.byFunc[at] {
			for _, s := range f.Steps() {
				if !from[line{s.File, s.Line}] {
					continue
				}
				s.Call = listing.WithoutTypeArgs(s.Call)
				switch {
				case s.Call == "" && want[s.Op]:
					steps = append(steps, s)
				case calls[s.Call]:
					call = s.Call
				}
			}
		}
		if len(steps) > 0 || call != "" {
			return steps, call
		}
	}
	return nil, ""
}

// funcPos is the position of the word func.
func funcPos(n ast.Node) token.Pos {
	switch n := n.(type) {
	case *ast.FuncLit:
		return n.Type.Func
	case *ast.FuncDecl:
		return n.Type.Func
	}
	return token.NoPos
}

// describe puts the instructions of steps and their order into o.
func (c *code) describe(o *Operation, want map[string]bool, steps []listing.Step) {
	best := listing.Unordered
	for _, s := range steps {
		if s.Call != "" || !want[s.Op] {
			continue
		}
		text := s.Op
		if s.Kind == listing.NoAccess && strings.HasPrefix(s.Args, "$") {
			text += " " + s.Args
		}
		if !slices.Contains(o.Instructions, text) {
			o.Instructions = append(o.Instructions, text)
		}
		if r, ok := listing.RuleOf(c.arch, s.Instruction); ok {
			best = stronger(best, r.As)
		}
	}
	if len(o.Instructions) == 0 {
		return
	}
	loads := !slices.ContainsFunc(steps, func(s listing.Step) bool { return want[s.Op] && s.Kind != listing.Load })
	if best == listing.Unordered && loads {
		o.Ordering = "acquire: the port keeps loads in order"
		return
	}
	o.Ordering = words(best)
}

// stronger is what two instructions order together.
func stronger(a, b listing.Order) listing.Order {
	if a == listing.LoadAcquire && b == listing.StoreRelease || a == listing.StoreRelease && b == listing.LoadAcquire {
		return listing.AcquireRelease
	}
	return max(a, b)
}

func words(o listing.Order) string {
	switch o {
	case listing.LoadAcquire:
		return "acquire"
	case listing.StoreRelease:
		return "release"
	case listing.AcquireRelease:
		return "acquire and release"
	case listing.Sequential:
		return "full fence"
	default:
		return "none"
	}
}

// channel finds the call of an operation on a channel.
func (c *code) channel(o *Operation, op operation, lines []line) {
	names := runtimeCalls[op.name]
	if op.generic {
		defer func() {
			if o.How == NoCode {
				o.How, o.Calls, o.Ordering = Generic, names[0], "that of the channel's lock"
			}
		}()
	}
	for _, s := range c.at(lines) {
		if slices.Contains(names, s.Call) {
			o.How, o.Calls = Called, s.Call
			o.Ordering = "that of the channel's lock"
			return
		}
	}
	o.How, o.Ordering = NoCode, "none: the compiler made no code of it"
}
