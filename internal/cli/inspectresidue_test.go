package cli

import (
	"strings"
	"testing"

	"github.com/ghostread/ghostread/inspect"
)

// TestSearchReport names each secret once, in the order in which they were
// given, with all of its places.
func TestSearchReport(t *testing.T) {
	h := &inspect.Hits{Count: 4, Left: 4, Hits: []inspect.Hit{
		{Secret: "f, line 10", Form: "as it is", Addr: 0x10, Where: "a", Left: true},
		{Secret: "f, line 2", Form: "as it is", Addr: 0x20, Where: "b", Left: true},
		{Secret: "f, line 10", Form: "as it is", Addr: 0x30, Where: "c", Left: true},
		{Secret: "f, line 2", Form: "base64", Addr: 0x40, Where: "d", Left: true},
	}}
	r := searchReport(h, []inspect.Secret{{Name: "f, line 2"}, {Name: "f, line 3"}, {Name: "f, line 10"}}, "server")
	const want = `
f, line 2:
  left    0x20  b
  left    0x40, base64  d

f, line 10:
  left    0x10  a
  left    0x30  c
`
	if !strings.HasSuffix(r.text, want) {
		t.Errorf("got %s\nwant it to end with %s", r.text, want)
	}
}
