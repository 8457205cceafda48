package listing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Compile compiles packages for a port and returns their functions, and the
// listing as it was printed. It runs
//
//	go list -export -gcflags=-S flags...
//
// in dir, which compiles like go build and does not link: a foreign port needs
// no more than the packages that are imported. What the go command takes from
// its cache it prints again, on all releases from 1.18 on.
//
// Flags may end with packages; without one it is that in dir. env is the
// environment, or nil for that of the process. From GOFLAGS, what would change
// the output is left out. An empty goarch is that of the go command.
func Compile(ctx context.Context, goCommand string, env []string, dir, goarch string, flags ...string) ([]Func, string, error) {
	env, err := Environment(ctx, goCommand, env, dir, goarch)
	if err != nil {
		return nil, "", err
	}
	args := []string{"list", "-export", "-f", "{{.ImportPath}}", "-gcflags=-S"}
	args = append(args, flags...)
	if !slices.ContainsFunc(flags, func(f string) bool { return !strings.HasPrefix(f, "-") }) {
		args = append(args, ".")
	}
	cmd := exec.CommandContext(ctx, goCommand, args...)
	cmd.Dir, cmd.Env = dir, env
	var out, listing bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &listing
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		return nil, listing.String(), fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, Complaints(listing.Bytes()))
	}
	fs, err := Parse(bytes.NewReader(listing.Bytes()))
	if err != nil {
		return nil, listing.String(), err
	}
	if len(fs) == 0 {
		return nil, listing.String(), errors.New("the go command printed no listing")
	}
	if goarch == "" {
		goarch = Lookup(env, "GOARCH")
	}
	for i := range fs {
		fs[i].Arch = goarch
	}
	return fs, listing.String(), nil
}

// Environment is env with a port, and with a GOFLAGS that leaves the output of
// the compiler as it is: -json, -x and -v would be mixed into it, -gcflags
// would print none, and -race is not there for all ports.
func Environment(ctx context.Context, goCommand string, env []string, dir, goarch string) ([]string, error) {
	if env == nil {
		env = os.Environ()
	}
	env = slices.Clone(env)
	query := exec.CommandContext(ctx, goCommand, "env", "-json=false", "GOFLAGS", "GOARCH", "GOHOSTARCH")
	query.Dir, query.Env = dir, env
	var stderr bytes.Buffer
	query.Stderr = &stderr
	out, err := query.Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w\n%s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	lines := strings.Split(string(out), "\n")
	if len(lines) < 3 {
		return nil, fmt.Errorf("go env printed %q", out)
	}
	if goarch == "" {
		goarch = lines[1]
	}
	env = append(env, "GOARCH="+goarch, "GOFLAGS="+plainFlags(lines[0]))
	if goarch != lines[2] {
		env = append(env, "CGO_ENABLED=0") // there is rarely a C compiler for it
	}
	return env, nil
}

// plainFlags is GOFLAGS without what changes the output.
func plainFlags(goflags string) string {
	var kept []string
	for _, f := range strings.Fields(goflags) {
		name, _, _ := strings.Cut(strings.TrimLeft(f, "-"), "=")
		switch name {
		case "json", "x", "v", "n", "a", "work", "gcflags", "race", "msan", "asan", "cover", "f", "export", "o", "toolexec", "trimpath":
			continue
		}
		kept = append(kept, f)
	}
	return strings.Join(kept, " ")
}

// Lookup returns the last value of a variable in an environment.
func Lookup(env []string, name string) string {
	for _, e := range slices.Backward(env) {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	if name == "GOARCH" {
		return runtime.GOARCH
	}
	return ""
}

// Complaints are the lines of the go command's output that are no listing.
func Complaints(output []byte) string {
	var kept []string
	for line := range bytes.Lines(output) {
		switch {
		case line[0] == '\t' && (bytes.HasPrefix(line, []byte("\t0x")) || bytes.HasPrefix(line, []byte("\trel "))):
		case bytes.Contains(line, []byte(" STEXT ")), isSymbol(line):
		case bytes.HasPrefix(line, []byte("# ")), bytes.HasPrefix(line, []byte("go: downloading ")):
		default:
			if text := strings.TrimRight(string(line), "\r\n"); text != "" && !slices.Contains(kept, text) {
				kept = append(kept, text) // each package repeats what is wrong with one it needs
			}
		}
	}
	return strings.Join(kept, "\n")
}
