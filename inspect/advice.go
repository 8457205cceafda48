package inspect

import (
	"fmt"
	"strings"
)

// Bounds of what is worth a word.
const (
	adviseBytes = 1 << 20 // of waste
	adviseLoad  = 0.25
	adviseSmall = 1000 // maps of one owner with few entries each
)

// Advice says in words what could be done about a group's waste, "" if it is
// not worth it. A map never gives memory back when entries are deleted
// (golang/go#20135, #54454).
func (g *Group) Advice() string {
	l := &g.Largest
	switch {
	case g.Waste < adviseBytes || g.Owner == unowned: // most of what nobody owns is garbage
		return ""
	case g.Maps == 1 && g.Load() < adviseLoad && g.Tombstones > g.Slots/4:
		return fmt.Sprintf("%s slots for %s entries, and %s slots of deleted entries are not free again: a map does not shrink; copy it into a new one from time to time, or use freshmap, which shrinks",
			Count(g.Slots), Count(g.Entries), Count(g.Tombstones))
	case g.Maps == 1 && g.Load() < adviseLoad:
		return fmt.Sprintf("%s slots for %s entries: a map does not shrink; copy it into a new one from time to time, or use freshmap, which shrinks", Count(g.Slots), Count(g.Entries))
	case g.Maps >= adviseSmall && g.Entries < 2*uint64(g.Maps):
		each := float64(g.Maps)
		return fmt.Sprintf("%s maps have %.1f entries and %.1f slots each: a slice of pairs would take less", Count(uint64(g.Maps)), float64(g.Entries)/each, float64(g.Slots)/each)
	case g.Maps > 1 && l.Waste() > g.Waste/2 && l.Load() < adviseLoad:
		return fmt.Sprintf("one of %s maps, at %#x, has %s slots for %s entries: a map does not shrink; copy it into a new one from time to time", Count(uint64(g.Maps)), l.Addr, Count(l.Slots), Count(l.Entries))
	case g.Old > g.Bytes/4:
		return fmt.Sprintf("growth has not moved %s of old buckets yet: only writes move them", Bytes(g.Old))
	}
	return ""
}

// Count writes a number with commas between thousands.
func Count(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural writes a number with its noun.
func Plural(n uint64, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "ry"):
		return Count(n) + " " + strings.TrimSuffix(noun, "y") + "ies"
	}
	return Count(n) + " " + noun + "s"
}

// Bytes writes a number of bytes with a unit, three digits.
func Bytes(n uint64) string {
	const unit = 1024
	f, units := float64(n), []string{"B", "KB", "MB", "GB", "TB", "PB"}
	for f >= 999.5 && len(units) > 1 {
		f /= unit
		units = units[1:]
	}
	switch {
	case units[0] == "B":
		return fmt.Sprintf("%d B", n)
	case f < 9.995:
		return fmt.Sprintf("%.2f %s", f, units[0])
	case f < 99.95:
		return fmt.Sprintf("%.1f %s", f, units[0])
	}
	return fmt.Sprintf("%.0f %s", f, units[0])
}
