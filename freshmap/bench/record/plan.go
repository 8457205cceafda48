package record

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ghostread/ghostread/freshmap/bench"
)

// A job is a case with GOMAXPROCS, for all peers.
type job struct {
	bench.Case
	procs     int
	benchtime string
	timeout   time.Duration
	reps      int // at most
	often     int // at least, of quickPeers
}

// times says how often a peer is measured where others are measured reps times.
func (j job) times(peer string, reps int) int {
	if slices.Contains(quickPeers, peer) {
		reps = max(reps, j.often)
	}
	return min(reps, j.reps)
}

// name is the name without a peer, which -only matches.
func (j job) name() string { return strings.Replace(j.Name(""), "/peer=", "", 1) }

func newJob(c bench.Case, procs int) job {
	j := job{Case: c, procs: procs, timeout: 2 * time.Minute, reps: 1 << 30}
	// As many operations for every peer, whatever else the machine does
	// meanwhile: a number found by the clock would be small on a busy one, and
	// what comes once would weigh more.
	switch {
	case c.Size <= 1_000:
		j.benchtime = "12000000x"
	case c.Size <= 100_000:
		j.benchtime = "6000000x"
	default:
		j.benchtime = "3000000x"
	}
	switch {
	case c.Workload == "Latency":
		j.benchtime, j.timeout = "1x", 3*time.Minute
		if c.Variant == "clock=cpu" { // others hardly disturb it, and it takes long
			j.reps = 1
		}
	case c.Workload == "Memory":
		j.benchtime = "1x"
	case c.Variant == "writer=1":
		j.benchtime = "2x"
	case c.Workload == "Grow":
		j.benchtime = fmt.Sprintf("%dx", max(1, 2_000_000/c.Size))
	case c.Workload == "Iterate":
		j.benchtime = fmt.Sprintf("%dx", max(1, 5_000_000/c.Size))
	}
	if c.Size > bench.GrowthSize {
		j.timeout, j.reps = 5*time.Minute, 3
	}
	return j
}

// quickPeers are those that the figures need.
var quickPeers = []string{"sync.Map", "xsync", "xsync-relaxed", "freshmap", "freshmap-snapshot", bench.Floor}

// quick is what the figures need.
func quick(c bench.Case) (procs []int) {
	uniform := c.Variant == "dist=uniform"
	ints := c.Key == bench.KeyInt
	million := c.Size == 1_000_000
	ok := false
	switch c.Workload {
	case "Hits", "Misses":
		ok = uniform && (ints || million)
	case "R90", "R50":
		ok = uniform && ints && c.Size != 100_000
	case "U90":
		ok = uniform && ints && c.Size == 100_000
	case "Grow", "Memory", "Iterate":
		ok = ints && million
	case "Latency":
		ok = ints
	}
	if ok {
		return []int{2}
	}
	return nil
}

// issue is quick with hits and misses of strings in small maps too: each cell that
// was asked for, and what else belongs into the document.
func issue(c bench.Case) (procs []int) {
	if c.Variant == "dist=uniform" && c.Size == 1_000 && (c.Workload == "Hits" || c.Workload == "Misses") {
		return []int{2}
	}
	return quick(c)
}

// seldom limits the repetitions of what takes long and varies little, so that the
// single operations, which decide, come more often.
func seldom(jobs []job) {
	for i := range jobs {
		switch jobs[i].Workload {
		case "Iterate", "Memory":
			jobs[i].reps = min(jobs[i].reps, 3)
		case "Latency":
			jobs[i].reps = min(jobs[i].reps, 5)
		}
	}
}

// issueReps is how often what was asked for is measured.
const issueReps = 9

// emphasize has those cells that were asked for measured as often as -issue does.
func emphasize(jobs []job) {
	for i, j := range jobs {
		if slices.Contains(issue(j.Case), j.procs) {
			jobs[i].often = issueReps
		}
	}
}

// full is what the document shows.
func full(c bench.Case) (procs []int) {
	uniform := c.Variant == "dist=uniform"
	zipf := c.Variant == "dist=zipf"
	ints := c.Key == bench.KeyInt
	switch {
	case c.Size > bench.GrowthSize:
		if ints && !zipf && slices.Contains([]string{"Hits", "Misses", "R90", "R50", "Grow", "Memory"}, c.Workload) {
			return []int{2}
		}
	case zipf:
		if ints && slices.Contains([]string{"Hits", "R90", "R50"}, c.Workload) {
			return []int{2}
		}
	case uniform && slices.Contains([]string{"R99", "R75", "U50"}, c.Workload):
		if ints {
			return []int{2}
		}
	case uniform || c.Workload == "Grow":
		return []int{1, 2}
	default:
		return []int{2}
	}
	return nil
}

// every is what can be asked for by name.
func every(c bench.Case) []int {
	if slices.Contains([]string{"Latency", "Memory", "Iterate"}, c.Workload) {
		return []int{2}
	}
	return []int{1, 2}
}

// plan lists the jobs of a mode that the expression matches.
func plan(choose func(bench.Case) []int, only *regexp.Regexp, big bool, cpus []int) []job {
	var jobs []job
	for _, c := range bench.Cases(big) {
		for _, procs := range choose(c) {
			j := newJob(c, procs)
			if (only == nil || only.MatchString(j.name())) && (len(cpus) == 0 || slices.Contains(cpus, procs)) {
				jobs = append(jobs, j)
			}
		}
	}
	return jobs
}

// A step is one process.
type step struct {
	job
	peer string
	rep  int
}

func (s step) String() string {
	return fmt.Sprintf("%s-%d rep %d", s.Name(s.peer), s.procs, s.rep+1)
}

// schedule interleaves: a repetition goes through all jobs, a job through all
// peers, and the first peer is another one each time.
func schedule(jobs []job, peers []*bench.Peer, reps int) []step {
	var steps []step
	most := reps
	for _, j := range jobs {
		most = max(most, j.often)
	}
	for rep := range most {
		for i, j := range jobs {
			for k := range peers {
				if p := peers[(rep+i+k)%len(peers)]; p.Takes(j.Workload) && rep < j.times(p.Name, reps) {
					steps = append(steps, step{j, p.Name, rep})
				}
			}
		}
	}
	return steps
}
