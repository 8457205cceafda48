package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRunKillsTheGroup cancels a command whose child outlives it unless it is
// killed too.
func TestRunKillsTheGroup(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, _, err := run(ctx, dir, nil, "/bin/sh", "-c", "sleep 600 & echo $! >child; mv child pid; wait")
		done <- err
	}()
	var child int
	for child == 0 {
		if data, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil {
			if child, err = strconv.Atoi(strings.TrimSpace(string(data))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("run of a cancelled command: got no error")
	}
	for !gone(child) {
		time.Sleep(time.Millisecond) // the test's time limit ends this
	}
}

// gone is true of a process that ended, also when nobody has collected it.
func gone(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock(ctx, name); !errors.Is(err, context.Canceled) {
		t.Errorf("lock of a locked file, cancelled: got %v, want %v", err, context.Canceled)
	}
	unlock()
	unlock, err = lock(t.Context(), name)
	if err != nil {
		t.Errorf("lock of an unlocked file: %v", err)
	} else {
		unlock()
	}
}

func TestKeptFlags(t *testing.T) {
	flags := []string{"-mod=vendor", "-race", "--tags=a,b", "-buildvcs=false", "-tags=c", "-cover"}
	if got, want := strings.Join(keptFlags(flags), " "), "-mod=vendor -buildvcs=false"; got != want {
		t.Errorf("keptFlags(%q): got %q, want %q", flags, got, want)
	}
	if got, want := strings.Join(flagTags(flags), " "), "c"; got != want {
		t.Errorf("flagTags(%q): got %q, want %q", flags, got, want)
	}
}
