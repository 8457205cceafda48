package lab

import (
	"slices"
	"testing"
)

// TestExperiments runs every experiment on the release that runs this test,
// and asks for the verdicts of the record that ghostread ships. A rare event
// may be seen or not seen; everything else must come out the same.
func TestExperiments(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and runs every experiment, which takes a minute")
	}
	all, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	releases, err := DefaultReleases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	compareWithRecord(t, all, releases[len(releases)-1])
}

// TestExperimentsOnOtherReleases does the same with releases that have other
// maps: the first that the lab knows, the one with another load factor, and the
// first with Swiss maps, where the classic ones are an experiment.
func TestExperimentsOnOtherReleases(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the standard library of three more releases")
	}
	for release, names := range map[string][]string{
		"1.18": {"growth", "layout"},
		"1.21": {"growth", "hook"},
		"1.24": {"growth", "layout", "residue"},
	} {
		t.Run(release, func(t *testing.T) {
			some, err := Builtin(names...)
			if err != nil {
				t.Fatal(err)
			}
			compareWithRecord(t, some, release)
		})
	}
}

func compareWithRecord(t *testing.T, some []*Experiment, release string) {
	rec, err := Measure(t.Context(), Options{Experiments: some, Releases: []string{release}})
	if err != nil {
		t.Skip(err)
	}
	recorded, err := Recorded()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(recorded.Releases, func(r ReleaseInfo) bool { return r.Minor == rec.Releases[0].Minor })
	for i, e := range rec.Experiments {
		was := slices.IndexFunc(recorded.Experiments, func(r ExperimentResult) bool { return r.Name == e.Name })
		if was < 0 {
			t.Errorf("the record has no experiment %s: run make record", e.Name)
			continue
		}
		for _, s := range e.Steps {
			if run := s.Runs[0]; run.Failed != "" {
				t.Errorf("%s, step %s failed: %s\n%s", e.Name, s.Name, run.Failed, run.Output)
			} else if run.Skipped != "" {
				t.Logf("%s, step %s was skipped: %s", e.Name, s.Name, run.Skipped)
			}
		}
		for j, c := range e.Claims {
			k := slices.IndexFunc(recorded.Experiments[was].Claims, func(r ClaimResult) bool { return r.ID == c.ID })
			if k < 0 {
				t.Errorf("the record does not judge %s: run make record", c.ID)
				continue
			}
			if at < 0 {
				continue // a release that is newer than the record
			}
			want, got := recorded.Experiments[was].Claims[k].Releases[at], c.Releases[0]
			rare := some[i].Claims[j].Rule == Statistical && got.Verdict != Unknown && want.Verdict != Unknown
			if got.Verdict != want.Verdict && !rare {
				t.Errorf("claim %s on Go %s: %q (%s), recorded as %q\nfacts now:\n%sfacts then:\n%s",
					c.ID, got.Release, got.Verdict, got.Reason, want.Verdict, got.Facts, want.Facts)
			}
		}
	}
}
