package finding

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// StreamVersion is the version of the stream that this package writes, and the
// newest that it reads. It changes when an old reader would misunderstand a
// record; new fields and new record types do not change it.
const StreamVersion = 1

// maxLine bounds the memory that a line of an untrusted stream takes. A finding
// with a timeline of 50,000 points needs about 6 MB.
const maxLine = 256 << 20

// header is the first record of a stream.
type header struct {
	Ghostread string `json:"ghostread"` // "stream"
	Version   int    `json:"version"`
	Tool      string `json:"tool,omitempty"`
}

// envelope is every other record.
type envelope struct {
	Type    string   `json:"type"`
	Finding *Finding `json:"finding,omitempty"`
	Summary *Summary `json:"summary,omitempty"`
}

// Encoder writes findings and summaries as a stream of JSON lines. The format
// is described in doc/stream.md.
type Encoder struct {
	enc *json.Encoder
	err error
}

// NewEncoder returns an Encoder that has written the header to w. An error in
// doing so is returned by the next call, and by all that follow. tool names
// the program and its version.
func NewEncoder(w io.Writer, tool string) *Encoder {
	e := &Encoder{enc: json.NewEncoder(w)}
	// The stream is not HTML, and signatures are full of < and >.
	e.enc.SetEscapeHTML(false)
	e.encode("header", header{Ghostread: "stream", Version: StreamVersion, Tool: tool})
	return e
}

// Finding writes f in one Write.
func (e *Encoder) Finding(f Finding) error {
	return e.encode("finding", envelope{Type: "finding", Finding: &f})
}

// Summary writes s in one Write.
func (e *Encoder) Summary(s Summary) error {
	return e.encode("summary", envelope{Type: "summary", Summary: &s})
}

func (e *Encoder) encode(what string, v any) error {
	if e.err != nil {
		return e.err
	}
	if err := e.enc.Encode(v); err != nil {
		e.err = fmt.Errorf("write %s: %w", what, err)
	}
	return e.err
}

// Record is one entry of a stream. Exactly one of Finding and Summary is set.
type Record struct {
	Line    int // counted from 1
	Finding *Finding
	Summary *Summary
}

// StreamError is a stream that cannot be understood, and where.
type StreamError struct {
	Name string // of the stream, e.g. a file name
	Line int    // counted from 1
	Err  error
}

func (e *StreamError) Error() string { return fmt.Sprintf("%s:%d: %v", e.Name, e.Line, e.Err) }

// Unwrap returns the cause.
func (e *StreamError) Unwrap() error { return e.Err }

// Decoder reads what an Encoder has written.
//
// It skips fields and record types that it does not know, because they are how
// the format grows, and refuses a newer version, because that is how it
// changes. Streams may be concatenated. Every finding it returns is valid in
// the sense of [Finding.Validate].
type Decoder struct {
	name    string
	sc      *bufio.Scanner
	line    int
	started bool // a header has been read
	tool    string
	err     error // that Next returns from now on
}

// NewDecoder returns a Decoder that reads from r. Errors name the stream by
// name.
func NewDecoder(r io.Reader, name string) *Decoder {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	return &Decoder{name: name, sc: sc}
}

// Tool returns what the latest header says about the program that wrote the
// stream.
func (d *Decoder) Tool() string { return d.tool }

// Next returns the next finding or summary. It returns io.EOF at the end, and a
// *[StreamError] for a line it cannot understand; after an error it returns
// the same error again.
func (d *Decoder) Next() (Record, error) {
	for d.err == nil {
		if !d.sc.Scan() {
			d.err = d.end()
			break
		}
		d.line++
		line := bytes.TrimSpace(d.sc.Bytes())
		if len(line) == 0 {
			continue
		}
		rec, err := d.record(line)
		if err != nil {
			d.err = &StreamError{d.name, d.line, err}
			break
		}
		if rec != nil {
			return *rec, nil
		}
	}
	return Record{}, d.err
}

// end tells a complete stream from one that broke off.
func (d *Decoder) end() error {
	switch err := d.sc.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return &StreamError{d.name, d.line + 1, fmt.Errorf("line is longer than %d bytes", maxLine)}
	case err != nil:
		return &StreamError{d.name, d.line + 1, err}
	case !d.started:
		return &StreamError{d.name, d.line + 1, errNotAStream}
	}
	return io.EOF
}

var errNotAStream = errors.New(`not a ghostread stream: the first record should be {"ghostread":"stream","version":1}`)

// record understands one line. It returns nil for a header and for records of
// unknown type.
func (d *Decoder) record(line []byte) (*Record, error) {
	var kind struct {
		Ghostread string `json:"ghostread"`
		Type      string `json:"type"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		if !d.started {
			return nil, errNotAStream
		}
		return nil, fmt.Errorf("read record: %w", err)
	}
	if kind.Ghostread != "" {
		return nil, d.header(line)
	}
	if !d.started {
		return nil, errNotAStream
	}
	if kind.Type == "" {
		return nil, errors.New(`read record: no "type"`)
	}
	if kind.Type != "finding" && kind.Type != "summary" {
		return nil, nil
	}
	var e envelope
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, fmt.Errorf("read %s: %w", kind.Type, err)
	}
	switch {
	case kind.Type == "finding" && e.Finding != nil:
		if err := e.Finding.Validate(); err != nil {
			return nil, fmt.Errorf("read finding: %w", err)
		}
		return &Record{Line: d.line, Finding: e.Finding}, nil
	case kind.Type == "summary" && e.Summary != nil:
		return &Record{Line: d.line, Summary: e.Summary}, nil
	}
	return nil, fmt.Errorf("read %s: record has no %q", kind.Type, kind.Type)
}

func (d *Decoder) header(line []byte) error {
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return fmt.Errorf("read header: %w", err)
	}
	switch {
	case h.Ghostread != "stream":
		return fmt.Errorf("read header: this is a ghostread %s, not a stream of findings", h.Ghostread)
	case h.Version < 1:
		return fmt.Errorf("read header: version %d, versions count from 1", h.Version)
	case h.Version > StreamVersion:
		return fmt.Errorf("read header: the stream has version %d, this ghostread reads up to version %d; update ghostread to read it", h.Version, StreamVersion)
	}
	d.started = true
	d.tool = h.Tool
	return nil
}

// ReadStream reads a whole stream: its findings, merged by [Merge], and the sum
// of its summaries, or nil if it has none, because it broke off or the run is
// still going on.
func ReadStream(r io.Reader, name string) ([]Finding, *Summary, error) {
	var set Set
	var sum *Summary
	d := NewDecoder(r, name)
	for {
		rec, err := d.Next()
		switch {
		case err == io.EOF:
			if sum != nil {
				sum.Findings = set.Len()
			}
			return set.All(), sum, nil
		case err != nil:
			return nil, nil, err
		case rec.Finding != nil:
			set.Add(*rec.Finding)
		case sum == nil:
			sum = rec.Summary
		default:
			sum.Add(*rec.Summary)
		}
	}
}
