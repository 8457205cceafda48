package finding

import (
	"testing"
)

func TestPlaceSkipsPlumbing(t *testing.T) {
	tests := []struct {
		name  string
		stack []string
		want  string
	}{
		{"own code is innermost", []string{"example.com/a.F", "testing.tRunner"}, "example.com/a.F"},
		{"below sync and runtime", []string{"runtime.gopark", "sync.(*Mutex).Lock", "example.com/a.F"}, "example.com/a.F"},
		{"a package that merely starts alike", []string{"sync2.F", "example.com/a.F"}, "sync2.F"},
		{"internal package of a module", []string{"example.com/internal/a.F"}, "example.com/internal/a.F"},
		{"nothing else", []string{"runtime.gopark", "runtime.goexit"}, "runtime.gopark"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var e Evidence
			for _, fn := range tt.stack {
				e.Stack = append(e.Stack, Frame{Func: fn})
			}
			if got, ok := e.Place(); !ok || got.Func != tt.want {
				t.Errorf("Place() of %v = %q, %v, want %q", tt.stack, got.Func, ok, tt.want)
			}
		})
	}
	if _, ok := (Evidence{}).Place(); ok {
		t.Error("Place() of an empty stack reports a place")
	}
}

func TestFingerprintSeparatesParts(t *testing.T) {
	if a, b := Fingerprint("ab", "c"), Fingerprint("a", "bc"); a == b {
		t.Errorf("Fingerprint(ab, c) = Fingerprint(a, bc) = %s", a)
	}
	if a, b := Fingerprint("x"), Fingerprint("x"); a != b {
		t.Errorf("Fingerprint(x) = %s and %s", a, b)
	}
}

func TestPositionString(t *testing.T) {
	for _, tt := range []struct {
		pos  Position
		want string
	}{
		{Position{"a.go", 3, 7}, "a.go:3:7"},
		{Position{"a.go", 3, 0}, "a.go:3"},
		{Position{"a.go", 0, 7}, "a.go"},
	} {
		if got := tt.pos.String(); got != tt.want {
			t.Errorf("%#v.String() = %q, want %q", tt.pos, got, tt.want)
		}
	}
}

func TestSubjectString(t *testing.T) {
	for _, tt := range []struct {
		s    Subject
		want string
	}{
		{Subject{"example.com/a", "TestX"}, "example.com/a.TestX"},
		{Subject{"example.com/a", ""}, "example.com/a"},
		{Subject{"", "TestX"}, "TestX"},
	} {
		if got := tt.s.String(); got != tt.want {
			t.Errorf("%#v.String() = %q, want %q", tt.s, got, tt.want)
		}
	}
}
