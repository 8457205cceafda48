package inspect_test

import (
	"fmt"
	"log"
	"testing"

	"github.com/ghostread/ghostread/inspect"
)

func ExampleOf() {
	sessions := map[uint64]string{}
	for i := range uint64(1000) {
		sessions[i] = "user"
	}
	for i := range uint64(900) {
		delete(sessions, i)
	}
	d, err := inspect.Of(sessions)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d entries in %d slots, load %.0f %%\n", d.Entries, d.Slots, 100*d.Load())
	fmt.Println("keys of deleted entries can still be read:", d.KeysLeft > 0)
	// Output:
	// 100 entries in 2048 slots, load 5 %
	// keys of deleted entries can still be read: true
}

func ExampleAssertNoResidue() {
	// In a test: func TestRevoke(t *testing.T)
	_ = func(t *testing.T) {
		tokens := map[[16]byte]int{}
		token := [16]byte{0x5e, 0xc2, 0xe7}
		tokens[token] = 1
		delete(tokens, token)
		inspect.AssertNoResidue(t, tokens, token) // fails: delete leaves the key in its slot
	}
}
