// Cache measures how often a sharded cache without keys answers a question
// about one key with the value of another, before and in a migration from hash
// version 1 to 2, and compares that with what chance predicts.
//
//	cache [seed]
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
)

const (
	stored = 2000  // keys in the cache: user:0, user:1, ...
	asked  = 50000 // reads of keys that are in no cache: session:0, session:1, ...
	moved  = 1000  // reads that move what they find
)

type design struct {
	name        string
	buckets     int
	fingerprint uint
	keys        bool
}

var designs = []design{
	{"position alone, 4096 buckets", 4096, 0, false},
	{"8-bit fingerprint, 64 buckets", 64, 8, false},
	{"16-bit fingerprint, 64 buckets", 64, 16, false},
	{"keys compared, 64 buckets", 64, 8, true},
}

func main() {
	seed := uint64(1)
	if len(os.Args) > 1 {
		if n, err := strconv.ParseUint(os.Args[1], 10, 64); err == nil {
			seed = n
		}
	}
	fmt.Println("seed =", seed)
	fmt.Printf("%d keys are stored, %d others are asked for; an answer is another key's value\n", stored, asked)

	var rows [][]string
	var eightBits []int // misdirected reads in each phase
	rates, outside, repaired, poisoned, repairedPoisoned, wrongOwn := 0, 0, 0, 0, 0, 0
	for _, d := range designs {
		c := newCache(d.buckets, d.fingerprint, d.keys, seed)
		for i := 0; i < stored; i++ {
			c.Store(user(i), i)
		}
		row := []string{d.name}
		phase := func(fresh int) {
			wrong := misdirected(c)
			if d.keys {
				repaired += wrong
				row = append(row, fmt.Sprintf("+%d", wrong))
				return
			}
			low, high := interval(d, stored, fresh)
			rates++
			if d.fingerprint == 8 {
				eightBits = append(eightBits, wrong)
			}
			if wrong < low || wrong > high {
				outside++
			}
			row = append(row, fmt.Sprintf("!%d (expected %d to %d)", wrong, low, high))
		}
		phase(0)
		for i := 0; i < stored/2; i++ {
			c.Move(user(i), i)
		}
		phase(stored / 2)
		for i := stored / 2; i < stored; i++ {
			c.Move(user(i), i)
		}
		phase(stored)

		// What is stored must at least be found, by the repaired cache as itself.
		for i := 0; i < stored; i++ {
			v, ok := c.Get(user(i))
			if !ok || d.keys && v != i {
				wrongOwn++
			}
		}

		// A migration by reads: wrong answers are kept.
		c = newCache(d.buckets, d.fingerprint, d.keys, seed)
		for i := 0; i < stored; i++ {
			c.Store(user(i), i)
		}
		for i := 0; i < moved; i++ {
			c.GetAndMove(session(i))
		}
		c.Finish()
		left := misdirected(c)
		if d.keys {
			repairedPoisoned = left
			row = append(row, fmt.Sprintf("+%d", left))
		} else {
			if left > 0 {
				poisoned++
			}
			row = append(row, fmt.Sprintf("!%d", left))
		}
		rows = append(rows, row)
		fmt.Println(row)
	}
	text, err := json.Marshal(map[string]interface{}{
		"kind": "table", "title": fmt.Sprintf("Misdirected reads of %d", asked),
		"columns": []string{"what an entry is told by", "before", "half of the keys copied", "all copied, old buckets still there", "moved by 1000 reads, old buckets dropped"},
		"rows":    rows,
		"notes": []string{
			"Expected: a table has buckets x 2^fingerprint cells, n entries leave a share of (1 - 1/cells)^n empty, and a read goes wrong unless its cell is empty in both tables.",
			"The interval covers at least 99.99 %, with the variance of the reads and of the entries' places.",
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", text)
	fmt.Println("reads =", asked)
	fmt.Println("rates =", rates)
	fmt.Println("rates_outside_interval =", outside)
	fmt.Println("misdirected_8_bits_before =", eightBits[0])
	fmt.Println("misdirected_8_bits_stale =", eightBits[2])
	fmt.Println("repaired_misdirected =", repaired)
	fmt.Println("designs_that_keep_wrong_answers =", poisoned)
	fmt.Println("repaired_keeps_wrong_answers =", repairedPoisoned)
	fmt.Println("stored_keys_lost =", wrongOwn)
}

func user(i int) string    { return "user:" + strconv.Itoa(i) }
func session(i int) string { return "session:" + strconv.Itoa(i) }

// misdirected counts the reads that find something for a key that is not there.
func misdirected(c *cache) int {
	n := 0
	for i := 0; i < asked; i++ {
		if _, ok := c.Get(session(i)); ok {
			n++
		}
	}
	return n
}

// interval is where the number of misdirected reads is in 99.99 % of cases, with
// old entries in the table of version 1 and fresh ones in that of version 2. A
// table of m cells with n entries leaves a share of (1-1/m)^n empty, and a read
// must find its cell empty in both. Chance is in the reads and in the share: n
// entries may occupy more or fewer cells (balls into bins).
func interval(d design, old, fresh int) (low, high int) {
	m := float64(d.buckets) * math.Pow(2, float64(d.fingerprint))
	empty := func(n int) (share, variance float64) {
		a := float64(n) / m
		return math.Pow(1-1/m, float64(n)), math.Exp(-a) * (1 - (1+a)*math.Exp(-a)) / m
	}
	v1, variance1 := empty(old)
	v2, variance2 := empty(fresh)
	p := 1 - v1*v2
	places := v1*v1*variance2 + v2*v2*variance1
	deviation := math.Sqrt(asked*p*(1-p) + asked*asked*places)
	const z = 3.89
	return int(math.Floor(asked*p - z*deviation)), int(math.Ceil(asked*p + z*deviation))
}
