package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Judge gives every claim of the experiment its verdicts. steps has, for each
// release, what each step showed.
func (e *Experiment) Judge(releases []ReleaseInfo, steps []StepResult) []ClaimResult {
	results := make([]ClaimResult, 0, len(e.Claims))
	for _, c := range e.Claims {
		r := ClaimResult{
			ID: c.ID, Chapter: c.Chapter, Text: c.Text, Why: strings.TrimSpace(c.Why),
			Holds: c.Holds, Control: c.Control, Cannot: c.Cannot, Sources: c.Sources,
		}
		for i, release := range releases {
			r.Releases = append(r.Releases, c.judge(release, func(step string) (Facts, string) {
				for _, s := range steps {
					if s.Name == step {
						if reason := reasonOf(s.Runs[i]); reason != "" {
							return nil, reason // what it printed before it failed decides nothing
						}
						return s.Runs[i].Facts, ""
					}
				}
				return nil, "was not run"
			}))
		}
		r.Verdict, r.Summary = overall(r.Releases)
		results = append(results, r)
	}
	return results
}

// reasonOf says why a run decides nothing.
func reasonOf(run StepRun) string {
	switch {
	case run.Skipped != "":
		return "was skipped: " + run.Skipped
	case run.Failed != "":
		return "failed: " + run.Failed
	}
	return ""
}

// judge gives the verdict on one release.
func (c *Claim) judge(release ReleaseInfo, look stepFacts) Judgment {
	j := Judgment{Release: release.Asked, Verdict: Unknown}
	if release.Version != "" {
		j.Release = release.Version
	}
	switch {
	case release.Skipped != "":
		j.Reason = release.Skipped
		return j
	case c.Undecidable != "":
		j.Reason = c.Undecidable
		return j
	}
	holds, seen, err := c.holds.eval(release.Minor, release.Version, look)
	j.Facts = seen
	if err == nil && c.control != nil {
		var fit any
		fit, seen, err = c.control.eval(release.Minor, release.Version, look)
		maps.Copy(j.Facts, seen)
		if err == nil && fit != true {
			err = fmt.Errorf("the control does not hold: %s", c.Control)
		}
	}
	if err != nil {
		j.Reason = err.Error()
		return j
	}
	switch {
	case holds == true && c.Racy:
		j.Verdict = Racy
	case holds == true:
		j.Verdict = Confirmed
	case c.Rule != Statistical:
		j.Verdict = Refuted
	default:
		c.judgeUnseen(&j, release, look)
	}
	return j
}

// judgeUnseen ends a statistical claim without a hit.
func (c *Claim) judgeUnseen(j *Judgment, release ReleaseInfo, look stepFacts) {
	if c.cannot != nil {
		cannot, seen, err := c.cannot.eval(release.Minor, release.Version, look)
		maps.Copy(j.Facts, seen)
		if err != nil {
			j.Reason = err.Error()
			return
		}
		if cannot == true {
			j.Verdict = Refuted
			return
		}
	}
	j.Verdict = NotSeen
	if c.trials == nil {
		return
	}
	trials, _, err := c.trials.eval(release.Minor, release.Version, look)
	if err != nil {
		j.Verdict, j.Reason = Unknown, err.Error()
		return
	}
	if n, ok := number(trials); ok && n > 0 {
		j.Trials = int64(n)
		return
	}
	// Not seen in no tries is not seen by nobody.
	j.Verdict, j.Reason = Unknown, fmt.Sprintf("%s is %s: nothing was tried", c.Trials, FormatFact(trials))
}

// overall is the verdict that the releases share, or Depends. Releases whose
// verdict is unknown do not outvote those that know.
func overall(releases []Judgment) (Verdict, string) {
	var verdicts []Verdict
	of := map[Verdict][]string{}
	for _, j := range releases {
		if !slices.Contains(verdicts, j.Verdict) {
			verdicts = append(verdicts, j.Verdict)
		}
		of[j.Verdict] = append(of[j.Verdict], j.Release)
	}
	known := slices.DeleteFunc(slices.Clone(verdicts), func(v Verdict) bool { return v == Unknown })
	var parts []string
	for _, v := range Verdicts {
		if len(of[v]) > 0 {
			parts = append(parts, fmt.Sprintf("%s on %s", v, spans(of[v], releases)))
		}
	}
	summary := strings.Join(parts, "; ")
	switch {
	case len(known) == 0:
		if len(releases) > 0 {
			summary = releases[len(releases)-1].Reason // the newest is what a reader has
		}
		return Unknown, summary
	case len(known) > 1:
		return Depends, summary
	case len(verdicts) == 1:
		return known[0], ""
	}
	return known[0], summary
}

// minorName is 1.22 for 1.22.12.
func minorName(release string) string {
	if n := minorOf(release); n >= 0 {
		return fmt.Sprintf("1.%d", n)
	}
	return release
}

// spans writes releases as ranges: 1.18-1.23, 1.25. Neighbours are those of
// the list of all releases that were asked for. Two releases with one minor
// number keep their whole names.
func spans(names []string, all []Judgment) string {
	minors := map[string]int{}
	for _, j := range all {
		minors[minorName(j.Release)]++
	}
	short := func(release string) string {
		if minor := minorName(release); minors[minor] == 1 {
			return minor
		}
		return release
	}
	var parts []string
	for i := 0; i < len(all); {
		first := all[i].Release
		if !slices.Contains(names, first) {
			i++
			continue
		}
		last := first
		for i++; i < len(all) && slices.Contains(names, all[i].Release); i++ {
			last = all[i].Release
		}
		if first == last {
			parts = append(parts, short(first))
		} else {
			parts = append(parts, short(first)+"-"+short(last))
		}
	}
	return strings.Join(parts, ", ")
}

// Count is the number of claims of a record with each verdict.
func (r *Record) Count() map[Verdict]int {
	count := map[Verdict]int{}
	for _, e := range r.Experiments {
		for _, c := range e.Claims {
			count[c.Verdict]++
		}
	}
	return count
}
