package overlay

import "testing"

func TestProbes(t *testing.T) {
	src := newSource(fakeRoot(t, map[string]string{"pond/pond.go": pond}))
	tests := []struct {
		name  string
		probe Probe
		want  bool
	}{
		{"file that exists", Exists("pond/pond.go"), true},
		{"directory that exists", Exists("pond"), true},
		{"file that does not", Exists("pond/sea.go"), false},
		{"text that is there", Contains("pond/pond.go", "type fish"), true},
		{"text that is not", Contains("pond/pond.go", "type shark"), false},
		{"text in no file", Contains("pond/sea.go", "type fish"), false},
		{"release in range", Minor(24, 26), true},
		{"release above", Minor(24, 25), false},
		{"release below", Minor(27, 28), false},
		{"not", Not(Exists("pond")), false},
		{"all", All(Exists("pond"), Minor(26, 26)), true},
		{"all but one", All(Exists("pond"), Minor(27, 27)), false},
		{"none asked", nil, true},
	}
	for _, tt := range tests {
		if got := src.holds(tt.probe); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
