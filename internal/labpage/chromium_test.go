package labpage

import (
	"testing"

	"github.com/ghostread/ghostread/internal/chromium"
	"github.com/ghostread/ghostread/lab"
)

// browser is the page of a record in a headless Chromium.
type browser struct{ *chromium.Page }

// open writes the page of a record and opens it.
func open(t *testing.T, rec *lab.Record, width, height int64, scheme string) *browser {
	t.Helper()
	return openAt(t, rec, "", width, height, scheme)
}

func openAt(t *testing.T, rec *lab.Record, fragment string, width, height int64, scheme string) *browser {
	t.Helper()
	return &browser{chromium.Open(t, render(t, rec), fragment, width, height, scheme)}
}

// overflow returns what is wider than the window, "" when nothing is.
func (b *browser) overflow() string {
	b.T.Helper()
	return chromium.Eval[string](b.Page, `(() => {
		const root = document.documentElement;
		if (root.scrollWidth <= root.clientWidth) return "";
		let worst = root, right = root.clientWidth;
		for (const e of document.querySelectorAll("body *")) {
			const r = e.getBoundingClientRect().right;
			if (r > right && !e.closest(".scroll, pre, .unseen, svg svg")) { right = r; worst = e; }
		}
		return `+"`${root.scrollWidth} of ${root.clientWidth} pixels: <${worst.tagName} class=${worst.className}> ${worst.textContent.slice(0, 60)}`"+`;
	})()`)
}
