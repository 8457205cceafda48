package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

const lane1, lane2 = 1, 2

// drawing collects the statements for a picture: a lane per connection.
type drawing struct{ points []map[string]any }

func (d *drawing) add(lane int, statement, answer string) {
	op, mark := strings.ToLower(strings.TrimRight(strings.Fields(statement)[0], ";")), ""
	text := statement
	if answer != "" {
		text += " " + answer
	}
	switch {
	case strings.Contains(answer, "locked"):
		mark = "stuck"
	case op == "insert" && lane == lane2:
		mark = "origin"
	}
	// The drawing has signs for a read and a write; its "select" is Go's.
	switch op {
	case "select":
		op = "read"
	case "insert":
		op = "write"
	}
	d.points = append(d.points, map[string]any{
		"lane": lane, "at": len(d.points), "op": op, "text": text, "stack": -1, "mark": mark,
	})
}

// mark sets the last statement apart.
func (d *drawing) mark(mark string) { d.points[len(d.points)-1]["mark"] = mark }

func (d *drawing) print(title string) {
	line, err := json.Marshal(map[string]any{
		"kind": "timeline", "title": title,
		"timeline": map[string]any{
			"unit": "step",
			"lanes": []map[string]any{
				{"id": lane1, "name": "T1"}, {"id": lane2, "name": "T2"},
			},
			"points": d.points,
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", line)
}
