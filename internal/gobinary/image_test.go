package gobinary

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestOpen gives a typed error for what is no executable of Go. What is read
// of one that is, the tests of package inspect compare with running programs.
func TestOpen(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(text); !errors.As(err, new(*NotGoError)) {
		t.Errorf("a script: got %v, want a NotGoError", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v, want that it does not exist", err)
	}
}

func TestDirect(t *testing.T) {
	pointer := &Type{Kind: reflect.Pointer, Size: 8}
	number := &Type{Kind: reflect.Int, Size: 8}
	tests := []struct {
		name string
		t    *Type
		want bool
	}{
		{"*T", pointer, true},
		{"map", &Type{Kind: reflect.Map}, true},
		{"int", number, false},
		{"string", &Type{Kind: reflect.String, Size: 16}, false},
		{"struct{ p *T }", &Type{Kind: reflect.Struct, Fields: []Field{{Type: pointer}}}, true},
		{"struct{ n int }", &Type{Kind: reflect.Struct, Fields: []Field{{Type: number}}}, false},
		{"struct{ p, q *T }", &Type{Kind: reflect.Struct, Fields: []Field{{Type: pointer}, {Type: pointer}}}, false},
		{"[1]*T", &Type{Kind: reflect.Array, Len: 1, Elem: pointer}, true},
		{"[2]*T", &Type{Kind: reflect.Array, Len: 2, Elem: pointer}, false},
	}
	for _, tt := range tests {
		if got := tt.t.Direct(); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestIs(t *testing.T) {
	generic := &Type{Name: "sync/atomic.Pointer[main.leaf]"}
	if !generic.Is("sync/atomic.Pointer") || generic.Is("sync/atomic.Point") || generic.Is("atomic.Pointer") {
		t.Error("an instance of a generic type is not told by its name")
	}
}

// TestReceiverOf reads receivers from the names of method values.
func TestReceiverOf(t *testing.T) {
	for function, want := range map[string]string{
		"main.(*server).serve-fm":                       "*main.server",
		"example.com/a.b/v2/server.(*Server).reload-fm": "*example.com/a.b/v2/server.Server",
		"encoding/json.floatEncoder.encode-fm":          "encoding/json.floatEncoder",
		"main.(*cache[go.shape.int]).get-fm":            "",
		"main.(*server).serve":                          "",
		"-fm":                                           "",
		"main.serve.func1":                              "",
	} {
		if got := receiverOf(function); got != want {
			t.Errorf("receiverOf(%q) = %q, want %q", function, got, want)
		}
	}
}
