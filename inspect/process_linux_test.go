package inspect

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

// TestReplaced notices that a process runs something else than before, and that
// it has ended.
func TestReplaced(t *testing.T) {
	runs, err := programOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p := &process{pid: os.Getpid(), runs: runs}
	if err := p.refresh(); err != nil {
		t.Errorf("nothing has changed: got %v", err)
	}
	other := runs
	other.inode++
	elsewhere := runs
	elsewhere.entry++
	for _, before := range []program{other, elsewhere} {
		p.runs = before
		if err := p.refresh(); !errors.Is(err, errReplaced) {
			t.Errorf("it ran %+v and runs %+v: got %v", before, runs, err)
		}
	}
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	p.pid = cmd.Process.Pid
	if err := p.refresh(); !errors.Is(err, errGone) {
		t.Errorf("it has ended: got %v", err)
	}
}
