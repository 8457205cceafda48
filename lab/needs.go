package lab

import (
	"os/exec"
	"runtime"
	"sync"
)

// machineNeeds are what a step may ask of the machine. Each gives the reason
// why it is not there, or "".
var machineNeeds = map[string]func() string{
	"linux":   func() string { return want(runtime.GOOS == "linux", "it needs Linux") },
	"amd64":   func() string { return want(runtime.GOARCH == "amd64", "it needs an amd64 machine") },
	"two":     func() string { return want(runtime.NumCPU() > 1, "it needs two CPUs") },
	"cgo":     sync.OnceValue(func() string { return wantProgram("gcc", "it needs a C compiler: apt-get install gcc libc6-dev") }),
	"race":    sync.OnceValue(func() string { return wantProgram("gcc", "-race needs a C compiler: apt-get install gcc libc6-dev") }),
	"asan":    sync.OnceValue(func() string { return wantProgram("gcc", "-asan needs gcc with libasan: apt-get install gcc") }),
	"sqlite3": sync.OnceValue(func() string { return wantProgram("sqlite3", "it needs the sqlite3 command: apt-get install sqlite3") }),
	"gdb":     sync.OnceValue(func() string { return wantProgram("gdb", "it needs gdb: apt-get install gdb") }),
}

func want(ok bool, reason string) string {
	if ok {
		return ""
	}
	return reason
}

func wantProgram(name, reason string) string {
	_, err := exec.LookPath(name)
	return want(err == nil, reason)
}
