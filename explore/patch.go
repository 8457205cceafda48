package explore

import (
	"github.com/ghostread/ghostread/explore/overlay"
	"github.com/ghostread/ghostread/explore/sched"
)

// Patch is what turns a Go release into one whose tests can be explored.
func Patch() (overlay.Patch, error) { return sched.Patch(shared) }

// OraclePatch is Patch for a release that keeps its own race detector, so that
// what both find can be compared.
func OraclePatch() (overlay.Patch, error) { return sched.OraclePatch(shared) }
