package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/chromium"
)

func TestBrowserClicksThrough(t *testing.T) {
	b := open(t, sample(), 1280, 900, "light")
	_, read, write, origin := raceTimeline()
	b.selected(1, read)
	b.Shoot("full-light")

	// Choosing the finding puts the keyboard on its diagram.
	b.Click(`.index a[href="#f1"]`)
	b.Until(`document.activeElement === document.querySelector("#f1 canvas")`)
	b.Shoot("race-light")
	b.Keys(kb.Home)
	b.selected(1, 0)
	b.Keys("g")
	b.selected(1, read)
	if panel := b.Text("#f1 .panel"); !strings.Contains(panel, "return s.status") || !strings.Contains(panel, "store.go:22") {
		t.Errorf("panel of the ghost shows no source:\n%s", panel)
	}
	if here := b.Text("#f1 .panel .here"); !strings.Contains(here, "return s.status") {
		t.Errorf("highlighted line = %q, want the read", here)
	}
	b.Keys("g")
	b.selected(1, write)
	b.Keys("g")
	b.selected(1, origin)
	b.Keys("g", kb.ArrowRight)
	b.selected(1, read+1)
	b.Keys(kb.ArrowLeft)
	b.selected(1, read)
	b.Keys(kb.ArrowDown)
	if got := b.Text("#f1 .panel .facts"); !strings.Contains(got, "G6") {
		t.Errorf("lane below G1: %q, want G6", got)
	}
	b.Keys(kb.ArrowUp)
	if got := b.Text("#f1 .announce"); !strings.HasPrefix(got, "G1, step ") {
		t.Errorf("announced %q, want an operation of G1", got)
	}
	// The lane under the last one is still the last one.
	b.Keys(kb.ArrowDown, kb.ArrowDown, kb.ArrowDown, kb.ArrowDown)
	if got := b.Text("#f1 .panel .facts"); !strings.Contains(got, "G7") {
		t.Errorf("lowest lane: %q, want G7", got)
	}
}

func TestBrowserZoomAndMouse(t *testing.T) {
	b := open(t, sample(), 1280, 900, "light")
	_, _, write, origin := raceTimeline()
	b.Click(`.index a[href="#f1"]`)
	b.Until(`document.activeElement === document.querySelector("#f1 canvas")`)

	before := b.number(1, "scale")
	b.Keys("+")
	closer := b.number(1, "scale")
	b.Keys("0")
	if fit := b.number(1, "scale"); closer <= before || fit >= closer {
		t.Errorf("scale %v, after + %v, after 0 %v", before, closer, fit)
	}
	b.Keys("?")
	b.Do(chromedp.WaitVisible(chromedp.CSS("#f1 .keys")))

	b.mouse(1, write, move)
	b.Do(chromedp.WaitVisible(chromedp.CSS("#f1 .tip")))
	for _, want := range []string{"(*Store).Set", "store.go:16", "0xc00019c0a8", "Store.status"} {
		if tip := b.Text("#f1 .tip"); !strings.Contains(tip, want) {
			t.Errorf("hover does not show %q:\n%s", want, tip)
		}
	}
	b.Shoot("hover-light")
	b.mouse(1, write, press, chromedp.ButtonLeft, chromedp.ClickCount(1))
	b.mouse(1, write, release, chromedp.ButtonLeft, chromedp.ClickCount(1))
	b.selected(1, write)

	// The wheel zooms, since the diagram has the focus.
	before = b.number(1, "scale")
	b.mouse(1, write, wheel, turned(-240))
	b.Until(fmt.Sprintf(`Number(document.querySelector("#f1 .diagram").dataset.scale) > %v`, before))

	// Dragging moves, and does not select.
	left := b.number(1, "left")
	b.mouse(1, write, press, chromedp.ButtonLeft)
	b.mouse(1, write, move, chromedp.ButtonLeft, func(ev *input.DispatchMouseEventParams) { ev.X -= 80; ev.Buttons = 1 })
	b.mouse(1, write, release, chromedp.ButtonLeft)
	if got := b.number(1, "left"); got <= left {
		t.Errorf("left edge after dragging to the left = %v, was %v", got, left)
	}
	b.selected(1, write)

	// Evidence leads to its point, and the other findings have diagrams too.
	b.Click(`#f1 .r-origin [data-jump]`)
	b.selected(1, origin)
	b.Click(`#f3 [data-do="next"]`)
	if got := b.Text("#f3 .legend"); !strings.Contains(got, "waits for ever") {
		t.Errorf("legend of the deadlock = %q", got)
	}
	b.Click(`#f1 [data-copy]`)
	b.Until(`document.querySelector("#f1 [data-copy]").textContent === "Copied"`)
	b.Click(`#f1 .card details summary`)
	b.Do(chromedp.WaitVisible(chromedp.CSS("#f1 .card details .stack")))
	if got := b.Text("#f1 .card details .stack"); !strings.Contains(got, "testing.tRunner") {
		t.Errorf("opened stack = %q", got)
	}

	// A change of scheme redraws with the other colours.
	light := chromium.Eval[string](b.Page, `diagrams.get("f1").painter.colour.ghost`)
	b.Scheme("dark")
	b.Until(fmt.Sprintf(`diagrams.get("f1").painter.colour.ghost !== %q`, light))
}

// Before it has the focus a diagram must leave the wheel to the page.
func TestBrowserWheelScrollsThePage(t *testing.T) {
	b := open(t, sample(), 1000, 500, "light")
	b.Do(chromedp.ScrollIntoView(chromedp.CSS("#f1 canvas")))
	scale, at := b.number(1, "scale"), chromium.Eval[float64](b.Page, "scrollY")
	b.mouse(1, 0, wheel, turned(120))
	b.Until(fmt.Sprintf("scrollY > %v", at))
	if got := b.number(1, "scale"); got != scale {
		t.Errorf("scale after scrolling the page = %v, was %v", got, scale)
	}
}

// Tab must reach the diagram, and show where it is.
func TestBrowserKeyboardOnly(t *testing.T) {
	b := open(t, Input{Findings: []finding.Finding{race()}, Options: Options{Dir: dir}}, 1000, 800, "dark")
	for range 60 {
		b.Keys(kb.Tab)
		if !chromium.Eval[bool](b.Page, `document.activeElement.matches("canvas")`) {
			continue
		}
		if got := chromium.Eval[string](b.Page, `getComputedStyle(document.activeElement).outlineStyle`); got != "solid" {
			t.Errorf("outline of the focused diagram = %s, want solid", got)
		}
		b.Keys(kb.End)
		b.selected(1, len(race().Timeline.Points)-1)
		return
	}
	t.Error("60 times Tab did not reach the diagram")
}

func TestBrowserSchemesAndWidths(t *testing.T) {
	for _, tt := range []struct {
		name, scheme  string
		width, height int64
	}{
		{"dark", "dark", 1280, 900},
		{"narrow", "light", 390, 844},
		{"wide", "light", 1720, 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, sample(), tt.width, tt.height, tt.scheme)
			if over := chromium.Eval[float64](b.Page, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
				t.Errorf("the page is %v pixels wider than its window of %d", over, tt.width)
			}
			b.Shoot("top-" + tt.name)
			b.Shoot("full-" + tt.name)
			b.Click(`.index a[href="#f1"]`)
			b.Until(`document.activeElement === document.querySelector("#f1 canvas")`)
			b.Shoot("race-" + tt.name)
		})
	}
}

func TestBrowserFiftyThousandPoints(t *testing.T) {
	const n = 50_000
	in := sample()
	in.Findings[0] = large(n)
	b := open(t, in, 1280, 900, "dark")
	b.selected(1, n*3/5+5)
	b.Click(`.index a[href="#f1"]`)
	b.Until(`document.activeElement === document.querySelector("#f1 canvas")`)
	b.Shoot("large-near")
	b.Keys(kb.End)
	b.selected(1, n-1)
	b.Keys("0")
	b.Shoot("large-fit")
	b.mouse(1, n-1, press, chromedp.ButtonLeft, chromedp.ClickCount(1))
	b.mouse(1, n-1, release, chromedp.ButtonLeft, chromedp.ClickCount(1))
	b.selected(1, n-1)
	b.Keys(kb.Home)
	b.selected(1, 0)
	b.Keys("g")
	b.selected(1, n*3/5+5)
	if nodes := chromium.Eval[int](b.Page, `document.querySelectorAll("*").length`); nodes > 3000 {
		t.Errorf("the page has %d elements; points must not be elements", nodes)
	}
}

// A trace has times instead of steps: distances are real, several points share
// an instant, and a lane may be empty.
func TestBrowserTrace(t *testing.T) {
	tl := &finding.Timeline{Unit: "ns", Lanes: []finding.Lane{{ID: 1, Name: "reader"}, {ID: 2, Name: "idle"}, {ID: 3, Name: "writer"}}}
	const start = int64(1) << 60
	for i := range 300 {
		tl.Points = append(tl.Points, finding.Point{Lane: 1 + i%2*2, At: start + int64(i/2)*int64(i)*700, Op: "lock", Stack: -1})
	}
	tl.Points[150].Mark = finding.MarkStuck
	tl.Spans = []finding.Span{
		{Lane: 1, Start: start - 5000, End: start + 4_000_000, State: "blocked"},
		{Lane: 3, Start: start, End: start + 9_000_000, State: "run"},
		{Lane: 2, Start: start, End: start, State: "sleep"},
	}
	b := open(t, Input{Findings: []finding.Finding{{Code: "GR2010", Kind: finding.Blocked, Title: "a reader waits", Timeline: tl}}}, 1280, 900, "light")
	b.selected(1, 150)
	b.Click(`.index a[href="#f1"]`)
	b.Until(`document.activeElement === document.querySelector("#f1 canvas")`)
	b.Shoot("trace-light")
	b.Keys("0", kb.End)
	b.selected(1, 299)
	if got, want := b.Text("#f1 .panel .facts"), fmt.Sprint(tl.Points[299].At, " ns"); !strings.Contains(got, want) {
		t.Errorf("facts = %q, want the exact time %s", got, want)
	}
	b.Keys(kb.ArrowUp)
	if got := b.Text("#f1 .panel .facts"); !strings.Contains(got, "reader") {
		t.Errorf("lane above the empty one: %q, want reader", got)
	}
	b.Keys("g")
	b.selected(1, 150)
}

// Text from the program under test must stay text.
func TestBrowserHostileText(t *testing.T) {
	b := open(t, hostile(), 1000, 800, "light")
	b.Keys(kb.Tab)
	if chromium.Eval[bool](b.Page, `"pwned" in window || document.querySelectorAll("img, iframe").length > 0`) {
		t.Error("text became markup")
	}
	if got := b.Text("#t1"); got != evil {
		t.Errorf("title = %q, want %q", got, evil)
	}
	if got := b.Text("#f1 .panel h4"); !strings.Contains(got, evil) {
		t.Errorf("panel = %q, want it to show %q", got, evil)
	}
}
