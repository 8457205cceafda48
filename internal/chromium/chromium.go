// Package chromium opens pages in a headless Chromium for tests, and fails the
// test when a page complains, logs anything or asks for anything outside
// itself.
//
// Only tests import it.
package chromium

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
)

// Page is a page in a headless Chromium that remembers what went wrong. Its
// methods fail the test when they cannot do their work; they wait for elements
// to be there.
type Page struct {
	T   *testing.T
	ctx context.Context
	own string // URL

	mu  sync.Mutex
	bad []string
}

// Open writes a page to a file and opens it at a fragment, "" for its top. The
// test is skipped where no Chromium is installed.
func Open(t *testing.T, html, fragment string, width, height int64, scheme string) *Page {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		t.Skip("no Chromium in PATH (apt-get install chromium): the page is not tried in a browser")
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(html), 0o666); err != nil {
		t.Fatal(err)
	}
	p := &Page{T: t, own: (&url.URL{Scheme: "file", Path: file}).String()}

	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	// A limit against a browser that hangs; nothing below depends on it.
	limit, end := context.WithTimeout(context.Background(), 2*time.Minute)
	alloc, stop := chromedp.NewExecAllocator(limit, opts...)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithListener(p.listen))
	p.ctx = ctx
	t.Cleanup(func() {
		// Wait for the browser to end, or it still writes into the directory
		// that is about to be removed.
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("close the browser: %v", err)
		}
		cancel()
		stop()
		end()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, s := range p.bad {
			t.Errorf("the page caused %s", s)
		}
	})
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	p.Scheme(scheme)
	p.Do(chromedp.EmulateViewport(width, height), chromedp.Navigate(p.own+fragment))
	return p
}

// listen notes every event a good page does not cause.
func (p *Page) listen(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		p.note("console: %s", ev.Type)
	case *runtime.EventExceptionThrown:
		p.note("exception: %v", &chromedp.ExceptionError{ExceptionDetails: ev.ExceptionDetails})
	case *log.EventEntryAdded:
		p.note("log: %s %s", ev.Entry.Level, ev.Entry.Text)
	case *network.EventRequestWillBeSent:
		if u, _, _ := strings.Cut(ev.Request.URL, "#"); u != p.own && !strings.HasPrefix(u, "data:") {
			p.note("request: %s", ev.Request.URL)
		}
	}
}

func (p *Page) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bad = append(p.bad, fmt.Sprintf(format, args...))
}

// Scheme makes the page light or dark.
func (p *Page) Scheme(name string) {
	p.T.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}); err != nil {
		p.T.Fatal(err)
	}
}

// Do takes steps, one after the other.
func (p *Page) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.T.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.T.Fatal(err)
	}
}

// Keys types keys.
func (p *Page) Keys(keys ...string) {
	p.T.Helper()
	for _, k := range keys {
		p.Do(chromedp.KeyEvent(k))
	}
}

// Click clicks what a selector of CSS names.
func (p *Page) Click(selector string) {
	p.T.Helper()
	p.Do(chromedp.Click(chromedp.CSS(selector)))
}

// Until waits for an expression to become true.
func (p *Page) Until(expression string) {
	p.T.Helper()
	Run(p, chromedp.Poll[bool](expression))
}

// Text is the text of what a selector of CSS names.
func (p *Page) Text(selector string) string {
	p.T.Helper()
	return Run(p, chromedp.TextContent(chromedp.CSS(selector), chromedp.NodeReady))
}

// Run takes a step that gives a value.
func Run[T any](p *Page, a chromedp.Action[T]) T {
	p.T.Helper()
	v, err := chromedp.Run(p.ctx, a)
	if err != nil {
		p.T.Fatal(err)
	}
	return v
}

// Eval evaluates an expression of JavaScript.
func Eval[T any](p *Page, expression string) T {
	p.T.Helper()
	return Run(p, chromedp.Evaluate[T](expression))
}

// Shoot saves what the page looks like if GHOSTREAD_SCREENSHOTS names a
// directory, for people who work on the design.
func (p *Page) Shoot(name string) {
	p.T.Helper()
	dir := os.Getenv("GHOSTREAD_SCREENSHOTS")
	if dir == "" {
		return
	}
	shot := chromedp.CaptureScreenshot()
	if strings.HasPrefix(name, "full") {
		shot = chromedp.FullScreenshot(100)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), Run(p, shot), 0o666); err != nil {
		p.T.Fatal(err)
	}
}
