package build

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// CheckC reports what is missing for a build with -race, which links a race
// detector written in C++: a C compiler, the one that the go command would use
// in dir.
func CheckC(ctx context.Context, dir string) error {
	out, stderr, err := run(ctx, dir, nil, "go", "env", "CC")
	if err != nil {
		return fmt.Errorf("go env CC: %w: %s", err, strings.TrimSpace(string(stderr)))
	}
	words := strings.Fields(string(out))
	if len(words) == 0 {
		words = []string{"gcc"}
	}
	if _, err := exec.LookPath(words[0]); err != nil {
		return fmt.Errorf("the race detector of Go is linked by a C compiler, and %s is not there; install it, or name another one with CC=", words[0])
	}
	return nil
}
