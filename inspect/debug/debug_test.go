package debug

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/inspect"
)

func get(h http.Handler, query string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/maps?"+query, nil))
	return w
}

// TestBad gives a sentence for what is not answered.
func TestBad(t *testing.T) {
	h := Handler()
	for _, tt := range []struct {
		query, want string
	}{
		{"format=xml", `format="xml" is unknown`}, {"addr=main", `addr="main" is no address`}, {"addr=0", "is no address"},
		{"top=-1", `top="-1" is no number from 0 to`}, {"entries=1001", `entries="1001" is no number from 0 to 1000`},
	} {
		if w := get(h, tt.query); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: got %d %q, want %q", tt.query, w.Code, w.Body, tt.want)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/debug/maps", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: got %d, %v", w.Code, w.Header())
	}
}

// TestOneAtATime refuses a request while another one is served.
func TestOneAtATime(t *testing.T) {
	h := Handler().(*handler)
	began, end := make(chan bool), make(chan bool)
	h.attach = func() (*inspect.Target, error) {
		close(began)
		<-end
		return nil, errors.New("no DWARF")
	}
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- get(h, "") }()
	<-began
	if w := get(h, ""); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("meanwhile: got %d %q", w.Code, w.Body)
	}
	close(end)
	if w := <-done; w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), "this program cannot look at its maps: no DWARF") {
		t.Errorf("a program without DWARF: got %d %q", w.Code, w.Body)
	}
}

// TestPage escapes what comes from the program.
func TestPage(t *testing.T) {
	const evil = `"><script>x</script>`
	var b strings.Builder
	if err := page.Execute(&b, map[string]any{"Text": evil, "Rows": []row{{[]string{evil}, evil}}}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "<script") || !strings.Contains(b.String(), "owner=%22%3e%3cscript%3ex") {
		t.Errorf("got %s", &b)
	}
}

// TestServed asks the handler of a program about its maps.
func TestServed(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("processes are read on linux/amd64")
	}
	exe := filepath.Join(t.TempDir(), "served")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", exe, "./testdata/served").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	queries := []string{"", "top=1&format=json", "format=html", "owner=main.sessions&show-values=true&values=1", "owner=main.numbers", "owner=main.many[]", "owner=main.none", "residue=1&owner=main.numbers"}
	queries[0] = "top=0"
	out, err := exec.CommandContext(t.Context(), exe, strings.Join(queries, " ")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	answers := strings.Split(string(out), "-- end --\n")
	for i, want := range [][]string{
		{"200 text/plain", "go1.", "main.sessions", "map[string]int", "600"},
		{"200 application/json", `"Owner": "`, `"Total": {`},
		{"200 text/html", `<a href="?format=html&amp;owner=main.sessions">main.sessions</a>`},
		{"200 text/plain", "main.sessions  map[string]int at 0x", "600 entries in 1,024 slots", "string of "},
		{"200 text/plain", "100 entries in 1,024 slots", " keys, 0 elements", ": 1\n"},
		{"409 ", "main.many[] has 2 maps; choose one by its address\n\taddr=0x"},
		{"404 ", "no map belongs to main.none"},
		{"200 text/plain", "that no entry has any more can be read", "main.numbers"},
		{"200 text/plain", `"secret-token-`},
	} {
		for _, w := range want {
			if !strings.Contains(answers[i], w) {
				t.Errorf("answer %d has no %q:\n%s", i, w, answers[i])
			}
		}
	}
}
