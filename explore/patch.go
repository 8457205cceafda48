package explore

import (
	"github.com/ghostread/ghostread/explore/overlay"
	"github.com/ghostread/ghostread/explore/sched"
)

// Patch is what turns a Go release into one whose tests can be explored.
func Patch() (overlay.Patch, error) { return sched.Patch(shared) }
