package listing

import "testing"

func TestOrdering(t *testing.T) {
	tests := []struct {
		arch string
		in   Instruction
		want Order
	}{
		{"amd64", Instruction{Op: "XCHGQ", Args: "AX, (CX)"}, ReadModifyWrite},
		{"amd64", Instruction{Op: "XCHGL", Args: "AX, AX"}, Unordered}, // a NOP
		{"amd64", Instruction{Op: "LOCK XADDQ", Args: "AX, (CX)"}, ReadModifyWrite},
		{"amd64", Instruction{Op: "XADDQ", Args: "AX, (CX)"}, Unordered},
		{"amd64", Instruction{Op: "MFENCE"}, Sequential},
		{"amd64", Instruction{Op: "MOVQ", Args: "(CX), AX"}, Unordered},
		{"arm64", Instruction{Op: "LDAR", Args: "(R1), R0"}, LoadAcquire},
		{"arm64", Instruction{Op: "LDADDALW", Args: "R0, (R1), R2"}, ReadModifyWrite},
		{"arm64", Instruction{Op: "LDADDD", Args: "R0, (R1), R2"}, Unordered},
		{"arm64", Instruction{Op: "STLR", Args: "R0, (R1)"}, StoreRelease},
		{"arm64", Instruction{Op: "DMB", Args: "$11"}, Sequential},
		{"ppc64le", Instruction{Op: "LDAR", Args: "(R4), R5"}, Unordered}, // ldarx, not arm64's
		{"ppc64le", Instruction{Op: "LWSYNC"}, AcquireRelease},
		{"ppc64", Instruction{Op: "SYNC"}, Sequential},
		{"riscv64", Instruction{Op: "AMOSWAPD", Args: "X10, (X5), X0"}, ReadModifyWrite},
		{"riscv64", Instruction{Op: "LRD", Args: "(X5), X10"}, LoadAcquire},
		{"s390x", Instruction{Op: "SYNC"}, Sequential},
		{"loong64", Instruction{Op: "DBAR"}, Sequential},
		{"loong64", Instruction{Op: "DBAR", Args: "$20"}, LoadAcquire},
		{"loong64", Instruction{Op: "DBAR", Args: "$18"}, StoreRelease},
		{"loong64", Instruction{Op: "AMSWAPDBV", Args: "R4, (R5), R0"}, ReadModifyWrite},
		{"mips64le", Instruction{Op: "SYNC"}, Sequential},
		{"plan9", Instruction{Op: "SYNC"}, Unordered},
	}
	for _, tt := range tests {
		if got := Ordering(tt.arch, tt.in); got != tt.want {
			t.Errorf("Ordering(%s, %s %s) = %v, want %v", tt.arch, tt.in.Op, tt.in.Args, got, tt.want)
		}
	}
}

func TestRulesAreComplete(t *testing.T) {
	for _, arch := range Ports() {
		if len(rules[arch]) == 0 {
			t.Errorf("port %s has no rules", arch)
		}
		for _, r := range rules[arch] {
			if r.Source == "" || len(r.Ops) == 0 || r.Order != Unordered && r.Says == "" {
				t.Errorf("%s: rule %+v lacks its source or what it says", arch, r)
			}
		}
	}
}
