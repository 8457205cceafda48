// Package replay stores schedules: everything that is needed to make an
// execution of a test happen again, in a file or in a token short enough for
// a chat message.
//
// A [File] names the package and the test, the seed that decides what the
// program sees of chance, the clock it starts at, and the goroutine chosen at
// each decision. It holds for the source that it was recorded from: another
// build may have other decisions, and then the replay says where it diverged.
package replay

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/ghostread/ghostread/explore/wire"
)

// Version is the version of the format that this package writes and the
// newest that it reads.
const Version = 1

// File is a recorded schedule.
type File struct {
	Version     int      `json:"ghostread_replay"`
	Package     string   `json:"package"`
	Test        string   `json:"test"`
	Dir         string   `json:"dir,omitempty"`    // of the package, where it was recorded
	Engine      string   `json:"engine,omitempty"` // the patched release it was recorded with
	Release     string   `json:"go,omitempty"`     // of Go that it was recorded with, like go1.26.8; "" in files of older versions
	Tags        []string `json:"tags,omitempty"`   // that it was built with
	Kind        string   `json:"kind"`
	Fingerprint string   `json:"fingerprint"`
	Title       string   `json:"title,omitempty"`
	Execution   uint64   `json:"execution"`
	Strategy    string   `json:"strategy"`
	Seed        uint64   `json:"seed,string"` // of the execution
	Wall        int64    `json:"wall"`        // ns since 1970 at its start
	MaxSteps    uint64   `json:"max_steps"`
	Short       bool     `json:"short,omitempty"`
	NoRace      bool     `json:"no_race,omitempty"`
	Fresh       bool     `json:"fresh,omitempty"` // the execution was the first of its process
	Hash        string   `json:"hash"`
	Decisions   string   `json:"decisions"` // goroutine ids, runs as id*count
}

// Error says what is wrong with a replay file or token.
type Error struct {
	Name string // of the file; "token"
	Err  error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %v; a replay is what `ghostread hunt` or `ghostread explore` printed after \"ghostread replay\"", e.Name, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Save writes f below dir under a name of its own and returns the path. Equal
// findings get equal names; the newer file replaces the older one whole.
func (f *File) Save(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(f, "", "\t")
	if err != nil {
		return "", err
	}
	short := f.Fingerprint
	if len(short) > 8 {
		short = short[:8]
	}
	name := filepath.Join(dir, fileName(f.Test+"-"+f.Kind+"-"+short)+".json")
	tmp, err := os.CreateTemp(dir, ".replay-")
	if err != nil {
		return "", err
	}
	_, err = tmp.Write(append(text, '\n'))
	if e := tmp.Chmod(0o644); err == nil { // a build server may collect it as somebody else
		err = e
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return "", err
	}
	return name, nil
}

// fileName is s without what leads to other directories or has to be quoted in
// a shell. Names of tests are identifiers, which have none of that.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, s)
}

const (
	tokenPrefix = "gr1:"
	maxToken    = 1200 // characters that someone still pastes

	// maxText bounds the text of a file, and of a token when it is unpacked:
	// wire.MaxDecisions, each different from the one before, take less.
	maxText = 64 << 20
)

var errTooLong = fmt.Errorf("longer than %d MB", maxText>>20)

// Token returns f in short form, without what only serves to be read. It
// reports false when the schedule is too long for that.
func (f *File) Token() (string, bool) {
	g := *f
	g.Dir, g.Title = "", ""
	text, err := json.Marshal(&g)
	if err != nil {
		return "", false
	}
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression) // the level is valid
	if _, err := w.Write(text); err != nil {
		return "", false
	}
	if err := w.Close(); err != nil {
		return "", false
	}
	token := tokenPrefix + base64.RawURLEncoding.EncodeToString(b.Bytes())
	return token, len(token) <= maxToken
}

// Open reads a replay: a token, or a file by its name. What is wrong with
// either is an [*Error].
func Open(arg string) (*File, error) {
	if body, ok := strings.CutPrefix(arg, tokenPrefix); ok {
		text, err := unpack(strings.TrimSpace(body))
		if err != nil {
			return nil, &Error{"token", err}
		}
		return Parse("token", text)
	}
	text, err := readFile(arg)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err // Error has the name
		}
		return nil, &Error{arg, err}
	}
	return Parse(arg, text)
}

// unpack returns the text of a token.
func unpack(body string) ([]byte, error) {
	cut := errors.New("its end is missing")
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		if at, ok := errors.AsType[base64.CorruptInputError](err); ok && int(at) >= len(body)-1 {
			return nil, cut // one character is left over
		}
		return nil, err
	}
	text, err := readAll(flate.NewReader(bytes.NewReader(raw)))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, cut
	}
	return text, err
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}

// readAll reads no more than maxText bytes.
func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err == nil && len(text) > maxText {
		err = errTooLong
	}
	return text, err
}

// Parse reads the text of a replay file called name.
func Parse(name string, text []byte) (*File, error) {
	var f File
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, &Error{name, err}
	}
	switch {
	case f.Version < 1:
		return nil, &Error{name, fmt.Errorf("not a replay: no ghostread_replay version")}
	case f.Version > Version:
		return nil, &Error{name, fmt.Errorf("version %d, and this ghostread reads up to %d: update it", f.Version, Version)}
	case f.Package == "" || f.Test == "":
		return nil, &Error{name, fmt.Errorf("no package or test named")}
	}
	if _, err := wire.DecodeDecisions(f.Decisions); err != nil {
		return nil, &Error{name, fmt.Errorf("decisions: %w", err)}
	}
	return &f, nil
}
