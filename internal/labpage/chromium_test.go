package labpage

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/ghostread/ghostread/lab"
)

// browser is a page in a headless Chromium that remembers what went wrong.
type browser struct {
	t   *testing.T
	ctx context.Context
	own string
	mu  sync.Mutex
	bad []string
}

// open writes the page of a record and opens it. The test is skipped where no
// Chromium is installed.
func open(t *testing.T, rec *lab.Record, width, height int64, scheme string) *browser {
	t.Helper()
	return openAt(t, rec, "", width, height, scheme)
}

func openAt(t *testing.T, rec *lab.Record, fragment string, width, height int64, scheme string) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			program = p
			break
		}
	}
	if program == "" {
		t.Skip("no Chromium in PATH (apt-get install chromium): the page is not tried in a browser")
	}
	file := filepath.Join(t.TempDir(), "lab.html")
	if err := os.WriteFile(file, []byte(render(t, rec)), 0o666); err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, own: (&url.URL{Scheme: "file", Path: file}).String()}

	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	// A limit against a browser that hangs; nothing below depends on it.
	limit, end := context.WithTimeout(context.Background(), 2*time.Minute)
	alloc, stop := chromedp.NewExecAllocator(limit, opts...)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithListener(b.listen))
	b.ctx = ctx
	t.Cleanup(func() {
		// Wait for the browser to end, or it still writes into the directory
		// that is about to be removed.
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("close the browser: %v", err)
		}
		cancel()
		stop()
		end()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, s := range b.bad {
			t.Errorf("the page caused %s", s)
		}
	})
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(b.own+fragment))
	return b
}

// listen notes every event a good page does not cause.
func (b *browser) listen(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		b.note("console: %s", ev.Type)
	case *runtime.EventExceptionThrown:
		b.note("exception: %v", &chromedp.ExceptionError{ExceptionDetails: ev.ExceptionDetails})
	case *log.EventEntryAdded:
		b.note("log: %s %s", ev.Entry.Level, ev.Entry.Text)
	case *network.EventRequestWillBeSent:
		if u, _, _ := strings.Cut(ev.Request.URL, "#"); u != b.own && !strings.HasPrefix(u, "data:") {
			b.note("request: %s", ev.Request.URL)
		}
	}
}

func (b *browser) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bad = append(b.bad, fmt.Sprintf(format, args...))
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) keys(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// until waits for an expression to become true.
func (b *browser) until(expression string) {
	b.t.Helper()
	run(b, chromedp.Poll[bool](expression))
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	return run(b, chromedp.TextContent(chromedp.CSS(selector), chromedp.NodeReady))
}

func run[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	return run(b, chromedp.Evaluate[T](expression))
}

// overflow returns what is wider than the window, "" when nothing is.
func (b *browser) overflow() string {
	b.t.Helper()
	return eval[string](b, `(() => {
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

// shoot saves what the page looks like if GHOSTREAD_SCREENSHOTS names a
// directory, for people who work on the design.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("GHOSTREAD_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), run(b, chromedp.CaptureScreenshot()), 0o666); err != nil {
		b.t.Fatal(err)
	}
}
