package main

import (
	"encoding/json"
	"fmt"
)

const (
	lane1 = 1 + iota
	lane2
	lane3
)

// drawing collects the steps of a run for a picture: three lanes, one point a
// step.
type drawing struct {
	points []map[string]any
	edges  []map[string]any
}

func (d *drawing) add(lane int, op, text, mark string) {
	d.points = append(d.points, map[string]any{
		"lane": lane, "at": len(d.points), "op": op, "text": text, "stack": -1, "mark": mark,
	})
}

// readsFrom draws from which point the value came that the last one read.
func (d *drawing) readsFrom(point int) {
	d.edges = append(d.edges, map[string]any{"from": point, "to": len(d.points) - 1, "kind": "reads-from"})
}

func (d *drawing) print(title string) {
	line, err := json.Marshal(map[string]any{
		"kind": "timeline", "title": title,
		"timeline": map[string]any{
			"unit": "step",
			"lanes": []map[string]any{
				{"id": lane1, "name": "T1"}, {"id": lane2, "name": "T2"}, {"id": lane3, "name": "store"},
			},
			"points": d.points,
			"edges":  d.edges,
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", line)
}
