package finding

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMerge(t *testing.T) {
	in := func(test, fingerprint string, also ...string) Finding {
		return Finding{Subject: Subject{Package: "p", Test: test}, Fingerprint: fingerprint, AlsoIn: also}
	}
	tests := []struct {
		name string
		list []Finding
		want []Finding
	}{
		{"nothing", nil, nil},
		{"different causes stay", []Finding{in("A", "1"), in("B", "2")}, []Finding{in("A", "1"), in("B", "2")}},
		{"equal causes: the first stays", []Finding{in("A", "1"), in("C", "1"), in("B", "1")}, []Finding{in("A", "1", "p.B", "p.C")}},
		{"the same test twice is not elsewhere", []Finding{in("A", "1"), in("A", "1")}, []Finding{in("A", "1")}},
		{"merged ones merge", []Finding{in("A", "1", "p.B"), in("C", "1", "p.A", "p.B", "p.D")}, []Finding{in("A", "1", "p.B", "p.C", "p.D")}},
		{"without fingerprint nothing is equal", []Finding{in("A", ""), in("B", "")}, []Finding{in("A", ""), in("B", "")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Merge(tt.list)); diff != "" {
				t.Errorf("Merge (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSetLeavesTheCallersSliceAlone(t *testing.T) {
	also := make([]string, 1, 4)
	also[0] = "p.X"
	var s Set
	s.Add(Finding{Fingerprint: "1", AlsoIn: also})
	s.Add(Finding{Fingerprint: "1", Subject: Subject{Package: "p", Test: "A"}})
	if got := also[:2][1]; got != "" {
		t.Errorf("Add wrote %q behind the caller's AlsoIn", got)
	}
	if s.Len() != 1 {
		t.Errorf("Len() = %d, want 1", s.Len())
	}
}
