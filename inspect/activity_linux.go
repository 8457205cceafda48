package inspect

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// activity returns how often the threads of the process were given a CPU. While
// it stays the same, and no thread has one, the process does not change.
func (p *process) activity() (switches uint64, running bool, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(p.pid), "task")
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return 0, false, err
	}
	for _, task := range tasks {
		f, err := os.Open(filepath.Join(dir, task.Name(), "status"))
		if err != nil {
			return 0, true, nil // a thread has ended meanwhile
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			key, value, _ := strings.Cut(s.Text(), ":")
			value = strings.TrimSpace(value)
			if key == "State" && strings.HasPrefix(value, "R") {
				running = true
			}
			if strings.HasSuffix(key, "ctxt_switches") {
				n, _ := strconv.ParseUint(value, 10, 64)
				switches += n
			}
		}
		f.Close()
	}
	return switches + uint64(len(tasks))<<32, running, nil
}

// name says what the mapping is that has addr.
func (p *process) name(addr uint64) string {
	b, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), "maps"))
	for line := range strings.Lines(string(b)) {
		var from, to uint64
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil || addr < from || addr >= to {
			continue
		}
		f := strings.Fields(line)
		switch {
		case len(f) < 6:
			return "memory outside of the Go heap"
		case f[5] == "[stack]":
			return "stack of the first thread, with arguments and environment of the process"
		case f[5] == "[heap]":
			return "heap of C code"
		case strings.HasPrefix(f[5], "["):
			return "memory outside of the Go heap, " + f[5]
		}
		return "mapped file " + strings.Join(f[5:], " ")
	}
	return "memory outside of the Go heap"
}
