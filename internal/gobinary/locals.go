package gobinary

import (
	"cmp"
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Local is a variable of a function, an argument or a result, as it is at one
// place of the code.
type Local struct {
	Name     string
	Function string // that declares it, if that is a function whose call was inlined; else ""
	Type     *Type
	Closure  bool // it has the address of the closure that is called
	Listed   bool // its places are of this place in the code, not of the whole function
	Places   []Place
}

// code is what the DWARF says about functions. It is read when it is asked for:
// the locals of all functions would take more memory than all types.
type code struct {
	data  *dwarf.Data
	units []unit
	funcs []function // by address, once sorted
	types map[dwarf.Offset]*Type

	once sync.Once
	locations
	err error
}

// unit is a compilation unit.
type unit struct {
	low      uint64 // linked address of its code
	addrBase int64  // where its addresses are in .debug_addr; -1 before DWARF 5
}

// function is where a function is in the code and in the DWARF.
type function struct {
	low, high uint64
	at        dwarf.Offset
	unit      int32
}

// unit begins a compilation unit.
func (c *code) unit(e *dwarf.Entry) {
	u := unit{addrBase: -1}
	u.low, _ = e.Val(dwarf.AttrLowpc).(uint64)
	if base, ok := e.Val(dwarf.AttrAddrBase).(int64); ok && base >= 0 {
		u.addrBase = base
	}
	c.units = append(c.units, u)
}

// function notes a function of the last unit that has code.
func (c *code) function(e *dwarf.Entry) {
	low, ok := e.Val(dwarf.AttrLowpc).(uint64)
	if !ok || len(c.units) == 0 {
		return
	}
	f := function{low: low, at: e.Offset, unit: int32(len(c.units) - 1)}
	switch high := e.Val(dwarf.AttrHighpc).(type) {
	case uint64:
		f.high = high
	case int64:
		f.high = low + uint64(high)
	}
	c.funcs = append(c.funcs, f)
}

// open sorts the functions and reads the sections with locations.
func (m *Image) openCode() error {
	c := &m.code
	c.once.Do(func() {
		slices.SortFunc(c.funcs, func(a, b function) int { return cmp.Compare(a.low, b.low) })
		f, err := elf.Open(m.Path)
		if err != nil {
			c.err = err
			return
		}
		defer f.Close()
		for name, to := range map[string]*[]byte{".debug_loc": &c.loc, ".debug_loclists": &c.lists, ".debug_addr": &c.addr} {
			if s := f.Section(name); s != nil && c.err == nil {
				if *to, c.err = s.Data(); c.err != nil {
					c.err = fmt.Errorf("%s: section %s: %w", m.Path, name, c.err)
				}
			}
		}
	})
	return c.err
}

// Bounds of one function. The entries of the largest that the Go compiler has
// written in its own packages are some tens of thousands.
const (
	maxEntries = 1 << 20
	maxLocals  = 1 << 14
)

// Code is what the DWARF says about one place in the code.
type Code struct {
	Locals  []Local  // those of the function before those of calls that are inlined in it
	Inlined []string // the functions whose inlined calls have the place, the innermost first
}

// Code returns what has a place while the instruction at the linked address pc
// is executed. If that is a call, next is the address that it returns to:
// variables that were in registers are elsewhere then, and stay there during the
// call. ok is false if the DWARF has no function there. It takes time in
// proportion to the function's DWARF.
func (m *Image) Code(pc, next uint64) (x Code, ok bool, err error) {
	if err := m.openCode(); err != nil {
		return x, false, err
	}
	c := &m.code
	i, _ := slices.BinarySearchFunc(c.funcs, pc, func(f function, pc uint64) int {
		if f.low <= pc {
			return -1
		}
		return 1
	})
	if i == 0 || pc >= c.funcs[i-1].high {
		return x, false, nil
	}
	x, err = c.at(&c.funcs[i-1], pc, next)
	return x, err == nil, err
}

// at reads the entries of a function.
func (c *code) at(f *function, pc, next uint64) (x Code, err error) {
	r := c.data.Reader()
	r.Seek(f.at)
	// The functions around the current entry, and whether pc is in their ranges.
	type scope struct {
		function string
		in       bool
	}
	var open []scope
	inner := scope{in: true}
	for n := 0; n < maxEntries; n++ {
		e, err := r.Next()
		if err != nil {
			return x, err
		}
		if e == nil {
			break
		}
		if e.Tag == 0 {
			if len(open) <= 1 {
				break
			}
			inner, open = open[len(open)-1], open[:len(open)-1]
			continue
		}
		within := inner
		switch e.Tag {
		case dwarf.TagVariable, dwarf.TagFormalParameter:
			if inner.in && len(open) > 0 && len(x.Locals) < maxLocals {
				if l, ok := c.local(f, e, pc, next); ok {
					l.Function = inner.function
					x.Locals = append(x.Locals, l)
				}
			}
		case dwarf.TagInlinedSubroutine:
			if within = (scope{c.origin(e).name, inner.in && c.covers(e, pc)}); within.in {
				x.Inlined = append(x.Inlined, within.function)
			}
		case dwarf.TagLexDwarfBlock:
			within.in = inner.in && c.covers(e, pc)
		}
		if !e.Children {
			if len(open) == 0 {
				break // a function without variables
			}
			continue
		}
		if len(open) > 0 && !within.in {
			r.SkipChildren()
			continue
		}
		if open = append(open, inner); len(open) > maxDepth {
			return x, fmt.Errorf("offset %#x: entries are nested %d deep", e.Offset, maxDepth)
		}
		inner = within
	}
	slices.Reverse(x.Inlined)
	order := func(l *Local) int {
		switch {
		case l.Function != "":
			return 2
		case !l.Listed:
			return 1 // Go 1.27 has parts of variables among them, by other names
		}
		return 0
	}
	slices.SortStableFunc(x.Locals, func(a, b Local) int { return cmp.Compare(order(&a), order(&b)) })
	return x, nil
}

// covers reports whether pc is in the ranges of an entry.
func (c *code) covers(e *dwarf.Entry, pc uint64) bool {
	ranges, err := c.data.Ranges(e)
	if err != nil {
		return false
	}
	for _, r := range ranges {
		if r[0] <= pc && pc < r[1] {
			return true
		}
	}
	return false
}

// origin is what an entry that stands for another one takes from it.
type origin struct {
	name string
	typ  dwarf.Offset
}

// origin returns an entry's name and type, those of its abstract origin where
// it has one.
func (c *code) origin(e *dwarf.Entry) origin {
	if at, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok {
		r := c.data.Reader()
		r.Seek(at)
		if of, err := r.Next(); err == nil && of != nil {
			e = of
		}
	}
	o := origin{name: name(e)}
	o.typ, _ = e.Val(dwarf.AttrType).(dwarf.Offset)
	return o
}

// closurePointer is the name of the variable that has the address of the
// closure which is called (cmd/compile/internal/ssagen/ssa.go, since Go 1.23).
const closurePointer = ".closureptr"

// local reads a variable; ok is false if it has no place at pc nor at next.
func (c *code) local(f *function, e *dwarf.Entry, pc, next uint64) (l Local, ok bool) {
	var places []Place
	switch loc := e.Val(dwarf.AttrLocation).(type) {
	case []byte:
		places, _ = parseLocation(loc)
	case int64:
		l.Listed = true
		u := c.units[f.unit]
		places, _ = parseLocation(c.find(loc, next, u.low, u.addrBase))
		if next != pc && !slices.ContainsFunc(places, func(p Place) bool { return p.Kind == InFrame }) {
			places, _ = parseLocation(c.find(loc, pc, u.low, u.addrBase))
		}
	}
	if len(places) == 0 {
		return l, false
	}
	o := c.origin(e)
	l.Name, l.Type, l.Places, l.Closure = strings.TrimPrefix(o.name, "&"), c.typeAt(o.typ), places, o.name == closurePointer
	return l, l.Name != "" && (l.Type != nil || l.Closure)
}

// typeAt returns the type at an offset, nil if there is none. Type parameters
// are typedefs inside of a function, which are not with the other types.
func (c *code) typeAt(at dwarf.Offset) *Type {
	if t := c.types[at]; t != nil || at == 0 {
		return t
	}
	r := c.data.Reader()
	r.Seek(at)
	e, err := r.Next()
	if err != nil || e == nil || e.Tag != dwarf.TagTypedef {
		return nil
	}
	under, _ := e.Val(dwarf.AttrType).(dwarf.Offset)
	return c.types[under]
}
