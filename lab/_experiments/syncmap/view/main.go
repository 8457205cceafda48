// View shows what sync.Map.Range sees when the map changes meanwhile. One
// goroutine does everything, inside the function that Range calls, so the
// result does not depend on a schedule.
package main

import (
	"encoding/json"
	"fmt"
	"sync"
)

const accounts, deposit = 100, 10

func main() {
	transfers := transfer()
	visited, deleted, changed := churn()
	added := insert()

	fmt.Printf("invariant_sum = %d\n", accounts*deposit)
	fmt.Printf("range_sum = %d\n", transfers)
	fmt.Printf("visited = %d\n", visited)
	fmt.Printf("deleted_seen = %d\n", deleted)
	fmt.Printf("changed_seen = %d\n", changed)
	fmt.Printf("inserted_seen = %d\n", added)
	line, err := json.Marshal(map[string]any{
		"kind":    "table",
		"title":   "What Range saw of changes made after it began",
		"columns": []string{"change", "a snapshot would show", "Range showed"},
		"rows": [][]string{
			{"5 moved from one account to another", fmt.Sprint("sum ", accounts*deposit), fmt.Sprint("!sum ", transfers)},
			{"49 or 50 of 100 keys deleted", "100 keys", fmt.Sprintf("!%d keys", visited)},
			{"the other values replaced", "0 new values", fmt.Sprintf("!%d new values", changed)},
			{"1000 keys added", "0 added keys", fmt.Sprintf("~%d added keys", added)},
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", line)
}

// transfer moves 5 from an account that Range has not reached to one that it
// has passed. Every state the map is ever in sums up to 1000, before and after
// the transfer; what Range has added up is a state that never was.
func transfer() (sum int) {
	var m sync.Map
	for i := 0; i < accounts; i++ {
		m.Store(i, deposit)
	}
	passed := map[int]bool{}
	m.Range(func(k, v any) bool {
		sum += v.(int)
		passed[k.(int)] = true
		if len(passed) == accounts/2 {
			for i := 0; i < accounts; i++ {
				if !passed[i] {
					m.Store(i, deposit-5)
					m.Store(k, deposit+5)
					break
				}
			}
		}
		return true
	})
	return sum
}

// churn deletes every other key and replaces the values of the rest while
// Range is at its first key.
func churn() (visited, deleted, changed int) {
	var m sync.Map
	for i := 0; i < accounts; i++ {
		m.Store(i, "old")
	}
	gone := map[any]bool{}
	m.Range(func(k, v any) bool {
		visited++
		if visited == 1 {
			for i := 0; i < accounts; i++ {
				switch {
				case i == k.(int):
				case i%2 == 0:
					m.Store(i, "new")
				default:
					m.Delete(i)
					gone[i] = true
				}
			}
		}
		if gone[k] {
			deleted++
		}
		if v == "new" {
			changed++
		}
		return true
	})
	return visited, deleted, changed
}

// insert adds 1000 keys while Range is at its first key.
func insert() (seen int) {
	var m sync.Map
	for i := 0; i < accounts; i++ {
		m.Store(i, "old")
	}
	first := true
	m.Range(func(_, v any) bool {
		if first {
			first = false
			for i := 0; i < 1000; i++ {
				m.Store(accounts+i, "added")
			}
		}
		if v == "added" {
			seen++
		}
		return true
	})
	return seen
}
