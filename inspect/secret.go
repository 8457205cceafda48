package inspect

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Secret is something that must not be in the memory of a program any more.
type Secret struct {
	Name  string // by which hits refer to it; the secret itself is never written
	Bytes []byte
	Int   bool // Bytes is a decimal number, which is looked for as the words that hold it
}

// Bounds of secrets: what is shorter is found everywhere by chance, a number
// that is smaller too.
const (
	minSecret    = 4
	maxSecret    = 1 << 20
	minSecretInt = 1 << 24
)

// Search looks for secrets in all memory of a program.
type Search struct {
	Secrets   []Secret
	Encodings bool // also hexadecimal, base64, UTF-16, and as URLs and JSON write it
	Limit     int  // hits that are told one by one; 0 means 100
}

// Hit is a place where a secret is.
type Hit struct {
	Secret string
	Form   string // "as it is", "base64", ...
	Addr   uint64
	Where  string // "slot 5 of table 3 of main.sessions: key of a deleted entry"
	Left   bool   // nothing that the program still uses leads to it
}

// Hits is the outcome of a Search.
type Hits struct {
	Target     string
	Version    string // of Go
	Count      int    // of all hits, and of those that were told
	Left       int    // of Hits, those in memory that the program does not use any more
	Hits       []Hit  // ascending by address
	Read       uint64 // bytes
	Unreadable uint64 // bytes that could not be read
	Elapsed    time.Duration

	// Undecided says why nothing found is not the same as nothing there; empty if
	// all memory was read while the program did not run.
	Undecided []string
}

// needle is one form of a secret.
type needle struct {
	secret int
	form   string
	b      []byte
	align  uint64
}

// needles returns the forms of all secrets, or says which cannot be looked for.
func (s *Search) needles() (list []needle, err error) {
	if len(s.Secrets) == 0 {
		return nil, errors.New("there is no secret to look for")
	}
	for i, secret := range s.Secrets {
		add := func(form string, align uint64, b []byte) {
			for _, n := range list {
				if n.secret == i && bytes.Equal(n.b, b) {
					return
				}
			}
			if len(b) >= minSecret {
				list = append(list, needle{i, form, b, align})
			}
		}
		if secret.Int {
			n, err := integer(string(secret.Bytes))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", secret.Name, err)
			}
			add("as a word of 8 bytes", 8, binary.LittleEndian.AppendUint64(nil, n))
			if n <= math.MaxUint32 || int64(n) < 0 && int64(n) >= math.MinInt32 {
				add("as a word of 4 bytes", 4, binary.LittleEndian.AppendUint32(nil, uint32(n)))
			}
			continue
		}
		switch n := len(secret.Bytes); {
		case n < minSecret:
			return nil, fmt.Errorf("%s has %s: less than %d are found everywhere by chance", secret.Name, Plural(uint64(n), "byte"), minSecret)
		case n > maxSecret:
			return nil, fmt.Errorf("%s has %s bytes, more than %s: look for a part of it", secret.Name, Count(uint64(n)), Count(maxSecret))
		}
		add("as it is", 1, secret.Bytes)
		if s.Encodings {
			encodings(secret.Bytes, func(form string, b []byte) { add(form, 1, b) })
		}
	}
	return list, nil
}

// integer reads a decimal number, which can have a sign, as 64 bits.
func integer(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		signed, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, errors.New("it is no decimal number of 64 bits")
		}
		n = uint64(signed)
	}
	if size := max(int64(n), -int64(n)); size >= 0 && size < minSecretInt {
		return 0, fmt.Errorf("numbers below %s are found everywhere by chance", Count(minSecretInt))
	}
	return n, nil
}

// encodings gives the forms in which programs write bytes. What base64 makes of
// them depends on how many bytes are in front; of each of the three ways the
// part that does not depend on neighbours is taken.
func encodings(b []byte, add func(form string, b []byte)) {
	lower := []byte(hex.EncodeToString(b))
	add("hexadecimal", lower)
	add("hexadecimal", bytes.ToUpper(lower))
	for before := range 3 {
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString(append(make([]byte, before), b...))
			from := (8*before + 5) / 6
			add("base64", []byte(text[from:8*(before+len(b))/6]))
		}
	}
	var wide []byte
	for _, c := range utf16.Encode([]rune(string(b))) {
		wide = binary.LittleEndian.AppendUint16(wide, c)
	}
	add("UTF-16", wide)
	add("as in a URL", []byte(url.QueryEscape(string(b))))
	add("as in a URL", []byte(url.PathEscape(string(b))))
	if text, err := json.Marshal(string(b)); err == nil {
		add("as in JSON", text[1:len(text)-1])
	}
}

// finder looks for many byte strings in one pass.
type finder struct {
	needles []needle
	longest int
	first   map[uint32][]int // needles by their first 4 bytes; nil while they are few
	filter  []uint64         // a bit for each hash of 4 bytes that a needle begins with
}

// fewNeedles is how many are looked for one after the other: what package bytes
// does for one takes less than a tenth of the time of a table look-up for each
// byte.
const fewNeedles = 12

func newFinder(list []needle) *finder {
	f := &finder{needles: list}
	for _, n := range list {
		f.longest = max(f.longest, len(n.b))
	}
	if len(list) > fewNeedles {
		f.first, f.filter = map[uint32][]int{}, make([]uint64, 1<<10)
		for i, n := range list {
			v := binary.LittleEndian.Uint32(n.b)
			f.first[v] = append(f.first[v], i)
			f.filter[hash4(v)>>6] |= 1 << (hash4(v) & 63)
		}
	}
	return f
}

// hash4 maps 4 bytes to 16 bits.
func hash4(v uint32) uint32 { return v * 0x9E3779B1 >> 16 }

// find calls hit for each place in b, which lies at addr, where a needle ends
// behind the first seen bytes.
func (f *finder) find(addr uint64, b []byte, seen int, hit func(addr uint64, n *needle)) {
	at := func(off int, n *needle) {
		if off+len(n.b) > seen && (addr+uint64(off))%n.align == 0 {
			hit(addr+uint64(off), n)
		}
	}
	if f.first != nil {
		for off := 0; off+4 <= len(b); off++ {
			v := binary.LittleEndian.Uint32(b[off:])
			h := hash4(v)
			if f.filter[h>>6]&(1<<(h&63)) == 0 {
				continue
			}
			for _, i := range f.first[v] {
				if n := &f.needles[i]; bytes.HasPrefix(b[off:], n.b) {
					at(off, n)
				}
			}
		}
		return
	}
	for i := range f.needles {
		n := &f.needles[i]
		for off := max(seen-len(n.b)+1, 0); ; off++ {
			next := bytes.Index(b[min(off, len(b)):], n.b)
			if next < 0 {
				break
			}
			off += next
			at(off, n)
		}
	}
}

// scanBytes is how much of the target's memory is looked at in one piece.
const scanBytes = 1 << 20

// scan calls f for all readable memory, in the order of addresses; what is known
// to be zero is left out. The first
// seen bytes of b were the last ones of the piece before; there are overlap of
// them where memory goes on. It takes constant memory. What cannot be read is
// left out and counted.
func (t *Target) scan(overlap int, f func(addr uint64, b []byte, seen int)) (read, unreadable uint64, err error) {
	buf := make([]byte, overlap+scanBytes)
	kept, next := 0, uint64(0) // bytes of the piece before at the beginning of buf, where it ended
	piece := func(addr uint64, n int) (bool, error) {
		if addr != next {
			kept = 0
		}
		switch err := t.raw.read([][]byte{buf[kept : kept+n]}, []uint64{addr}); {
		case errors.Is(err, errGone) || errors.Is(err, errRefused):
			return false, err
		case err != nil:
			return false, nil
		}
		b := buf[:kept+n]
		f(addr-uint64(kept), b, kept)
		read += uint64(n)
		next = addr + uint64(n)
		kept = copy(buf, b[len(b)-min(overlap, len(b)):])
		return true, nil
	}
	const page = 4096
	list := t.raw.mapped()
	if m, ok := t.below().(interface{ populated() []region }); ok {
		list = m.populated()
	}
	for _, r := range list {
		for at := r.from; at < r.to; {
			end := min(r.to, at&^(scanBytes-1)+scanBytes)
			ok, err := piece(at, int(end-at))
			if err != nil {
				return read, unreadable, err
			}
			for p := at; !ok && p < end; p += page {
				n := min(page, end-p)
				one, err := piece(p, int(n))
				if err != nil {
					return read, unreadable, err
				}
				if !one {
					unreadable += n
				}
			}
			at = end
		}
	}
	return read, unreadable, nil
}

// active is implemented by a memory that knows whether its program runs.
type active interface {
	activity() (switches uint64, running bool, err error)
}

// below returns the memory itself, also of a process that may be stopped.
func (t *Target) below() memory {
	if s, ok := t.raw.(stoppable); ok {
		return s.memory
	}
	return t.raw
}

// absent says what of the program's memory a core file does not have.
func (t *Target) absent() (list []string) {
	c, ok := t.raw.(*core)
	if !ok {
		return nil
	}
	if c.cut > 0 {
		list = append(list, c.truncated())
	}
	if c.absent > 0 {
		list = append(list, Bytes(c.absent)+" of writable memory are not in the core file (coredump_filter, see core(5))")
	}
	return list
}

// watchActivity returns a function that says whether the program may have run
// since. A core file does not.
func (t *Target) watchActivity() (ran func() bool) {
	m, ok := t.below().(active)
	if !ok {
		return func() bool { return !t.Still() }
	}
	before, running, err := m.activity()
	return func() bool {
		after, now, again := m.activity()
		return err != nil || again != nil || running || now || before != after
	}
}

// Search looks for secrets in heap, stacks, variables and all else that the
// program has in memory, in use or freed, and names for each hit what it lies
// in. It goes through memory once, and once more for each step from hits to the
// variables that lead to them. It takes constant memory besides a census.
func (t *Target) Search(s Search) (*Hits, error) {
	start := time.Now()
	needles, err := s.needles()
	if err != nil {
		return nil, err
	}
	ran := t.watchActivity()
	if err := t.refresh(); err != nil {
		return nil, err
	}
	limit := s.Limit
	if limit <= 0 {
		limit = 100
	}
	out := &Hits{Target: t.Name, Version: t.Image.Version}
	f := newFinder(needles)
	scan := func() {
		out.Read, out.Unreadable, err = t.scan(f.longest-1, func(addr uint64, b []byte, seen int) {
			f.find(addr, b, seen, func(addr uint64, n *needle) {
				if out.Count++; len(out.Hits) < limit {
					out.Hits = append(out.Hits, Hit{Secret: s.Secrets[n.secret].Name, Form: n.form, Addr: addr})
				}
			})
		})
	}
	stood := false
	if !t.hold(func() { scan(); stood = t.held() }) {
		scan()
	}
	if err != nil {
		return nil, err
	}
	if !stood && ran() {
		text := "the program ran while it was read, so that a copy that moves can be missed; "
		if notes := t.Notes(); len(notes) > 0 {
			text += strings.Join(notes, "; ")
		} else {
			text += "--stop=1s would stop it meanwhile"
		}
		out.Undecided = append(out.Undecided, text)
	}
	out.Undecided = append(out.Undecided, t.absent()...)
	if out.Unreadable > 0 {
		out.Undecided = append(out.Undecided, Bytes(out.Unreadable)+" of its memory could not be read")
	}
	if len(out.Hits) > 0 {
		if err := t.locate(out); err != nil {
			return nil, err
		}
	}
	out.Elapsed = time.Since(start)
	return out, nil
}

// locate names what hits lie in.
func (t *Target) locate(out *Hits) error {
	w, err := t.walk()
	if err != nil {
		return err
	}
	a, err := newAtlas(w, nil)
	if err != nil {
		return err
	}
	slices.SortFunc(out.Hits, func(x, y Hit) int { return cmp.Or(cmp.Compare(x.Addr, y.Addr), cmp.Compare(x.Form, y.Form)) })
	places := make([]place, len(out.Hits))
	var objects []region
	for i, h := range out.Hits {
		places[i] = a.at(h.Addr)
		if places[i].object != (region{}) {
			objects = append(objects, places[i].object)
		}
	}
	ways, err := a.trace(objects)
	if err != nil {
		return err
	}
	for i := range out.Hits {
		h, p := &out.Hits[i], places[i]
		if h.Where, h.Left = p.text, p.left; p.object != (region{}) {
			way := ways[p.object]
			h.Where, h.Left = p.text+", "+way.text, way.left
		}
		if h.Left {
			out.Left++
		}
	}
	return nil
}
