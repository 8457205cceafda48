package main

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ghostread/ghostread/finding"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ghostread": main})
}

// TestScript runs the command line as users do, a file a story.
func TestScript(t *testing.T) {
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	env := append(goEnv(t), "REPOSITORY="+repository)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, env...)
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "core-files" { // of programs that die are written where they run
				pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
				return err == nil && !strings.ContainsAny(string(pattern), "|/%"), nil
			}
			release, ok := strings.CutPrefix(name, "release:")
			if !ok {
				return false, nil
			}
			cmd := exec.CommandContext(t.Context(), "go", "version")
			cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+release)
			return cmd.Run() == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"witness": witness},
	})
}

// goEnv is the environment in which scripts hunt: the caches are those of the
// machine, so that the patched release is built once and not for every
// script; what ghostread itself keeps goes with the test.
func goEnv(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]string
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	var env []string
	for _, name := range []string{"GOCACHE", "GOPATH", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE"} {
		env = append(env, name+"="+all[name])
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	cache := t.TempDir()
	if strings.HasPrefix(all["GOROOT"], all["GOMODCACHE"]+string(filepath.Separator)) {
		// A release from the module cache is copied, and the place of the copy
		// is part of what the go command remembers it by.
		if cache, err = os.UserCacheDir(); err != nil {
			t.Fatal(err)
		}
	}
	return append(env, "XDG_CACHE_HOME="+cache)
}

// witness FILE sets $REPLAY and $TOKEN to those of the first finding in a
// stream of JSON lines.
func witness(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: witness file")
	}
	found, _, err := finding.ReadStream(strings.NewReader(ts.ReadFile(args[0])), args[0])
	ts.Check(err)
	if len(found) == 0 || found[0].Witness == nil {
		ts.Fatalf("%s has no finding with a witness", args[0])
	}
	ts.Setenv("REPLAY", found[0].Witness.File)
	ts.Setenv("TOKEN", found[0].Witness.Token)
}
