package cost

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	Target()
	os.Exit(m.Run())
}

// What follows is known from the code of the maps.
func TestCount(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("counters of coverage would be counted")
	}
	c, err := Count(t.Context(), Job{Peer: "freshmap", Key: "int", Size: 100, Rounds: 4})
	if err != nil {
		t.Fatal(err)
	}
	for name, locked := range map[string]float64{"hit": 0, "miss": 0, "overwrite": 3, "delete absent": 0} {
		if got := c[name]; got.Locked != locked || got.Instructions < 40 || got.Instructions > 400 || got.Bytes != 0 {
			t.Errorf("%s: %+v, want %v locked instructions, some hundred at most in all, and nothing allocated", name, got, locked)
		}
	}
	if hit := c["hit"]; hit.Stores != 0 || hit.Lines < 1 || hit.Chain > hit.Lines {
		t.Errorf("hit: %+v, want no store, and at most all of one line or more in a row", hit)
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		code           []byte
		locked, branch bool
	}{
		{[]byte{0x48, 0x87, 0x08}, true, false},             // XCHGQ CX, 0(AX)
		{[]byte{0x48, 0x87, 0xc8}, false, false},            // XCHGQ CX, AX
		{[]byte{0xf0, 0x48, 0x0f, 0xc1, 0x08}, true, false}, // LOCK XADDQ CX, 0(AX)
		{[]byte{0x48, 0x8b, 0x08}, false, false},            // MOVQ 0(AX), CX
		{[]byte{0x74, 0x05}, false, true},                   // JEQ
	} {
		if in := decode(c.code); in.locked != c.locked || in.branch != c.branch {
			t.Errorf("decode(% x): locked %t, branch %t, want %t, %t", c.code, in.locked, in.branch, c.locked, c.branch)
		}
	}
}
