// Store is a database of one table in 60 lines, with versions and timestamps,
// to show what a phantom is and why a snapshot has none. A version of a row is
// visible at the times from its commit up to the commit of the next version.
//
// Transaction T1 asks for the adults twice; in between T2 inserts one and
// commits at time 105. T1 began at time 100.
//
// At last two transactions each read what the other changes, from snapshots:
// that no phantom is seen does not make an execution serial.
package main

import (
	"fmt"
	"strings"
)

type version struct {
	name     string
	age      int
	from, to int // visible at from <= time < to
}

const forever = 1 << 30

type store struct {
	now      int
	versions []version
}

// scan returns the names of those over 18, as of a time.
func (s *store) scan(time int) (names []string) {
	for _, v := range s.versions {
		if v.from <= time && time < v.to && v.age > 18 {
			names = append(names, v.name)
		}
	}
	return names
}

// commit ends the versions of the same name and adds the new one.
func (s *store) commit(time int, name string, age int) {
	for i := range s.versions {
		if v := &s.versions[i]; v.name == name && v.to == forever {
			v.to = time
		}
	}
	s.versions = append(s.versions, version{name, age, time, forever})
	s.now = time
}

// transaction reads as of its snapshot, or as of now when it has none: the
// levels "snapshot isolation" and "read committed".
type transaction struct {
	store    *store
	snapshot int
	isolated bool
}

func (s *store) begin(isolated bool) *transaction { return &transaction{s, s.now, isolated} }

func (t *transaction) adults() []string {
	if t.isolated {
		return t.store.scan(t.snapshot)
	}
	return t.store.scan(t.store.now)
}

func newStore() *store {
	s := &store{}
	for i, name := range []string{"Ann", "Ben", "Cid"} {
		s.commit(98+i, name, 30)
	}
	return s // the time is 100
}

func main() {
	for _, level := range []struct {
		fact, name string
		isolated   bool
	}{
		{"committed", "read committed", false}, {"snapshot", "snapshot isolation", true},
	} {
		s := newStore()
		var d drawing
		t1 := s.begin(level.isolated)
		d.add(lane1, "begin", fmt.Sprintf("T1 begins at %d", s.now), "")
		first := t1.adults()
		d.add(lane1, "read", "adults: "+strings.Join(first, ", "), "")
		d.add(lane2, "write", "T2 inserts Dora, 25", "")
		s.commit(105, "Dora", 25)
		d.add(lane3, "commit", "version of Dora, visible from 105 on", "origin")
		second := t1.adults()
		if len(second) > len(first) {
			d.add(lane1, "read", "adults: "+strings.Join(second, ", "), "ghost")
			d.readsFrom(3)
		} else {
			d.add(lane1, "read", "adults: "+strings.Join(second, ", "), "")
		}
		d.print("T1 at level " + level.name)
		fmt.Printf("%s: T1 finds %v, then %v\n", level.name, first, second)
		fmt.Printf("%s_first = %d\n", level.fact, len(first))
		fmt.Printf("%s_second = %d\n", level.fact, len(second))
	}
	skew()
}

// skew has a rule that spans rows: one adult has to stay. T1 lets Ann and Ben
// go, T2 lets Cid go. Each keeps the rule as far as its snapshot shows, and they
// change different rows, so neither is in the other's way.
func skew() {
	s := newStore()
	t1, t2 := s.begin(true), s.begin(true)
	if len(t1.adults()) > 2 {
		s.commit(101, "Ann", 0)
		s.commit(101, "Ben", 0)
	}
	if len(t2.adults()) > 1 {
		s.commit(102, "Cid", 0)
	}
	left := s.begin(true).adults()
	fmt.Printf("two snapshots, two changes, each of which leaves an adult: %d left\n", len(left))
	fmt.Printf("skew_left = %d\n", len(left))
}
