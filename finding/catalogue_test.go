package finding

import (
	"regexp"
	"strings"
	"testing"
)

func TestCatalogueIsUnambiguous(t *testing.T) {
	code := regexp.MustCompile(`^GR\d{4}$`)
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := make(map[string]string)
	for _, c := range Checks() {
		if !code.MatchString(c.Code) {
			t.Errorf("code %q of %s, want GR and four digits", c.Code, c.Name)
		}
		if !name.MatchString(c.Name) {
			t.Errorf("name %q of %s, want lower-case words joined by -", c.Name, c.Code)
		}
		for _, key := range []string{c.Code, c.Name} {
			if other, ok := seen[key]; ok {
				t.Errorf("%s is used by %s and by %s", key, other, c.Code)
			}
			seen[key] = c.Code
		}
	}
}

// Codes stand in baselines, suppressions and bug trackers of users. This list
// only grows.
func TestCodesKeepTheirMeaning(t *testing.T) {
	for code, name := range map[string]string{
		"GR2001": "race",
		"GR2002": "stale-read",
		"GR2003": "torn-read",
		"GR2004": "lost-map-entry",
		"GR2005": "phantom-map-entry",
		"GR2010": "deadlock",
		"GR2011": "goroutine-leak",
		"GR2012": "panic",
		"GR2013": "schedule-dependent-failure",
		"GR2014": "broken-invariant",
		"GR2015": "not-linearizable",
		"GR2016": "livelock",
		"GR3001": "residue",
	} {
		if c, ok := Lookup(code); !ok || c.Name != name {
			t.Errorf("Lookup(%s) = %q, %v, want %q", code, c.Name, ok, name)
		}
	}
}

func TestEveryObservedKindHasOneCode(t *testing.T) {
	for _, k := range []Kind{Race, Stale, Torn, Lost, Phantom, Deadlock, Leak, Panic, Failure, Invariant, History, Livelock} {
		code := CodeFor(k)
		c, ok := Lookup(code)
		if !ok || c.Kind != k {
			t.Errorf("CodeFor(%s) = %q, which the catalogue lists as %q", k, code, c.Kind)
		}
	}
	if got := CodeFor("no such kind"); got != "" {
		t.Errorf("CodeFor(no such kind) = %q, want none", got)
	}
}

func TestLookupIgnoresCase(t *testing.T) {
	for _, key := range []string{"GR2002", "gr2002", "stale-read", "Stale-Read"} {
		if c, ok := Lookup(key); !ok || c.Code != "GR2002" {
			t.Errorf("Lookup(%q) = %q, %v, want GR2002", key, c.Code, ok)
		}
	}
	if _, ok := Lookup(""); ok {
		t.Error("Lookup of nothing finds something")
	}
}

// What is printed in a terminal of 80 columns, and says enough to act on.
func TestTextsAreReadable(t *testing.T) {
	for _, c := range Checks() {
		if c.Title == "" || c.Help == "" || strings.ContainsAny(c.Title+c.Help, "\n\t") {
			t.Errorf("%s: title %q and help %q, want one line each", c.Code, c.Title, c.Help)
		}
		if n := strings.Count(c.Text, "\n\n"); n < 3 {
			t.Errorf("%s: text has %d paragraphs, want at least 4", c.Code, n+1)
		}
		if !strings.Contains(c.Text, "How to fix it.") {
			t.Errorf("%s: text does not say how to fix it", c.Code)
		}
		for line := range strings.Lines(c.Text) {
			line = strings.TrimSuffix(line, "\n")
			if width := len(strings.ReplaceAll(line, "\t", "    ")); width > 82 {
				t.Errorf("%s: line is %d columns wide: %s", c.Code, width, line)
			}
			if strings.TrimRight(line, " \t") != line {
				t.Errorf("%s: line ends in blanks: %q", c.Code, line)
			}
		}
	}
}

func TestChecksReturnsACopy(t *testing.T) {
	Checks()[0].Code = "changed"
	if got := Checks()[0].Code; got != "GR2001" {
		t.Errorf("code after a caller's change = %q, want GR2001", got)
	}
}
