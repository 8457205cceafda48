package cli

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/ghostread/ghostread/inspect"
)

// screen shows looks on a terminal, on its alternate screen, so that what was
// there before is there again afterwards.
type screen struct {
	f      *os.File
	w      *watching
	colour bool

	mu      sync.Mutex
	open    bool
	last    *sight
	signals chan os.Signal
	ended   chan struct{}
}

// isScreen reports whether f is a terminal that can be drawn on.
func isScreen(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// What is written to change to the alternate screen, hide the cursor and let
// long lines be cut, and back again.
const (
	screenOn  = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	screenOff = "\x1b[?7h\x1b[?25h\x1b[?1049l"
)

// openScreen takes the terminal. close has to be called.
func openScreen(f *os.File, w *watching) *screen {
	_, plain := os.LookupEnv("NO_COLOR")
	s := &screen{f: f, w: w, colour: !plain, signals: make(chan os.Signal, 1), ended: make(chan struct{})}
	s.enter()
	notifyScreen(s.signals)
	go s.listen()
	return s
}

// listen redraws when the size changes, and leaves the terminal as it was while
// the command is stopped (Ctrl-Z).
func (s *screen) listen() {
	defer close(s.ended)
	for sig := range s.signals {
		if suspends(sig) {
			s.leave()
			suspend()
			s.enter()
		}
		s.mu.Lock()
		_ = s.draw() // the next look reports the error
		s.mu.Unlock()
	}
}

func (s *screen) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = true
	fmt.Fprint(s.f, screenOn)
}

func (s *screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		fmt.Fprint(s.f, screenOff)
	}
	s.open = false
}

// close gives the terminal back.
func (s *screen) close() {
	signal.Stop(s.signals)
	close(s.signals)
	<-s.ended
	s.leave()
}

// show draws a look.
func (s *screen) show(now *sight) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = now
	return s.draw()
}

// draw writes all lines in one piece, each over the one before: nothing
// flickers. The lock is held.
func (s *screen) draw() error {
	if s.last == nil || !s.open {
		return nil
	}
	width, height, err := term.GetSize(int(s.f.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	p := painter{width: width, height: height, colour: s.colour}
	p.sight(s.w, s.last)
	_, err = s.f.WriteString("\x1b[H" + strings.Join(p.lines, "\x1b[K\n") + "\x1b[K\x1b[J")
	return err
}

// painter composes the lines of the view.
type painter struct {
	width, height int
	colour        bool
	lines         []string
}

// Colours of the view; the terminal's own, so that they can be read on it.
const (
	dim    = "2"
	bold   = "1"
	notice = "33"
)

// add adds a line of parts, each with its colour, cut at the width.
func (p *painter) add(parts ...[2]string) {
	if len(p.lines) == p.height {
		return
	}
	var b strings.Builder
	left := p.width
	for _, part := range parts {
		r := []rune(part[1])
		if len(r) > left {
			r = append(r[:max(left-1, 0)], '…')[:left]
		}
		left -= len(r)
		if p.colour && part[0] != "" && len(r) > 0 {
			fmt.Fprintf(&b, "\x1b[%sm%s\x1b[0m", part[0], string(r))
		} else {
			b.WriteString(string(r))
		}
	}
	p.lines = append(p.lines, b.String())
}

// sides adds a line with text at both ends; the left one is cut.
func (p *painter) sides(left, right [2]string) {
	room := p.width - len([]rune(right[1])) - 2
	if room < 20 {
		p.add(left)
		return
	}
	text := clip(left[1], room)
	p.add([2]string{left[0], text}, [2]string{"", strings.Repeat(" ", room+2-len([]rune(text)))}, right)
}

// sight composes the view of a look.
func (p *painter) sight(w *watching, s *sight) {
	last := fmt.Sprintf("look %s, every %v", inspect.Count(uint64(len(w.series))), w.interval)
	if w.count > 0 {
		last = fmt.Sprintf("look %d of %d, every %v", len(w.series), w.count, w.interval)
	}
	if s.one() {
		p.sides([2]string{bold, s.Owner + "  " + s.Type}, [2]string{dim, fmt.Sprintf("%s, %s", s.Target, s.Go)})
		p.sides([2]string{dim, fmt.Sprintf("at %#x", s.Addr)}, [2]string{dim, last})
		p.one(w, s)
		return
	}
	p.sides([2]string{bold, fmt.Sprintf("%s, %s", s.Target, s.Go)}, [2]string{dim, last})
	p.all(w, s)
}

// bar draws shares of a whole: entries, then tombstones, then what is free.
func bar(width int, whole, full, dead uint64) string {
	if whole == 0 || width <= 0 {
		return ""
	}
	at := func(n uint64) int { return int(float64(width)*float64(n)/float64(whole) + 0.5) }
	a := min(at(full), width)
	b := min(at(full+dead), width)
	return strings.Repeat("█", a) + strings.Repeat("▒", max(b-a, 0)) + strings.Repeat("·", width-max(a, b))
}

// spark draws numbers as columns between the least and the greatest.
func spark(list []uint64, width int) string {
	const levels = "▁▂▃▄▅▆▇█"
	list = list[max(0, len(list)-max(width, 0)):]
	if len(list) == 0 {
		return ""
	}
	least, greatest := list[0], list[0]
	for _, n := range list {
		least, greatest = min(least, n), max(greatest, n)
	}
	var b strings.Builder
	for _, n := range list {
		i := 0
		if greatest > least {
			i = int(float64(n-least) / float64(greatest-least) * 7.999)
		}
		b.WriteRune([]rune(levels)[i])
	}
	return b.String()
}

// one composes the view of one map.
func (p *painter) one(w *watching, s *sight) {
	row := func(name, value, text string) {
		p.add([2]string{dim, fmt.Sprintf("%-9s", name)}, [2]string{"", fmt.Sprintf("%14s  ", value)}, [2]string{"", text})
	}
	rates := ""
	memory := ""
	if s.Seconds > 0 {
		rates = fmt.Sprintf("+%s/s -%s/s", perSecond(s.rate(s.Added)), perSecond(s.rate(s.Removed)))
		if n := len(w.series); n > 1 {
			if before := w.series[n-2].Bytes; s.Bytes > before {
				memory = "+" + inspect.Bytes(uint64(s.rate(s.Bytes-before))) + "/s"
			} else if s.Bytes < before {
				memory = "-" + inspect.Bytes(uint64(s.rate(before-s.Bytes))) + "/s"
			}
		}
	}
	width := max(p.width-27, 8)
	p.add()
	row("entries", inspect.Count(s.Entries), rates)
	row("slots", inspect.Count(s.Slots), fmt.Sprintf("load %.0f %%", load(s.Entries, s.Slots)))
	row("deleted", inspect.Count(s.Tombstones), "slots that are not free again")
	row("memory", inspect.Bytes(s.Bytes), memory)
	row("waste", inspect.Bytes(s.Waste), fmt.Sprintf("%.0f %%", load(s.Waste, s.Bytes)))
	row("slots", "", bar(width, s.Slots, s.Entries, s.Tombstones))
	switch {
	case s.OldBuckets > 0:
		row("growth", fmt.Sprintf("%.0f %%", load(s.Moved, s.OldBuckets)), bar(width, s.OldBuckets, s.Moved, 0))
	case s.Buckets > 0:
		row("buckets", inspect.Count(s.Buckets), "not growing")
	case s.Tables > 0:
		row("tables", inspect.Count(uint64(s.Tables)), fmt.Sprintf("depth %d, room for %s more", s.Depth, inspect.Count(s.Room)))
	}
	p.add()
	entries := make([]uint64, 0, len(w.series))
	slots := make([]uint64, 0, len(w.series))
	for _, s := range w.series {
		entries, slots = append(entries, s.Entries), append(slots, s.Slots)
	}
	if len(entries) > 1 {
		row("entries", between(entries, width), spark(entries, width))
		row("slots", between(slots, width), spark(slots, width))
		p.add()
	}
	switch {
	case s.Replaced:
		p.add([2]string{notice, "the variable has another map than before"})
	case s.Torn > 0:
		p.add([2]string{dim, "it changed while it was read: figures may be off by some entries"})
	}
	p.add([2]string{dim, s.At.Format("15:04:05") + "  Ctrl-C ends"})
}

// between says how far the numbers of a sparkline go.
func between(list []uint64, width int) string {
	list = list[max(0, len(list)-width):]
	least, greatest := list[0], list[0]
	for _, n := range list {
		least, greatest = min(least, n), max(greatest, n)
	}
	if greatest-least > 99_999 || greatest > 9_999_999 {
		return "+" + perSecond(float64(greatest-least))
	}
	return "+" + inspect.Count(greatest-least)
}

// all composes the view of a census.
func (p *painter) all(w *watching, s *sight) {
	entries := make([]uint64, 0, len(w.series))
	for _, s := range w.series {
		entries = append(entries, s.Entries)
	}
	p.add([2]string{"", fmt.Sprintf("%s, %s in %s slots (%.0f %%)", inspect.Plural(uint64(s.Maps), "map"), inspect.Plural(s.Entries, "entry"), inspect.Count(s.Slots), load(s.Entries, s.Slots))})
	change := ""
	if s.Seconds > 0 {
		change = fmt.Sprintf("  +%s/s -%s/s", perSecond(s.rate(s.Added)), perSecond(s.rate(s.Removed)))
	}
	memory := fmt.Sprintf("%s of %s of heap, %s waste%s  ", inspect.Bytes(s.Bytes), inspect.Bytes(s.Heap), inspect.Bytes(s.Waste), change)
	p.add([2]string{"", memory}, [2]string{"", spark(entries, min(p.width-len([]rune(memory)), 40))})
	p.add()
	// On a narrow terminal the owner is worth more than the slots.
	wide := p.width >= 100
	columns := func(entries, change, slots, load, waste, history string) string {
		if !wide {
			return fmt.Sprintf("%11s %9s %5s %8s  %-8s", entries, change, load, waste, history)
		}
		return fmt.Sprintf("%13s %10s %13s %5s %9s  %-8s", entries, change, slots, load, waste, history)
	}
	p.add([2]string{dim, columns("entries", "change/s", "slots", "load", "waste", "") + "  owner and type"})
	for i := range s.Owners {
		if len(p.lines) >= p.height-1 {
			break
		}
		o := &s.Owners[i]
		change := "0"
		switch {
		case s.Seconds == 0:
			change = ""
		case o.Added > 0:
			change = "+" + perSecond(s.rate(o.Added))
		case o.Removed > 0:
			change = "-" + perSecond(s.rate(o.Removed))
		}
		mark, style := "  ", ""
		if o.grows() {
			mark, style = "↑ ", notice
		}
		text := columns(inspect.Count(o.Entries), change, inspect.Count(o.Slots), fmt.Sprintf("%.0f %%", load(o.Entries, o.Slots)), inspect.Bytes(o.Waste), spark(o.history, 8))
		p.add([2]string{"", text}, [2]string{style, mark + o.Owner}, [2]string{dim, "  " + o.Type})
	}
	foot := s.At.Format("15:04:05") + "  Ctrl-C ends"
	if s.Torn > 0 {
		foot += fmt.Sprintf("; %s changed while being read", inspect.Plural(uint64(s.Torn), "map"))
	}
	p.add([2]string{dim, foot})
}
