//go:build !linux || !amd64

package cost

import (
	"context"
	"fmt"
	"runtime"
)

func count(context.Context, Job) (map[string]Counts, error) {
	return nil, fmt.Errorf("instructions are counted on linux/amd64, not on %s/%s", runtime.GOOS, runtime.GOARCH)
}
