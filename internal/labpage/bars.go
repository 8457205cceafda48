package labpage

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"strconv"
)

// barsView is measured values with their confidence intervals.
type barsView struct {
	Unit string
	Own  bool // each group has its own scale
	// Intervals says that bars have confidence intervals.
	Intervals bool
	Groups    []barGroup
}

type barGroup struct {
	Name string
	Bars []barView
}

type barView struct {
	Name           string
	Width          string // share of the scale
	Low, High      string // where the interval ends, "" without one
	Value, Between string
}

type bar struct {
	Name, Group string
	Value       float64
	Low, High   *float64
}

func drawBars(raw json.RawMessage) (template.HTML, error) {
	var p struct {
		Unit string
		Bars []bar
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", err
	}
	if len(p.Bars) == 0 || len(p.Bars) > most {
		return "", fmt.Errorf("a picture of %d bars", len(p.Bars))
	}
	var names []string
	byGroup := map[string][]bar{}
	highest := map[string]float64{}
	for i, b := range p.Bars {
		if b.Value < 0 || b.Low != nil && *b.Low < 0 {
			return "", fmt.Errorf("bars[%d] (%s) is below zero", i, b.Name)
		}
		if _, ok := byGroup[b.Group]; !ok {
			names = append(names, b.Group)
		}
		byGroup[b.Group] = append(byGroup[b.Group], b)
		highest[b.Group] = max(highest[b.Group], b.Value)
		if b.High != nil {
			highest[b.Group] = max(highest[b.Group], *b.High)
		}
	}
	least, greatest := math.Inf(1), 0.0
	for _, h := range highest {
		least, greatest = min(least, h), max(greatest, h)
	}
	v := barsView{Unit: p.Unit, Own: greatest > 12*least}
	for _, name := range names {
		scale := greatest
		if v.Own {
			scale = highest[name]
		}
		g := barGroup{Name: name}
		for _, b := range byGroup[name] {
			view := viewBar(b, scale)
			v.Intervals = v.Intervals || view.Low != ""
			g.Bars = append(g.Bars, view)
		}
		v.Groups = append(v.Groups, g)
	}
	return execute("bars", v)
}

func viewBar(b bar, scale float64) barView {
	at := func(f float64) string {
		if scale == 0 {
			return "0%"
		}
		return strconv.FormatFloat(100*f/scale, 'f', 2, 64) + "%"
	}
	v := barView{Name: b.Name, Width: at(b.Value), Value: number(b.Value)}
	if b.Low != nil && b.High != nil && *b.Low <= *b.High {
		v.Low, v.High = at(*b.Low), at(*b.High)
		v.Between = number(*b.Low) + " – " + number(*b.High)
	}
	return v
}

// number writes three significant digits, and whole numbers whole.
func number(f float64) string {
	if f >= 100 && f < 1e15 {
		return large(int64(math.Round(f)))
	}
	return strconv.FormatFloat(f, 'g', 3, 64)
}
