package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/ghostread/ghostread/finding"
	"github.com/ghostread/ghostread/hunt"
)

// baselines are the files of known findings that a command reads and writes.
type baselines struct {
	read, write string
	kept        *hunt.Baseline // what the file to write holds already
	file        *output        // nil if none is written
}

// open reads what there is and makes sure, before a hunt of minutes, that the
// file can be written. It returns the known findings, nil if none were given.
func (b *baselines) open() (*hunt.Baseline, error) {
	var known *hunt.Baseline
	var err error
	if b.read != "" {
		known, err = hunt.OpenBaseline(b.read)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w\n\tto write one with what is found now, try: --write-baseline %s", err, b.read)
		}
		if err != nil {
			return nil, err
		}
	}
	if b.write == "" {
		return known, nil
	}
	b.kept, err = hunt.OpenBaseline(b.write)
	if errors.Is(err, fs.ErrNotExist) {
		b.kept, err = &hunt.Baseline{Name: b.write}, nil
	}
	if err != nil {
		return nil, err
	}
	if known != nil {
		b.kept.Merge(known)
	}
	b.file, err = create(b.write)
	return known, err
}

// save writes what was there and what was found, and returns a line about it.
func (b *baselines) save(found []finding.Finding) (string, error) {
	if b.file == nil {
		return "", nil
	}
	before := len(b.kept.Entries)
	b.kept.Add(found...)
	if err := buffered(b.file, b.kept.Write); err != nil {
		return "", err
	}
	return fmt.Sprintf("baseline: %s (%d new, %d in all)\n", b.write, len(b.kept.Entries)-before, len(b.kept.Entries)), b.file.keep()
}

// abandon gives up a file that was not saved.
func (b *baselines) abandon() {
	if b.file != nil {
		b.file.abandon()
	}
}
