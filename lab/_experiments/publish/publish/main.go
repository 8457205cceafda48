// Publish hands fully built objects from one goroutine to another in several
// ways and counts the half-built ones that arrive.
//
//	publish WAY MILLISECONDS    one way, in this process
//	publish -each MILLISECONDS  each way in a process of its own, with what the race detector says
//	publish -model              what the memory model says of each way
//
// Build it with -race, and -each tells which ways the race detector reports.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

func main() {
	args := os.Args[1:]
	switch {
	case len(args) == 1 && args[0] == "-model":
		for _, w := range ways {
			fmt.Printf("%s = %s\n", w.name, ordered(w))
		}
	case len(args) == 2 && args[0] == "-each":
		each(args[1])
	case len(args) == 2:
		ms, err := strconv.Atoi(args[1])
		w := find(args[0])
		if err != nil || w == nil {
			usage()
		}
		seen, half := run(w, time.Duration(ms)*time.Millisecond)
		fmt.Printf("seen = %d\nhalf = %d\n", seen, half)
	default:
		usage()
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: publish WAY MS | publish -each MS | publish -model; the ways:")
	for _, w := range ways {
		fmt.Fprintf(os.Stderr, "  %-16s %s\n", w.name, w.text)
	}
	os.Exit(2)
}

func find(name string) *way {
	for i := range ways {
		if ways[i].name == name {
			return &ways[i]
		}
	}
	return nil
}

func ordered(w way) string {
	if w.ordered {
		return "ordered"
	}
	return "data race"
}

// each prints, for a way W: W_seen and W_half, in a build with -race W_race,
// and as W what a table of this build shows. What did not get through a single
// object, or a race detector that misses the plain pointer, gives no facts.
func each(ms string) {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
	var rows [][]string
	working := false // it reports the plain pointer, which comes first
	for i, w := range ways {
		cmd := exec.Command(self, w.name, ms)
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // do not wait after a report
		out, _ := cmd.CombinedOutput()                             // status 66 after a race report
		text := string(out)
		var seen, half int
		for _, line := range strings.Split(text, "\n") {
			fmt.Sscanf(line, "seen = %d", &seen)
			fmt.Sscanf(line, "half = %d", &half)
		}
		if seen == 0 {
			fmt.Printf("%s: nothing arrived\n%s\n", w.name, text)
			continue
		}
		reported := strings.Contains(text, "WARNING: DATA RACE")
		if i == 0 {
			working = reported
		}
		fmt.Printf("%s_seen = %d\n%s_half = %d\n", w.name, seen, w.name, half)
		arrived := fmt.Sprintf("%d of %d half-built", half, seen)
		said := "not built with -race"
		switch {
		case raceBuild && !working:
			said = "the detector does not work"
		case raceBuild:
			said = "silent"
			if reported {
				said = "reported"
			}
			fmt.Printf("%s_race = %v\n%s = %s\n", w.name, reported, w.name, said)
		default:
			fmt.Printf("%s = %s\n", w.name, arrived)
		}
		rows = append(rows, []string{w.text, mark(w.ordered) + ordered(w), mark(!reported) + said, mark(half == 0) + arrived})
	}
	picture, err := json.Marshal(map[string]interface{}{
		"kind":    "table",
		"title":   "Ways to publish an object",
		"columns": []string{"way", "memory model", "race detector", "arrived"},
		"rows":    rows,
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", picture)
}

// mark is how a table draws a cell.
func mark(good bool) string {
	if good {
		return "+"
	}
	return "!"
}
