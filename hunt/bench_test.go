package hunt_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ghostread/ghostread/explore"
	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/hunt"
)

// started notes when the first execution of a hunt has begun.
type started struct{ at time.Time }

func (s *started) Finding(finding.Finding) {}

func (s *started) Progress(p hunt.Progress) {
	if s.at.IsZero() && p.Elapsed > 0 {
		s.at = time.Now().Add(-p.Elapsed)
	}
}

// BenchmarkSecondHunt is a hunt in packages that were built before: how long it
// takes until the first test is explored, and until all are built and have had
// one execution.
func BenchmarkSecondHunt(b *testing.B) {
	for _, bb := range []struct {
		name string
		dir  func() string
	}{
		{"riskservice", func() string { return "../examples/riskservice" }},
		{"30packages", func() string { return manyPackages(b, 30) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			o := hunt.Options{Dir: bb.dir(), Execs: 1, Explore: explore.Options{Seed: 7, Strategy: "mix"}}
			once := func() time.Duration {
				var s started
				began := time.Now()
				if _, _, err := hunt.Run(b.Context(), o, &s); err != nil || s.at.IsZero() {
					b.Fatalf("hunt: %v, begun to explore: %t", err, !s.at.IsZero())
				}
				return s.at.Sub(began)
			}
			once()
			var sum time.Duration
			for b.Loop() {
				sum += once()
			}
			b.ReportMetric(sum.Seconds()/float64(b.N), "s/start")
		})
	}
}

// manyPackages writes a module of n packages, each with a test, that import
// one another.
func manyPackages(b *testing.B, n int) string {
	b.Helper()
	dir, err := filepath.EvalSymlinks(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	write := func(file, text string) {
		b.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o777); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o666); err != nil {
			b.Fatal(err)
		}
	}
	write("go.mod", "module example.com/many\n\ngo 1.24\n")
	for i := range n {
		imports, before := "", "0"
		if i > 0 {
			imports, before = fmt.Sprintf("import \"example.com/many/p%d\"\n\n", i-1), fmt.Sprintf("p%d.N", i-1)
		}
		write(fmt.Sprintf("p%d/p.go", i), fmt.Sprintf("package p%d\n\n%svar N = 1 + %s\n", i, imports, before))
		write(fmt.Sprintf("p%d/p_test.go", i), fmt.Sprintf(
			"package p%d\n\nimport \"testing\"\n\nfunc TestN(t *testing.T) {\n\tc := make(chan int)\n\tgo func() { c <- N }()\n\tif <-c != %d {\n\t\tt.Error(N)\n\t}\n}\n", i, i+1))
	}
	return dir
}
