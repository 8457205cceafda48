package finding

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStreamRoundTrip(t *testing.T) {
	f := Finding{
		Code: "GR2001", Kind: Race, Title: "a <b> & c", Pos: Position{"a.go", 3, 1}, Source: "explore",
		Subject:  Subject{"example.com/a", "TestA"},
		Evidence: []Evidence{{Role: RoleRead, Text: "G7 reads x", Goroutine: 7, Point: 1, Addr: 1<<63 + 1, Size: 8, Stack: []Frame{{"a.F", "a.go", 3}}}},
		Message:  "line\nline\u2028line", Executions: 3, AlsoIn: []string{"p.B"}, Notes: []string{"n"},
		Fingerprint: "1", Witness: &Witness{Kind: "schedule", Seed: 1<<64 - 1}, Help: "h", Timeline: whole(),
	}
	sum := Summary{Executions: 4, Findings: 1, Duration: time.Second,
		Outcomes: []Outcome{{Subject: f.Subject, Verdict: Found, Findings: []string{"1"}, Exhausted: true}}}

	var buf bytes.Buffer
	enc := NewEncoder(&buf, "ghostread test")
	if err := enc.Finding(f); err != nil {
		t.Fatal(err)
	}
	if err := enc.Summary(sum); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(buf.String(), "\n"); n != 3 {
		t.Errorf("stream of 3 records has %d lines:\n%s", n, buf.String())
	}

	dec := NewDecoder(&buf, "stream")
	var got []Record
	for {
		rec, err := dec.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rec)
	}
	if diff := cmp.Diff([]Record{{Line: 2, Finding: &f}, {Line: 3, Summary: &sum}}, got); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
	if dec.Tool() != "ghostread test" {
		t.Errorf("Tool() = %q, want %q", dec.Tool(), "ghostread test")
	}
}

const head = `{"ghostread":"stream","version":1}` + "\n"

func TestDecoderErrorsHaveAPlace(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want string
	}{
		{"empty", "", `s:1: not a ghostread stream: the first record should be {"ghostread":"stream","version":1}`},
		{"not JSON", "PK\x03\x04", `s:1: not a ghostread stream: the first record should be {"ghostread":"stream","version":1}`},
		{"no header", `{"type":"finding","finding":{}}`, `s:1: not a ghostread stream: the first record should be {"ghostread":"stream","version":1}`},
		{"another file of ours", `{"ghostread":"replay","version":1}`, "s:1: read header: this is a ghostread replay, not a stream of findings"},
		{"newer version", `{"ghostread":"stream","version":2}`, "s:1: read header: the stream has version 2, this ghostread reads up to version 1; update ghostread to read it"},
		{"no version", `{"ghostread":"stream"}`, "s:1: read header: version 0, versions count from 1"},
		{"broken off", head + "\n" + `{"type":"finding","find`, "s:3: read record: unexpected end of JSON input"},
		{"no type", head + `{}`, `s:2: read record: no "type"`},
		{"no content", head + `{"type":"summary"}`, `s:2: read summary: record has no "summary"`},
		{"null content", head + `{"type":"finding","finding":null}`, `s:2: read finding: record has no "finding"`},
		{"wrong type of field", head + `{"type":"finding","finding":{"code":7}}`, "s:2: read finding: json: cannot unmarshal number into Go struct field Finding.finding.code of type string"},
		{"index out of range", head + `{"type":"finding","finding":{"timeline":{"points":[{"lane":1}]}}}`, "s:2: read finding: timeline: points[0]: lane 1 does not exist"},
		{"newer part of a concatenation", head + `{"ghostread":"stream","version":9}`, "s:2: read header: the stream has version 9, this ghostread reads up to version 1; update ghostread to read it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dec := NewDecoder(strings.NewReader(tt.in), "s")
			_, err := dec.Next()
			var place *StreamError
			if !errors.As(err, &place) || err.Error() != tt.want {
				t.Errorf("Next() on %q: %v, want %s", tt.in, err, tt.want)
			}
			if _, again := dec.Next(); again != err {
				t.Errorf("Next() after an error: %v, want the same again", again)
			}
		})
	}
}

func TestDecoderSkipsWhatItDoesNotKnow(t *testing.T) {
	in := head + `{"type":"weather","weather":{"rain":true}}` + "\r\n" +
		`{"type":"finding","since":"v9","finding":{"code":"GR2001","mood":"grim"}}` + "\n"
	rec, err := NewDecoder(strings.NewReader(in), "s").Next()
	if err != nil || rec.Finding == nil || rec.Finding.Code != "GR2001" || rec.Line != 3 {
		t.Errorf("Next() = %+v, %v, want the finding of line 3", rec, err)
	}
}

func TestReadStreamJoinsConcatenatedStreams(t *testing.T) {
	part := func(test string) string {
		var b strings.Builder
		e := NewEncoder(&b, "t")
		s := Subject{"p", test}
		e.Finding(Finding{Subject: s, Fingerprint: "1"})
		e.Summary(Summary{Executions: 2, Findings: 1, Outcomes: []Outcome{{Subject: s, Verdict: Found}}})
		return b.String()
	}
	fs, sum, err := ReadStream(strings.NewReader(part("A")+part("B")), "s")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Finding{{Subject: Subject{"p", "A"}, Fingerprint: "1", AlsoIn: []string{"p.B"}}}, fs); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	want := &Summary{Executions: 4, Findings: 1, Outcomes: []Outcome{
		{Subject: Subject{"p", "A"}, Verdict: Found}, {Subject: Subject{"p", "B"}, Verdict: Found}}}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestReadStreamWithoutSummary(t *testing.T) {
	if fs, sum, err := ReadStream(strings.NewReader(head), "s"); len(fs) != 0 || sum != nil || err != nil {
		t.Errorf("ReadStream(header only) = %v, %v, %v, want nothing", fs, sum, err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestEncoderKeepsTheFirstError(t *testing.T) {
	e := NewEncoder(brokenWriter{}, "t")
	for range 2 {
		if err := e.Finding(Finding{}); err == nil || err.Error() != "write header: short write" {
			t.Errorf("Finding on a broken writer: %v, want write header: short write", err)
		}
	}
}

// documented returns the example of doc/stream.md.
func documented(t testing.TB) string {
	page, err := os.ReadFile("../doc/stream.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```jsonl\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("doc/stream.md: no jsonl block")
	}
	return example
}

// The page must show what the package writes, byte for byte.
func TestDocumentedStream(t *testing.T) {
	example := documented(t)
	fs, sum, err := ReadStream(strings.NewReader(example), "doc/stream.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(fs) != 1 || sum == nil {
		t.Fatalf("the example has %d findings and summary %v, want one of each", len(fs), sum)
	}
	var b strings.Builder
	e := NewEncoder(&b, "ghostread v0.1.0")
	e.Finding(fs[0])
	e.Summary(*sum)
	if diff := cmp.Diff(strings.Split(example, "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("doc/stream.md differs from what is written (-doc +written):\n%s", diff)
	}
	if got := sum.Verdict(); got != Found {
		t.Errorf("Verdict() = %s, want found", got)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte(documented(f)))
	f.Add([]byte(head + `{"type":"finding","finding":{"evidence":[{"point":-2}],"timeline":{"stacks":[[1]]}}}`))
	f.Add([]byte(`{"ghostread":"stream","version":99}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		dec := NewDecoder(bytes.NewReader(in), "fuzz")
		for {
			rec, err := dec.Next()
			var place *StreamError
			if err == io.EOF || errors.As(err, &place) {
				return
			}
			if err != nil {
				t.Fatalf("Next() = %v, want a place or io.EOF", err)
			}
			if (rec.Finding == nil) == (rec.Summary == nil) {
				t.Fatalf("Next() = %+v, want a finding or a summary", rec)
			}
			if rec.Finding != nil {
				if err := rec.Finding.Validate(); err != nil {
					t.Fatalf("Next() returned a finding that is not valid: %v", err)
				}
			}
		}
	})
}
