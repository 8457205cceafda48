package programs

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestBuggyCloseTwice looks whether the channel is closed, and then closes it.
func TestBuggyCloseTwice(t *testing.T) {
	done := make(chan bool)
	stop := func() {
		select {
		case <-done:
		default:
			close(done)
		}
	}
	both(stop, stop)
}

// TestRepairedCloseTwice closes it once.
func TestRepairedCloseTwice(t *testing.T) {
	done := make(chan bool)
	var once sync.Once
	stop := func() { once.Do(func() { close(done) }) }
	both(stop, stop)
	<-done
}

// TestBuggySendAfterClose looks at a flag before it sends.
func TestBuggySendAfterClose(t *testing.T) {
	c := make(chan int, 1)
	var closed atomic.Bool
	both(func() {
		if !closed.Load() {
			c <- 1
		}
	}, func() {
		closed.Store(true)
		close(c)
	})
}

// TestRepairedSendAfterClose looks and sends under a lock.
func TestRepairedSendAfterClose(t *testing.T) {
	c := make(chan int, 1)
	var mu sync.Mutex
	closed := false
	both(func() {
		mu.Lock()
		defer mu.Unlock()
		if !closed {
			c <- 1
		}
	}, func() {
		mu.Lock()
		defer mu.Unlock()
		closed = true
		close(c)
	})
}

// TestBuggyReceiverCloses closes the channel when it has enough.
func TestBuggyReceiverCloses(t *testing.T) {
	c := make(chan int, 2)
	both(func() {
		for i := range 2 {
			c <- i
		}
	}, func() {
		<-c
		close(c)
	})
}

// TestRepairedReceiverCloses has the sender close it.
func TestRepairedReceiverCloses(t *testing.T) {
	c := make(chan int, 2)
	both(func() {
		for i := range 2 {
			c <- i
		}
		close(c)
	}, func() {
		for range c {
		}
	})
}

// TestBuggySendDoesNotWait takes a send into a buffer for a meeting.
func TestBuggySendDoesNotWait(t *testing.T) {
	meet := make(chan bool, 1)
	data := 0
	both(func() {
		meet <- true
		_ = data + 1
	}, func() {
		data = 7
		<-meet
	})
}

// TestRepairedSendDoesNotWait has no buffer.
func TestRepairedSendDoesNotWait(t *testing.T) {
	meet := make(chan bool)
	data := 0
	both(func() {
		meet <- true
		if data != 7 {
			t.Error(data)
		}
	}, func() {
		data = 7
		<-meet
	})
}

// TestBuggyTokenTooEarly gives the token back before it is through.
func TestBuggyTokenTooEarly(t *testing.T) {
	tokens := make(chan bool, 1)
	n := 0
	add := func() {
		tokens <- true
		v := n
		<-tokens
		n = v + 1
	}
	both(add, add)
}

// TestRepairedTokenTooEarly gives it back at the end.
func TestRepairedTokenTooEarly(t *testing.T) {
	tokens := make(chan bool, 1)
	n := 0
	add := func() {
		tokens <- true
		n++
		<-tokens
	}
	both(add, add)
	if n != 2 {
		t.Error(n)
	}
}

// TestBuggyLenThenReceive receives because there was something to receive.
func TestBuggyLenThenReceive(t *testing.T) {
	c := make(chan int, 1)
	c <- 1
	take := func() {
		if len(c) > 0 {
			<-c
		}
	}
	both(take, take)
}

// TestRepairedLenThenReceive receives if there is something.
func TestRepairedLenThenReceive(t *testing.T) {
	c := make(chan int, 1)
	c <- 1
	take := func() {
		select {
		case <-c:
		default:
		}
	}
	both(take, take)
}

// winner has two goroutines compete for a prize, and a third one that ends the
// competition.
func winner(t *testing.T, take func(prize chan int) (int, bool)) {
	prize := make(chan int, 1)
	prize <- 9
	play := func() {
		if v, ok := take(prize); ok && v == 0 {
			t.Error("won nothing")
		}
	}
	var wg sync.WaitGroup
	wg.Go(play)
	wg.Go(play)
	wg.Go(func() { close(prize) })
	wg.Wait()
}

// TestBuggyZeroFromClosed takes what a closed channel gives for a value.
func TestBuggyZeroFromClosed(t *testing.T) {
	winner(t, func(prize chan int) (int, bool) {
		select {
		case v := <-prize:
			return v, true
		default:
			return 0, false
		}
	})
}

// TestRepairedZeroFromClosed looks whether there was one.
func TestRepairedZeroFromClosed(t *testing.T) {
	winner(t, func(prize chan int) (int, bool) {
		select {
		case v, ok := <-prize:
			return v, ok
		default:
			return 0, false
		}
	})
}
