// Gdb puts the commands of the article's memory dump to the test, on this very
// executable: x/32xb, pstack and gcore.
//
// pstack is a script around gdb's `thread apply all bt`, and gcore one around
// its `generate-core-file`; it is these two commands that run here.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// planted is in the executable's data, where gdb can read it without a process.
var planted = [64]byte{'p', 'l', 'a', 'n', 't', 'e', 'd', '!', 63: 1}

// secret is what the inspected process has in its environment. Each letter is
// moved by one here, so that it is in no file.
func secret() []byte {
	b := []byte("tfdsfu.jo.uif.fowjsponfou")
	for i := range b {
		b[i]--
	}
	return b
}

func main() {
	self, err := os.Executable()
	if err != nil {
		fmt.Println("gdb:", err)
		os.Exit(1)
	}

	// The executable is not running: gdb takes the bytes from the file.
	out := gdb("-ex", "x/32xb &'main.planted'", "-ex", "echo sixty-four:\\n", "-ex", "x/64xb &'main.planted'", self)
	runtime.KeepAlive(planted)
	first := between(out, "", "sixty-four:\n")
	fmt.Printf("(gdb) x/32xb &'main.planted'\n%s", first)
	fmt.Println("bytes_shown =", shown(first))
	fmt.Println("bytes_shown_by_64 =", shown(between(out, "sixty-four:\n", "")))
	fmt.Println("reads_without_process =", strings.Contains(first, "0x70\t0x6c\t0x61\t0x6e")) // "plan"
	fmt.Println("text_shown =", strings.Contains(first, "planted!"))

	dir, err := os.MkdirTemp("", "residue")
	if err != nil {
		fmt.Println("gdb:", err)
		os.Exit(1)
	}
	defer os.RemoveAll(dir)
	core := filepath.Join(dir, "core")
	os.Setenv("PASSWORD", string(secret()))
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		fmt.Println("gdb:", err)
		os.Exit(1)
	}
	// A small process: the core file of a Go program has its reservations of
	// address space in it, a gigabyte and more.
	out = gdb("-iex", "set startup-with-shell off", "-ex", "starti",
		"-ex", "echo stacks:\\n", "-ex", "thread apply all bt", "-ex", "echo end of stacks\\n",
		"-ex", "generate-core-file "+core, "-ex", "kill", "--args", sleep, "1")
	stacks := between(out, "stacks:\n", "end of stacks\n")
	snapshot, err := os.ReadFile(core)
	if err != nil {
		fmt.Println("gdb wrote no core file (may it use ptrace here?):")
		fmt.Println(out)
		os.Exit(1)
	}
	fmt.Printf("(gdb) thread apply all bt\n%s", stacks)
	fmt.Println("stacks_have_frames =", strings.Contains(stacks, "#0 "))
	fmt.Println("stacks_have_secret =", strings.Contains(stacks, string(secret())))
	fmt.Println("core_has_secret =", bytes.Contains(snapshot, secret()))
}

func gdb(args ...string) string {
	args = append([]string{"-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off"}, args...)
	out, _ := exec.Command("gdb", args...).CombinedOutput()
	return string(out)
}

var hexByte = regexp.MustCompile(`\t0x[0-9a-f]{2}\b`)

func shown(out string) int { return len(hexByte.FindAllString(out, -1)) }

func between(s, start, end string) string {
	if i := strings.Index(s, start); i >= 0 {
		s = s[i+len(start):]
	}
	if i := strings.Index(s, end); i >= 0 && end != "" {
		s = s[:i]
	}
	return s
}
