package mappage

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ghostread/ghostread/inspect"
	"github.com/ghostread/ghostread/internal/chromium"
)

const evil = `</script><script>pwned=1</script><img src=x onerror="pwned=1"> '"` + "`{{.}}`<!-- \u2028"

// census returns owners with all that a page shows of them.
func census(name string) *inspect.Census {
	c := &inspect.Census{Target: "process 4321" + name, Version: "go1.26.8", Heap: 80 << 20, Elapsed: 120 * time.Millisecond, Torn: 1, Notes: []string{"what else is to be known" + name}}
	add := func(g inspect.Group) {
		c.Groups = append(c.Groups, g)
		t := &c.Total
		t.Maps, t.Entries, t.Slots, t.Bytes, t.Waste = t.Maps+g.Maps, t.Entries+g.Entries, t.Slots+g.Slots, t.Bytes+g.Bytes, t.Waste+g.Waste
	}
	add(inspect.Group{Owner: "main.shrunk" + name, Type: "map[uint32][16]uint8" + name, Maps: 1, Entries: 10_000, Slots: 2_087_936, Tombstones: 92_909, Bytes: 44 << 20, Waste: 43 << 20})
	add(inspect.Group{Owner: "example.com/service/internal/store.(*Store).sessions[].attributes", Type: "map[string]map[example.com/service/internal/store.key]*example.com/service/internal/store.session",
		Maps: 2000, Entries: 16_000, Slots: 32_000, Bytes: 4 << 20, Waste: 2 << 20, Growing: 3})
	for i := range 12 {
		n := uint64(1000 >> i)
		add(inspect.Group{Owner: fmt.Sprintf("main.cache%d", i), Type: "map[string]int", Maps: 1, Entries: n, Slots: 8 * (n/7 + 1), Bytes: 24 * n, Waste: 3 * n})
	}
	return c
}

// snapshot returns a map with tables, or buckets, whose slots are of all kinds.
func snapshot(tables, groups int, name string) *inspect.Snapshot {
	s := &inspect.Snapshot{Target: "process 4321" + name, Version: "go1.26.8", Owner: "main.sessions" + name, Type: "map[string]*main.session" + name, Addr: 0xc000123450, Consistent: true, Depth: 3}
	for t := range tables {
		p := inspect.Part{Name: fmt.Sprintf("table %d%s", t, name), Addr: uint64(0xc000200000 + t<<8), Depth: 3}
		for g := range groups {
			sg := inspect.SlotGroup{Addr: uint64(0xc001000000 + t<<16 + g*136)}
			for i := range sg.Slots {
				slot := &sg.Slots[i]
				switch n := (t*31 + g*7 + i*5) % 16; {
				case n < 9:
					slot.State = inspect.Full
				case n == 9:
					slot.State = inspect.Deleted
				case n == 10:
					slot.State, slot.KeyLeft = inspect.Deleted, true
				case n == 11:
					slot.State = inspect.Evacuated
				}
				s.Slots++
				if slot.State == inspect.Full {
					s.Entries++
				}
			}
			p.Groups = append(p.Groups, sg)
		}
		s.Parts = append(s.Parts, p)
	}
	s.Bytes, s.Waste = 17*s.Slots, 17*(s.Slots-s.Entries)
	return s
}

// looks is a map that grows twice.
func looks(name string) (list []Look) {
	at := time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)
	for i := range 30 {
		l := Look{At: at.Add(time.Duration(i) * time.Second), Entries: uint64(1000 * i), Slots: 16384 << (i / 12), Growing: i%12 == 0}
		if l.Bytes, l.Waste = 17*l.Slots, 17*(l.Slots-l.Entries); i > 0 && i%12 == 0 {
			l.Grown = []string{"main.sessions" + name}
		}
		list = append(list, l)
	}
	return list
}

func render(t *testing.T, of any, looks []Look) string {
	t.Helper()
	var b strings.Builder
	var err error
	switch of := of.(type) {
	case *inspect.Census:
		err = Census(&b, of, looks)
	case *inspect.Snapshot:
		err = Map(&b, of, looks)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPicture holds what the script draws against the slots.
func TestPicture(t *testing.T) {
	s := snapshot(3, 20, "")
	pic, err := newPicture(s)
	if err != nil {
		t.Fatal(err)
	}
	var d data
	if err := json.Unmarshal([]byte(pic.Data), &d); err != nil {
		t.Fatal(err)
	}
	packed, err := base64.StdEncoding.DecodeString(d.Slots)
	if err != nil || len(packed) != 3*20*4 || d.Scale != 1 {
		t.Fatalf("%d bytes for 60 groups, scale %d, %v", len(packed), d.Scale, err)
	}
	at := 0
	var counts [kinds]uint64
	for p, part := range s.Parts {
		if d.Parts[p].Groups != 20 || d.Parts[p].Stride != 136 || d.Parts[p].Addr != fmt.Sprintf("%#x", part.Groups[0].Addr) {
			t.Errorf("part %d: got %+v", p, d.Parts[p])
		}
		for g := range part.Groups {
			for i := range part.Groups[g].Slots {
				want := kindOf(&part.Groups[g].Slots[i])
				if got := int(packed[at/2] >> (4 * (at % 2)) & 15); got != want {
					t.Fatalf("slot %d of group %d of part %d: got %s, want %s", i, g, p, kindNames[got][0], kindNames[want][0])
				}
				counts[want]++
				at++
			}
		}
	}
	for k, l := range pic.Legend {
		if l.Count != counts[k] || l.Count == 0 {
			t.Errorf("%s: the legend says %d, there are %d", l.Name, l.Count, counts[k])
		}
	}
}

// TestSize holds pages of large maps to 2 MB; those that are larger than one
// square a slot allows show shares.
func TestSize(t *testing.T) {
	for _, groups := range []int{1 << 18, 1<<18 + 128} {
		s := &inspect.Snapshot{Owner: "main.large"}
		for range groups / 128 {
			p := inspect.Part{Name: "table", Groups: make([]inspect.SlotGroup, 128)}
			p.Groups[5].Slots[0].State, p.Groups[5].Slots[0].KeyLeft = inspect.Deleted, true
			s.Parts = append(s.Parts, p)
		}
		page := render(t, s, nil)
		if len(page) > 2<<20 {
			t.Errorf("%d groups: a page of %d bytes", groups, len(page))
		}
		if !strings.Contains(page, "<b>residue</b> "+inspect.Count(uint64(groups/128))+"<") {
			t.Errorf("%d groups: what is left in one of 1024 slots is not counted", groups)
		}
	}
	var shares [kinds]uint64
	shares[kindResidue], shares[kindFull], shares[kindEmpty] = 1, 20, 11
	if b := pack(make([]inspect.SlotGroup, 4), shares); b != nil && fmt.Sprintf("%x", b) != "14111100" {
		t.Errorf("one left, 20 full, 11 empty: got %x", b)
	}
}

func TestHostileTextStaysText(t *testing.T) {
	for _, page := range []string{render(t, census(evil), looks(evil)), render(t, snapshot(2, 3, evil), looks(evil))} {
		if n := strings.Count(page, "<script>"); n != 1 || strings.Count(page, "<script") != strings.Count(page, "</script") {
			t.Errorf("page has %d scripts that run, begins %d and ends %d", n, strings.Count(page, "<script"), strings.Count(page, "</script"))
		}
		for _, bad := range []string{"<img", "<!--", `onerror="`} {
			if i := strings.Index(page, bad); i >= 0 {
				t.Errorf("page contains %q: %.120s", bad, page[max(i-60, 0):])
			}
		}
	}
}

// TestEmpty writes pages where there is nothing to show.
func TestEmpty(t *testing.T) {
	render(t, &inspect.Census{}, nil)
	render(t, &inspect.Snapshot{}, looks("")[:1])
	same := looks("")[:2]
	same[1].At = same[0].At
	render(t, &inspect.Census{}, same)
}

func TestBrowser(t *testing.T) {
	for _, tt := range []struct {
		name, scheme  string
		width, height int64
	}{{"desktop", "light", 1440, 1000}, {"phone-dark", "dark", 390, 844}} {
		t.Run(tt.name, func(t *testing.T) {
			b := chromium.Open(t, render(t, census(""), looks("")), "", tt.width, tt.height, tt.scheme)
			fits(b)
			b.Shoot("census-" + tt.name)
			first := `document.querySelector(".sortable tbody .owner").textContent`
			b.Click(".sortable th:nth-child(3)")
			b.Until(first + ` === "example.com/service/internal/store.(*Store).sessions[].attributes"`)
			b.Click(".sortable th:nth-child(3)")
			b.Until(first + ` === "main.cache10"`)

			b = chromium.Open(t, render(t, snapshot(6, 128, ""), looks("")), "", tt.width, tt.height, tt.scheme)
			fits(b)
			b.Do(chromedp.Focus(chromedp.CSS("canvas.slots")))
			b.Keys(kb.ArrowRight, kb.ArrowRight, kb.ArrowDown)
			b.Until(`document.querySelector(".told").textContent === "table 0, group 1, slot 1: empty; group at 0xc001000088"`)
			// A press on the first slot of the second part.
			b.Until(`(() => {
				const c = document.querySelector("canvas.slots"), r = c.getBoundingClientRect();
				for (let y = 1; y < r.height; y++) {
					c.dispatchEvent(new PointerEvent("pointermove", {clientX: r.left + 1, clientY: r.top + y}));
					if (c.dataset.slot === "1024") return true;
				}
				return false;
			})()`)
			b.Shoot("map-" + tt.name)
			b.Do(chromedp.ScrollIntoView(chromedp.CSS(".growth")))
			b.Shoot("growth-" + tt.name)
			fits(b)
		})
	}
}

// TestBrowserHostile opens a page whose text is evil.
func TestBrowserHostile(t *testing.T) {
	// The census is watched by TestHostileTextStaysText; this page runs more.
	b := chromium.Open(t, render(t, snapshot(2, 3, evil), looks(evil)), "", 390, 800, "dark")
	if chromium.Eval[bool](b, `"pwned" in window || document.querySelectorAll("img, iframe").length > 0`) {
		t.Error("text became markup")
	}
	fits(b)
}

// fits fails if the page is wider than the window.
func fits(b *chromium.Page) {
	b.T.Helper()
	if chromium.Eval[bool](b, `document.documentElement.scrollWidth > document.documentElement.clientWidth`) {
		b.T.Errorf("the page is too wide: %d of %d pixels", chromium.Eval[int](b, `document.documentElement.scrollWidth`), chromium.Eval[int](b, `document.documentElement.clientWidth`))
	}
}
