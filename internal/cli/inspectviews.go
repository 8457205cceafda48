package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// A view is what inspect shows, and the flags that it heeds besides those that
// say which program is meant.
type view struct {
	name  string
	flags []string
}

// views are those of inspect.
var views = []view{
	{"all maps", []string{"sort", "top"}},
	{"one map", []string{"addr", "entries", "show-values", "depth"}},
	{"--hex", []string{"addr", "show-values", "depth", "groups"}},
	{"--layout", []string{"addr"}},
	{"--watch of all maps", []string{"top"}},
	{"--watch of one map", []string{"addr"}},
	{"the page of all maps", []string{"sort"}},
	{"the page of one map", []string{"addr"}},
}

// viewOf names the view that is asked for; one says that it is of one map.
func viewOf(c *closeUp, watch, page, one bool) string {
	of := "all maps"
	if one {
		of = "one map"
	}
	switch {
	case c.hex:
		return "--hex"
	case c.layout:
		return "--layout"
	case page:
		return "the page of " + of
	case watch:
		return "--watch of " + of
	}
	return of
}

// heeded returns an error if a flag is given that a view would not heed: whoever
// gave it would take the output for something else.
func heeded(f *pflag.FlagSet, name string) error {
	for _, v := range views {
		for _, flag := range v.flags {
			if !f.Changed(flag) {
				continue
			}
			var in []string
			for _, other := range views {
				if slices.Contains(other.flags, flag) {
					in = append(in, other.name)
				}
			}
			if !slices.Contains(in, name) {
				return fmt.Errorf("--%s is for %s, not for %s", flag, strings.Join(in, " and "), name)
			}
		}
	}
	return nil
}
