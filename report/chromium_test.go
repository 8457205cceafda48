package report

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/ghostread/ghostread/internal/chromium"
)

// browser is a report in a headless Chromium.
type browser struct{ *chromium.Page }

// open writes in as HTML and opens it.
func open(t *testing.T, in Input, width, height int64, scheme string) *browser {
	t.Helper()
	return &browser{chromium.Open(t, render(t, FormatHTML, in), "", width, height, scheme)}
}

// data returns an attribute by which diagram id shows its state.
func (b *browser) data(id int, name string) string {
	b.T.Helper()
	return chromium.Eval[string](b.Page, fmt.Sprintf(`document.querySelector("#f%d .diagram").dataset.%s`, id, name))
}

func (b *browser) number(id int, name string) float64 {
	b.T.Helper()
	v, err := strconv.ParseFloat(b.data(id, name), 64)
	if err != nil {
		b.T.Fatalf("data-%s of diagram %d: %v", name, id, err)
	}
	return v
}

func (b *browser) selected(id, want int) {
	b.T.Helper()
	if got := b.data(id, "selected"); got != strconv.Itoa(want) {
		b.T.Errorf("diagram %d has selected %s, want %d", id, got, want)
	}
}

// mouse sends an event at the place where diagram id draws a point.
func (b *browser) mouse(id, point int, kind input.DispatchMouseEventType, opts ...chromedp.MouseOption) {
	b.T.Helper()
	at := chromium.Eval[[]float64](b.Page, fmt.Sprintf(`(() => {
		const d = diagrams.get("f%d"), box = d.canvas.getBoundingClientRect();
		return [box.left + d.painter.pointX(%d), box.top + d.painter.pointY(%d)];
	})()`, id, point, point))
	b.Do(chromedp.MouseEvent(kind, at[0], at[1], opts...))
}

const (
	press   = input.DispatchMouseEventTypeMousePressed
	release = input.DispatchMouseEventTypeMouseReleased
	move    = input.DispatchMouseEventTypeMouseMoved
	wheel   = input.DispatchMouseEventTypeMouseWheel
)

// turned is how far the wheel went. The protocol wants both directions, and the
// client leaves out what is zero.
func turned(pixels float64) chromedp.MouseOption {
	return func(ev *input.DispatchMouseEventParams) { ev.DeltaX, ev.DeltaY = 0.5, pixels }
}
