package fixed

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var books = Rule{Category: "books", MaxAmount: 500_00, MaxPayments: 2}

// newService returns a service with one rule for each category.
func newService(categories ...string) *Service {
	s := New()
	s.Reload(rulesFor(categories...))
	return s
}

// rulesFor returns a feed with one rule for each category.
func rulesFor(categories ...string) []Rule {
	var feed []Rule
	for _, c := range categories {
		r := books
		r.Category = c
		feed = append(feed, r)
	}
	return feed
}

func TestDecide(t *testing.T) {
	tests := []struct {
		name     string
		payments []Payment
		want     Decision // of the last one
	}{
		{"within the limits", []Payment{{"harbor", "books", 20_00}}, Approve},
		{"amount at the limit", []Payment{{"harbor", "books", 500_00}}, Approve},
		{"amount over the limit", []Payment{{"harbor", "books", 500_01}}, Decline},
		{"category without a rule", []Payment{{"harbor", "boats", 1}}, Review},
		{"too many payments", []Payment{{"harbor", "books", 1}, {"harbor", "books", 1}, {"harbor", "books", 1}}, Decline},
		{"merchants are counted apart", []Payment{{"harbor", "books", 1}, {"harbor", "books", 1}, {"quay", "books", 1}}, Approve},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newService("books")
			var got Decision
			for _, p := range tt.payments {
				got = s.Decide(p)
			}
			if got != tt.want {
				t.Errorf("last of %v: got %q, want %q", tt.payments, got, tt.want)
			}
		})
	}
}

func TestHandler(t *testing.T) {
	h := newService("books").Handler()
	tests := []struct {
		name         string
		method, path string
		body         string
		wantStatus   int
		wantBody     string
	}{
		{"a payment", "POST", "/payments", `{"merchant":"harbor","category":"books","amount":2000}`, 200, "approve"},
		{"not a payment", "POST", "/payments", `{"merchant":7}`, 400, ""},
		{"a reload", "PUT", "/rules", `[{"category":"books"},{"category":"art"}]`, 204, ""},
		{"the rules after it", "GET", "/rules", "", 200, "art\nbooks"},
		{"the status after it", "GET", "/status", "", 200, "2 ready"},
		{"no such page", "GET", "/secrets", "", 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body)))
			if rec.Code != tt.wantStatus {
				t.Errorf("%s %s: got status %d, want %d: %s", tt.method, tt.path, rec.Code, tt.wantStatus, rec.Body)
			}
			if tt.wantBody != "" && rec.Body.String() != tt.wantBody {
				t.Errorf("%s %s: got %q, want %q", tt.method, tt.path, rec.Body, tt.wantBody)
			}
		})
	}
}

func TestAudit(t *testing.T) {
	s := newService("books")
	s.Decide(Payment{"harbor", "books", 1})
	want := []Entry{{"reload", false}, {"reload", true}, {"decide", false}, {"decide", true}}
	if diff := cmp.Diff(want, s.Audit()); diff != "" {
		t.Errorf("Audit() after a reload and a payment (-want +got):\n%s", diff)
	}
	for range 40 {
		s.Decide(Payment{"harbor", "books", 1})
	}
	if got := len(s.Audit()); got != 64 {
		t.Errorf("len(Audit()) after 41 payments: got %d, want 64", got)
	}
}

// Two payments of one merchant at once: both are counted.
func TestPaymentsAreCounted(t *testing.T) {
	s := newService("books")
	s.Decide(Payment{"harbor", "books", 1})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { s.velocity.count("harbor") })
	}
	wg.Wait()
	if got := s.velocity.seen("harbor"); got != 3 {
		t.Errorf("seen(harbor): got %d payments, want 3", got)
	}
}

// A merchant over its limit stays declined while new merchants arrive.
func TestLimitHoldsUnderTraffic(t *testing.T) {
	s := newService("books")
	for _, m := range []string{"harbor", "harbor", "quay", "pier", "jetty", "wharf", "dock", "marina", "mole"} {
		s.Decide(Payment{m, "books", 1})
	}

	var wg sync.WaitGroup
	wg.Go(func() {
		for _, m := range []string{"lock", "weir"} {
			s.Decide(Payment{m, "books", 1})
		}
	})
	got := s.Decide(Payment{"harbor", "books", 1})
	wg.Wait()

	if got != Decline {
		t.Errorf("third payment of harbor, limit 2: got %q, want %q", got, Decline)
	}
	if got := s.velocity.merchants(); got != 10 {
		t.Errorf("merchants(): got %d, want 10", got)
	}
}

// A watcher that learns of a version learns the status of that version.
func TestWatcherSeesDegraded(t *testing.T) {
	s := newService("books") // version 1
	watch := httptest.NewRequest("GET", "/status", nil)
	watch.Header.Set("If-None-Match", "1")
	rec := httptest.NewRecorder()

	var wg sync.WaitGroup
	wg.Go(func() { s.Reload(nil) })
	s.serveStatus(rec, watch)
	wg.Wait()

	if rec.Code == http.StatusNotModified {
		return // asked before the reload
	}
	if got, want := rec.Body.String(), "2 degraded"; got != want {
		t.Errorf("GET /status during the reload: got %q, want %q", got, want)
	}
}

// A listing shows one rule set: the one before a reload or the one after it.
func TestListingDuringReload(t *testing.T) {
	s := newService("art", "books", "games")
	rec := httptest.NewRecorder()

	var wg sync.WaitGroup
	wg.Go(func() { s.Reload(rulesFor("books", "tools", "toys")) })
	s.serveRules(rec, nil)
	wg.Wait()

	before, after := "art\nbooks\ngames", "books\ntools\ntoys"
	if got := rec.Body.String(); got != before && got != after {
		t.Errorf("GET /rules during the reload: got %q, want %q or %q", got, before, after)
	}
}
