// Bench compares maps for concurrent use: two goroutines on two processors
// read and overwrite random keys that are all there.
//
//	go run . [-for 5ms] [-repeat 9] rwmutex mutex syncmap sharded
//
// The samples are interleaved: each repetition visits every cell and every map
// once, so a disturbance of the machine hits all maps alike. Of a cell's
// samples the median is given, and the interval from the second smallest to the
// second largest: with nine samples it holds the true median with 96 %
// probability, whatever the distribution.
//
// Built with -tags xsync it knows xsync too, which must be in go.mod then.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"sync"
	"time"
)

const workers = 2

// cells are the number of keys and the share of reads, in percent. The first
// has the shape of the article's benchmark: parallel writes of one key.
var cells = []struct{ keys, reads int }{
	{1, 0},
	{1000, 100}, {1000, 90}, {1000, 50},
	{100000, 100}, {100000, 90}, {100000, 50},
}

func main() {
	length := flag.Duration("for", 5*time.Millisecond, "length of a sample")
	repeat := flag.Int("repeat", 9, "samples per cell and map")
	flag.Parse()
	if *repeat < 6 || flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: bench [-for 5ms] [-repeat 9] MAP... (at least 6 samples)")
		os.Exit(1)
	}
	runtime.GOMAXPROCS(workers)

	samples := make([][][]float64, flag.NArg()) // by map and cell
	filled := make([]map[int]store, flag.NArg())
	for i, name := range flag.Args() {
		if stores[name].make == nil {
			fmt.Fprintf(os.Stderr, "no map %q\n", name)
			os.Exit(1)
		}
		samples[i] = make([][]float64, len(cells))
		filled[i] = map[int]store{}
		for _, c := range cells {
			if filled[i][c.keys] == nil {
				filled[i][c.keys] = fill(stores[name].make(), c.keys)
			}
		}
	}
	for r := 0; r < *repeat; r++ {
		for c, cell := range cells {
			for i := range samples {
				rate := sample(filled[i][cell.keys], cell.keys, cell.reads, *length)
				samples[i][c] = append(samples[i][c], rate)
			}
		}
	}
	report(flag.Args(), samples)
}

func fill(s store, keys int) store {
	for k := 0; k < keys; k++ {
		s.set(k, k)
	}
	for n := 0; n < 2*keys; n++ {
		s.get(n % keys) // lets the old sync.Map promote its dirty map
	}
	return s
}

// sample returns operations per second of all workers together.
func sample(s store, keys, reads int, length time.Duration) (rate float64) {
	var (
		ready, done sync.WaitGroup
		start       = make(chan struct{})
		rates       [workers]float64
	)
	for w := 0; w < workers; w++ {
		w := w
		ready.Add(1)
		done.Add(1)
		go func() {
			defer done.Done()
			ready.Done()
			<-start
			rates[w] = work(s, uint64(keys), uint64(reads), uint64(w+1), length)
		}()
	}
	ready.Wait()
	close(start)
	done.Wait()
	for _, r := range rates {
		rate += r
	}
	return rate
}

// work uses the map until its time is over and returns operations per second.
func work(s store, keys, reads, seed uint64, length time.Duration) float64 {
	const batch = 256 // operations between two looks at the clock
	x := seed * 0x9E3779B97F4A7C15
	begin := time.Now()
	for n := batch; ; n += batch {
		for i := 0; i < batch; i++ {
			x ^= x << 13 // xorshift64
			x ^= x >> 7
			x ^= x << 17
			key := int((x & 0xffffffff) * keys >> 32)
			if (x>>48)*100>>16 < reads {
				s.get(key)
			} else {
				s.set(key, i)
			}
		}
		if took := time.Since(begin); took >= length {
			return float64(n) / took.Seconds()
		}
	}
}

func report(names []string, samples [][][]float64) {
	type bar struct {
		Name  string  `json:"name"`
		Group string  `json:"group"`
		Value float64 `json:"value"`
		Low   float64 `json:"low"`
		High  float64 `json:"high"`
	}
	var bars []bar
	for c, cell := range cells {
		group := fmt.Sprintf("%d keys, %d %% reads", cell.keys, cell.reads)
		if cell.keys == 1 {
			group = "1 key, writes only"
		}
		fmt.Println(group)
		for i, name := range names {
			s := samples[i][c]
			sort.Float64s(s)
			middle := (s[(len(s)-1)/2] + s[len(s)/2]) / 2
			low, high := s[1], s[len(s)-2]
			fmt.Printf("  %-18s %7.2f million operations/s  [%.2f, %.2f]\n", stores[name].title, middle/1e6, low/1e6, high/1e6)
			fmt.Printf("%s_%d_%d = %.0f\n", name, cell.keys, cell.reads, middle)
			bars = append(bars, bar{stores[name].title, group, tenth(middle / 1e6), tenth(low / 1e6), tenth(high / 1e6)})
		}
	}
	line, err := json.Marshal(map[string]any{
		"kind": "bars", "title": "Two goroutines, int keys", "unit": "million operations/s", "bars": bars,
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", line)
}

func tenth(f float64) float64 { return float64(int(f*10+0.5)) / 10 }
