package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ghostread/ghostread/inspect"
	"github.com/ghostread/ghostread/internal/mappage"
)

// paging writes what was inspected as an HTML page.
type paging struct {
	file  string // "" for standard output
	watch *watching
	by    func(a, b inspect.Group) int
}

// write writes the page of all maps, or of one. Under --watch it looks several
// times first, and shows how that goes on standard error.
func (p *paging) write(cmd *cobra.Command, t *inspect.Target, owner string, addr uint64) error {
	if owner == "" && addr == 0 {
		c, err := t.Census()
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		if p.watch.on {
			last, err := p.watch.watch(cmd, t, "", 0, "html")
			if err != nil {
				return err
			}
			c = last
		}
		slices.SortStableFunc(c.Groups, p.by)
		return p.save(cmd, func(w io.Writer) error { return mappage.Census(w, c, p.watch.looks()) })
	}
	s, err := t.Snapshot(owner, addr)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	if p.watch.on {
		if _, err := p.watch.watch(cmd, t, owner, addr, "html"); err != nil {
			return err
		}
		// If the process has exited, the picture is that of the beginning.
		if last, err := t.Snapshot(owner, addr); err == nil {
			s = last
		} else {
			fmt.Fprintf(cmd.ErrOrStderr(), "the picture is of the first look: %v\n", err)
		}
	}
	return p.save(cmd, func(w io.Writer) error { return mappage.Map(w, s, p.watch.looks()) })
}

// save writes to the file, or to standard output.
func (p *paging) save(cmd *cobra.Command, write func(io.Writer) error) error {
	if p.file == "" {
		return write(cmd.OutOrStdout())
	}
	f, err := create(p.file)
	if err != nil {
		return err
	}
	defer f.abandon()
	if err := write(f); err != nil {
		return err
	}
	return f.keep()
}

// looks returns what was watched for the pages.
func (w *watching) looks() (list []mappage.Look) {
	for i, s := range w.series {
		l := mappage.Look{At: s.At, Entries: s.Entries, Slots: s.Slots, Bytes: s.Bytes, Waste: s.Waste, Growing: s.Growing > 0}
		for k := range s.Owners {
			if s.Owners[k].Grown == 0 {
				l.Grown = append(l.Grown, s.Owners[k].Owner)
			}
		}
		if s.one() && i > 0 && s.Slots > w.series[i-1].Slots {
			l.Grown = []string{s.Owner}
		}
		list = append(list, l)
	}
	return list
}
