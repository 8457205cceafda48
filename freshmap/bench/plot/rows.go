package plot

// A Row has values on one horizontal axis.
type Row struct {
	Name   string
	Style  int
	Values []float64
}

// A Group is a titled list of rows.
type Group struct {
	Title string
	Rows  []Row
}

// Ranges draws each row as a line from its first to its last value with a tick
// at each, named by labels above the first row, on a logarithmic axis.
func Ranges(title, label string, labels []string, groups []Group, tick func(float64) string) []byte {
	const w, left, step = 860.0, 130.0, 26.0
	var all []float64
	h := 70.0
	for _, g := range groups {
		h += 54 + step*float64(len(g.Rows))
		for _, r := range g.Rows {
			all = append(all, r.Values...)
		}
	}
	c := start(w, int(h)+24, title)
	low, high := span(all)
	x := newScale(low*0.8, high*1.3, left, w-40)
	y := 46.0
	for _, g := range groups {
		c.text(20, y+14, "p", "start", g.Title)
		top := y + 24
		bottom := top + step*float64(len(g.Rows)) + 4
		for _, t := range x.ticks() {
			c.line("g", x.at(t), top, x.at(t), bottom)
			c.text(x.at(t), bottom+15, "d", "middle", tick(t))
		}
		for i, r := range g.Rows {
			ry := top + step*float64(i) + step/2
			c.text(left-12, ry+4, "", "end", r.Name)
			if len(r.Values) == 0 {
				continue
			}
			style := r.Style % len(colours)
			c.f(`<line class="s%d" stroke-width="2" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, style, x.at(r.Values[0]), ry, x.at(r.Values[len(r.Values)-1]), ry)
			for j, v := range r.Values {
				if j == len(r.Values)-1 {
					c.mark(style, x.at(v), ry)
				} else {
					c.f(`<line class="s%d" stroke-width="2" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, style, x.at(v), ry-6, x.at(v), ry+6)
				}
			}
		}
		y = bottom + 26
	}
	note := label + ": "
	for i, l := range labels {
		if i > 0 {
			note += ", "
		}
		note += l
	}
	c.text(left, y+12, "d", "start", note)
	return c.end()
}

// Bars draws each row's values as bars from zero, the first full, the others
// hollow below it.
func Bars(title, label string, groups []Group) []byte {
	const w, left, step = 860.0, 130.0, 26.0
	highest := 0.0
	h := 70.0
	for _, g := range groups {
		h += 38 + step*float64(len(g.Rows))
		for _, r := range g.Rows {
			for _, v := range r.Values {
				highest = max(highest, v)
			}
		}
	}
	if highest == 0 {
		highest = 1
	}
	c := start(w, int(h)+10, title)
	y := 46.0
	unit := (w - left - 90) / highest
	for _, g := range groups {
		c.text(20, y+14, "p", "start", g.Title)
		top := y + 26
		for i, r := range g.Rows {
			ry := top + step*float64(i)
			c.text(left-12, ry+14, "", "end", r.Name)
			style := r.Style % len(colours)
			for j, v := range r.Values {
				width := max(unit*max(v, 0), 1)
				if j == 0 {
					c.f(`<rect class="f%d" x="%.1f" y="%.1f" width="%.1f" height="12" rx="2"/>`, style, left, ry+1, width)
					c.text(left+width+8, ry+12, "", "start", number(v))
				} else {
					c.f(`<rect class="s%d" fill="none" stroke-width="1.5" x="%.1f" y="%.1f" width="%.1f" height="5" rx="1"/>`, style, left, ry+15, width)
				}
			}
		}
		y = top + step*float64(len(g.Rows)) + 12
	}
	c.text(left, y+14, "d", "start", label)
	return c.end()
}
