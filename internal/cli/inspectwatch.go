package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ghostread/ghostread/inspect"
	"github.com/ghostread/ghostread/report"
)

// watching looks at maps again and again.
type watching struct {
	on       bool
	interval time.Duration
	count    int
	top      int // owners in a line of JSON; 0 means all
	series   []*sight
}

// shortest is the shortest interval: a shorter one would only heat.
const shortest = 10 * time.Millisecond

// longest is how many sights are kept for the summary and the pictures; when
// there are more, every second one is dropped.
const longest = 4096

func (w *watching) flags(f *pflag.FlagSet) {
	f.BoolVar(&w.on, "watch", false, "look again and again: a view that is renewed on a terminal, otherwise a line for each look")
	f.DurationVar(&w.interval, "interval", time.Second, "time between two looks of --watch")
	f.IntVar(&w.count, "count", 0, "looks after which --watch ends; 0 means until it is interrupted")
}

func (w *watching) check(f *pflag.FlagSet) error {
	for _, name := range []string{"interval", "count"} {
		if f.Changed(name) && !w.on {
			return fmt.Errorf("--%s is for --watch", name)
		}
	}
	switch {
	case w.interval < shortest:
		return fmt.Errorf("--interval %v is too short, want %v at least", w.interval, shortest)
	case w.count < 0:
		return fmt.Errorf("--count %d is negative; 0 means until it is interrupted", w.count)
	}
	return nil
}

// watchVersion is that of the lines of JSON.
const watchVersion = 1

// sight is what one look has seen. It is a line of --watch --format json.
type sight struct {
	Version int
	At      time.Time
	Seconds float64 // since the look before; 0 for the first one
	Target  string
	Go      string
	Owner   string `json:",omitempty"` // of one map
	Type    string `json:",omitempty"`
	Addr    uint64 `json:",omitempty"`
	sums
	Torn    int    // maps that changed while they were read
	Added   uint64 // entries since the look before: of one map those that came, of owners by how many they have more
	Removed uint64
	Heap    uint64       `json:",omitempty"` // bytes in use
	Owners  []ownerSight `json:",omitempty"` // growing ones first, then by waste

	// Of one map.
	Tables     int    `json:",omitempty"`
	Depth      int    `json:",omitempty"` // of the directory
	Room       uint64 `json:",omitempty"` // entries until some table grows, if all went to the right one
	Buckets    uint64 `json:",omitempty"`
	OldBuckets uint64 `json:",omitempty"` // that growth moves entries from
	Moved      uint64 `json:",omitempty"` // of those
	Replaced   bool   `json:",omitempty"` // the variable has another map than before
}

// sums is what some maps have together.
type sums struct {
	Maps       int
	Entries    uint64
	Slots      uint64
	Tombstones uint64
	Bytes      uint64
	Waste      uint64
	Growing    int // maps that move entries to other buckets
}

func sumsOf(g *inspect.Group) sums {
	return sums{g.Maps, g.Entries, g.Slots, g.Tombstones, g.Bytes, g.Waste, g.Growing}
}

// ownerSight is an owner's part of a sight.
type ownerSight struct {
	Owner string
	Type  string
	sums
	Added   uint64
	Removed uint64
	Grown   int    // looks since it had fewer slots; -1: it never had
	Advice  string `json:",omitempty"`
	history []uint64
}

// one reports whether the sight is of one map.
func (s *sight) one() bool { return s.Owner != "" }

// load is the share of slots with an entry in percent.
func load(entries, slots uint64) float64 {
	if slots == 0 {
		return 0
	}
	return 100 * float64(entries) / float64(slots)
}

// rate is a number of a second.
func (s *sight) rate(n uint64) float64 {
	if s.Seconds <= 0 {
		return 0
	}
	return float64(n) / s.Seconds
}

// looker takes looks at a program.
type looker struct {
	t      *inspect.Target
	gauge  *inspect.Gauge // of one map; nil for a census
	before *sight
	census *inspect.Census // the last one
	owners map[[2]string]ownerSight
}

func newLooker(t *inspect.Target, owner string, addr uint64) (*looker, error) {
	l := &looker{t: t, owners: map[[2]string]ownerSight{}}
	if owner == "" && addr == 0 {
		return l, nil
	}
	var err error
	l.gauge, err = t.Gauge(owner, addr)
	return l, err
}

// look takes one.
func (l *looker) look() (*sight, error) {
	s := &sight{Version: watchVersion, Target: l.t.Name, Go: l.t.Image.Version}
	var err error
	if l.gauge != nil {
		err = l.one(s)
	} else {
		err = l.all(s)
	}
	if err != nil {
		return nil, err
	}
	if l.before != nil {
		s.Seconds = s.At.Sub(l.before.At).Seconds()
	}
	l.before = s
	return s, nil
}

func (l *looker) one(s *sight) error {
	r, err := l.gauge.Read()
	if err != nil {
		return err
	}
	s.At, s.Owner, s.Type, s.Addr, s.Maps = r.Taken, line(r.Owner), line(r.Type.Name), r.Addr, 1
	s.Entries, s.Slots, s.Tombstones, s.Bytes, s.Waste = r.Entries, r.Slots, r.Tombstones, r.Bytes, r.Waste()
	s.Added, s.Removed = r.Added, r.Removed
	s.Tables, s.Depth, s.Room, s.Replaced = r.Tables, r.Depth, r.GrowthLeft, r.Replaced
	s.Buckets, s.OldBuckets, s.Moved = r.Buckets, r.OldBuckets, r.Evacuated
	if r.Growing {
		s.Growing = 1
	}
	if !r.Consistent {
		s.Torn = 1
	}
	return nil
}

// historyLength is how many looks a row of the view goes back.
const historyLength = 64

func (l *looker) all(s *sight) error {
	s.At = time.Now()
	c, err := l.t.Census()
	if err != nil {
		return err
	}
	l.census = c
	s.sums, s.Torn, s.Heap = sumsOf(&c.Total), c.Torn, c.Heap
	l.owned(s, c.Groups)
	return nil
}

// owned adds owners to a sight, and compares them with those of the one before.
func (l *looker) owned(s *sight, groups []inspect.Group) {
	owners := make(map[[2]string]ownerSight, len(groups))
	for i := range groups {
		g := &groups[i]
		key := [2]string{g.Owner, g.Type}
		if _, ok := owners[key]; ok {
			continue // two types of one name
		}
		o := ownerSight{Owner: line(g.Owner), Type: line(g.Type), sums: sumsOf(g), Grown: -1, Advice: line(g.Advice())}
		old, known := l.owners[key]
		if known {
			if o.Grown = old.Grown; o.Grown >= 0 {
				o.Grown++
			}
			if o.Slots > old.Slots {
				o.Grown = 0
			}
		}
		if l.before != nil {
			o.Added, o.Removed = max(o.Entries, old.Entries)-old.Entries, max(o.Entries, old.Entries)-o.Entries
		}
		o.history = append(old.history[max(0, len(old.history)-historyLength+1):len(old.history):len(old.history)], o.Entries)
		owners[key] = o
		s.Owners = append(s.Owners, o)
		s.Added, s.Removed = s.Added+o.Added, s.Removed+o.Removed
	}
	for key, old := range l.owners {
		if _, ok := owners[key]; !ok {
			s.Removed += old.Entries // its maps are gone
		}
	}
	l.owners = owners
	slices.SortStableFunc(s.Owners, func(a, b ownerSight) int {
		return cmp.Or(-compareBool(a.grows(), b.grows()), cmp.Compare(b.Waste, a.Waste), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Type, b.Type))
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// recently is for how many looks an owner that has grown is shown first: the
// view would be restless otherwise.
const recently = 5

func (o *ownerSight) grows() bool { return o.Growing > 0 || o.Grown >= 0 && o.Grown < recently }

// line makes text of the program fit for one line of a terminal.
func line(s string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(report.Visible(s))
}

// run takes looks until the context ends, count is up or the program has
// exited, and gives each to show. Not more than half of the time is spent on
// looking. ended says why there will be no further look, "" if there was no
// reason but the count or the context.
func (w *watching) run(ctx context.Context, l *looker, show func(*sight) error) (ended string, err error) {
	for n := 1; ; n++ {
		start := time.Now()
		s, err := l.look()
		switch {
		case err != nil && n == 1:
			return "", fmt.Errorf("%s: %w", l.t.Name, err)
		case err != nil:
			return fmt.Sprintf("%s: %v", l.t.Name, err), nil
		}
		w.keep(s)
		if err := show(s); err != nil {
			return "", err
		}
		if n == w.count {
			return "", nil
		}
		took := time.Since(start)
		timer := time.NewTimer(max(w.interval-took, took))
		select {
		case <-ctx.Done():
			timer.Stop()
			return "", nil
		case <-timer.C:
		}
	}
}

// keep adds a sight to the series.
func (w *watching) keep(s *sight) {
	if len(w.series) == longest {
		half := w.series[:0]
		for i, s := range w.series {
			if i%2 == 0 {
				half = append(half, s)
			}
		}
		clear(w.series[len(half):])
		w.series = half
	}
	w.series = append(w.series, s)
}

// watch shows maps until it is interrupted, and returns the last census, nil of
// one map. For a page it shows them on standard error.
func (w *watching) watch(cmd *cobra.Command, t *inspect.Target, owner string, addr uint64, format string) (*inspect.Census, error) {
	l, err := newLooker(t, owner, addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	out := cmd.OutOrStdout()
	if format == "html" {
		out = cmd.ErrOrStderr()
	}
	show := func(s *sight) error { return writeSight(out, s) }
	done := func() {}
	ctx := cmd.Context()
	switch f, ok := out.(*os.File); {
	case format == "json":
		e := json.NewEncoder(out)
		show = func(s *sight) error {
			short := *s
			if w.top > 0 && len(s.Owners) > w.top {
				short.Owners = s.Owners[:w.top]
			}
			return e.Encode(&short)
		}
	case ok && isScreen(f):
		view := openScreen(f, w)
		show, done = view.show, view.close
	}
	ended, err := w.run(ctx, l, show)
	done()
	if err != nil {
		return nil, err
	}
	stderr := cmd.ErrOrStderr()
	if ended != "" {
		fmt.Fprintln(stderr, ended)
	}
	return l.census, w.summary(stderr)
}

// writeSight prints a look as one line.
func writeSight(out io.Writer, s *sight) error {
	var b strings.Builder
	b.WriteString(s.At.Format("15:04:05 "))
	if !s.one() {
		fmt.Fprintf(&b, " %s,", inspect.Plural(uint64(s.Maps), "map"))
	}
	fmt.Fprintf(&b, " %s in %s slots (%.0f %%), %s deleted, %s, %s of it waste", inspect.Plural(s.Entries, "entry"), inspect.Count(s.Slots),
		load(s.Entries, s.Slots), inspect.Count(s.Tombstones), inspect.Bytes(s.Bytes), inspect.Bytes(s.Waste))
	if s.Seconds > 0 {
		fmt.Fprintf(&b, "; +%s/s -%s/s", perSecond(s.rate(s.Added)), perSecond(s.rate(s.Removed)))
	}
	if s.one() {
		if text := s.progress(); text != "" {
			b.WriteString("; " + text)
		}
	}
	var grow []string
	for i := range s.Owners {
		if o := &s.Owners[i]; o.Growing > 0 || o.Grown == 0 {
			grow = append(grow, o.Owner)
		}
	}
	if n := len(grow); n > 0 {
		const few = 3
		fmt.Fprintf(&b, "; growing: %s", strings.Join(grow[:min(n, few)], ", "))
		if n > few {
			fmt.Fprintf(&b, " and %s more", inspect.Count(uint64(n-few)))
		}
	}
	_, err := fmt.Fprintln(out, b.String())
	return err
}

// progress says how far the growth of a map is.
func (s *sight) progress() string {
	switch {
	case s.Replaced:
		return "another map than before"
	case s.OldBuckets > 0:
		return fmt.Sprintf("growing: %s of %s moved", inspect.Count(s.Moved), inspect.Plural(s.OldBuckets, "old bucket"))
	case s.Tables > 0:
		return fmt.Sprintf("%s, room for %s more", inspect.Plural(uint64(s.Tables), "table"), inspect.Count(s.Room))
	}
	return ""
}

// perSecond writes a rate with as many digits as are worth reading.
func perSecond(n float64) string {
	switch {
	case n >= 999.5e6:
		return fmt.Sprintf("%.3g G", n/1e9)
	case n >= 999.5e3:
		return fmt.Sprintf("%.3g M", n/1e6)
	case n >= 10:
		return inspect.Count(uint64(n + 0.5))
	case n == 0:
		return "0"
	}
	return fmt.Sprintf("%.1f", n)
}

// summary says what changed between the first look and the last.
func (w *watching) summary(out io.Writer) error {
	if len(w.series) == 0 {
		return errors.New("no look was taken")
	}
	first, last := w.series[0], w.series[len(w.series)-1]
	var added, removed uint64
	growths := 0
	lowest, highest := first.Entries, first.Entries
	for i, s := range w.series {
		added, removed = added+s.Added, removed+s.Removed
		lowest, highest = min(lowest, s.Entries), max(highest, s.Entries)
		if i > 0 && s.Slots > w.series[i-1].Slots {
			growths++
		}
	}
	what := last.Owner
	if !last.one() {
		what = inspect.Plural(uint64(last.Maps), "map")
	}
	_, err := fmt.Fprintf(out, "%s in %v, %s: %s entries, then %s, between %s and %s; +%s -%s seen\n%s slots, then %s, grown %s; %s, then %s, waste %s, then %s\n",
		inspect.Plural(uint64(len(w.series)), "look"), last.At.Sub(first.At).Round(10*time.Millisecond), what,
		inspect.Count(first.Entries), inspect.Count(last.Entries), inspect.Count(lowest), inspect.Count(highest), inspect.Count(added), inspect.Count(removed),
		inspect.Count(first.Slots), inspect.Count(last.Slots), inspect.Plural(uint64(growths), "time"),
		inspect.Bytes(first.Bytes), inspect.Bytes(last.Bytes), inspect.Bytes(first.Waste), inspect.Bytes(last.Waste))
	return err
}
