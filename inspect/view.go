package inspect

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// viewer writes values of the target in words.
type viewer struct {
	w    *walk
	look Look
}

// Bounds of what is written of one value.
const (
	viewString   = 80 // bytes
	viewElements = 8
	viewNesting  = 16
)

// slot writes the key or element of type t that is in a slot of type in. Large
// ones are kept behind a pointer.
func (v *viewer) slot(t, in *gobinary.Type, b []byte) string {
	if t == nil || t == in || in.Kind != reflect.Pointer || in.Elem != t {
		return v.value(in, b, 0, 0)
	}
	at := u64(b, 0)
	if !v.w.fits(at, 1, t.Size) {
		return fmt.Sprintf("%#x", at)
	}
	return v.value(t, append([]byte(nil), v.w.t.mem.bytes(at, int(t.Size))...), 0, 0)
}

// value writes a value of type t whose bytes are b. depth counts the pointers
// that were followed, nested the structs around it.
func (v *viewer) value(t *gobinary.Type, b []byte, depth, nested int) string {
	if t == nil || int64(len(b)) < t.Size || nested > viewNesting {
		return "?"
	}
	n := number(b, 0, t.Size)
	switch t.Kind {
	case reflect.Bool:
		return strconv.FormatBool(n != 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		shift := 64 - 8*min(t.Size, 8)
		return strconv.FormatInt(int64(n<<shift)>>shift, 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.FormatUint(n, 10)
	case reflect.Float32:
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(n))), 'g', -1, 32)
	case reflect.Float64:
		return strconv.FormatFloat(math.Float64frombits(n), 'g', -1, 64)
	case reflect.String:
		return v.str(u64(b, 0), u64(b, 8))
	case reflect.Slice:
		return v.slice(t, u64(b, 0), u64(b, 8), depth, nested)
	case reflect.Array:
		if t.Elem != nil && t.Elem.Kind == reflect.Uint8 && t.Len > 0 && !v.look.Values {
			return t.Name + " of " + Plural(uint64(t.Len), "byte")
		}
		return t.Name + v.elements(t.Elem, b, uint64(t.Len), depth, nested)
	case reflect.Struct:
		var parts []string
		for _, f := range t.Fields {
			if f.Offset < 0 || f.Type.Size < 0 || f.Offset > int64(len(b))-f.Type.Size {
				continue
			}
			parts = append(parts, f.Name+": "+v.value(f.Type, b[f.Offset:f.Offset+f.Type.Size], depth, nested+1))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Pointer:
		elem, size := t.Elem, int64(0)
		if elem != nil {
			size = elem.Size
		}
		if n == 0 {
			return "nil"
		}
		if depth >= v.look.Depth || elem == nil || !v.w.fits(n, 1, size) {
			return fmt.Sprintf("%#x", n)
		}
		to := append([]byte(nil), v.w.t.mem.bytes(n, int(size))...)
		return "&" + v.value(elem, to, depth+1, nested+1)
	case reflect.Interface:
		return v.iface(t, u64(b, 0), u64(b, 8), depth, nested)
	case reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		if n == 0 {
			return "nil"
		}
		return fmt.Sprintf("%s at %#x", t.Kind, n)
	}
	return fmt.Sprintf("% x", b)
}

// str writes a string, or how long it is.
func (v *viewer) str(addr, n uint64) string {
	if n == 0 {
		return `""`
	}
	if !v.look.Values {
		return "string of " + Plural(n, "byte")
	}
	some := min(n, viewString)
	b := v.w.t.mem.bytes(addr, int(some))
	if b == nil {
		return fmt.Sprintf("string of %s at %#x, which cannot be read", Plural(n, "byte"), addr)
	}
	s := strconv.Quote(string(b))
	if some < n {
		s += fmt.Sprintf("... (%s bytes)", Count(n))
	}
	return s
}

func (v *viewer) slice(t *gobinary.Type, addr, n uint64, depth, nested int) string {
	switch {
	case addr == 0:
		return "nil"
	case t.Elem == nil:
		return "?"
	case t.Elem.Kind == reflect.Uint8 && !v.look.Values:
		return t.Name + " of " + Plural(n, "byte")
	case n == 0 || t.Elem.Size == 0 || !v.w.fits(addr, n, t.Elem.Size):
		return fmt.Sprintf("%s of %s", t.Name, Count(n))
	}
	some := min(n, viewElements)
	b := append([]byte(nil), v.w.t.mem.bytes(addr, int(some)*int(t.Elem.Size))...)
	return t.Name + v.elements(t.Elem, b, n, depth, nested)
}

// elements writes n elements, of which the first are in b.
func (v *viewer) elements(t *gobinary.Type, b []byte, n uint64, depth, nested int) string {
	if t == nil || t.Size <= 0 {
		return "{}"
	}
	var parts []string
	for i := uint64(0); i < min(n, viewElements) && int64(i+1)*t.Size <= int64(len(b)); i++ {
		parts = append(parts, v.value(t, b[int64(i)*t.Size:int64(i+1)*t.Size], depth, nested+1))
	}
	if n > viewElements {
		parts = append(parts, fmt.Sprintf("... %s in all", Count(n)))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (v *viewer) iface(t *gobinary.Type, tab, data uint64, depth, nested int) string {
	if tab == 0 {
		return "nil"
	}
	dynamic, ok := v.w.dynamic(!v.w.empty(t), tab)
	if !ok {
		return fmt.Sprintf("interface at %#x", data)
	}
	var b []byte
	if dynamic.Direct() {
		for i := range 8 {
			b = append(b, byte(data>>(8*i)))
		}
	} else if depth >= v.look.Depth || !v.w.fits(data, 1, dynamic.Size) {
		return fmt.Sprintf("(%s) at %#x", dynamic.Name, data)
	} else {
		b = append(b, v.w.t.mem.bytes(data, int(dynamic.Size))...)
		depth++
	}
	return "(" + dynamic.Name + ") " + v.value(dynamic, b, depth, nested+1)
}
