// Pairs looks into a map[string]int for keys that its short checks cannot tell
// apart: in one bucket with one tophash (classic maps), or in one group with
// one control byte (Swiss maps). A search for either key comes upon the other
// one. Then it asks for all of them, and deletes one of each pair and asks
// again; in a map at rest and in one that is in the middle of a growth.
package main

import (
	"fmt"
	"os"
	"strconv"
)

const entries = 10000

func main() {
	look := classicPairs
	if isSwiss() {
		look = swissPairs
		fmt.Println("map = swiss")
	} else {
		fmt.Println("map = classic")
	}

	rest := newMap(entries)
	found := look(rest)
	fmt.Printf("%d keys: %d pairs in the same bucket or group with the same short check (depends on the hash seed)\n", entries, len(found))
	must(len(found) >= 20, "too few pairs to say anything")
	fmt.Println("pairs_at_least_20 =", len(found) >= 20)
	report("", rest, found)

	growing := newMap(0)
	for i := 0; !midGrowth(growing) || len(growing) < 5000; i++ {
		growing[key(i)] = i
		must(i < 100000, "no growth began")
	}
	found = look(growing)
	fmt.Printf("%d keys, the last of which began a growth or split a table: %d pairs\n", len(growing), len(found))
	must(len(found) >= 10, "too few pairs to say anything")
	report("growing_", growing, found)
}

func report(prefix string, m map[string]int, pairs [][2]string) {
	n := len(m)
	fmt.Printf("%smiddle_of_growth = %v\n", prefix, !isSwiss() && midGrowth(m))
	wrong, ghosts := 0, 0
	for i := 0; i < n; i++ {
		if v, ok := m[key(i)]; !ok || v != i {
			wrong++
		}
		if _, ok := m["session:"+strconv.Itoa(i)]; ok {
			ghosts++
		}
	}
	fmt.Printf("%swrong_values = %d\n", prefix, wrong)
	fmt.Printf("%sabsent_keys_found = %d\n", prefix, ghosts)

	// Of each pair the first is deleted: a search for it still meets the second.
	deleted := map[string]bool{}
	back, lost := 0, 0
	for _, p := range pairs {
		if deleted[p[0]] || deleted[p[1]] {
			continue
		}
		delete(m, p[0])
		deleted[p[0]] = true
		if _, ok := m[p[0]]; ok {
			back++
		}
		if v, ok := m[p[1]]; !ok || key(v) != p[1] {
			lost++
		}
	}
	must(len(deleted) > 0, "no pair was tried")
	fmt.Printf("%sdeleted_keys_found = %d\n", prefix, back)
	fmt.Printf("%spartners_wrong = %d\n", prefix, lost)
}

func key(i int) string { return "user:" + strconv.Itoa(i) }

//go:noinline
func newMap(n int) map[string]int {
	m := make(map[string]int)
	for i := 0; i < n; i++ {
		m[key(i)] = i
	}
	return m
}

func must(ok bool, what string) {
	if !ok {
		fmt.Println("cannot go on:", what)
		os.Exit(1)
	}
}
