package build

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/ghostread/ghostread/internal/procgroup"
)

// goCommand runs the toolchain's go command in the user's directory.
func (c Config) goCommand(ctx context.Context, args ...string) (stdout, stderr []byte, err error) {
	name := "go"
	env := c.environ()
	if c.Overlay != nil {
		name = c.Overlay.Toolchain.Go()
		env = c.Overlay.Toolchain.Env(env)
	}
	env = append(env[:len(env):len(env)], "GOFLAGS="+strings.Join(keptFlags(c.goFlags()), " "))
	if c.Oracle {
		env = append(env, "CGO_ENABLED=1")
	}
	return run(ctx, c.Dir, env, name, args...)
}

func (c Config) environ() []string {
	if c.Env == nil {
		return os.Environ()
	}
	return c.Env
}

// goFlags is GOFLAGS, also when only `go env -w` knows it.
func (c Config) goFlags() []string {
	flags := ""
	if c.Overlay != nil {
		flags = c.Overlay.Toolchain.Flags
	}
	for _, kv := range c.environ() {
		if v, ok := strings.CutPrefix(kv, "GOFLAGS="); ok {
			flags = v
		}
	}
	return strings.Fields(flags)
}

// splitFlag is "tags" and "a,b" for "-tags=a,b" and "--tags=a,b".
func splitFlag(flag string) (name, value string) {
	name, value, _ = strings.Cut(strings.TrimLeft(flag, "-"), "=")
	return name, value
}

// flagTags are the build tags of GOFLAGS: -tags on the command line would
// replace them.
func flagTags(flags []string) []string {
	var tags []string
	for _, f := range flags {
		if name, value := splitFlag(f); name == "tags" && value != "" {
			tags = strings.Split(value, ",") // the last one counts
		}
	}
	return tags
}

// keptFlags is GOFLAGS without what contradicts our own instrumentation.
func keptFlags(flags []string) []string {
	kept := []string{}
	for _, f := range flags {
		switch name, _ := splitFlag(f); name {
		case "tags", "race", "msan", "asan", "cover", "covermode", "coverpkg", "overlay", "gcflags", "json", "v":
		default:
			kept = append(kept, f)
		}
	}
	return kept
}

// run runs a command as a process group of its own and kills all of it, the
// compilers too, when ctx is done.
func run(ctx context.Context, dir string, env []string, name string, args ...string) (stdout, stderr []byte, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	procgroup.Own(cmd)
	cmd.WaitDelay = 5 * time.Second // a grandchild may have left the group and hold the pipes
	err = cmd.Run()
	return out.Bytes(), errs.Bytes(), err
}
