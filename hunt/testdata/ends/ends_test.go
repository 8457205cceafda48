// Package ends has tests that do not come to an end of their own.
package ends

import (
	"os"
	"testing"
)

func TestExits(t *testing.T) { os.Exit(3) }

func TestSkipped(t *testing.T) { t.Skip("not today") }
