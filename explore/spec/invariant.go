package spec

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"unsafe"
)

// A Condition is an invariant of a test.
type Condition struct {
	t     testing.TB
	name  string
	check func() error
}

// Invariant says that check returns nil at every step until the test t ends. It
// is evaluated at once, and the test stops if it does not hold to begin with.
//
// Under exploration it is evaluated after each step of any goroutine that may
// have changed something. It may read whatever the goroutines of the test share,
// without their locks. It must change nothing, start no goroutine, and not wait:
// instead of Lock it calls TryLock, and returns nil if somebody holds the lock.
// The first violation ends the execution, also if the check panics.
//
// Under go test it is evaluated when t ends, before cleanups that were
// registered earlier, and in [Condition.Check]. Goroutines that then still write
// what it reads race with it.
func Invariant(t testing.TB, name string, check func() error) *Condition {
	t.Helper()
	c := &Condition{t: t, name: name, check: check}
	if err := c.evaluate(); err != nil {
		t.Fatalf("invariant %q does not hold when it is stated: %v", name, err)
	}
	if aside(func() { watch(c) }) {
		t.Cleanup(func() { aside(func() { unwatch(c) }) })
	} else {
		t.Cleanup(func() { c.Check() })
	}
	return c
}

// Check evaluates the invariant now and fails the test if it does not hold.
func (c *Condition) Check() {
	c.t.Helper()
	if err := c.evaluate(); err != nil {
		c.t.Errorf("invariant %q is broken: %v", c.name, err)
	}
}

// evaluate calls the check, aside if there is exploration.
func (c *Condition) evaluate() (err error) {
	if !aside(func() { err = c.call() }) {
		err = c.call()
	}
	return err
}

// errEnds says that a check did not return.
var errEnds = errors.New("the check calls runtime.Goexit, as t.Fatal does; it has to return an error")

// call calls the check, whose panic is an error.
func (c *Condition) call() (err error) {
	returned := false
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the check panics: %v", p)
		} else if !returned {
			err = errEnds
			broken(c, err) // nobody above gets to know
		}
	}()
	err = c.check()
	returned = true
	return err
}

// watched are the conditions of the execution that runs. They are looked at by
// goroutines that are aside, one at a time.
var watched struct {
	world int64
	list  []*Condition
	look  func()
}

func watch(c *Condition) {
	w := &watched
	if n := world(specWorld, nil); w.world != n {
		w.world, w.list = n, nil // an execution that was cut short leaves its own
	}
	w.list = append(w.list, c)
	w.look = lookAll
	world(specWatch, unsafe.Pointer(&w.look))
}

func unwatch(c *Condition) {
	w := &watched
	w.list = slices.DeleteFunc(w.list, func(o *Condition) bool { return o == c })
	if len(w.list) == 0 {
		world(specWatch, nil)
	}
}

func lookAll() {
	for _, c := range watched.list {
		if err := c.call(); err != nil {
			broken(c, err)
			return
		}
	}
}

func broken(c *Condition, err error) {
	b := record(nil, "invariant", "name", c.name)
	b = record(b, "said", "title", "invariant "+strconv.Quote(c.name)+" does not hold after this step", "message", err.Error())
	report(string(b))
}

// record appends a line in the form of package wire: a kind, and fields.
func record(b []byte, kind string, fields ...string) []byte {
	b = append(b, kind...)
	for i := 0; i < len(fields); i += 2 {
		b = append(b, ' ')
		b = append(b, fields[i]...)
		b = append(b, '=')
		b = strconv.AppendQuote(b, fields[i+1])
	}
	return append(b, '\n')
}
