package overlay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Toolchain is a Go release on this machine, as the go command of a directory
// selects it.
type Toolchain struct {
	Version    string // GOVERSION: go1.26.8
	Root       string // GOROOT
	OS, Arch   string // GOOS and GOARCH of the test binaries
	Experiment string // GOEXPERIMENT
	ModCache   string // GOMODCACHE
	Flags      string // GOFLAGS, from the environment or go env -w
}

// Detect asks the go command which release it uses in dir. The go.mod and
// GOTOOLCHAIN in effect there may select another one than the first in PATH.
// A nil env means the environment of this process.
func Detect(ctx context.Context, dir string, env []string) (Toolchain, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "-json", "GOVERSION", "GOROOT", "GOOS", "GOARCH", "GOEXPERIMENT", "GOMODCACHE", "GOFLAGS")
	cmd.Dir, cmd.Env = dir, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	where := "go env"
	if dir != "" {
		where += " in " + dir
	}
	if err != nil {
		if msg := strings.TrimSpace(stderr.String()); msg != "" {
			return Toolchain{}, fmt.Errorf("%s: %s", where, msg)
		}
		return Toolchain{}, fmt.Errorf("%s: %w", where, err)
	}
	var v struct{ GOVERSION, GOROOT, GOOS, GOARCH, GOEXPERIMENT, GOMODCACHE, GOFLAGS string }
	if err := json.Unmarshal(out, &v); err != nil {
		return Toolchain{}, fmt.Errorf("%s: %w", where, err)
	}
	return Toolchain{
		Version: v.GOVERSION, Root: v.GOROOT, OS: v.GOOS, Arch: v.GOARCH,
		Experiment: v.GOEXPERIMENT, ModCache: v.GOMODCACHE, Flags: v.GOFLAGS,
	}, nil
}

var releaseName = regexp.MustCompile(`^1\.[0-9]+(\.[0-9]+|rc[0-9]+)?$`)

// Select returns env changed so that the go command is the release named
// version, such as "1.25.7" or "go1.25.7". It downloads it when it is not
// there. A nil env means the environment of this process.
func Select(env []string, version string) ([]string, error) {
	name := strings.TrimPrefix(version, "go")
	if !releaseName.MatchString(name) {
		return nil, fmt.Errorf("%q names no Go release; want one like 1.25.7", version)
	}
	if env == nil {
		env = os.Environ()
	}
	return append(env[:len(env):len(env)], "GOTOOLCHAIN=go"+name), nil
}

// Minor is 26 for go1.26.8 and go1.26rc1, and -1 for a version that is no
// release of Go 1.
func (t Toolchain) Minor() int {
	v, ok := strings.CutPrefix(t.Version, "go1.")
	if !ok {
		return -1
	}
	digits := len(v)
	if i := strings.IndexFunc(v, func(r rune) bool { return r < '0' || '9' < r }); i >= 0 {
		digits = i
	}
	n, err := strconv.Atoi(v[:digits])
	if err != nil {
		return -1
	}
	return n
}

// Go is the path of the toolchain's go command.
func (t Toolchain) Go() string { return filepath.Join(t.Root, "bin", "go") }

// Env is env, or the environment of this process when env is nil, changed so
// that the go command is this toolchain and stays it.
func (t Toolchain) Env(env []string) []string {
	if env == nil {
		env = os.Environ()
	}
	path := filepath.Join(t.Root, "bin")
	for _, kv := range env {
		if old, ok := strings.CutPrefix(kv, "PATH="); ok && old != "" {
			path = filepath.Join(t.Root, "bin") + string(filepath.ListSeparator) + old
		}
	}
	return append(env[:len(env):len(env)], "GOROOT="+t.Root, "GOTOOLCHAIN=local", "PATH="+path)
}

// Releases names the releases that the patch is for: "Go 1.24 to 1.27".
func (p Patch) Releases() string {
	if p.Max > p.Min {
		return fmt.Sprintf("Go 1.%d to 1.%d", p.Min, p.Max)
	}
	return fmt.Sprintf("Go 1.%d", p.Min)
}

// applies reports whether the patch is written for this toolchain. That tests
// can be run with it, Check says.
func (p Patch) applies(t Toolchain) bool {
	return t.OS == "linux" && (t.Arch == "amd64" || t.Arch == "arm64") && p.Min <= t.Minor() && t.Minor() <= p.Max
}

// Check returns an [*UnsupportedError] unless tests can be explored with the
// patched toolchain. [Generate] does more: the patch for linux/arm64 compiles,
// and was never run on such a machine.
func (p Patch) Check(t Toolchain) error {
	if t.Arch == "amd64" && p.applies(t) {
		return nil
	}
	help := "Choose another release with --go or GOTOOLCHAIN"
	switch {
	case t.OS == "linux" && t.Arch == "arm64":
		help = "The patch for linux/arm64 compiles, and was never run on such a machine, so its answers could not be relied on. Use a linux/amd64 machine, or set GOARCH back"
	case t.OS != "linux" || t.Arch != "amd64":
		help = "Use a linux/amd64 machine, or set GOOS and GOARCH back"
	}
	return &UnsupportedError{
		Got:  t.Version + " " + t.OS + "/" + t.Arch,
		Want: p.Releases() + " on linux/amd64",
		Help: help,
	}
}
