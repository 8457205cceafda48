package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ghostread/ghostread/explore/overlay"
)

// Oldest is the first minor release the programs of the lab are written for.
const Oldest = 18

// DefaultReleases are the releases of a matrix when none are named: every
// minor release from Oldest to that of the go command in PATH.
func DefaultReleases(ctx context.Context) ([]string, error) {
	local, err := overlay.Detect(ctx, os.TempDir(), baseEnv())
	if err != nil {
		return nil, err
	}
	var names []string
	for minor := Oldest; minor <= local.Minor(); minor++ {
		names = append(names, "1."+strconv.Itoa(minor))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the go command in PATH is %s, for which the lab has no programs; name a release with --go 1.26", local.Version)
	}
	return names, nil
}

// A release is a toolchain that is ready to use, or the reason why not.
type release struct {
	info ReleaseInfo
	tc   overlay.Toolchain
}

// releaseName is 1.22, 1.22.12 or 1.27rc1.
var releaseName = regexp.MustCompile(`^(go)?1\.\d+(\.\d+|(rc|beta)\d+)?$`)

// CheckRelease says what is wrong with the name of a release.
func CheckRelease(name string) error {
	minor := minorOf(name)
	switch {
	case !releaseName.MatchString(name):
		return fmt.Errorf("%q is no release of Go; write 1.22 or 1.22.12", name)
	case minor < Oldest:
		return fmt.Errorf("the programs of the lab need Go 1.%d or later, and %s is older", Oldest, name)
	}
	return nil
}

// find locates the toolchain that a name stands for, and downloads it when it
// is not there. 1.22 is the go command in PATH when that is some 1.22, else
// the newest patch release of 1.22 that was downloaded before, else the newest
// that there is.
func find(ctx context.Context, name string, local overlay.Toolchain) release {
	r := release{info: ReleaseInfo{Asked: name, Minor: minorOf(name)}}
	skip := func(format string, args ...any) release {
		r.info.Skipped = fmt.Sprintf(format, args...)
		return r
	}
	if err := CheckRelease(name); err != nil {
		return skip("%v", err)
	}
	version := strings.TrimPrefix(name, "go")
	exact := strings.Count(version, ".") == 2 || strings.ContainsAny(version, "rb")
	switch {
	case local.Version == "go"+version, !exact && local.Minor() == r.info.Minor:
		r.tc = local
	default:
		if !exact {
			patch, err := newestPatch(ctx, version, local)
			if err != nil {
				return skip("%v", err)
			}
			version = patch
		}
		tc, err := overlay.Detect(ctx, os.TempDir(), append(baseEnv(), "GOTOOLCHAIN=go"+version))
		if err != nil {
			return skip("go%s cannot be had here: %s", version, lastLine(err.Error()))
		}
		r.tc = tc
	}
	r.info.Version = strings.TrimPrefix(r.tc.Version, "go")
	return r
}

// newestPatch turns 1.22 into 1.22.12.
func newestPatch(ctx context.Context, version string, local overlay.Toolchain) (string, error) {
	suffix := "." + local.OS + "-" + local.Arch
	pattern := filepath.Join(local.ModCache, "golang.org", "toolchain@v0.0.1-go"+version+".*"+suffix)
	there, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	var found []string
	for _, dir := range there {
		_, v, _ := strings.Cut(filepath.Base(dir), "-go")
		if _, err := os.Stat(filepath.Join(dir, "bin", "go")); err == nil {
			found = append(found, strings.TrimSuffix(v, suffix))
		}
	}
	if len(found) == 0 {
		if found, err = listPatches(ctx, version, local, suffix); err != nil {
			return "", err
		}
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return patchOf(a) - patchOf(b) })
	return newest, nil
}

// listPatches asks the module proxy for the patch releases of a release.
func listPatches(ctx context.Context, version string, local overlay.Toolchain, suffix string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, local.Go(), "list", "-m", "-versions", "golang.org/toolchain")
	cmd.Dir, cmd.Env = os.TempDir(), local.Env(baseEnv())
	out, err := cmd.Output()
	if err != nil {
		why := err.Error()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
			why = lastLine(string(exit.Stderr))
		}
		return nil, fmt.Errorf("no release of Go %s is here, and which there are is not known: %s", version, why)
	}
	var found []string
	for _, v := range strings.Fields(string(out)) {
		v, ok := strings.CutPrefix(v, "v0.0.1-go"+version+".")
		if patch, is := strings.CutSuffix(v, suffix); ok && is && patchOf("1.0."+patch) >= 0 {
			found = append(found, version+"."+patch)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no release of Go %s for %s/%s", version, local.OS, local.Arch)
	}
	return found, nil
}

// patchOf is 12 for 1.22.12 and -1 for what has no such number.
func patchOf(v string) int {
	n, err := strconv.Atoi(v[strings.LastIndexByte(v, '.')+1:])
	if err != nil {
		return -1
	}
	return n
}

// settings are variables that change what a build or a program does, so that
// a user's own must not leak into an experiment.
var settings = []string{
	"GOFLAGS", "GOEXPERIMENT", "GODEBUG", "GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GORACE", "GOTRACEBACK",
	"GOARCH", "GOOS", "GOAMD64", "CGO_ENABLED", "GOWORK", "GOTOOLCHAIN", "GOROOT", "GO111MODULE", "GOMAPLOAD", "ASAN_OPTIONS",
}

// baseEnv is the environment of this process without settings.
func baseEnv() []string {
	return append(slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(settings, name)
	}), "GOFLAGS=-mod=mod", "GOWORK=off")
}

// thisHost describes the machine.
func thisHost() Host {
	h := Host{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: "unknown CPU", CPUs: runtime.NumCPU()}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				h.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if v, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		h.Kernel, _, _ = strings.Cut(strings.TrimSpace(string(v)), "-") // what follows names a build
	}
	return h
}

// lastLine is where the go command says what went wrong, after it has said
// what it does.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return strings.TrimSpace(s[strings.LastIndexByte(s, '\n')+1:])
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
