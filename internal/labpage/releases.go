package labpage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/lab"
)

// releases are the columns of every strip and table: the releases on which
// something was measured, oldest first as in the record. Those that were
// skipped are told once, with their reason, and take no column.
type releases struct {
	Columns []column
	Skipped []skipped
}

type column struct {
	Index   int    // in the lists of the record
	Label   string // 1.22
	Version string // go1.22.12
}

type skipped struct{ Release, Reason string }

func newReleases(list []lab.ReleaseInfo) releases {
	var r releases
	minors := map[int]int{}
	for _, info := range list {
		if info.Skipped == "" {
			minors[info.Minor]++
		}
	}
	for i, info := range list {
		version := info.Version
		if version == "" {
			version = info.Asked
		}
		if info.Skipped != "" {
			r.Skipped = append(r.Skipped, skipped{info.Asked, info.Skipped})
			continue
		}
		label := fmt.Sprintf("1.%d", info.Minor)
		if info.Minor == 0 || minors[info.Minor] > 1 {
			label = version
		}
		r.Columns = append(r.Columns, column{i, label, "go" + strings.TrimPrefix(version, "go")})
	}
	return r
}

// all returns the numbers of all columns.
func (r releases) all() []int {
	list := make([]int, len(r.Columns))
	for i := range list {
		list[i] = i
	}
	return list
}

// names says which columns are meant: runs of three and more as a range.
func (r releases) names(cols []int) string {
	if len(cols) == 0 {
		return "none"
	}
	cols = slices.Sorted(slices.Values(cols))
	var parts []string
	for i := 0; i < len(cols); {
		j := i
		for j+1 < len(cols) && cols[j+1] == cols[j]+1 {
			j++
		}
		if j-i >= 2 {
			parts = append(parts, r.Columns[cols[i]].Label+" – "+r.Columns[cols[j]].Label)
		} else {
			for k := i; k <= j; k++ {
				parts = append(parts, r.Columns[cols[k]].Label)
			}
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// labels returns the labels of columns, for scripts to find one of them.
func (r releases) labels(cols []int) string {
	var list []string
	for _, c := range cols {
		list = append(list, r.Columns[c].Label)
	}
	return strings.Join(list, " ")
}

// last returns the label of the newest of some columns.
func (r releases) last(cols []int) string { return r.Columns[slices.Max(cols)].Label }

// group is what several columns agree on.
type group[T any] struct {
	Columns []int
	Value   T // of the newest of them
}

// grouped puts columns together whose values have the same key. The groups are
// in the order of their newest column, so the last one is the newest.
func grouped[T any](cols []int, value func(col int) (v T, key string)) []group[T] {
	var groups []group[T]
	at := map[string]int{}
	for _, c := range cols {
		v, key := value(c)
		if i, ok := at[key]; ok {
			groups[i].Columns = append(groups[i].Columns, c)
			groups[i].Value = v
			continue
		}
		at[key] = len(groups)
		groups = append(groups, group[T]{[]int{c}, v})
	}
	slices.SortStableFunc(groups, func(a, b group[T]) int {
		return a.Columns[len(a.Columns)-1] - b.Columns[len(b.Columns)-1]
	})
	return groups
}

// tabs is what differs by release: a pane for each group of releases that
// agree, and the newest in front.
type tabs struct {
	Name  string // unique in the page
	Panes []pane
}

type pane struct {
	ID       string
	Label    string // the releases in words
	Releases string // their labels, for scripts
	Front    bool
	Content  any
}

func newTabs[T any](rel releases, ids *counter, groups []group[T], content func(T, []int) any) tabs {
	t := tabs{Name: ids.next("t")}
	for i, g := range groups {
		t.Panes = append(t.Panes, pane{
			ID:       fmt.Sprintf("%s-%d", t.Name, i),
			Label:    rel.names(g.Columns),
			Releases: rel.labels(g.Columns),
			Front:    i == len(groups)-1,
			Content:  content(g.Value, g.Columns),
		})
	}
	return t
}
