package main

import "sync"

func init() { bugs["race_publish"] = racePublish }

var published *pair

// Wrong: a pointer is published with a plain store.
// Rule: memory model: nothing orders the object's fields before the pointer.
func racePublish() {
	var wg sync.WaitGroup
	wg.Add(2)
	go func() {
		defer wg.Done()
		published = &pair{1, 2}
	}()
	half := false
	go func() {
		defer wg.Done()
		p := published
		half = p != nil && p.b != 2
	}()
	wg.Wait()
	if half {
		result("wrong", "half built")
		return
	}
	result("ok", "")
}
