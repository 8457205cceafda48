package barriers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	Export          string
	Standard        bool
	DepOnly         bool
	ImportMap       map[string]string
	Module          *struct {
		Main      bool
		GoVersion string
	}
}

// users reports whether the package is one that the user writes, or asks for.
func (l listed) users() bool { return !l.DepOnly || l.Module != nil && l.Module.Main }

// load compiles the packages and type-checks those of the user. One run of the
// go command gives the listing, the list of packages and their export data.
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
	version, err := run(nil, "env", "-json=false", "GOVERSION")
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	prog.goVersion = strings.TrimSpace(string(version))

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
	args = append(append(args, "--"), o.Patterns...)
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

// check type-checks the packages of the user from source, so that a field is
// one object in all of them, and takes the others from export data.
func (prog *program) check(all []listed) error {
	export := make(map[string]string, len(all))
	for _, l := range all {
		export[l.ImportPath] = l.Export
	}
	imp := &chain{
		source: make(map[string]*types.Package),
		export: importer.ForCompiler(prog.fset, "gc", func(path string) (io.ReadCloser, error) {
			file := export[path]
			if file == "" {
				return nil, fmt.Errorf("no export data for %s", path)
			}
			return os.Open(file)
		}),
	}
	for _, l := range all {
		if !l.users() {
			continue
		}
		p := &pkg{path: l.ImportPath, fset: prog.fset, info: &types.Info{
			Types:      make(map[ast.Expr]types.TypeAndValue),
			Defs:       make(map[*ast.Ident]types.Object),
			Uses:       make(map[*ast.Ident]types.Object),
			Selections: make(map[*ast.SelectorExpr]*types.Selection),
		}}
		for _, name := range l.CompiledGoFiles {
			if !filepath.IsAbs(name) {
				name = filepath.Join(l.Dir, name)
			}
			if !strings.HasSuffix(name, ".go") && filepath.Ext(name) != "" {
				continue // assembly in a package with cgo
			}
			f, err := parser.ParseFile(prog.fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			p.files = append(p.files, f)
		}
		imp.names = l.ImportMap
		conf := types.Config{Importer: imp, Sizes: types.SizesFor("gc", prog.goarch), FakeImportC: true}
		if l.Module != nil && l.Module.GoVersion != "" {
			conf.GoVersion = "go" + l.Module.GoVersion
		}
		checked, err := conf.Check(l.ImportPath, prog.fset, p.files, p.info)
		if err != nil {
			return fmt.Errorf("%w\n\tit compiles with %s: ghostread may be built with an older Go release", err, prog.goVersion)
		}
		imp.source[l.ImportPath] = checked
		prog.packages = append(prog.packages, p)
	}
	return nil
}

// chain imports what was checked from source, and the rest from export data.
type chain struct {
	source map[string]*types.Package
	export types.Importer
	names  map[string]string // of the package that imports: vendored packages have another path
}

func (c *chain) Import(path string) (*types.Package, error) {
	if p := c.names[path]; p != "" {
		path = p
	}
	if p := c.source[path]; p != nil {
		return p, nil
	}
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	return c.export.Import(path)
}
