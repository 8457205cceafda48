// Grow watches a map[int]int grow by reading the map's own header after each
// write. It runs on classic maps (buckets with overflow chains, Go 1.18 to
// 1.23 and GOEXPERIMENT=noswissmap in 1.24 and 1.25) and on Swiss maps (groups
// in tables, Go 1.24 and later).
//
//	grow load      at which insert does a map grow, and what does a write move?
//	grow pace      who moves entries: reads, GCs, time, updates, deletes?
//	grow churn     a constant number of keys, old ones out, new ones in
//	grow article   the 1024 inserts of the article
//	grow picture   one growth, frame by frame
//
// Lines "name = value" are facts, and they do not depend on the hash seed. What
// does depend on it is told in sentences.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	job := "load"
	if len(os.Args) > 1 {
		job = os.Args[1]
	}
	swiss := isSwiss()
	if swiss {
		fact("map", "swiss")
	} else {
		fact("map", "classic")
	}
	jobs := map[string][2]func(){
		"load":    {classicLoad, swissLoad},
		"pace":    {classicPace, swissPace},
		"churn":   {classicChurn, swissChurn},
		"article": {classicArticle, swissArticle},
		"picture": {classicPicture, swissPicture},
	}
	j, ok := jobs[job]
	must(ok, "no such job: "+job)
	if swiss {
		j[1]()
	} else {
		j[0]()
	}
}

func fact(name string, value interface{}) { fmt.Printf("%s = %v\n", name, value) }

func list(name string, values interface{}) {
	text, err := json.Marshal(values)
	must(err == nil, "marshal")
	fact(name, string(text))
}

// must ends the program when something that every number here rests on is not
// so. Without it a look in the wrong place would print zeros, and zeros would
// pass for results.
func must(ok bool, what string) {
	if !ok {
		fmt.Println("cannot go on:", what)
		os.Exit(1)
	}
}

// newMap makes a map whose header lies on the heap: a header on the stack would
// move with the stack, away from the pointer that watches it.
//
//go:noinline
func newMap(hint int) map[int]int { return make(map[int]int, hint) }
