package fixed

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Handler returns the HTTP interface of the service.
//
//	POST /payments   decide a payment given as JSON
//	PUT  /rules      put a rule set given as JSON in force
//	GET  /rules      the categories that have a rule, one a line, sorted
//	GET  /status     "version status"; 304 if If-None-Match names the version
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /payments", s.servePayment)
	mux.HandleFunc("PUT /rules", s.serveReload)
	mux.HandleFunc("GET /rules", s.serveRules)
	mux.HandleFunc("GET /status", s.serveStatus)
	return mux
}

func (s *Service) servePayment(w http.ResponseWriter, r *http.Request) {
	var p Payment
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		http.Error(w, "payment: "+err.Error(), http.StatusBadRequest)
		return
	}
	io.WriteString(w, string(s.Decide(p)))
}

func (s *Service) serveReload(w http.ResponseWriter, r *http.Request) {
	var feed []Rule
	if err := json.NewDecoder(r.Body).Decode(&feed); err != nil {
		http.Error(w, "rules: "+err.Error(), http.StatusBadRequest)
		return
	}
	s.Reload(feed)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Service) serveRules(w http.ResponseWriter, _ *http.Request) {
	s.trail.note("rules", false)
	defer s.trail.note("rules", true)

	var categories []string
	for category := range s.rules.all() {
		categories = append(categories, category)
	}
	slices.Sort(categories)
	io.WriteString(w, strings.Join(categories, "\n"))
}

func (s *Service) serveStatus(w http.ResponseWriter, r *http.Request) {
	s.trail.note("status", false)
	defer s.trail.note("status", true)

	// A watcher that knows no version sends none, and 0 is never in force.
	known, _ := strconv.ParseUint(r.Header.Get("If-None-Match"), 10, 64)
	version, status, newer := s.health.since(known)
	if !newer {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	io.WriteString(w, strconv.FormatUint(version, 10)+" "+status.String())
}
