// Package plot draws three kinds of pictures as SVG: lines over a logarithmic
// axis, ranges and bars.
//
// A picture brings its own background and follows the reader's colour scheme,
// because a document shows it through an img element, where it inherits
// nothing. Every series has a shape besides its colour.
package plot

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
)

// A Point is a value over a place on an axis.
type Point struct{ X, Y float64 }

// A Series is one line.
type Series struct {
	Name   string
	Style  int
	Points []Point
}

// A Panel is one coordinate system; several share a legend.
type Panel struct {
	Title  string
	Series []Series
}

// The colours by style: for a light and for a dark background.
var colours = [][2]string{
	{"#d9480f", "#ff8a4c"},
	{"#1864ab", "#74b5f5"},
	{"#2b8a3e", "#69cf80"},
	{"#862e9c", "#d58ae8"},
	{"#6c757d", "#a9b2ba"},
	{"#a07900", "#e6bd3c"},
	{"#087f79", "#4fd0c8"},
}

type canvas struct {
	bytes.Buffer
}

func (c *canvas) f(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }

func start(w, h int, title string) *canvas {
	c := &canvas{}
	c.f(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`, w, h, w, h, html.EscapeString(title))
	c.f(`<style>`)
	c.f(`text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#24292f}`)
	c.f(`.t{font-size:15px;font-weight:600}.p{font-size:13px;font-weight:600}.d{fill:#57606a}`)
	c.f(`.bg{fill:#fff}.g{stroke:#e3e6ea;stroke-width:1}.a{stroke:#8c959f;stroke-width:1}.l{fill:none;stroke-width:2}`)
	for i, col := range colours {
		c.f(`.s%d{stroke:%s}.f%d{fill:%s}`, i, col[0], i, col[0])
	}
	c.f(`@media(prefers-color-scheme:dark){text{fill:#e6edf3}.d{fill:#9ea7b3}.bg{fill:#0d1117}.g{stroke:#262c36}.a{stroke:#6e7681}`)
	for i, col := range colours {
		c.f(`.s%d{stroke:%s}.f%d{fill:%s}`, i, col[1], i, col[1])
	}
	c.f(`}</style>`)
	c.f(`<rect class="bg" width="%d" height="%d" rx="6"/>`, w, h)
	c.f(`<text class="t" x="20" y="27">%s</text>`, html.EscapeString(title))
	return c
}

func (c *canvas) text(x, y float64, class, anchor, s string) {
	c.f(`<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`, x, y, class, anchor, html.EscapeString(s))
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	c.f(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

// mark draws the shape of a style.
func (c *canvas) mark(style int, x, y float64) {
	style %= len(colours)
	switch style {
	case 0:
		c.f(`<circle class="f%d" cx="%.1f" cy="%.1f" r="5"/>`, style, x, y)
	case 1:
		c.f(`<rect class="f%d" x="%.1f" y="%.1f" width="8" height="8"/>`, style, x-4, y-4)
	default:
		shapes := []string{"M-5 4L0 -5L5 4Z", "M-5 -4L0 5L5 -4Z", "M-5 0L0 -5L5 0L0 5Z", "M-4.5 -1.5H-1.5V-4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5Z", "M-2 -5L5 0L-2 5Z"}
		c.f(`<path class="f%d" transform="translate(%.1f %.1f)" d="%s"/>`, style, x, y, shapes[style-2])
	}
}

func (c *canvas) end() []byte {
	c.f(`</svg>`)
	return c.Bytes()
}

// A scale maps values to places on a logarithmic axis.
type scale struct{ low, high, from, to float64 }

func newScale(low, high, from, to float64) scale {
	if low <= 0 || high <= 0 || low > high {
		low, high = 1, 10
	}
	if low == high {
		low, high = low/2, high*2
	}
	return scale{math.Log10(low), math.Log10(high), from, to}
}

func (s scale) at(v float64) float64 {
	return s.from + (math.Log10(v)-s.low)/(s.high-s.low)*(s.to-s.from)
}

// ticks are 1, 2 and 5 of each decade, or only 1 when there are many decades.
func (s scale) ticks() []float64 {
	steps := []float64{1, 2, 5}
	if s.high-s.low > 3 {
		steps = steps[:1]
	}
	var out []float64
	for d := math.Floor(s.low); d <= s.high; d++ {
		for _, m := range steps {
			if v := m * math.Pow(10, d); math.Log10(v) >= s.low-1e-9 && math.Log10(v) <= s.high+1e-9 {
				out = append(out, v)
			}
		}
	}
	return out
}

func span(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v > 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

// number writes three significant digits and no exponent.
func number(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// Nanoseconds writes a duration on an axis.
func Nanoseconds(v float64) string {
	switch {
	case v >= 1e9:
		return number(v/1e9) + " s"
	case v >= 1e6:
		return number(v/1e6) + " ms"
	case v >= 1e3:
		return number(v/1e3) + " µs"
	}
	return number(v) + " ns"
}

// legend draws names from left to right and returns the y below them.
func (c *canvas) legend(x, y, width float64, names []string, styles []int) float64 {
	at := x
	for i, n := range names {
		w := 30 + 7.2*float64(len(n))
		if at+w > x+width {
			at, y = x, y+20
		}
		c.mark(styles[i], at+6, y-4)
		c.text(at+16, y, "", "start", n)
		at += w
	}
	return y + 12
}

// Lines draws panels side by side, two in a row, with both axes logarithmic
// and the same vertical axis for all.
func Lines(title, xLabel, yLabel string, panels []Panel, xTick func(float64) string) []byte {
	const w, ph, left, gap = 860, 210, 56, 60
	pw := float64(w-left-30-gap) / 2
	rows := (len(panels) + 1) / 2
	var names []string
	var styles []int
	var xs, ys []float64
	seen := map[string]bool{}
	for _, p := range panels {
		for _, s := range p.Series {
			if !seen[s.Name] {
				seen[s.Name] = true
				names, styles = append(names, s.Name), append(styles, s.Style)
			}
			for _, pt := range s.Points {
				xs, ys = append(xs, pt.X), append(ys, pt.Y)
			}
		}
	}
	c := start(w, 96+rows*(ph+74), title)
	top := c.legend(20, 54, w-40, names, styles)
	xl, xh := span(xs)
	yl, yh := span(ys)
	for i, p := range panels {
		x0 := left + float64(i%2)*(pw+gap)
		y0 := top + 34 + float64(i/2)*(ph+74)
		x := newScale(xl, xh, x0+14, x0+pw-14)
		y := newScale(yl*0.85, yh*1.15, y0+ph, y0)
		c.text(x0, y0-14, "p", "start", p.Title)
		c.text(x0-8, y0-14, "d", "end", yLabel)
		for _, t := range y.ticks() {
			c.line("g", x0, y.at(t), x0+pw, y.at(t))
			c.text(x0-8, y.at(t)+4, "d", "end", number(t))
		}
		c.line("a", x0, y0+ph, x0+pw, y0+ph)
		drawn := map[float64]bool{}
		for _, s := range p.Series {
			for _, pt := range s.Points {
				if !drawn[pt.X] {
					drawn[pt.X] = true
					c.text(x.at(pt.X), y0+ph+18, "d", "middle", xTick(pt.X))
				}
			}
		}
		c.text(x0+pw/2, y0+ph+35, "d", "middle", xLabel)
		// What comes first lies on top.
		for j := len(p.Series) - 1; j >= 0; j-- {
			s := p.Series[j]
			d := ""
			for k, pt := range s.Points {
				op := "L"
				if k == 0 {
					op = "M"
				}
				d += fmt.Sprintf("%s%.1f %.1f", op, x.at(pt.X), y.at(pt.Y))
			}
			c.f(`<path class="l s%d" d="%s"/>`, s.Style%len(colours), d)
			for _, pt := range s.Points {
				c.mark(s.Style, x.at(pt.X), y.at(pt.Y))
			}
		}
	}
	return c.end()
}
