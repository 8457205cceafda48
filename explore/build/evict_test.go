package build

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestEvict: what was not used for longest goes, until the rest fits; what is
// held or locked stays, and so does what is used.
func TestEvict(t *testing.T) {
	parent := t.TempDir()
	dir := func(name string, kB int, age time.Duration) string {
		t.Helper()
		d := filepath.Join(parent, name)
		if err := os.Mkdir(d, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "last.test"), make([]byte, kB<<10), 0o666); err != nil {
			t.Fatal(err)
		}
		// A second name takes no room.
		if err := os.Link(filepath.Join(d, "last.test"), filepath.Join(d, "0.test")); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(d, at, at); err != nil {
			t.Fatal(err)
		}
		return d
	}
	old := func(d string) { // locks make files, which makes a directory look used
		t.Helper()
		at := time.Now().Add(-24 * time.Hour)
		if err := os.Chtimes(d, at, at); err != nil {
			t.Fatal(err)
		}
	}
	held, locked := dir("held", 40, 0), dir("locked", 40, 0)
	hold(held)
	unlock, err := lock(t.Context(), filepath.Join(locked, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	old(held)
	old(locked)
	oldest, older, now := dir("oldest", 40, 3*time.Hour), dir("older", 40, 2*time.Hour), dir("now", 40, 0)
	there := func(d string) bool { _, err := os.Stat(d); return err == nil }

	evict(parent, 1<<20)
	if !there(oldest) || !there(older) || !there(now) {
		t.Fatal("evict removed something although all fits")
	}
	evict(parent, 165<<10)
	if there(oldest) || !there(older) || !there(now) || !there(held) || !there(locked) {
		t.Errorf("after evict to 165 kB: oldest %t, older %t, now %t, held %t, locked %t; want all but the oldest",
			there(oldest), there(older), there(now), there(held), there(locked))
	}
	evict(parent, 0)
	if there(older) || there(now) || !there(held) || !there(locked) {
		t.Errorf("after evict to 0: older %t, now %t, held %t, locked %t; want the last two",
			there(older), there(now), there(held), there(locked))
	}
}

// TestLockAfterEviction: who waits for the lock of a directory that is evicted
// meanwhile gets that of the new one.
func TestLockAfterEviction(t *testing.T) {
	name := filepath.Join(t.TempDir(), "d", "lock")
	first, err := lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan func(), 1)
	go func() {
		unlock, err := lock(t.Context(), name)
		if err != nil {
			t.Error(err)
		}
		got <- unlock
	}()
	if err := os.RemoveAll(filepath.Dir(name)); err != nil {
		t.Fatal(err)
	}
	first()
	if unlock := <-got; unlock != nil {
		defer unlock()
	}
	if _, err := os.Stat(name); err != nil {
		t.Errorf("the lock is held, and its file is not there: %v", err)
	}
}

// TestRemoveOld: of one package's binaries the newest stay, and those that
// another hunt may run.
func TestRemoveOld(t *testing.T) {
	dir := t.TempDir()
	name := func(age time.Duration) string {
		file := filepath.Join(dir, age.String()+".test")
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
		return file
	}
	count := func() int {
		names, err := filepath.Glob(filepath.Join(dir, "*.test"))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	for i := range 12 {
		name(time.Duration(i+1) * time.Minute)
	}
	if removeOld(dir, ""); count() != 12 {
		t.Errorf("%d binaries of the last minutes stay, want 12", count())
	}
	mine := name(8 * 24 * time.Hour)
	for i := range 3 {
		name(time.Duration(i+2) * time.Hour)
	}
	if removeOld(dir, mine); count() != 13 {
		t.Errorf("%d binaries stay, want the 12 of the last minutes and the one in use", count())
	}
}
