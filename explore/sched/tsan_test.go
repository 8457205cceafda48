package sched

import (
	"os"
	"strings"
	"testing"

	"github.com/ghostread/ghostread/explore/overlay"
)

// TestOracleReleasesApply applies the patch that keeps the C race detector to
// the releases it is for. What the result does, TestGeneratedPrograms of
// package conformance shows for one of them.
func TestOracleReleasesApply(t *testing.T) {
	p, err := OraclePatch(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	downloaded(t, []string{"1.25.7", "1.26.8", "1.27.4"}, func(t *testing.T, tc overlay.Toolchain) {
		if _, err := overlay.Generate(t.Context(), "", tc, p); err != nil {
			t.Error(err)
		}
	})
}

func TestOracleEditsSayWhy(t *testing.T) {
	for _, e := range oracleEdits() {
		if strings.TrimSpace(e.Why) == "" {
			t.Errorf("the edit of %s %s %s does not say why", e.File, e.In, e.Anchor)
		}
	}
}
