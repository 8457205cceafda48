package worlds

import (
	"net"
	"testing"
)

func waitForever(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	l.Accept()
}
