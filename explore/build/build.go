// Package build turns package patterns into test binaries that run on a
// patched Go release.
//
// [List] finds the packages that have tests, [Build] compiles the tests of one
// of them with an overlay, and [Tests] asks the binary what is in it. All three
// run the go command of the toolchain in the user's directory, so modules,
// workspaces, vendor directories and build tags mean what they always mean.
//
// No C compiler is needed. The go command insists on cgo for -race, because
// its race runtime is written in C++; the patched release has none. So the
// instrumentation is asked of the compiler (-gcflags=all=-race) and the files
// of the instrumented runtime are selected by their tag, which leaves
// CGO_ENABLED at what the user's machine has. The tags netgo and osusergo keep
// the standard library free of C everywhere, so a hunt schedules the same
// program on a machine with a C compiler and on one without.
//
// Build runs the go command each time: it knows best what is stale, and says so
// in a fraction of a second, since the binary of the last build stays where it
// was. TestBuildAgainWhenNeeded has what makes it build anew. Binaries take no
// more than 4 GB; those that were not used for longest go first, and never ones
// that another process may run.
package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ghostread/ghostread/explore/overlay"
)

// Config is where and how the go command runs.
type Config struct {
	Dir     string           // the user's directory
	Env     []string         // nil means the environment of this process
	Tags    []string         // build tags besides those of GOFLAGS
	Overlay *overlay.Overlay // nil builds with the release as it is, for tests
	Cache   string           // where binaries go; "" means ghostread's cache directory
	Oracle  bool             // the overlay keeps the C race detector of the release: build with -race and cgo
}

// Binary is a test binary and how to run it.
type Binary struct {
	Package Package
	File    string   // named by its content: another build does not overwrite it
	Dir     string   // the working directory tests expect
	Env     []string // what the run needs besides the caller's environment
	Engine  string   // Overlay.Sum
	Release string   // of Go, like go1.26.8
	Tags    []string // Config.Tags
}

// Build compiles the tests of a package. What the compiler rejects is an
// [*Error] with its words.
func Build(ctx context.Context, c Config, pkg Package) (*Binary, error) {
	cache, err := overlay.CacheDir(c.Cache)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "bin", c.key(pkg))
	unlock, err := lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", pkg.ImportPath, err)
	}
	defer unlock()
	hold(dir)

	// The go command finds out from the file of the last build, which stays
	// at its place, that linking is not necessary.
	last := filepath.Join(dir, "last.test")
	args := append([]string{"test", "-c", "-vet=off", "-o", last}, c.flags()...)
	_, stderr, err := c.goCommand(ctx, append(args, pkg.ImportPath)...)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, newError(pkg.ImportPath, stderr, err)
	}
	overlay.Use(dir, keep)
	evict(filepath.Dir(dir), keepBytes)
	file, err := publish(dir, last)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", pkg.ImportPath, err)
	}
	env, err := c.runEnv(file)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", pkg.ImportPath, err)
	}
	if c.Oracle {
		env = append(env, "GORACE=exitcode=0") // what its init functions do is not our business
	}
	b := &Binary{Package: pkg, File: file, Dir: pkg.Dir, Env: env, Tags: c.Tags}
	if c.Overlay != nil {
		b.Engine, b.Release = c.Overlay.Sum, c.Overlay.Toolchain.Version
	}
	return b, nil
}

// key names the directory of a package's binaries.
func (c Config) key(pkg Package) string {
	h := sha256.New()
	sum := ""
	if c.Overlay != nil {
		sum = c.Overlay.Sum
	}
	fmt.Fprintf(h, "%q", []string{sum, pkg.ImportPath, pkg.Dir, strings.Join(c.flags(), " ")})
	return hex.EncodeToString(h.Sum(nil))[:20]
}

func (c Config) flags() []string {
	tags := slices.Concat(flagTags(c.goFlags()), c.Tags)
	if c.Overlay == nil {
		return []string{"-tags=" + strings.Join(tags, ",")}
	}
	if c.Oracle {
		tags = append(tags, "netgo", "osusergo", "ghostread")
		return append([]string{"-tags=" + strings.Join(tags, ","), "-race"}, c.Overlay.Flags...)
	}
	tags = append(tags, "race", "netgo", "osusergo", "ghostread")
	return append([]string{"-tags=" + strings.Join(tags, ","), "-gcflags=all=-race"}, c.Overlay.Flags...)
}

// runEnv is what the program needs to be explored. Before Go 1.23 the channels
// of timers were fed from outside the scheduler; a module that asks for this
// by its go line, a godebug line or the environment gets today's ones.
func (c Config) runEnv(file string) ([]string, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, err
	}
	godebug := ""
	for _, kv := range c.environ() {
		if v, ok := strings.CutPrefix(kv, "GODEBUG="); ok {
			godebug = v
		}
	}
	settings := godebug
	for _, s := range info.Settings {
		if s.Key == "DefaultGODEBUG" {
			settings = s.Value + "," + settings
		}
	}
	value := ""
	for s := range strings.SplitSeq(settings, ",") {
		if v, ok := strings.CutPrefix(s, "asynctimerchan="); ok {
			value = v
		}
	}
	if value == "" || value == "0" {
		return nil, nil
	}
	if godebug != "" {
		godebug += ","
	}
	return []string{"GODEBUG=" + godebug + "asynctimerchan=0"}, nil
}

// publish gives the binary a name of its own that no later build changes: a
// hunt may still run it while another one builds.
func publish(dir, last string) (string, error) {
	f, err := os.Open(last)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	file := filepath.Join(dir, hex.EncodeToString(h.Sum(nil))[:20]+".test")
	removeOld(dir, file)
	if err := os.Link(last, file); err == nil || errors.Is(err, fs.ErrExist) {
		return file, nil
	}
	// No hard links here: the go command links once more next time.
	return file, os.Rename(last, file)
}

// keep is how long a binary stays that nobody builds or finds again.
const keep = 7 * 24 * time.Hour

// Of the binaries of one package, so many stay; more if they were built within
// the last hour, because another hunt may still run them.
const (
	keepOld   = 8
	keepFresh = time.Hour
)

// removeOld removes the binaries of earlier sources. It is best effort, as
// [overlay.Use] is.
func removeOld(dir, but string) {
	names, _ := filepath.Glob(filepath.Join(dir, "*.test"))
	type old struct {
		name string
		age  time.Duration
	}
	var all []old
	for _, name := range names {
		if name == but || filepath.Base(name) == "last.test" {
			continue
		}
		if info, err := os.Stat(name); err == nil {
			all = append(all, old{name, time.Since(info.ModTime())})
		}
	}
	slices.SortFunc(all, func(a, b old) int { return cmp.Compare(a.age, b.age) })
	for i, o := range all {
		if o.age > keep || i >= keepOld && o.age > keepFresh {
			_ = os.Remove(o.name)
		}
	}
}

// lock waits for an exclusive lock on a file, which it makes with its
// directory. The kernel drops it when the process ends, however it ends.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o666)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the directory was evicted just now
		}
		if err != nil {
			return nil, err
		}
		if err := waitLock(ctx, f); err != nil {
			f.Close()
			return nil, err
		}
		mine, err := f.Stat()
		if there, err2 := os.Stat(name); err == nil && err2 == nil && os.SameFile(mine, there) {
			return func() { f.Close() }, nil
		}
		f.Close() // evicted while we waited
	}
}

func waitLock(ctx context.Context, f *os.File) error {
	for {
		err := lockFile(f, true)
		if err == nil {
			return nil
		}
		if !errors.Is(err, errLocked) {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
