// Package debug serves what package inspect says of the maps of the own program
// over HTTP, to be put beside the handlers of net/http/pprof:
//
//	mux.Handle("/debug/maps", debug.Handler())
//
// A request for /debug/maps lists all maps by owner. These are its parameters:
//
//	format=text, json or html
//	top=20       how many owners are listed; 0 means all
//	owner=NAME   one map, the one that this owner has; or
//	addr=0xc000  the one at this address
//	entries=10   how many of its entries are shown, 1000 at most
//	residue=1    what deleted entries have left, of the owner's maps or of all
//
// Nobody is stopped. One request is served at a time; others are told to come
// again (503). Whoever reaches the handler learns numbers in keys and elements,
// and of strings and byte slices only how long they are, unless it was made
// with [ShowValues]: put it where pprof may be, not in public.
//
// It is a package of its own so that importing inspect does not bring an HTTP
// server along.
package debug

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/ghostread/ghostread/inspect"
)

// Option changes what a handler does.
type Option func(*handler)

// ShowValues lets a handler show what is in strings and byte slices. Nothing
// that a request says does.
func ShowValues() Option { return func(h *handler) { h.values = true } }

// Handler returns a handler for requests about the maps of this program.
func Handler(options ...Option) http.Handler {
	h := &handler{attach: func() (*inspect.Target, error) { return inspect.Attach(os.Getpid(), "") }}
	for _, o := range options {
		o(h)
	}
	return h
}

type handler struct {
	values bool
	attach func() (*inspect.Target, error)

	mu     sync.Mutex
	target *inspect.Target // nil before the first request; it has the executable's types
}

// Bounds of what one request gets.
const (
	mostEntries = 1000
	mostOwners  = 10_000
	someOwners  = 20
	someEntries = 10
)

// request is what was asked for.
type request struct {
	format, owner string
	addr          uint64
	top, entries  int
	residue       bool
}

func parse(q url.Values) (r request, err error) {
	r = request{format: q.Get("format"), owner: q.Get("owner"), top: someOwners, entries: someEntries, residue: q.Get("residue") == "1"}
	switch r.format {
	case "":
		r.format = "text"
	case "text", "json", "html":
	default:
		return r, fmt.Errorf("format=%q is unknown, want text, json or html", r.format)
	}
	if at := q.Get("addr"); at != "" {
		if r.addr, err = strconv.ParseUint(at, 0, 64); err != nil || r.addr == 0 {
			return r, fmt.Errorf("addr=%q is no address, like 0xc000012345", at)
		}
	}
	for _, n := range []struct {
		name string
		to   *int
		most int
	}{{"top", &r.top, mostOwners}, {"entries", &r.entries, mostEntries}} {
		if text := q.Get(n.name); text != "" {
			if *n.to, err = strconv.Atoi(text); err != nil || *n.to < 0 || *n.to > n.most {
				return r, fmt.Errorf("%s=%q is no number from 0 to %d", n.name, text, n.most)
			}
		}
	}
	if r.top == 0 {
		r.top = mostOwners
	}
	return r, nil
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET is answered", http.StatusMethodNotAllowed)
		return
	}
	r, err := parse(req.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !h.mu.TryLock() {
		header.Set("Retry-After", "1")
		http.Error(w, "another request looks at the maps right now; come again in a second", http.StatusServiceUnavailable)
		return
	}
	defer h.mu.Unlock()
	if h.target == nil {
		if h.target, err = h.attach(); err != nil {
			h.target = nil
			http.Error(w, "this program cannot look at its maps: "+err.Error(), http.StatusNotImplemented)
			return
		}
	}
	value, text, rows, err := h.look(r)
	var ambiguous *inspect.AmbiguousError
	switch {
	case errors.As(err, &ambiguous):
		http.Error(w, choices(ambiguous), http.StatusConflict)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	switch r.format {
	case "json":
		header.Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(value) // who asked has gone
	case "html":
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'")
		_ = page.Execute(w, map[string]any{"Text": text, "Rows": rows})
	default:
		header.Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, text, table(rows))
	}
}

// choices lists the maps of an owner that has several.
func choices(e *inspect.AmbiguousError) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s has %s; choose one by its address", e.Owner, inspect.Plural(uint64(len(e.Maps)), "map"))
	for _, m := range e.Maps[:min(len(e.Maps), someOwners)] {
		fmt.Fprintf(&b, "\n\taddr=%#x  %s, %s", m.Addr, inspect.Plural(m.Entries, "entry"), inspect.Bytes(m.Bytes))
	}
	return b.String()
}

// row is a line of a list; Owner leads on.
type row struct {
	Cells []string
	Owner string
}

// look does what was asked for. value is for JSON, the others for people.
func (h *handler) look(r request) (value any, text string, rows []row, err error) {
	look := inspect.Look{Entries: r.entries, Values: h.values}
	switch {
	case r.residue:
		res, err := h.target.Residue(r.owner, look)
		if err != nil {
			return nil, "", nil, err
		}
		text, rows = residue(res)
		return res, text, rows, nil
	case r.owner != "" || r.addr != 0:
		d, err := h.target.At(r.owner, r.addr, look)
		if err != nil {
			return nil, "", nil, err
		}
		return d, detail(d), nil, nil
	}
	c, err := h.target.Census()
	if err != nil {
		return nil, "", nil, err
	}
	text, rows = census(c, r.top)
	c.Groups = c.Groups[:min(r.top, len(c.Groups))]
	return c, text, rows, nil
}

func census(c *inspect.Census, top int) (string, []row) {
	var b strings.Builder
	t := &c.Total
	fmt.Fprintf(&b, "%s: %s; %s of %s of heap in use, %s of it waste\n", c.Version, t.Sum(), inspect.Bytes(t.Bytes), inspect.Bytes(c.Heap), inspect.Bytes(t.Waste))
	if c.Torn > 0 {
		fmt.Fprintf(&b, "%s changed while being read\n", inspect.Plural(uint64(c.Torn), "map"))
	}
	if lost := c.Lost.String(); lost != "" {
		fmt.Fprintf(&b, "not followed: %s\n", lost)
	}
	for i := range c.Groups[:min(top, len(c.Groups))] {
		if a := c.Groups[i].Advice(); a != "" {
			fmt.Fprintf(&b, "%s: %s\n", c.Groups[i].Owner, a)
		}
	}
	if more := len(c.Groups) - top; more > 0 {
		fmt.Fprintf(&b, "%s more than are listed: top=0 lists all\n", inspect.Plural(uint64(more), "owner"))
	}
	b.WriteString("\n")
	rows := []row{{Cells: []string{"maps", "entries", "slots", "load", "deleted", "bytes", "waste"}}}
	for i := range c.Groups[:min(top, len(c.Groups))] {
		g := &c.Groups[i]
		rows = append(rows, row{[]string{inspect.Count(uint64(g.Maps)), inspect.Count(g.Entries), inspect.Count(g.Slots), fmt.Sprintf("%.0f %%", 100*g.Load()),
			inspect.Count(g.Tombstones), inspect.Bytes(g.Bytes), inspect.Bytes(g.Waste), g.Type}, g.Owner})
	}
	return b.String(), rows
}

func detail(d *inspect.Detail) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s at %#x\n%s in %s slots (load %.0f %%), %s deleted; %s, %s of it waste\n", d.Owner, d.Type.Name, d.Addr, inspect.Plural(d.Entries, "entry"),
		inspect.Count(d.Slots), 100*d.Load(), inspect.Count(d.Tombstones), inspect.Bytes(d.Bytes), inspect.Bytes(d.Waste()))
	if !d.Consistent {
		b.WriteString("it changed while it was read: this mixes several moments\n")
	}
	if len(d.Tables) > 0 {
		fmt.Fprintf(&b, "directory of %s, %s\n", inspect.Plural(1<<d.Depth, "place"), inspect.Plural(uint64(len(d.Tables)), "table"))
	}
	fmt.Fprintf(&b, "left in slots without an entry: %s, %s\n", inspect.Plural(uint64(d.KeysLeft), "key"), inspect.Plural(uint64(d.ElemsLeft), "element"))
	for _, e := range d.First {
		fmt.Fprintf(&b, "  %s: %s\n", e.Key, e.Elem)
	}
	return b.String()
}

func residue(r *inspect.Residue) (string, []row) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s that no entry has any more can be read, in %s and the rest of the heap\n", inspect.Plural(uint64(r.Keys()), "key"), inspect.Plural(uint64(r.Maps), "map"))
	for _, u := range r.Undecided {
		fmt.Fprintf(&b, "undecided: %s\n", u)
	}
	b.WriteString("\n")
	rows := []row{{Cells: []string{"keys", "of them moved", "elements", "from"}}}
	for _, l := range r.Left {
		rows = append(rows, row{[]string{inspect.Count(uint64(l.Keys)), inspect.Count(uint64(l.Copies)), inspect.Count(uint64(l.Elems)), fmt.Sprintf("%#x", l.Addr), l.Type + ": " + l.In}, l.Owner})
	}
	return b.String(), rows
}

// table writes rows for people.
func table(rows []row) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\n", strings.Join(r.Cells, "\t"), r.Owner)
	}
	_ = w.Flush() // to a Builder
	return b.String()
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>maps</title></head>
<body><p><a href="?format=html">all maps</a> · <a href="?format=html&amp;residue=1">residue</a></p>
<pre>{{.Text}}</pre>
{{if .Rows}}<table>{{range .Rows}}<tr>{{range .Cells}}<td>{{.}}</td>{{end}}<td>{{if .Owner}}<a href="?format=html&amp;owner={{.Owner}}">{{.Owner}}</a>{{end}}</td></tr>
{{end}}</table>{{end}}</body></html>
`))
