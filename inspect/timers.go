package inspect

import (
	"cmp"
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
)

// Bounds of the timers that are looked at.
const (
	maxPs     = 1 << 16
	maxTimers = 1 << 22
)

// timers follows what the functions have captured that timers will call
// (time.AfterFunc) and to which no other way leads. Each P has a heap of timers:
// runtime.p.timers, a slice of pointers up to Go 1.22, and since Go 1.23 its field
// heap, with the time behind each pointer (runtime/time.go). A timer that comes or
// goes while the heap is read may be missed. Where the runtime has other fields
// none is followed.
func (w *walk) timers() error {
	args, err := w.timerArgs()
	if err != nil || len(args) == 0 {
		return err
	}
	// An argument is an interface: a function's second word is its closure.
	f, err := newFunctions(w.t)
	if err != nil {
		return nil // the names of functions are not known, nor what they capture
	}
	roots := map[uint64]int32{}
	var b batch
	for i, arg := range args {
		if t, ok := w.dynamic(false, u64(arg, 0)); ok && t.Kind == reflect.Func {
			if base, _, ok := w.t.heap.object(u64(arg, 8)); ok && base == u64(arg, 8) {
				b.want = append(b.want, extent{base, 8, i})
			}
		}
	}
	slices.SortFunc(b.want, func(x, y extent) int { return cmp.Compare(x.addr, y.addr) })
	if err := b.fetch(w.t.raw); err != nil {
		return err
	}
	for i, e := range b.want {
		pc := u64(b.data[i], 0)
		root, ok := roots[pc]
		if !ok {
			root = none
			if fn := f.at(pc); fn != nil && fn.entry == pc {
				root = w.paths.root("timer: "+strings.TrimSuffix(shortName(fn.name), "-fm"), nil)
			}
			roots[pc] = root
		}
		if root != none {
			w.queue = items(w.queue, e.addr, 1, w.closure(), root)
		}
	}
	return w.run()
}

// timerArgs returns the arguments of the functions that timers will call, those
// that could not be read as nil.
func (w *walk) timerArgs() ([][]byte, error) {
	t := w.t
	all, ok := t.Image.Global("runtime.allp")
	p, timer := t.layout("runtime.p"), t.layout("runtime.timer")
	list, arg := p.need("timers"), timer.need("arg")
	stride := int64(8)
	if list.Type.Kind == reflect.Struct {
		heap := layout{t: list.Type}
		inner := heap.need("heap")
		if p.err = cmp.Or(p.err, heap.err); inner.Type.Elem != nil {
			stride = inner.Type.Elem.Size
		}
		list.Offset, list.Type = list.Offset+inner.Offset, inner.Type
	}
	if !ok || p.err != nil || timer.err != nil || list.Type.Kind != reflect.Slice || arg.Type.Size != 16 || stride < 8 || stride > maxStruct {
		return nil, nil
	}
	header := slices.Clone(t.mem.bytes(all.Addr+t.bias, 16))
	var b batch
	for i := uint64(0); i < min(u64(header, 8), maxPs) && len(b.want) < maxTimers; i++ {
		p, _ := t.mem.word(u64(header, 0) + 8*i)
		slice := slices.Clone(t.mem.bytes(p+uint64(list.Offset), 16))
		from, n := u64(slice, 0), u64(slice, 8)
		if n == 0 || n > maxTimers || uint64(stride)*n > t.room(from) {
			continue // it has moved meanwhile, or there is none
		}
		text := make([]byte, uint64(stride)*n)
		if t.raw.read([][]byte{text}, []uint64{from}) != nil {
			continue
		}
		for ; len(text) > 0; text = text[stride:] {
			if x := binary.LittleEndian.Uint64(text); x != 0 && w.fits(x, 1, timer.t.Size) {
				b.want = append(b.want, extent{x + uint64(arg.Offset), 16, 0})
			}
		}
	}
	slices.SortFunc(b.want, func(x, y extent) int { return cmp.Compare(x.addr, y.addr) })
	if err := b.fetch(t.raw); err != nil {
		return nil, err
	}
	return b.data, t.mem.err
}
