package barriers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"go/version"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ghostread/ghostread/lab/listing"
)

// program is what was compiled.
type program struct {
	dir       string
	goarch    string
	goVersion string
	fset      *token.FileSet
	packages  []*pkg         // the user's, dependencies first
	funcs     []listing.Func // theirs, and those of package sync
	unclear   []error        // what the type checker did not understand
}

// pkg is a package of the user.
type pkg struct {
	path  string
	fset  *token.FileSet
	files []*ast.File
	info  *types.Info
	entry map[*types.Func][]lock // see entryLocks
}

// listed is what the go command says of a package.
type listed struct {
	ImportPath      string
	Dir             string
	CompiledGoFiles []string
	DepOnly         bool
	ImportMap       map[string]string
	Module          *struct {
		Main      bool
		GoVersion string
	}
}

// users reports whether the package is one that the user writes, or asks for.
func (l listed) users() bool { return !l.DepOnly || l.Module != nil && l.Module.Main }

// load compiles the packages and type-checks them. One run of the go command
// gives both the listing and the list of packages.
func load(ctx context.Context, o Options) (*program, error) {
	goCommand := o.GoCommand
	if goCommand == "" {
		goCommand = "go"
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	env, err := listing.Environment(ctx, goCommand, o.Env, dir, o.GOARCH)
	if err != nil {
		return nil, err
	}
	prog := &program{dir: dir, goarch: listing.Lookup(env, "GOARCH"), fset: token.NewFileSet()}
	if !KnownPort(prog.goarch) {
		return nil, fmt.Errorf("GOARCH %s: its instructions are not known\n\tknown: %s", prog.goarch, strings.Join(listing.Ports(), ", "))
	}
	run := func(stderr io.Writer, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, goCommand, args...)
		cmd.Dir, cmd.Env, cmd.Stderr = dir, env, stderr
		return cmd.Output()
	}
	about, err := run(nil, "env", "-json=false", "GOVERSION", "GOROOT")
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	release, goroot, _ := strings.Cut(strings.TrimSpace(string(about)), "\n")
	prog.goVersion = release

	args := []string{"list", "-export", "-compiled", "-deps", "-json", "-gcflags=-S", "-gcflags=sync/...=-S", "-gcflags=internal/sync=-S"}
	// The last pattern that matches a package counts.
	if mods, err := run(nil, "list", "-m", "-f", "{{.Path}}"); err == nil {
		for _, m := range strings.Fields(string(mods)) {
			if m != "command-line-arguments" && m != "std" && m != "cmd" {
				args = append(args, "-gcflags="+m+"/...=-S")
			}
		}
	}
	if len(o.Tags) > 0 {
		args = append(args, "-tags="+strings.Join(o.Tags, ","))
	}
	patterns := o.Patterns
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	args = append(append(args, "--"), patterns...)
	var asm bytes.Buffer
	out, err := run(&asm, args...)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if says := listing.Complaints(asm.Bytes()); says != "" {
			return nil, errors.New(says)
		}
		return nil, fmt.Errorf("go list: %w", err)
	}
	if prog.funcs, err = listing.Parse(&asm); err != nil {
		return nil, err
	}
	for i := range prog.funcs {
		prog.funcs[i].Arch = prog.goarch
		// What is inlined from a package that came compiled with the release,
		// as all of them did up to Go 1.19, has positions in $GOROOT.
		for j := range prog.funcs[i].Instructions {
			in := &prog.funcs[i].Instructions[j]
			if rest, ok := strings.CutPrefix(in.File, "$GOROOT"); ok {
				in.File = goroot + rest
			}
		}
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read what go list printed: %w", err)
		}
		all = append(all, l)
	}
	return prog, prog.check(all)
}

// check type-checks all packages from source, those that are only imported
// without the bodies of their functions. Export data would be faster to read,
// but its form changes with the release, and the go command may be of another
// release than the one that ghostread was built with. For the same reason an
// error is no end: the compiler had none.
func (prog *program) check(all []listed) error {
	known := map[string]*types.Package{"unsafe": types.Unsafe}
	for _, l := range all {
		if l.ImportPath == "unsafe" {
			continue
		}
		files, err := prog.parse(l)
		if err != nil && l.users() {
			return err
		}
		conf := types.Config{
			Importer:         imports{known, l.ImportMap},
			Sizes:            types.SizesFor("gc", prog.goarch),
			FakeImportC:      true,
			IgnoreFuncBodies: !l.users(),
		}
		var first error
		conf.Error = func(err error) { first = cmp.Or(first, err) }
		if l.Module != nil && l.Module.GoVersion != "" {
			if v := "go" + l.Module.GoVersion; version.Compare(v, runtime.Version()) <= 0 {
				conf.GoVersion = v
			}
		}
		info := new(types.Info)
		if l.users() {
			info = &types.Info{
				Types:      make(map[ast.Expr]types.TypeAndValue),
				Defs:       make(map[*ast.Ident]types.Object),
				Uses:       make(map[*ast.Ident]types.Object),
				Selections: make(map[*ast.SelectorExpr]*types.Selection),
			}
		}
		known[l.ImportPath], _ = conf.Check(l.ImportPath, prog.fset, files, info)
		if l.users() {
			if first != nil {
				prog.unclear = append(prog.unclear, first)
			}
			prog.packages = append(prog.packages, &pkg{path: l.ImportPath, fset: prog.fset, files: files, info: info})
		}
	}
	return nil
}

// parse reads the files of a package that were compiled, as far as it can.
func (prog *program) parse(l listed) (files []*ast.File, first error) {
	mode := parser.SkipObjectResolution
	if l.users() {
		mode |= parser.ParseComments
	}
	for _, name := range l.CompiledGoFiles {
		if !filepath.IsAbs(name) {
			name = filepath.Join(l.Dir, name)
		}
		if ext := filepath.Ext(name); ext != ".go" && ext != "" {
			continue // assembly, in a package with cgo
		}
		f, err := parser.ParseFile(prog.fset, name, nil, mode)
		first = cmp.Or(first, err)
		if f != nil {
			files = append(files, f)
		}
	}
	return files, first
}

// imports finds what was checked before.
type imports struct {
	known map[string]*types.Package
	names map[string]string // vendored packages have another path
}

func (i imports) Import(path string) (*types.Package, error) {
	if p := i.names[path]; p != "" {
		path = p
	}
	if p := i.known[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("package %s is not among those that were compiled", path)
}
