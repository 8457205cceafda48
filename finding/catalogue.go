package finding

import (
	"slices"
	"strings"
)

// Check is one entry of the catalogue: what ghostread can say is wrong.
type Check struct {
	Code  string // for machines, e.g. "GR2001"; never used again for something else
	Name  string // for people, e.g. "stale-read"
	Kind  Kind
	Title string // one line
	Text  string // what it is, why it happens, how to fix it, an example; for `ghostread explain`
	Help  string // one line that can be done or typed
}

// observed holds the checks of what happens in an execution, one per Kind.
// Its order is the order of Checks.
var observed = []Check{
	checkRace,
	checkStale,
	checkTorn,
	checkLost,
	checkPhantom,
	checkDeadlock,
	checkLeak,
	checkPanic,
	checkFailure,
	checkInvariant,
	checkHistory,
	checkLivelock,
}

// inspected holds the checks of what is found in the memory of a process.
var inspected = []Check{checkResidue}

// catalogue is the only list of codes. The hundreds say which source reports a
// code: GR20xx comes from an execution, GR30xx from the memory of a process.
var catalogue = slices.Concat(observed, inspected)

// Checks returns the whole catalogue, in a stable order.
func Checks() []Check { return slices.Clone(catalogue) }

// Lookup returns the check with the given code or name. Case does not matter,
// because both are typed by hand.
func Lookup(codeOrName string) (Check, bool) {
	for _, c := range catalogue {
		if strings.EqualFold(c.Code, codeOrName) || strings.EqualFold(c.Name, codeOrName) {
			return c, true
		}
	}
	return Check{}, false
}

// CodeFor returns the code under which an execution reports k, or "" when no
// execution reports that kind.
func CodeFor(k Kind) string {
	for _, c := range observed {
		if c.Kind == k {
			return c.Code
		}
	}
	return ""
}
