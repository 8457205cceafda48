// Apptrace does what the article says: go tool trace -http=:8080 ./app, where
// app is the program itself (this one). The tool wants a file that the program
// has written with runtime/trace, not the program.
//
// The port is left to the system and the tool is stopped after a while, in
// case some release should start a server after all.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	app, err := os.Executable()
	check(err)
	// The go command of the release that has built this program, not the one in
	// PATH. From 1.25 on the tool is not part of the release: go tool compiles
	// it when it is first used.
	goCommand := filepath.Join(runtime.GOROOT(), "bin", "go")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, goCommand, "tool", "trace", "-http=127.0.0.1:0", app)
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "BROWSER=true")
	out, err := cmd.CombinedOutput()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		check(err)
	}
	text := strings.ReplaceAll(string(out), app, "app")
	fmt.Printf("go tool trace -http=127.0.0.1:0 app\n%s", text)
	rejects := strings.Contains(text, "not a trace file") || strings.Contains(text, "not a Go execution trace")
	serves := strings.Contains(text, "viewer is listening")
	if rejects == serves {
		check(errors.New("the tool has neither rejected the file nor shown it"))
	}
	fmt.Printf("status = %d\n", cmd.ProcessState.ExitCode())
	fmt.Printf("serves = %v\n", serves)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
