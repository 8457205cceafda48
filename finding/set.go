package finding

import "slices"

// Set collects findings and keeps one for each cause: those with equal
// Fingerprint are merged. The zero Set is empty and ready to use. A finding
// without a Fingerprint equals no other.
type Set struct {
	list  []Finding
	index map[string]int // fingerprint -> position in list
}

// Add puts f into s and reports whether its cause is new. If it is not, the
// finding that came first stays and f's subject becomes part of its AlsoIn:
// the first one is what the user has already been shown.
func (s *Set) Add(f Finding) bool {
	if i, ok := s.index[f.Fingerprint]; ok && f.Fingerprint != "" {
		s.list[i].alsoIn(f)
		return false
	}
	if s.index == nil {
		s.index = make(map[string]int)
	}
	s.index[f.Fingerprint] = len(s.list)
	f.AlsoIn = slices.Clone(f.AlsoIn)
	s.list = append(s.list, f)
	return true
}

// Len returns the number of distinct findings.
func (s *Set) Len() int { return len(s.list) }

// All returns the findings of s in the order in which they were first added.
func (s *Set) All() []Finding { return slices.Clone(s.list) }

// Merge returns findings with those of equal Fingerprint merged as by
// [Set.Add].
func Merge(findings []Finding) []Finding {
	var s Set
	for _, f := range findings {
		s.Add(f)
	}
	return s.All()
}

// alsoIn adds the subjects of g to f, without f's own.
func (f *Finding) alsoIn(g Finding) {
	own := f.Subject.String()
	for _, name := range append([]string{g.Subject.String()}, g.AlsoIn...) {
		if name != "" && name != own {
			f.AlsoIn = append(f.AlsoIn, name)
		}
	}
	slices.Sort(f.AlsoIn)
	f.AlsoIn = slices.Compact(f.AlsoIn)
}
