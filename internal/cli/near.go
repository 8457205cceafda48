package cli

import (
	"slices"
	"strings"
)

// near returns the candidates that a person who typed s may have meant, the
// nearest first: those that take at most a third of s in edits, and those
// that s begins or is a part of.
func near(s string, candidates []string) []string {
	type match struct {
		name  string
		edits int
	}
	var matches []match
	typed := strings.ToLower(s)
	for _, c := range candidates {
		name := strings.ToLower(c)
		edits := distance(typed, name)
		if edits <= max(1, len(typed)/3) || len(typed) >= 3 && strings.Contains(name, typed) {
			matches = append(matches, match{c, edits})
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return a.edits - b.edits })
	var names []string
	for _, m := range matches[:min(3, len(matches))] {
		names = append(names, m.name)
	}
	return names
}

// distance returns how many bytes have to be inserted, deleted, replaced or
// swapped with their neighbour to turn a into b. A swap counts once because it
// is the commonest slip of a hand on a keyboard.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, above, row := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
