package lab

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ghostread/ghostread/explore/overlay"
)

// A bench builds and runs the steps of experiments. It may be used
// concurrently.
type bench struct {
	dir  string // programs, named by their content, kept between runs
	temp string // binaries of this run

	mu     sync.Mutex
	builds map[string]*product
}

// product is a program built once for the steps that share it.
type product struct {
	once sync.Once
	built
}

// built is what a build left.
type built struct {
	dir      string // of the sources
	binary   string
	commands []string
	output   string
	ok       bool
	lacks    string // what the machine does not have and cannot get
	err      error  // the build could not be tried
}

// newBench returns a bench that keeps programs below dir, or in the user's
// cache directory when dir is empty. The caller removes temp.
func newBench(dir string) (*bench, error) {
	dir, err := overlay.CacheDir(dir)
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "ghostread-lab-")
	if err != nil {
		return nil, err
	}
	return &bench{dir: dir, temp: temp, builds: map[string]*product{}}, nil
}

// program is a folder of sources, ready to build.
type program struct {
	dir  string
	name string // experiment/folder, as a reader knows it
}

// place writes a program's files and its go.mod. Its directory is named by
// the content, so the go command's cache knows it the next time.
func (b *bench) place(name string, files map[string][]byte) (program, error) {
	h := sha256.New()
	for _, f := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%q %d\n", f, len(files[f]))
		h.Write(files[f])
	}
	dir := filepath.Join(b.dir, "lab", strings.ReplaceAll(name, "/", "-")+"-"+hex.EncodeToString(h.Sum(nil))[:12])
	p := program{dir, name}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return p, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return p, err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return p, err
	}
	defer os.RemoveAll(fresh)
	if err := writeFiles(fresh, files); err != nil {
		return p, err
	}
	if err := os.Rename(fresh, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(filepath.Join(dir, "go.mod")); there != nil {
			return p, err
		}
	}
	return p, nil
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, src := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(file, src, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// sumFile holds the checksums of a program's modules. As go.sum it would lie
// there without the go.mod, which is made for each release.
const sumFile = "sum.txt"

// files returns what a step's program consists of: the files of its folder
// and a go.mod for the language it is written in.
func (e *Experiment) files(s *Step) (map[string][]byte, error) {
	folder := s.folder()
	files := map[string][]byte{}
	if folder != "" {
		err := fs.WalkDir(e.dir, folder, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			src, err := fs.ReadFile(e.dir, name)
			rel := strings.TrimPrefix(name, folder+"/")
			if rel == sumFile {
				rel = "go.sum"
			}
			files[rel] = src
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if s.Litmus != nil {
		generated, err := s.Litmus.program()
		if err != nil {
			return nil, err
		}
		maps.Copy(files, generated)
	}
	files["go.mod"] = e.goMod(s)
	return files, nil
}

func (e *Experiment) goMod(s *Step) []byte {
	var b strings.Builder
	// The path needs a dot: without one, Go 1.19 takes the module for a part of
	// the standard library (golang/go#61873).
	name := strings.Map(func(r rune) rune {
		if plainRune(r) {
			return r
		}
		return '_'
	}, path.Join(e.Name, cmp.Or(s.folder(), s.Name)))
	fmt.Fprintf(&b, "module example.com/ghostread/lab/%s\n\ngo %s\n", name, s.language())
	for _, r := range s.Build.Require {
		fmt.Fprintf(&b, "\nrequire %s\n", r)
	}
	return []byte(b.String())
}

func (s *Step) language() string { return cmp.Or(s.Language, "1.18") }

// skip says why a step does not run on a release, "" when it does.
func (s *Step) skip(r ReleaseInfo, tools bool) string {
	if r.Skipped != "" {
		return r.Skipped
	}
	if s.Since != "" && r.Minor < minorOf(s.Since) {
		return "it is for Go " + s.Since + " and later"
	}
	if s.Until != "" && r.Minor > minorOf(s.Until) {
		return "it is for Go " + s.Until + " and earlier"
	}
	if r.Minor < minorOf(s.language()) {
		return "its program is written in Go " + s.language()
	}
	if s.Optional == "tools" && !tools {
		return "it takes long, and runs with --tools only"
	}
	needs := s.Needs
	if slices.Contains(s.Build.Flags, "-race") {
		needs = append(slices.Clone(needs), "race")
	}
	for _, n := range needs {
		if reason := machineNeeds[n](); reason != "" {
			return reason
		}
	}
	return ""
}

// prepare builds what the step runs. Steps without a program of their own
// have nothing to build.
func (b *bench) prepare(ctx context.Context, r release, e *Experiment, s *Step) (built, error) {
	if s.Go != nil || s.Compile != nil || len(s.Source) > 0 || s.Explore {
		return built{ok: true}, nil
	}
	files, err := e.files(s)
	if err != nil {
		return built{}, err
	}
	spec, err := json.Marshal([]any{r.info.Version, files, s.Build})
	if err != nil {
		return built{}, err
	}
	b.mu.Lock()
	p := b.builds[string(spec)]
	if p == nil {
		p = &product{}
		b.builds[string(spec)] = p
	}
	b.mu.Unlock()
	p.once.Do(func() { p.built = b.build(ctx, r, e, s, files) })
	return p.built, p.err
}

func (b *bench) build(ctx context.Context, r release, e *Experiment, s *Step, files map[string][]byte) built {
	prog, err := b.place(path.Join(e.Name, cmp.Or(s.folder(), s.Name)), files)
	if err != nil {
		return built{err: err}
	}
	if len(s.Build.Require) > 0 {
		limit, cancel := context.WithTimeout(ctx, buildTimeout)
		c := runChild(limit, prog.dir, r.tc.Env(baseEnv()), r.tc.Go(), "mod", "download")
		cancel()
		if c.status != 0 || c.err != nil {
			return built{lacks: fmt.Sprintf("%s cannot be had here: %s", strings.Join(s.Build.Require, ", "), lastLine(string(c.output)))}
		}
	}
	binary, err := os.MkdirTemp(b.temp, e.Name+"-")
	if err != nil {
		return built{err: err}
	}
	binary = filepath.Join(binary, path.Base(prog.name))
	tc, flags := r.tc, []string{"build", "-buildvcs=false"}
	shown := append([]string{"go", "build"}, s.Build.Flags...)
	if len(s.Build.Overlay) > 0 {
		tc.Experiment = s.Build.Env["GOEXPERIMENT"]
		o, err := patched(ctx, b.dir, tc, s.Build.Overlay)
		if err != nil {
			return built{err: err}
		}
		tc = o.Toolchain
		flags = append(flags, o.Flags...)
		shown = append(shown, "-overlay="+s.overlayFile())
	}
	flags = append(append(flags, s.Build.Flags...), "-o", binary, ".")
	limit, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	child := runChild(limit, prog.dir, tc.Env(append(baseEnv(), list(s.Build.Env)...)), tc.Go(), flags...)
	switch {
	case ctx.Err() != nil:
		return built{lacks: interrupted}
	case limit.Err() != nil:
		return built{err: fmt.Errorf("building took more than %v", buildTimeout)}
	case child.err != nil:
		return built{err: child.err}
	}
	return built{
		dir:      prog.dir,
		binary:   binary,
		commands: s.buildCommands(r, e, append(shown, "-o", path.Base(prog.name), ".")),
		output:   b.clean(r, prog.dir, child.output),
		ok:       child.status == 0,
	}
}

const buildTimeout = 5 * time.Minute

// interrupted is the reason of what did not run any more.
const interrupted = "it was interrupted"

// buildCommands are what a reader types to build a step's program.
func (s *Step) buildCommands(r release, e *Experiment, build []string) []string {
	if len(s.Build.Overlay) == 0 {
		return []string{shownCommand(r, s.Build.Env, build...)}
	}
	command := shownCommand(r, s.Build.Env, build...)
	if r.info.Minor >= 25 {
		// From Go 1.25 on the go command does not let an overlay replace files
		// in the module cache, where downloaded releases are: it must not know
		// that it runs from there.
		command = "GOMODCACHE=$(mktemp -d) $(GOTOOLCHAIN=go" + r.info.Version + " go env GOROOT)/bin/"
		command = strings.Join(append(list(s.Build.Env), command), " ") + strings.Join(build, " ")
	}
	return []string{
		"ghostread lab source " + e.Name + " --go " + r.info.Version + " && cd ghostread-" + e.Name + "/" + s.folder(),
		command,
	}
}

// patched applies the edits of a step to the standard library of a release.
func patched(ctx context.Context, dir string, tc overlay.Toolchain, edits []Edit) (*overlay.Overlay, error) {
	p := overlay.Patch{Min: tc.Minor(), Max: tc.Minor()}
	for _, e := range edits {
		found, err := e.expand(tc)
		if err != nil {
			return nil, err
		}
		p.Edits = append(p.Edits, found...)
	}
	return overlay.Generate(ctx, dir, tc, p)
}

// list writes an environment as NAME=value, sorted.
func list(env map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}

// shownCommand is a command as a reader can type it in the program's folder.
func shownCommand(r release, env map[string]string, args ...string) string {
	var words []string
	if args[0] == "go" {
		words = append(words, "GOTOOLCHAIN=go"+r.info.Version)
	}
	for _, kv := range list(env) {
		name, value, _ := strings.Cut(kv, "=")
		words = append(words, name+"="+quote(value))
	}
	for _, a := range args {
		words = append(words, quote(a))
	}
	return strings.Join(words, " ")
}

// plainRune reports whether a path may have r wherever it is used.
func plainRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./", r)
}

// quote makes one word of s for a shell.
func quote(s string) string {
	plain := func(r rune) bool { return plainRune(r) || strings.ContainsRune("=:,@%+", r) }
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// addresses are those of heap and stacks, also as the race detector writes
// them. Patterns that programs plant have all 16 digits.
var addresses = regexp.MustCompile(`\b0x[0-9a-f]{10,12}\b`)

// clean takes out of an output what is different on every machine and in every
// run: directories and addresses.
func (b *bench) clean(r release, dir string, out []byte) string {
	text := strings.ToValidUTF8(string(out), "\uFFFD")
	text = strings.NewReplacer(
		dir, "$DIR",
		b.temp, "$TEMP",
		r.tc.Root, "$GOROOT",
		filepath.Join(b.dir, "goroot"), "$GOROOTS",
		b.dir, "$CACHE",
	).Replace(text)
	return addresses.ReplaceAllString(text, "0x…")
}
