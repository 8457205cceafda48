package programs

import (
	"sync"
	"sync/atomic"
	"testing"
)

type settings struct {
	name string
	size int
}

// TestBuggyFlagBeforeData says that the data is there before it is.
func TestBuggyFlagBeforeData(t *testing.T) {
	var ready atomic.Bool
	data := 0
	both(func() {
		ready.Store(true)
		data = 7
	}, func() {
		if ready.Load() {
			_ = data + 1
		}
	})
}

// TestRepairedFlagBeforeData says it afterwards.
func TestRepairedFlagBeforeData(t *testing.T) {
	var ready atomic.Bool
	data := 0
	both(func() {
		data = 7
		ready.Store(true)
	}, func() {
		if ready.Load() && data != 7 {
			t.Error(data)
		}
	})
}

// TestBuggyDoubleChecked looks first without the lock.
func TestBuggyDoubleChecked(t *testing.T) {
	var mu sync.Mutex
	var s *settings
	get := func() *settings {
		if s == nil {
			mu.Lock()
			defer mu.Unlock()
			if s == nil {
				s = &settings{"default", 1}
			}
		}
		return s
	}
	both(func() { get() }, func() { get() })
}

// TestRepairedDoubleChecked looks at an atomic pointer.
func TestRepairedDoubleChecked(t *testing.T) {
	var mu sync.Mutex
	var s atomic.Pointer[settings]
	get := func() *settings {
		if p := s.Load(); p != nil {
			return p
		}
		mu.Lock()
		defer mu.Unlock()
		if s.Load() == nil {
			s.Store(&settings{"default", 1})
		}
		return s.Load()
	}
	both(func() { get() }, func() {
		if get().size != 1 {
			t.Error("not initialised")
		}
	})
}

type sessions struct {
	mu sync.Mutex
	m  map[int]*settings
}

func (s *sessions) get(id int) *settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[id]
}

func (s *sessions) put(id int, v *settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[id] = v
}

// TestBuggyRegisteredEmpty puts an object where others find it and then fills
// it in.
func TestBuggyRegisteredEmpty(t *testing.T) {
	s := &sessions{m: map[int]*settings{}}
	both(func() {
		v := new(settings)
		s.put(1, v)
		v.size = 5
	}, func() {
		if v := s.get(1); v != nil {
			_ = v.size + 1
		}
	})
}

// TestRepairedRegisteredEmpty fills it in first.
func TestRepairedRegisteredEmpty(t *testing.T) {
	s := &sessions{m: map[int]*settings{}}
	both(func() {
		v := new(settings)
		v.size = 5
		s.put(1, v)
	}, func() {
		if v := s.get(1); v != nil && v.size != 5 {
			t.Error(v.size)
		}
	})
}

// TestBuggyCloseBeforeWrite tells the readers to go on before it has written.
func TestBuggyCloseBeforeWrite(t *testing.T) {
	ready := make(chan bool)
	data := 0
	both(func() {
		close(ready)
		data = 7
	}, func() {
		<-ready
		_ = data + 1
	})
}

// TestRepairedCloseBeforeWrite tells them afterwards.
func TestRepairedCloseBeforeWrite(t *testing.T) {
	ready := make(chan bool)
	data := 0
	both(func() {
		data = 7
		close(ready)
	}, func() {
		<-ready
		if data != 7 {
			t.Error(data)
		}
	})
}

type counter struct {
	step int
	done chan int
}

func (c *counter) run() { c.done <- 10 * c.step }

// TestBuggyStartedInConstructor starts the goroutine of an object before all
// fields are set.
func TestBuggyStartedInConstructor(t *testing.T) {
	c := &counter{done: make(chan int, 1)}
	go c.run()
	c.step = 2
	<-c.done
}

// TestRepairedStartedInConstructor starts it last.
func TestRepairedStartedInConstructor(t *testing.T) {
	c := &counter{done: make(chan int, 1)}
	c.step = 2
	go c.run()
	if got := <-c.done; got != 20 {
		t.Error(got)
	}
}

// TestBuggyChangedAfterStore changes an object that it has published.
func TestBuggyChangedAfterStore(t *testing.T) {
	var p atomic.Pointer[settings]
	p.Store(&settings{"first", 1})
	both(func() {
		s := &settings{name: "second"}
		p.Store(s)
		s.size = 2
	}, func() { _ = p.Load().size + 1 })
}

// TestRepairedChangedAfterStore publishes it when nothing is to be changed.
func TestRepairedChangedAfterStore(t *testing.T) {
	var p atomic.Pointer[settings]
	p.Store(&settings{"first", 1})
	both(func() { p.Store(&settings{"second", 2}) }, func() {
		if s := p.Load(); (s.name == "first") != (s.size == 1) {
			t.Error(*s)
		}
	})
}
