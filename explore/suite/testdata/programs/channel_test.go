package programs

import (
	"context"
	"sync"
	"testing"
)

// ask gets an answer or gives up when ctx is done.
func ask(ctx context.Context, answer chan int) {
	go func() { answer <- 42 }()
	select {
	case <-answer:
	case <-ctx.Done():
	}
}

// TestBuggyAnswerTooLate leaves the sender behind when nobody waits any more.
func TestBuggyAnswerTooLate(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	go cancel()
	ask(ctx, make(chan int))
}

// TestRepairedAnswerTooLate has room for an answer that nobody takes.
func TestRepairedAnswerTooLate(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	go cancel()
	ask(ctx, make(chan int, 1))
}

// fastest takes the first of three answers.
func fastest(answers chan int) int {
	for i := range 3 {
		go func() { answers <- i }()
	}
	return <-answers
}

// TestBuggyFirstOnly leaves behind whoever was not the first.
func TestBuggyFirstOnly(t *testing.T) { fastest(make(chan int)) }

// TestRepairedFirstOnly has room for all.
func TestRepairedFirstOnly(t *testing.T) { fastest(make(chan int, 3)) }

// TestBuggyRangeWithoutClose returns without close when it was cancelled, and
// the consumer waits for more.
func TestBuggyRangeWithoutClose(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	rows := make(chan int, 2)
	go func() {
		for i := range 2 {
			if ctx.Err() != nil {
				return
			}
			rows <- i
		}
		close(rows)
	}()
	go cancel()
	for range rows {
	}
}

// TestRepairedRangeWithoutClose closes on every way out.
func TestRepairedRangeWithoutClose(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	rows := make(chan int, 2)
	go func() {
		defer close(rows)
		for i := range 2 {
			if ctx.Err() != nil {
				return
			}
			rows <- i
		}
	}()
	go cancel()
	for range rows {
	}
}

// TestBuggyFollowUp has workers put new jobs into the queue that they empty:
// when it is full, everybody is sending.
func TestBuggyFollowUp(t *testing.T) {
	jobs := make(chan int, 1)
	var pending sync.WaitGroup
	for range 2 {
		go func() {
			for j := range jobs {
				if j > 0 {
					pending.Add(1)
					jobs <- j - 1
				}
				pending.Done()
			}
		}()
	}
	for range 3 {
		pending.Add(1)
		jobs <- 1
	}
	pending.Wait()
	close(jobs)
}

// TestRepairedFollowUp has them do what follows themselves.
func TestRepairedFollowUp(t *testing.T) {
	jobs := make(chan int, 1)
	var pending sync.WaitGroup
	for range 2 {
		go func() {
			for j := range jobs {
				for ; j > 0; j-- {
				}
				pending.Done()
			}
		}()
	}
	for range 3 {
		pending.Add(1)
		jobs <- 1
	}
	pending.Wait()
	close(jobs)
}

// TestBuggyTokenLost does not give the token back when there is nothing to do.
func TestBuggyTokenLost(t *testing.T) {
	tokens := make(chan bool, 1)
	tokens <- true
	work := 0
	both(func() {
		<-tokens
		work++
		tokens <- true
	}, func() {
		<-tokens
		if work == 0 {
			return
		}
		work--
		tokens <- true
	})
}

// TestRepairedTokenLost gives it back in a defer.
func TestRepairedTokenLost(t *testing.T) {
	tokens := make(chan bool, 1)
	tokens <- true
	work := 0
	both(func() {
		<-tokens
		work++
		tokens <- true
	}, func() {
		<-tokens
		defer func() { tokens <- true }()
		if work == 0 {
			return
		}
		work--
	})
}

type machine struct {
	mu   sync.Mutex
	done chan bool
}

func (m *machine) start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == nil {
		m.done = make(chan bool)
	}
	close(m.done)
}

// TestBuggyNilChannel waits on a channel that start makes: before that it is
// nil, and stays nil for the one who waits.
func TestBuggyNilChannel(t *testing.T) {
	var m machine
	both(m.start, func() {
		m.mu.Lock()
		done := m.done
		m.mu.Unlock()
		<-done
	})
}

// TestRepairedNilChannel makes the channel with the machine.
func TestRepairedNilChannel(t *testing.T) {
	m := machine{done: make(chan bool)}
	both(m.start, func() {
		m.mu.Lock()
		done := m.done
		m.mu.Unlock()
		<-done
	})
}
