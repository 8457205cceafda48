package finding

import "fmt"

// Validate reports the first thing that makes t impossible to draw: an index
// out of range, a lane that does not exist, points that are not in order. The
// error names the element, e.g. "points[3]: lane 9 does not exist".
//
// States, operations, marks and edge kinds are not checked. A renderer draws
// those it does not know plainly, so that a newer source works with an older
// report.
func (t *Timeline) Validate() error {
	lanes := make(map[int]bool, len(t.Lanes))
	for i, l := range t.Lanes {
		if lanes[l.ID] {
			return fmt.Errorf("lanes[%d]: id %d is used twice", i, l.ID)
		}
		lanes[l.ID] = true
	}
	for i, p := range t.Points {
		switch {
		case !lanes[p.Lane]:
			return fmt.Errorf("points[%d]: lane %d does not exist", i, p.Lane)
		case p.Stack < -1 || p.Stack >= len(t.Stacks):
			return fmt.Errorf("points[%d]: stack %d of %d", i, p.Stack, len(t.Stacks))
		case i > 0 && p.At < t.Points[i-1].At:
			return fmt.Errorf("points[%d]: at %d, before the previous point at %d", i, p.At, t.Points[i-1].At)
		}
	}
	for i, s := range t.Spans {
		switch {
		case !lanes[s.Lane]:
			return fmt.Errorf("spans[%d]: lane %d does not exist", i, s.Lane)
		case s.End < s.Start:
			return fmt.Errorf("spans[%d]: ends at %d, before its start at %d", i, s.End, s.Start)
		}
	}
	for i, e := range t.Edges {
		if !within(e.From, t.Points) || !within(e.To, t.Points) {
			return fmt.Errorf("edges[%d]: from %d to %d of %d points", i, e.From, e.To, len(t.Points))
		}
	}
	for i, s := range t.Stacks {
		for _, f := range s {
			if !within(f, t.Frames) {
				return fmt.Errorf("stacks[%d]: frame %d of %d", i, f, len(t.Frames))
			}
		}
	}
	for i, s := range t.Sources {
		if s.First < 1 {
			return fmt.Errorf("sources[%d]: first line is %d, lines count from 1", i, s.First)
		}
	}
	if t.Omitted < 0 {
		return fmt.Errorf("omitted: %d points", t.Omitted)
	}
	return nil
}

// Validate reports the first index in f or its Timeline that points nowhere.
// Without a Timeline, Point of an Evidence means nothing and is not checked.
func (f *Finding) Validate() error {
	if f.Timeline == nil {
		return nil
	}
	if err := f.Timeline.Validate(); err != nil {
		return fmt.Errorf("timeline: %w", err)
	}
	for i, e := range f.Evidence {
		if e.Point < -1 || e.Point >= len(f.Timeline.Points) {
			return fmt.Errorf("evidence[%d]: point %d of %d", i, e.Point, len(f.Timeline.Points))
		}
	}
	return nil
}

func within[T any](i int, s []T) bool { return i >= 0 && i < len(s) }
