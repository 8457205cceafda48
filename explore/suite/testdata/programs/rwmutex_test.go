package programs

import (
	"sync"
	"testing"
)

type notice struct {
	mu   sync.RWMutex
	text string
}

func (n *notice) read() string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.text
}

func (n *notice) write(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = s
}

// TestBuggyReadAgain takes a read lock twice; a writer in between waits for
// the first and makes the second wait.
func TestBuggyReadAgain(t *testing.T) {
	var n notice
	twice := func() {
		n.mu.RLock()
		defer n.mu.RUnlock()
		_ = n.text + n.read()
	}
	both(twice, func() { n.write("closed") })
}

// TestRepairedReadAgain reads what it has locked already.
func TestRepairedReadAgain(t *testing.T) {
	var n notice
	twice := func() {
		n.mu.RLock()
		defer n.mu.RUnlock()
		_ = n.text + n.text
	}
	both(twice, func() { n.write("closed") })
}

// TestBuggyUpgrade asks for the write lock with the read lock in hand, when
// nobody has written the text yet.
func TestBuggyUpgrade(t *testing.T) {
	var n notice
	ensure := func() {
		n.mu.RLock()
		defer n.mu.RUnlock()
		if n.text == "" {
			n.write("default")
		}
	}
	both(func() { n.write("open") }, ensure)
}

// TestRepairedUpgrade gives the read lock back and looks again under the other.
func TestRepairedUpgrade(t *testing.T) {
	var n notice
	ensure := func() {
		if n.read() != "" {
			return
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.text == "" {
			n.text = "default"
		}
	}
	both(func() { n.write("open") }, ensure)
	if n.text == "" {
		t.Error("no text")
	}
}

// pending runs two readers that also take a mutex, and a writer.
func pending(one, two func(n *notice, mu *sync.Mutex)) {
	var n notice
	var mu sync.Mutex
	var wg sync.WaitGroup
	wg.Go(func() { one(&n, &mu) })
	wg.Go(func() { two(&n, &mu) })
	wg.Go(func() { n.write("moved") })
	wg.Wait()
}

func readThenLock(n *notice, mu *sync.Mutex) {
	n.mu.RLock()
	mu.Lock()
	mu.Unlock()
	n.mu.RUnlock()
}

// TestBuggyWriterBetween takes a read lock and a mutex in both orders, which
// two readers could do were it not for the writer that waits.
func TestBuggyWriterBetween(t *testing.T) {
	pending(readThenLock, func(n *notice, mu *sync.Mutex) {
		mu.Lock()
		_ = n.read()
		mu.Unlock()
	})
}

// TestRepairedWriterBetween takes them in one order.
func TestRepairedWriterBetween(t *testing.T) {
	pending(readThenLock, readThenLock)
}

// TestBuggyReadLockKept returns early with the read lock held.
func TestBuggyReadLockKept(t *testing.T) {
	var n notice
	length := func() int {
		n.mu.RLock()
		if n.text == "" {
			return 0
		}
		defer n.mu.RUnlock()
		return len(n.text)
	}
	both(func() { n.write("full") }, func() { length() })
}

// TestRepairedReadLockKept defers the unlock at once.
func TestRepairedReadLockKept(t *testing.T) {
	var n notice
	length := func() int {
		n.mu.RLock()
		defer n.mu.RUnlock()
		return len(n.text)
	}
	both(func() { n.write("full") }, func() { length() })
}

// TestBuggyReaderAwaitsWriter waits for the first text with the read lock
// held, so that no one can write it.
func TestBuggyReaderAwaitsWriter(t *testing.T) {
	var n notice
	written := make(chan bool)
	both(func() {
		n.write("here")
		close(written)
	}, func() {
		n.mu.RLock()
		defer n.mu.RUnlock()
		if n.text == "" {
			<-written
		}
	})
}

// TestRepairedReaderAwaitsWriter waits unlocked.
func TestRepairedReaderAwaitsWriter(t *testing.T) {
	var n notice
	written := make(chan bool)
	both(func() {
		n.write("here")
		close(written)
	}, func() {
		if n.read() == "" {
			<-written
		}
		if n.read() == "" {
			t.Error("no text")
		}
	})
}
