package labpage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ghostread/ghostread/internal/chromium"
)

// visible counts the claims that are shown.
const visible = `[...document.querySelectorAll(".claim")].filter((c) => c.offsetParent).length`

func TestBrowserDeepLinkOpensTheClaim(t *testing.T) {
	b := openAt(t, sample(), "#claim-1.6", 1280, 900, "light")
	b.Until(`document.getElementById("claim-1.6").open`)
	if y := chromium.Eval[float64](b.Page, `document.getElementById("claim-1.6").getBoundingClientRect().top`); y < -1 || y > 300 {
		t.Errorf("claim is at %v, want it near the top", y)
	}
	if got := b.Text("#claim-1\\.6 .facts-table"); !strings.Contains(got, "1.24 – 1.26") || !strings.Contains(got, "448") {
		t.Errorf("evidence = %q, want the Swiss releases with their values", got)
	}
	b.Shoot("claim-open")

	// A value leads to the output of its release, whatever folds it away.
	b.Click(`#claim-1\.6 [data-release="1.23"] a`)
	b.Until(`document.querySelector("#x-growth .steps").open`)
	if got := chromium.Eval[string](b.Page, `[...document.getElementById("x-growth.grow").querySelectorAll(".pane")].filter((p) => p.offsetParent).map((p) => p.dataset.label).join()`); got != "1.18 – 1.20, 1.22, 1.23" {
		t.Errorf("output in front is of %q, want that of 1.23", got)
	}
	b.Shoot("step")
	b.Click(`#x-growth\.grow .files a`)
	b.Until(`document.getElementById("p-growth-grow/main.go").open`)
}

func TestBrowserFilter(t *testing.T) {
	b := open(t, sample(), 1280, 900, "light")
	shown := func(what string, want int) {
		t.Helper()
		if got := chromium.Eval[int](b.Page, visible); got != want {
			t.Errorf("%s: %d claims are shown, want %d", what, got, want)
		}
	}
	shown("at first", 30)
	b.Click(`.tallies [data-verdict="d"]`)
	b.Until(visible + " < 30")
	shown("depends", 3)
	b.Click(`.filter [type=reset]`)
	b.Until(visible + " === 30")

	// The slash leads to the search from everywhere.
	b.Keys("/")
	b.Until(`document.activeElement.id === "q"`)
	chromium.Eval[bool](b.Page, `(document.activeElement.value = "", true)`) // a real keyboard types no slash here
	b.Do(chromedp.SendKeys(chromedp.CSS("#q"), "gomapload"))
	b.Until(visible + " === 1")
	if got := b.Text(".filter .count"); got != "1 of 30 claims" {
		t.Errorf("count = %q, want 1 of 30 claims", got)
	}
	b.Do(chromedp.SendKeys(chromedp.CSS("#q"), "zz"))
	b.Until(visible + " === 0")
	b.Do(chromedp.WaitVisible(chromedp.CSS("#claims .nothing")))
	b.Click(`.nothing [data-reset]`)
	b.Until(visible + " === 30")

	// On Go 1.21 claim 1.6 is refuted, on 1.22 it is confirmed.
	choose := func(i int) {
		b.T.Helper()
		chromium.Eval[bool](b.Page, fmt.Sprintf(`(() => { const s = document.getElementById("release"); s.value = "%d"; s.dispatchEvent(new Event("input", {bubbles: true})); return true })()`, i))
	}
	chromium.Eval[bool](b.Page, `document.querySelector(".filter [value=c]").click() ?? true`)
	choose(4)
	if !chromium.Eval[bool](b.Page, `!!document.getElementById("claim-1.6").offsetParent`) {
		t.Error("claim 1.6 is hidden among those confirmed on 1.22")
	}
	choose(3)
	if chromium.Eval[bool](b.Page, `!!document.getElementById("claim-1.6").offsetParent`) {
		t.Error("claim 1.6 is shown among those confirmed on 1.21")
	}
	// A link to a hidden claim shows it.
	chromium.Eval[bool](b.Page, `(location.hash = "#claim-1.6", true)`)
	b.Until(`document.getElementById("claim-1.6").open && !!document.getElementById("claim-1.6").offsetParent`)
}

func TestBrowserMapSteps(t *testing.T) {
	b := openAt(t, sample(), "#x-growth", 1280, 900, "light")
	const player = `.side:first-child .pane:last-of-type .map`
	at := func() string {
		t.Helper()
		return chromium.Eval[string](b.Page, `document.querySelector("`+player+`").dataset.at ?? ""`)
	}
	b.Do(chromedp.ScrollIntoView(chromedp.CSS(player)))
	b.Until(`!!document.querySelector("` + player + ` .player")`)
	if got := at(); got != "9" {
		t.Errorf("first shown is frame %s, want 9, in the middle of the growth", got)
	}
	if n := chromium.Eval[int](b.Page, `document.querySelectorAll("`+player+` .slot.s-full").length`); n == 0 {
		t.Error("no slot is drawn as full")
	}
	if n := chromium.Eval[int](b.Page, `document.querySelectorAll("`+player+` .groups .is-new").length`); n == 0 {
		t.Error("nothing is drawn as changed by the step")
	}
	b.Click(player + ` [aria-label="Next step"]`)
	b.Keys(kb.ArrowRight, kb.ArrowLeft)
	if got := at(); got != "10" {
		t.Errorf("after next, right, left: frame %s, want 10", got)
	}
	b.Do(chromedp.Focus(chromedp.CSS(player + " input")))
	b.Keys(kb.Home, kb.ArrowRight)
	if got := at(); got != "1" {
		t.Errorf("after Home and right on the slider: frame %s, want 1", got)
	}
	if got := b.Text(player + " .step-note"); got != "insert 105 moves bucket 0" {
		t.Errorf("note = %q", got)
	}
	b.Click(player + ` .array:last-child .group:nth-child(2)`)
	if got := b.Text(player + " .control"); !strings.HasPrefix(got, "new buckets, bucket 1: ") || !strings.Contains(got, "control 01 01") {
		t.Errorf("control of bucket 1 = %q", got)
	}
	b.Keys(kb.ArrowLeft)
	if got := b.Text(player + " .control"); !strings.HasPrefix(got, "new buckets, bucket 0: ") {
		t.Errorf("control after moving left = %q, want bucket 0", got)
	}
	b.Shoot("map")
	b.Click(player + ` [aria-label="Play"]`)
	b.Until(`document.querySelector("` + player + `").dataset.at === "2"`)
	b.Click(player + ` [aria-label="Pause"]`)

	// Another release has another picture.
	b.Do(chromedp.Focus(chromedp.CSS(`.side:first-child .tabs input:checked`)))
	b.Keys(kb.ArrowLeft)
	b.Until(`[...document.querySelectorAll(".side:first-child .pane")].some((p) => p.offsetParent && p.dataset.label === "1.22" && p.querySelector(".player"))`)
}

func TestBrowserTimelineIsDrawn(t *testing.T) {
	b := openAt(t, sample(), "#x-phantom", 1280, 900, "light")
	b.Do(chromedp.ScrollIntoView(chromedp.CSS("#x-phantom canvas")))
	b.Until(`document.querySelector("#x-phantom .diagram").dataset.selected === "3"`)
	if got := b.Text("#x-phantom .panel"); !strings.Contains(got, "tophash of slot 3: taken") {
		t.Errorf("panel = %q, want the ghost", got)
	}
	b.Shoot("timeline")
}

func TestBrowserSchemesAndWidths(t *testing.T) {
	for _, tt := range []struct {
		name, scheme  string
		width, height int64
	}{
		{"phone", "light", 390, 844},
		{"phone-dark", "dark", 390, 844},
		{"tablet", "light", 820, 1100},
		{"desktop", "light", 1440, 1000},
		{"desktop-dark", "dark", 1440, 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, sample(), tt.width, tt.height, tt.scheme)
			if over := b.overflow(); over != "" {
				t.Errorf("the closed page is too wide: %s", over)
			}
			b.Shoot("top-" + tt.name)
			chromium.Eval[bool](b.Page, `document.querySelectorAll("details").forEach((d) => { d.open = true }) ?? true`)
			for _, look := range []struct{ name, selector, drawn string }{
				{"claim", `#claim-1\.6`, "true"},
				{"maps", "#x-growth .k-map", "players.size > 0"},
				{"memory", "#x-growth .k-hex", "true"},
				{"timeline", "#x-phantom .diagram", "diagrams.size > 0"},
				{"bars", "#x-maps-bench", "true"},
				{"steps", "#x-growth .steps", "true"},
				{"programs", "#x-growth .programs", "true"},
			} {
				b.Do(chromedp.ScrollIntoView(chromedp.CSS(look.selector)))
				b.Until(look.drawn)
				b.Shoot(look.name + "-" + tt.name)
			}
			if over := b.overflow(); over != "" {
				t.Errorf("the open page is too wide: %s", over)
			}
		})
	}
}

// Text of the programs must stay text.
func TestBrowserHostileText(t *testing.T) {
	b := open(t, hostile(), 390, 800, "dark")
	chromium.Eval[bool](b.Page, `document.querySelectorAll("details").forEach((d) => { d.open = true }) ?? true`)
	chromium.Eval[bool](b.Page, `document.querySelectorAll(".map, .diagram").forEach((n) => { if (n.offsetParent) wake(n) }) ?? true`)
	if chromium.Eval[bool](b.Page, `"pwned" in window || document.querySelectorAll("img, iframe").length > 0`) {
		t.Error("text became markup")
	}
	if got := b.Text(".map .step-note"); got != evil {
		t.Errorf("note of the map = %q, want %q", got, evil)
	}
	if over := b.overflow(); over != "" {
		t.Errorf("the page is too wide: %s", over)
	}
}

// The page must be read where scripts do not run.
func TestBrowserWithoutScripts(t *testing.T) {
	b := open(t, sample(), 1000, 800, "light")
	if !chromium.Eval[bool](b.Page, `(() => {
		const doc = new DOMParser().parseFromString(document.documentElement.outerHTML, "text/html");
		return doc.querySelector(".pane:last-of-type .map pre") !== null && doc.querySelector("#claim-1\\.6 .why") !== null;
	})()`) {
		t.Error("what scripts draw has no text behind it")
	}
}
