package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/internal/exploretest"
)

// TestEdges explores testdata/edges: the corners of happens-before.
func TestEdges(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and explores tests: not with -short")
	}
	const execs = 40
	p, suite := exploretest.Open(t, "testdata/edges")
	for _, name := range suite.Explored() {
		t.Run(name, func(t *testing.T) {
			races := 0
			s, err := explore.NewSession(p, name, explore.Options{Seed: seed}, func(f finding.Finding) {
				if isRace(f) {
					races++
				}
				if !strings.HasSuffix(name, "Races") {
					t.Errorf("found %s: %s", f.Kind, f.Title)
				}
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for n := 0; n < execs && races == 0 && !s.Done(); n += stepExecs {
				if err := s.Slice(t.Context(), stepExecs, time.Now().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
			s.Flush()
			if strings.HasSuffix(name, "Races") && races == 0 {
				t.Errorf("no race in %d executions", execs)
			}
		})
	}
}
