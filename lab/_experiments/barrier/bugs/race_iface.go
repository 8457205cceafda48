package main

import (
	"sync/atomic"
	"time"
)

func init() { bugs["race_iface"] = raceInterface }

type (
	cat struct{ kind uint64 }
	dog struct{ kind uint64 }
)

var (
	animal interface{}
	tom    = &cat{1}
	rex    = &dog{2}
)

// Wrong: an interface variable is read while it is written. It has two words,
// type and data, and a reader can get one of each.
// Rule: memory model: races on multiword values can "lead to arbitrary memory
// corruption".
func raceInterface() {
	setCat()
	var stop int32
	go func() {
		for atomic.LoadInt32(&stop) == 0 {
			setCat()
			setDog()
		}
	}()
	torn, reads := 0, 0
	for end := time.Now().Add(100 * time.Millisecond); torn == 0 && time.Now().Before(end); {
		for i := 0; i < 1000; i++ {
			reads++
			switch a := animal.(type) {
			case *cat:
				if a.kind != 1 {
					torn++
				}
			case *dog:
				if a.kind != 2 {
					torn++
				}
			}
		}
	}
	atomic.StoreInt32(&stop, 1)
	if torn > 0 {
		result("wrong", "type of one write, data of another")
		return
	}
	result("ok", "%d reads, none torn", reads)
}

//go:noinline
func setCat() { animal = tom }

//go:noinline
func setDog() { animal = rex }
