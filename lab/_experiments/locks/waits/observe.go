package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
)

const (
	rlock   = "sync.(*RWMutex).RLock"
	lock    = "sync.(*RWMutex).Lock"
	runlock = "sync.(*RWMutex).RUnlock"
	unlock  = "sync.(*RWMutex).Unlock"
)

// parked returns the wait reasons of the goroutines that are parked inside
// function. A goroutine that is on its way into the wait is running or
// runnable, and does not count yet.
func parked(function string) []string {
	buf := make([]byte, 1<<16)
	buf = buf[:runtime.Stack(buf, true)]
	var reasons []string
	for _, g := range strings.Split(string(buf), "\n\n") {
		if !strings.Contains(g, "\n"+function+"(") {
			continue
		}
		state := g[strings.Index(g, "[")+1:]
		state = state[:strings.IndexAny(state, "],")]
		switch state {
		case "semacquire", "sync.RWMutex.RLock", "sync.RWMutex.Lock":
			reasons = append(reasons, state)
		}
	}
	return reasons
}

func blockedIn(function string) int { return len(parked(function)) }

func waitReason(function string) string {
	if reasons := parked(function); len(reasons) > 0 {
		return reasons[0]
	}
	return "none"
}

// waits counts the events of a profile by the RWMutex method they are charged
// to: the outermost method of sync on the stack.
func waits(profile func([]runtime.BlockProfileRecord) (int, bool)) map[string]int64 {
	records := make([]runtime.BlockProfileRecord, 1000)
	n, ok := profile(records)
	if !ok {
		fail("more than %d profile records", len(records))
	}
	counts := map[string]int64{}
	for _, r := range records[:n] {
		method := ""
		frames := runtime.CallersFrames(r.Stack())
		for {
			f, more := frames.Next()
			if strings.HasPrefix(f.Function, "sync.(*RWMutex).") {
				method = f.Function
			}
			if !more {
				break
			}
		}
		// The profiles scale counts by the sampling rate, which is 1 here.
		counts[method] += r.Count
	}
	return counts
}

func printProfiles() {
	block, mutex := waits(runtime.BlockProfile), waits(runtime.MutexProfile)
	var rows [][]string
	for _, m := range []struct{ fact, method string }{
		{"rlock", rlock}, {"lock", lock}, {"runlock", runlock}, {"unlock", unlock},
	} {
		fmt.Printf("block_%s = %d\n", m.fact, block[m.method])
		fmt.Printf("mutex_%s = %d\n", m.fact, mutex[m.method])
		rows = append(rows, []string{m.method, fmt.Sprint(block[m.method]), fmt.Sprint(mutex[m.method])})
	}
	picture(map[string]any{
		"kind":    "table",
		"title":   "Events charged to each method",
		"columns": []string{"method", "block profile", "mutex profile"},
		"rows":    rows,
		"notes":   []string{"The block profile names the one who waited, the mutex profile the one who let the waiters go."},
	})
}

// drawPending draws what writerPends has just observed.
func drawPending() {
	const reader1, writer, reader2 = 1, 2, 3
	point := func(lane, at int, op, text, mark string) map[string]any {
		return map[string]any{"lane": lane, "at": at, "op": op, "text": text, "stack": -1, "mark": mark}
	}
	span := func(lane, start, end int, state, text string) map[string]any {
		return map[string]any{"lane": lane, "start": start, "end": end, "state": state, "text": text}
	}
	edge := func(from, to int) map[string]any {
		return map[string]any{"from": from, "to": to, "kind": "wake"}
	}
	picture(map[string]any{
		"kind":  "timeline",
		"title": "A pending writer keeps a reader out",
		"timeline": map[string]any{
			"unit": "step",
			"lanes": []map[string]any{
				{"id": reader1, "name": "slow reader"},
				{"id": writer, "name": "writer"},
				{"id": reader2, "name": "new reader"},
			},
			"points": []map[string]any{
				point(reader1, 0, "rlock", "RLock: granted", ""),
				point(writer, 1, "lock", "Lock: waits for the slow reader", ""),
				point(reader2, 2, "rlock", "RLock: waits, though only a reader holds the lock", "rival"),
				point(reader1, 3, "runlock", "RUnlock: wakes the writer", "origin"),
				point(writer, 4, "unlock", "Unlock: wakes the new reader", ""),
				point(reader2, 5, "rlock", "RLock: granted at last", ""),
			},
			"spans": []map[string]any{
				span(reader1, 0, 3, "hold", "holds the read lock"),
				span(writer, 1, 3, "blocked", "pending"),
				span(writer, 3, 4, "hold", "holds the write lock"),
				span(reader2, 2, 4, "blocked", "behind the pending writer"),
			},
			"edges": []map[string]any{edge(3, 4), edge(4, 5)},
		},
	})
}

func picture(p map[string]any) {
	line, err := json.Marshal(p)
	if err != nil {
		fail("%v", err)
	}
	fmt.Printf("picture: %s\n", line)
}
