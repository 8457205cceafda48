//go:build ghostread_guest

package guest

import (
	"internal/ghostread/wire"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"unsafe"
)

// symbols answers questions about addresses of this binary: the frames of a
// return address, inlined calls first; the part of a type at an offset.
func (l *loop) symbols() {
	for _, q := range l.job.Ask {
		f := strings.Fields(q)
		var v [3]uint64
		for i := range v {
			if i+1 < len(f) {
				v[i], _ = strconv.ParseUint(f[i+1], 16, 64)
			}
		}
		switch {
		case len(f) == 2 && f[0] == "pc":
			send(frames(uintptr(v[0])).With("ask", q))
		case len(f) == 4 && f[0] == "type":
			send(typeAt(uintptr(v[0]), uintptr(v[1]), uintptr(v[2])).With("ask", q))
		default:
			send(wire.Record{Kind: "error"}.With("why", "symbols: cannot answer "+strconv.Quote(q)))
		}
	}
	send(wire.Record{Kind: "end"})
}

func frames(pc uintptr) wire.Record {
	r := wire.Record{Kind: "frames"}
	it := runtime.CallersFrames([]uintptr{pc})
	for {
		f, more := it.Next()
		if f.Function == "" && f.File == "" {
			return r
		}
		r = r.With("func", f.Function).With("file", f.File).Int("line", int64(f.Line))
		if !more {
			return r
		}
	}
}

// typeAt names the object whose type descriptor is at p, and what is at off
// in an allocation of size bytes of it.
func typeAt(p, size, off uintptr) wire.Record {
	r := wire.Record{Kind: "type"}
	if !runtimeIsType(p) {
		return r
	}
	var v any
	*(*[2]uintptr)(unsafe.Pointer(&v)) = [2]uintptr{p, 0} // an interface of that type; its value is never looked at
	t := reflect.TypeOf(v)
	path := ""
	if n := t.Size(); n > 0 && size > n {
		path = "[" + strconv.FormatUint(uint64(off/n), 10) + "]"
		off %= n
		r = r.With("name", "[]"+t.String())
	} else {
		r = r.With("name", t.String())
	}
	for {
		switch t.Kind() {
		case reflect.Struct:
			f, ok := fieldAt(t, off)
			if !ok {
				return r.With("path", path).With("leaf", t.String()).With("kind", t.Kind().String())
			}
			path += "." + f.Name
			off -= f.Offset
			t = f.Type
			continue
		case reflect.Array:
			if n := t.Elem().Size(); n > 0 && off < t.Size() {
				path += "[" + strconv.FormatUint(uint64(off/n), 10) + "]"
				off %= n
				t = t.Elem()
				continue
			}
		}
		return r.With("path", path).With("leaf", t.String()).With("kind", t.Kind().String())
	}
}

func fieldAt(t reflect.Type, off uintptr) (reflect.StructField, bool) {
	for i := t.NumField() - 1; i >= 0; i-- {
		if f := t.Field(i); f.Offset <= off && off < f.Offset+max(f.Type.Size(), 1) {
			return f, true
		}
	}
	return reflect.StructField{}, false
}
