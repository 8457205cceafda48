package inspect

import (
	"cmp"
	"fmt"
	"slices"
)

// Bounds of the search for what leads to an object.
const (
	maxSteps = 6       // pointers in a row
	maxNodes = 1 << 14 // objects
	maxLeads = 16      // pointers to one object that are looked at
)

// node is an object of the heap to which something may lead.
type node struct {
	region
	next  []int  // indexes of the objects that it leads to
	leads int    // pointers that were found
	root  string // what is in use and leads here
	rest  string // what is not in use and leads here
}

// trace says for objects of the heap what leads to them: it goes backwards from
// pointer to pointer until it comes to a variable, a stack or an entry of a map.
// Each step is one pass over memory. As the garbage collector does, it takes
// each word for a pointer that could be one; a word in an object without
// pointers, in free memory or in a slot without an entry counts for nothing.
func (a *atlas) trace(objects []region) (map[region]place, error) {
	t := a.w.t
	var nodes []node
	var todo []int // nodes whose root is news
	known := map[region]int{}
	add := func(r region, next ...int) {
		i, ok := known[r]
		if !ok {
			if len(nodes) == maxNodes {
				return
			}
			i = len(nodes)
			known[r] = i
			nodes = append(nodes, node{region: r})
		}
		nodes[i].next = append(nodes[i].next, next...)
	}
	for _, r := range objects {
		add(r)
	}
	done, open := 0, len(nodes) > 0
	for step := 0; step < maxSteps && done < len(nodes) && open; step++ {
		// Those of this step, by address.
		front := make([]int, 0, len(nodes)-done)
		for i := done; i < len(nodes); i++ {
			front = append(front, i)
		}
		slices.SortFunc(front, func(x, y int) int { return cmp.Compare(nodes[x].from, nodes[y].from) })
		done = len(nodes)
		lo, hi := nodes[front[0]].from, nodes[front[len(front)-1]].to
		type lead struct {
			at uint64
			to int
		}
		var leads []lead
		_, _, err := t.scan(0, func(addr uint64, b []byte, _ int) {
			for off := 0; off+8 <= len(b); off += 8 {
				v := u64(b, int64(off))
				if v < lo || v >= hi {
					continue
				}
				i := inside(front, v, func(i *int) region { return nodes[*i].region })
				if i < 0 {
					continue
				}
				n := &nodes[front[i]]
				if at := addr + uint64(off); n.leads < maxLeads && (at < n.from || at >= n.to) {
					n.leads++
					leads = append(leads, lead{at, front[i]})
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for _, l := range leads {
			if s := t.heap.span(l.at); s != nil && s.noscan {
				continue // a number, or a key that was left
			}
			p := a.at(l.at)
			if p.object != (region{}) {
				add(p.object, l.to)
				continue
			}
			switch n := &nodes[l.to]; {
			case !p.root:
				n.rest = p.text
			case n.root == "":
				n.root = p.text
				todo = append(todo, l.to)
			}
		}
		// What leads to a node leads to those behind it.
		for len(todo) > 0 {
			n := nodes[todo[len(todo)-1]]
			todo = todo[:len(todo)-1]
			for _, i := range n.next {
				if nodes[i].root == "" {
					nodes[i].root = n.root
					todo = append(todo, i)
				}
			}
		}
		open = false
		for _, r := range objects {
			open = open || nodes[known[r]].root == ""
		}
	}
	more := done < len(nodes) || len(nodes) == maxNodes
	out := map[region]place{}
	for _, r := range objects {
		switch n := nodes[known[r]]; {
		case n.root != "":
			out[r] = place{text: "which " + n.root + " leads to"}
		case more:
			out[r] = place{text: fmt.Sprintf("to which no variable was found to lead in %d steps", maxSteps)}
		case n.rest != "":
			out[r] = place{text: "which only memory that is not in use leads to: " + n.rest, left: true}
		default:
			out[r] = place{text: "which nothing leads to: garbage that is not collected yet", left: true}
		}
	}
	return out, nil
}
