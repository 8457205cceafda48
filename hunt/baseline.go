package hunt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/finding"
)

// baselineVersion is that of the file's form.
const baselineVersion = 1

// Baseline is a set of findings that are known already. A finding belongs to
// it by its fingerprint alone; the rest of an entry is for people who read the
// file.
type Baseline struct {
	Name    string // of the file, for messages
	Entries []Entry
}

// Entry is one known finding, as it was first written down.
type Entry struct {
	Fingerprint string `json:"fingerprint"`
	Code        string `json:"code"`
	Test        string `json:"test"` // that met it first, e.g. "example.com/store.TestGet"
	Title       string `json:"title"`
}

func entryOf(f finding.Finding) Entry {
	return Entry{f.Fingerprint, f.Code, f.Subject.String(), f.Title}
}

// Has reports whether a finding is in b. A nil Baseline has none.
func (b *Baseline) Has(fingerprint string) bool {
	return b != nil && slices.ContainsFunc(b.Entries, func(e Entry) bool { return e.Fingerprint == fingerprint })
}

// Add puts findings into b. An entry that is there stays as it is, so that a
// file changes only where something is new.
func (b *Baseline) Add(findings ...finding.Finding) {
	for _, f := range findings {
		if f.Fingerprint != "" && !b.Has(f.Fingerprint) {
			b.Entries = append(b.Entries, entryOf(f))
		}
	}
}

// Merge puts the entries of c into b.
func (b *Baseline) Merge(c *Baseline) {
	for _, e := range c.Entries {
		if !b.Has(e.Fingerprint) {
			b.Entries = append(b.Entries, e)
		}
	}
}

// Write writes b as JSON, one line for each entry, sorted by fingerprint: a
// new finding is one more line of a diff, somewhere in the middle, where two
// branches seldom meet.
func (b *Baseline) Write(w io.Writer) error {
	list := slices.SortedFunc(slices.Values(b.Entries), func(x, y Entry) int { return strings.Compare(x.Fingerprint, y.Fingerprint) })
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\n\t\"version\": %d,\n\t\"findings\": [", baselineVersion)
	for i, e := range list {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n\t\t")
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false) // titles are full of <- and &
		if err := enc.Encode(e); err != nil {
			return err
		}
		out.Truncate(out.Len() - 1) // Encode ends the line
	}
	out.WriteString("\n\t]\n}\n")
	_, err := w.Write(out.Bytes())
	return err
}

// BaselineError is what is wrong with a baseline file, and where.
type BaselineError struct {
	File string
	Line int // counted from 1
	Msg  string
}

func (e *BaselineError) Error() string {
	return fmt.Sprintf("%s:%d: %s\n\ta baseline is what --write-baseline wrote; after a merge, take the lines of both sides", e.File, e.Line, e.Msg)
}

// OpenBaseline reads a file that [Baseline.Write] wrote. The error satisfies
// errors.Is with fs.ErrNotExist if there is none, and is a [*BaselineError] if
// it holds something else.
func OpenBaseline(name string) (*Baseline, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			err = fmt.Errorf("baseline %s: %w", name, p.Err)
		}
		return nil, err
	}
	return parseBaseline(name, data)
}

// fingerprint is what finding.Fingerprint returns.
var fingerprint = regexp.MustCompile(`^[0-9a-f]{16}$`)

// parseBaseline reads data element by element, to know the line of each.
func parseBaseline(name string, data []byte) (*Baseline, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	fail := func(at int64, format string, args ...any) (*Baseline, error) {
		// An offset of the decoder is one after what it has read; the next
		// element begins after spaces and commas.
		at = max(min(at, int64(len(data))), 0)
		at += int64(len(data[at:]) - len(bytes.TrimLeft(data[at:], " \t\r\n,:")))
		return nil, &BaselineError{name, 1 + bytes.Count(data[:at], []byte("\n")), fmt.Sprintf(format, args...)}
	}
	decode := func(v any) (*Baseline, error) {
		at := dec.InputOffset()
		err := dec.Decode(v)
		if err == nil {
			return nil, nil
		}
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			return fail(at, "%v", e) // e.Offset does not count what was read as tokens
		}
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return fail(int64(len(bytes.TrimRight(data, " \t\r\n"))), "the file ends too early")
		}
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fail(at, "want a %s, found a %s", e.Type, e.Value)
		}
		return fail(at, "%v", err)
	}
	expect := func(want json.Delim) (*Baseline, error) {
		at := dec.InputOffset()
		tok, err := dec.Token()
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			return fail(e.Offset-1, "%v", e)
		}
		if err != nil {
			return fail(int64(len(bytes.TrimRight(data, " \t\r\n"))), "the file ends too early")
		}
		if tok != want {
			return fail(at, "want %q, found %v", want.String(), tok)
		}
		return nil, nil
	}
	b := &Baseline{Name: name}
	if b, err := expect('{'); err != nil {
		return b, err
	}
	version := 0
	for dec.More() {
		at := dec.InputOffset()
		var key string
		if tok, err := dec.Token(); err != nil {
			if e, ok := errors.AsType[*json.SyntaxError](err); ok {
				at = e.Offset - 1
			}
			return fail(at, "%v", err)
		} else {
			key, _ = tok.(string)
		}
		switch key {
		case "version":
			if b, err := decode(&version); err != nil {
				return b, err
			}
			if version != baselineVersion {
				return fail(at, "version %d, this ghostread reads version %d", version, baselineVersion)
			}
		case "findings":
			if b, err := expect('['); err != nil {
				return b, err
			}
			for dec.More() {
				at := dec.InputOffset()
				var e Entry
				if b, err := decode(&e); err != nil {
					return b, err
				}
				if !fingerprint.MatchString(e.Fingerprint) {
					return fail(at, "fingerprint %q, want 16 hexadecimal digits", e.Fingerprint)
				}
				if !b.Has(e.Fingerprint) { // a merge may leave a line twice
					b.Entries = append(b.Entries, e)
				}
			}
			if b, err := expect(']'); err != nil {
				return b, err
			}
		default:
			return fail(at, "unknown key %q", key)
		}
	}
	if b, err := expect('}'); err != nil {
		return b, err
	}
	if version == 0 {
		return fail(0, "no version")
	}
	if rest := bytes.TrimSpace(data[dec.InputOffset():]); len(rest) > 0 {
		return fail(dec.InputOffset(), "text after the end")
	}
	return b, nil
}

// known keeps the findings of a baseline out of a hunt's stream, and counts
// them.
type known struct {
	baseline *Baseline
	seen     finding.Set
}

// notes says how many findings were hidden, and which entries did not show
// although their test was explored, or is no more. explored and gone take the
// names that entries have.
func (k *known) notes(explored, gone func(test string) bool) (notes []string) {
	if k.baseline == nil {
		return nil
	}
	switch n := k.seen.Len(); n {
	case 0:
	case 1:
		notes = append(notes, "1 known finding is not shown: it is in "+k.baseline.Name)
	default:
		notes = append(notes, fmt.Sprintf("%d known findings are not shown: they are in %s", n, k.baseline.Name))
	}
	met := k.seen.All()
	for _, e := range k.baseline.Entries {
		if slices.ContainsFunc(met, func(f finding.Finding) bool { return f.Fingerprint == e.Fingerprint }) {
			continue
		}
		what := fmt.Sprintf("known %s %s did not show in %s", e.Code, e.Fingerprint, e.Test)
		switch {
		case gone(e.Test):
			what = fmt.Sprintf("the test of known %s %s is gone: %s", e.Code, e.Fingerprint, e.Test)
		case !explored(e.Test):
			continue
		}
		notes = append(notes, fmt.Sprintf("%s: it is possibly fixed; %s keeps it until you delete its line", what, k.baseline.Name))
	}
	return notes
}
