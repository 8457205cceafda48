package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/ghostread/ghostread/finding"
)

const dir = "/src/riskservice"

var storeSource = strings.Split(`package riskservice

import "sync"

// Store holds the latest status of every account.
type Store struct {
	mu     sync.Mutex
	status Status
	seen   map[string]int
}

// Set replaces the status.
func (s *Store) Set(st Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = st
	s.seen[st.Account]++
}

// Get returns the status.
func (s *Store) Get() Status {
	return s.status
}

// Move takes an amount from one store to another.
func Move(from, to *Store, n int) {
	from.mu.Lock()
	defer from.mu.Unlock()
	to.mu.Lock()
	defer to.mu.Unlock()
}`, "\n")

var testSource = strings.Split(`func TestGetWhileSet(t *testing.T) {
	s := NewStore()
	done := make(chan struct{})
	go func() {
		s.Set(Status{Account: "b", Text: "blocked"})
		close(done)
	}()
	if got := s.Get(); got.Text == "" {
		t.Errorf("Get() = %v, want a text", got)
	}
	<-done
}`, "\n")

func frames(places ...string) []finding.Frame {
	var list []finding.Frame
	for _, p := range places {
		fn, at, _ := strings.Cut(p, " ")
		file, line, _ := strings.Cut(at, ":")
		f := finding.Frame{Func: fn, File: file}
		if !strings.HasPrefix(file, "/") {
			f.File = dir + "/" + file
		}
		fmt.Sscan(line, &f.Line)
		list = append(list, f)
	}
	return list
}

var (
	getStack   = frames("example.com/riskservice.(*Store).Get store.go:22", "example.com/riskservice.TestGetWhileSet store_test.go:17", "testing.tRunner /go/src/testing/testing.go:2036")
	setStack   = frames("example.com/riskservice.(*Store).Set store.go:16", "example.com/riskservice.TestGetWhileSet.func1 store_test.go:14", "runtime.goexit /go/src/runtime/asm_amd64.s:1693")
	newStack   = frames("example.com/riskservice.NewStore store.go:7", "example.com/riskservice.TestGetWhileSet store_test.go:11", "testing.tRunner /go/src/testing/testing.go:2036")
	spawnStack = frames("example.com/riskservice.TestGetWhileSet store_test.go:13", "testing.tRunner /go/src/testing/testing.go:2036")
	closeStack = frames("example.com/riskservice.TestGetWhileSet.func1 store_test.go:15")
	lockStack  = frames("sync.(*Mutex).Lock /go/src/sync/mutex.go:46", "example.com/riskservice.(*Store).Set store.go:14", "example.com/riskservice.TestGetWhileSet.func1 store_test.go:14")
	recvStack  = frames("example.com/riskservice.TestGetWhileSet store_test.go:20")
)

// builder makes timelines the way a source does, in order.
type builder struct {
	tl finding.Timeline
}

func (b *builder) stack(s []finding.Frame) int {
	var list []int
	for _, f := range s {
		b.tl.Frames = append(b.tl.Frames, f)
		list = append(list, len(b.tl.Frames)-1)
	}
	b.tl.Stacks = append(b.tl.Stacks, list)
	return len(b.tl.Stacks) - 1
}

func (b *builder) point(lane int, op, text string, addr uint64, stack int, mark finding.Mark) int {
	at := int64(101 + len(b.tl.Points))
	b.tl.Points = append(b.tl.Points, finding.Point{Lane: lane, At: at, Op: op, Text: text, Addr: addr, Stack: stack, Mark: mark})
	return len(b.tl.Points) - 1
}

func (b *builder) edge(from, to int, kind string) {
	b.tl.Edges = append(b.tl.Edges, finding.Edge{From: from, To: to, Kind: kind})
}

const statusAddr = 0xc00019c0a8

// raceTimeline returns the schedule of the race, and the points of its read,
// write and origin.
func raceTimeline() (tl *finding.Timeline, read, write, origin int) {
	b := builder{finding.Timeline{
		Unit: "step",
		Lanes: []finding.Lane{
			{ID: 1, Name: "G1", Note: "the test"},
			{ID: 6, Name: "G6", Note: "started by G1 at store_test.go:13"},
			{ID: 7, Name: "G7", Note: "started by G1 at metrics.go:31"},
		},
		Sources: []finding.Source{
			{File: dir + "/store.go", First: 1, Lines: storeSource},
			{File: dir + "/store_test.go", First: 10, Lines: testSource},
		},
	}}
	get, set, made := b.stack(getStack), b.stack(setStack), b.stack(newStack)
	spawn, closed, lock, recv := b.stack(spawnStack), b.stack(closeStack), b.stack(lockStack), b.stack(recvStack)
	b.point(1, "write", "Store.seen (map)", statusAddr+40, made, "")
	origin = b.point(1, "write", "Store.status (Status)", statusAddr, made, finding.MarkOrigin)
	s6 := b.point(1, "spawn", "G6", 0, spawn, "")
	s7 := b.point(1, "spawn", "G7", 0, spawn, "")
	a7 := b.point(7, "read", "metrics.every (int64)", 0xc0000140f0, -1, "")
	b.edge(s7, a7, "spawn")
	for range 5 {
		b.point(7, "atomic load", "metrics.count (int64)", 0xc0000140f8, -1, "")
	}
	l6 := b.point(6, "lock", "Store.mu", statusAddr-8, lock, "")
	b.edge(s6, l6, "spawn")
	b.point(6, "acquire", "Store.mu", statusAddr-8, lock, "")
	b.point(7, "atomic store", "metrics.count (int64)", 0xc0000140f8, -1, "")
	write = b.point(6, "write", "Store.status (Status)", statusAddr, set, finding.MarkRival)
	b.point(6, "map read", "Store.seen", statusAddr+40, set, "")
	b.point(7, "yield", "", 0, -1, "")
	b.point(1, "read", "s (*Store)", 0xc0000a2010, get, "")
	read = b.point(1, "read", "Store.status (Status)", statusAddr, get, finding.MarkGhost)
	b.point(6, "map write", "Store.seen", statusAddr+40, set, "")
	u6 := b.point(6, "unlock", "Store.mu", statusAddr-8, set, "")
	c6 := b.point(6, "close", "done (chan struct {})", 0xc0000240e0, closed, "")
	r1 := b.point(1, "recv", "done (chan struct {})", 0xc0000240e0, recv, "")
	b.edge(c6, r1, "sync")
	b.edge(u6, c6, "sync")
	b.point(6, "exit", "", 0, -1, "")
	b.point(1, "exit", "", 0, -1, "")
	b.edge(origin, read, "reads-from")
	b.edge(write, read, "unordered")
	b.tl.Spans = []finding.Span{{Lane: 1, Start: 101, End: 105, State: "run"}, {Lane: 6, Start: 111, End: 117, State: "hold", Text: "Store.mu"}}
	return &b.tl, read, write, origin
}

func race() finding.Finding {
	tl, read, write, origin := raceTimeline()
	return finding.Finding{
		Code: "GR2001", Kind: finding.Race, Title: "Store.status is read while another goroutine writes it",
		Pos: finding.Position{File: dir + "/store.go", Line: 22, Col: 9}, Source: "explore",
		Subject: finding.Subject{Package: "example.com/riskservice", Test: "TestGetWhileSet"},
		Evidence: []finding.Evidence{
			{Role: finding.RoleRead, Text: "G1 reads Store.status (Status)", Goroutine: 1, Point: read, Object: "Store.status", Addr: statusAddr, Size: 32, Stack: getStack},
			{Role: finding.RoleWrite, Text: "G6 writes Store.status (Status) while it holds Store.mu", Goroutine: 6, Point: write, Object: "Store.status", Addr: statusAddr, Size: 32, Stack: setStack},
			{Role: finding.RoleOrigin, Text: "G1 wrote the value when the store was made", Goroutine: 1, Point: origin, Stack: newStack},
			{Role: finding.RoleSpawn, Text: "G6 was started by G1", Goroutine: 6, Point: origin + 1, Stack: spawnStack},
		},
		Executions: 3, AlsoIn: []string{"example.com/riskservice.TestSetTwice"}, Fingerprint: "9c1185a5c5e9fc54",
		Witness: &finding.Witness{Kind: "schedule", Command: "ghostread replay .ghostread/GR2001-9c1185a5.replay", Hash: "5f3a", Strategy: "pct", Seed: 17, Decisions: 9},
		Help:    "hold s.mu in Get", Timeline: tl,
	}
}

func deadlock() finding.Finding {
	move := func(line, caller int) []finding.Frame {
		return frames("runtime.gopark /go/src/runtime/proc.go:460", "sync.(*Mutex).Lock /go/src/sync/mutex.go:46",
			fmt.Sprintf("example.com/riskservice.Move store.go:%d", line), fmt.Sprintf("example.com/riskservice.TestMove.func%d move_test.go:%d", caller, 9+caller))
	}
	b := builder{finding.Timeline{
		Unit: "step", Lanes: []finding.Lane{{ID: 1, Name: "G1"}, {ID: 5, Name: "G5"}, {ID: 6, Name: "G6"}},
		Sources: []finding.Source{{File: dir + "/store.go", First: 1, Lines: storeSource}},
	}}
	first, second := b.stack(move(27, 1)), b.stack(move(29, 1))
	third, fourth := b.stack(move(27, 2)), b.stack(move(29, 2))
	s5 := b.point(1, "spawn", "G5", 0, -1, "")
	s6 := b.point(1, "spawn", "G6", 0, -1, "")
	a := b.point(5, "lock", "a.mu", 0xc000010000, first, "")
	c := b.point(6, "lock", "b.mu", 0xc000010080, third, "")
	d := b.point(5, "lock", "b.mu", 0xc000010080, second, finding.MarkStuck)
	e := b.point(6, "lock", "a.mu", 0xc000010000, fourth, finding.MarkStuck)
	b.point(1, "wait", "sync.WaitGroup", 0xc000010100, -1, finding.MarkStuck)
	b.edge(s5, a, "spawn")
	b.edge(s6, c, "spawn")
	return finding.Finding{
		Code: "GR2010", Kind: finding.Deadlock, Title: "G5 and G6 wait for each other's lock",
		Pos: finding.Position{File: dir + "/store.go", Line: 29}, Source: "explore",
		Subject: finding.Subject{Package: "example.com/riskservice", Test: "TestMove"},
		Evidence: []finding.Evidence{
			{Role: finding.RoleWait, Text: "G5 waits for b.mu, which G6 holds", Goroutine: 5, Point: d, Addr: 0xc000010080, Stack: move(29, 1)},
			{Role: finding.RoleHold, Text: "G6 holds b.mu", Goroutine: 6, Point: c, Stack: move(27, 2)},
			{Role: finding.RoleWait, Text: "G6 waits for a.mu, which G5 holds", Goroutine: 6, Point: e, Addr: 0xc000010000, Stack: move(29, 2)},
			{Role: finding.RoleHold, Text: "G5 holds a.mu", Goroutine: 5, Point: a, Stack: move(27, 1)},
		},
		Waits: []finding.Wait{
			{From: 5, To: 6, For: "b.mu", Cycle: true},
			{From: 6, To: 5, For: "a.mu", Cycle: true},
			{From: 1, To: 5, For: "WaitGroup wg"},
			{From: 7, For: "channel done"},
		},
		Executions: 1, Fingerprint: "0a0b0c0d00000001",
		Witness: &finding.Witness{Kind: "schedule", Command: "ghostread replay pct:1:4 ./... -run TestMove", Strategy: "pct", Seed: 4},
		Notes:   []string{"found under strict time"}, Timeline: &b.tl,
	}
}

func leak() finding.Finding {
	return finding.Finding{
		Code: "GR2011", Kind: finding.Leak, Title: "a goroutine started in Watch is left waiting on a channel",
		Pos: finding.Position{File: dir + "/watch.go", Line: 12, Col: 3}, Source: "explore",
		Subject: finding.Subject{Package: "example.com/riskservice", Test: "TestWatchCancel"},
		Evidence: []finding.Evidence{
			{Role: finding.RoleWait, Text: "G9 waits to send on a channel that nobody receives from", Goroutine: 9, Point: -1, Stack: frames("example.com/riskservice.Watch.func1 watch.go:12")},
			{Role: finding.RoleSpawn, Text: "G9 was started by G1", Goroutine: 9, Point: -1, Stack: frames("example.com/riskservice.Watch watch.go:11", "example.com/riskservice.TestWatchCancel watch_test.go:8")},
		},
		Executions: 12, Fingerprint: "0a0b0c0d00000002", Help: "make the channel with room for one value",
		Witness: &finding.Witness{Kind: "schedule", Command: "ghostread replay .ghostread/GR2011-0a0b0c0d.replay"},
	}
}

func panics() finding.Finding {
	return finding.Finding{
		Code: "GR2012", Kind: finding.Panic, Title: "send on closed channel",
		Pos: finding.Position{File: dir + "/pool.go", Line: 40}, Source: "explore",
		Subject:  finding.Subject{Package: "example.com/riskservice", Test: "TestPoolClose"},
		Evidence: []finding.Evidence{{Role: finding.RolePanic, Text: "G4 panics", Goroutine: 4, Point: -1, Stack: frames("runtime.chansend1 /go/src/runtime/chan.go:161", "example.com/riskservice.(*Pool).Put pool.go:40")}},
		Message:  "panic: send on closed channel\n\ngoroutine 4 [running]:\nexample.com/riskservice.(*Pool).Put(...)\n",
		Witness:  &finding.Witness{Kind: "schedule", Command: "ghostread replay .ghostread/GR2012-0a0b0c0d.replay"}, Executions: 7, Fingerprint: "0a0b0c0d00000003",
	}
}

func failure() finding.Finding {
	return finding.Finding{
		Code: "GR2013", Kind: finding.Failure, Title: "TestCount fails in this schedule and passes in others",
		Pos: finding.Position{File: dir + "/count_test.go", Line: 19}, Source: "explore",
		Subject:    finding.Subject{Package: "example.com/riskservice", Test: "TestCount"},
		Evidence:   []finding.Evidence{{Role: finding.RoleAssert, Text: "the assertion that failed", Point: -1, Stack: frames("example.com/riskservice.TestCount count_test.go:19")}},
		Message:    "    count_test.go:19: Count() = 1, want 2",
		Executions: 41, Fingerprint: "0a0b0c0d00000004",
		Witness: &finding.Witness{Kind: "schedule", Command: "ghostread replay .ghostread/GR2013-0a0b0c0d.replay"},
	}
}

func stale() finding.Finding {
	return finding.Finding{
		Code: "GR2002", Kind: finding.Stale, Title: "Cache.Get returns limit 10, which was replaced by 20 before the read began",
		Pos: finding.Position{File: dir + "/cache.go", Line: 31, Col: 12}, Source: "explore",
		Subject: finding.Subject{Package: "example.com/riskservice", Test: "TestCacheRefill"},
		Evidence: []finding.Evidence{
			{Role: finding.RoleRead, Text: "G8 reads Cache.limit (int)", Goroutine: 8, Point: -1, Addr: 0xc000012340, Size: 8, Stack: frames("example.com/riskservice.(*Cache).Get cache.go:31")},
			{Role: finding.RoleOrigin, Text: "G7 wrote 10, 14 steps earlier", Goroutine: 7, Point: -1, Stack: frames("example.com/riskservice.(*Cache).refill cache.go:52")},
			{Role: finding.RoleWrite, Text: "G6 wrote 20, 3 steps earlier", Goroutine: 6, Point: -1, Stack: frames("example.com/riskservice.(*Cache).Set cache.go:40")},
		},
		Executions: 5, Fingerprint: "0a0b0c0d00000005",
	}
}

func sample() Input {
	outcome := func(test string, v finding.Verdict, n int, reason string, fps ...string) finding.Outcome {
		return finding.Outcome{Subject: finding.Subject{Package: "example.com/riskservice", Test: test}, Verdict: v,
			Executions: n, Reason: reason, Findings: fps, Duration: time.Duration(n) * 1300 * time.Microsecond}
	}
	in := Input{
		Findings: []finding.Finding{race(), stale(), deadlock(), leak(), panics(), failure()},
		Tool:     "ghostread v0.1.0",
		Options:  Options{Dir: dir},
		Summary: finding.Summary{Executions: 2130, Findings: 6, Duration: 3418 * time.Millisecond,
			Outcomes: []finding.Outcome{
				outcome("TestGetWhileSet", finding.Found, 300, "", "9c1185a5c5e9fc54"),
				outcome("TestSetTwice", finding.Found, 300, "", "9c1185a5c5e9fc54"),
				outcome("TestCacheRefill", finding.Found, 300, "", "0a0b0c0d00000005"),
				outcome("TestMove", finding.Found, 1, "", "0a0b0c0d00000001"),
				outcome("TestWatchCancel", finding.Found, 300, "", "0a0b0c0d00000002"),
				outcome("TestPoolClose", finding.Found, 300, "", "0a0b0c0d00000003"),
				outcome("TestCount", finding.Found, 300, "", "0a0b0c0d00000004"),
				outcome("TestDial", finding.Unknown, 29, "a goroutine waits for the network, which is not under control"),
				outcome("TestParse", finding.Clean, 300, ""),
			},
			Notes: []string{"built without cgo"},
		},
	}
	in.Summary.Outcomes[7].Uncontrolled = []string{"network"}
	in.Summary.Outcomes[8].Exhausted = true
	return in
}

// large returns a finding whose timeline has n points.
func large(n int) finding.Finding {
	f := race()
	b := builder{finding.Timeline{Unit: "step", Sources: f.Timeline.Sources}}
	for id := 1; id <= 24; id++ {
		b.tl.Lanes = append(b.tl.Lanes, finding.Lane{ID: id, Name: fmt.Sprintf("G%d", id)})
	}
	stacks := []int{b.stack(getStack), b.stack(setStack), b.stack(lockStack), b.stack(spawnStack), -1}
	ops := []string{"read", "write", "lock", "unlock", "atomic load", "send", "recv"}
	lane, random := 1, uint32(1)
	for i := range n {
		random = random*1664525 + 1013904223
		if random>>28 == 0 {
			lane = 1 + int(random>>8)%24
		}
		k := int(random >> 16)
		b.point(lane, ops[k%len(ops)], fmt.Sprintf("object%d.field%d", k%40, k%3), 0xc000000000+uint64(k%400)*8, stacks[k%len(stacks)], "")
		if i > 0 && k%50 == 0 {
			b.edge(i-1, i, "sync")
		}
	}
	read, write, origin := n*3/5+5, n*3/5, n*3/5-9
	for p, m := range map[int]finding.Mark{read: finding.MarkGhost, write: finding.MarkRival, origin: finding.MarkOrigin} {
		b.tl.Points[p].Mark = m
		b.tl.Points[p].Stack = stacks[0]
		b.tl.Points[p].Op = "write"
	}
	b.tl.Points[read].Op, b.tl.Points[write].Lane = "read", 17
	b.tl.Points[write].Stack = stacks[1]
	b.edge(origin, read, "reads-from")
	b.edge(write, read, "unordered")
	f.Timeline = &b.tl
	for i := range f.Evidence {
		f.Evidence[i].Point = -1
	}
	f.Evidence[0].Point, f.Evidence[1].Point, f.Evidence[2].Point = read, write, origin
	return f
}
