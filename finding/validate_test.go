package finding

import "testing"

// whole returns a timeline with one of everything.
func whole() *Timeline {
	return &Timeline{
		Unit:    "step",
		Lanes:   []Lane{{ID: 1, Name: "G1"}, {ID: 7, Name: "G7"}},
		Points:  []Point{{Lane: 1, At: 3, Op: "write", Stack: 0}, {Lane: 7, At: 3, Op: "read", Stack: -1}},
		Spans:   []Span{{Lane: 7, Start: 1, End: 1, State: "run"}},
		Edges:   []Edge{{From: 0, To: 1, Kind: "reads-from"}},
		Frames:  []Frame{{Func: "a.F", File: "a.go", Line: 1}},
		Stacks:  [][]int{{0}},
		Sources: []Source{{File: "a.go", First: 1, Lines: []string{"package a"}}},
	}
}

func TestTimelineValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Timeline)
		want   string
	}{
		{"whole", func(*Timeline) {}, ""},
		{"empty", func(tl *Timeline) { *tl = Timeline{} }, ""},
		{"unknown words", func(tl *Timeline) { tl.Points[0].Mark, tl.Edges[0].Kind, tl.Spans[0].State = "x", "y", "z" }, ""},
		{"two lanes of one id", func(tl *Timeline) { tl.Lanes[1].ID = 1 }, "lanes[1]: id 1 is used twice"},
		{"point without lane", func(tl *Timeline) { tl.Points[1].Lane = 9 }, "points[1]: lane 9 does not exist"},
		{"stack beyond the end", func(tl *Timeline) { tl.Points[0].Stack = 1 }, "points[0]: stack 1 of 1"},
		{"stack below none", func(tl *Timeline) { tl.Points[0].Stack = -2 }, "points[0]: stack -2 of 1"},
		{"points out of order", func(tl *Timeline) { tl.Points[1].At = 2 }, "points[1]: at 2, before the previous point at 3"},
		{"span without lane", func(tl *Timeline) { tl.Spans[0].Lane = 2 }, "spans[0]: lane 2 does not exist"},
		{"span backwards", func(tl *Timeline) { tl.Spans[0].End = 0 }, "spans[0]: ends at 0, before its start at 1"},
		{"edge from nowhere", func(tl *Timeline) { tl.Edges[0].From = -1 }, "edges[0]: from -1 to 1 of 2 points"},
		{"edge to nowhere", func(tl *Timeline) { tl.Edges[0].To = 2 }, "edges[0]: from 0 to 2 of 2 points"},
		{"frame beyond the end", func(tl *Timeline) { tl.Stacks[0] = []int{0, 1} }, "stacks[0]: frame 1 of 1"},
		{"source before the first line", func(tl *Timeline) { tl.Sources[0].First = 0 }, "sources[0]: first line is 0, lines count from 1"},
		{"fewer than no points omitted", func(tl *Timeline) { tl.Omitted = -1 }, "omitted: -1 points"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tl := whole()
			tt.change(tl)
			got := ""
			if err := tl.Validate(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Validate() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFindingValidate(t *testing.T) {
	at := func(point int, tl *Timeline) *Finding {
		return &Finding{Evidence: []Evidence{{Point: -1}, {Point: point}}, Timeline: tl}
	}
	tests := []struct {
		name string
		f    *Finding
		want string
	}{
		{"on the timeline", at(1, whole()), ""},
		{"beyond the timeline", at(2, whole()), "evidence[1]: point 2 of 2"},
		{"below none", at(-2, whole()), "evidence[1]: point -2 of 2"},
		{"no timeline", at(5, nil), ""},
		{"bad timeline", at(0, &Timeline{Points: []Point{{Lane: 1}}}), "timeline: points[0]: lane 1 does not exist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := tt.f.Validate(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Validate() = %q, want %q", got, tt.want)
			}
		})
	}
}
