package gobinary

import (
	"reflect"
	"strings"
)

// Type is a Go type, or a struct of the runtime that has no name in Go, such
// as the header of a map with its key and element types.
type Type struct {
	Name   string
	Kind   reflect.Kind // Invalid for what is no Go type
	Size   int64        // bytes
	Elem   *Type        // of arrays, channels, maps, pointers and slices; nil where the DWARF does not say
	Key    *Type        // of maps
	Impl   *Type        // of channels and maps: the struct that a value points to; of interfaces: the runtime's struct
	Len    int64        // of arrays
	Fields []Field      // of structs, in order
}

// Field is a field of a struct.
type Field struct {
	Name     string
	Offset   int64
	Type     *Type
	Embedded bool
}

// Field returns the field called name.
func (t *Type) Field(name string) (Field, bool) {
	for _, f := range t.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Direct reports whether an interface holds a value of type t in its data word
// itself, not a pointer to it.
func (t *Type) Direct() bool {
	switch t.Kind {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	case reflect.Struct:
		return len(t.Fields) == 1 && t.Fields[0].Type.Direct()
	case reflect.Array:
		return t.Len == 1 && t.Elem != nil && t.Elem.Direct()
	}
	return false
}

// TypeArgument returns the first type argument of an instantiated generic
// struct that has a field of type [0]*T, as sync/atomic.Pointer has.
func (t *Type) TypeArgument() *Type {
	for _, f := range t.Fields {
		if f.Type.Kind == reflect.Array && f.Type.Len == 0 && f.Type.Elem != nil && f.Type.Elem.Kind == reflect.Pointer {
			return f.Type.Elem.Elem
		}
	}
	return nil
}

// Is reports whether t is an instance of the generic type name, or the type
// itself.
func (t *Type) Is(name string) bool {
	rest, ok := strings.CutPrefix(t.Name, name)
	return ok && (rest == "" || rest[0] == '[')
}

// Variable is a package variable.
type Variable struct {
	Name string // with the package path: "example.com/store.cache"
	Addr uint64 // as linked
	Type *Type
}

// Capture is a variable that a closure holds.
type Capture struct {
	Name   string
	Offset int64 // in the closure's object, whose first word is the code's address
	Type   *Type // of what is there: a pointer if the variable is captured by reference
}
