package bench

import (
	"math"
	"math/rand/v2"
	"unsafe"
)

// The kinds of keys and how keys are drawn.
const (
	KeyInt    = "int"
	KeyString = "string"
	Uniform   = "uniform"
	Zipf      = "zipf"
)

const (
	opShift = 30
	keyMask = 1<<opShift - 1

	opLoad   = 0
	opStore  = 1
	opRemove = 2

	// textLen is the length of every string key.
	textLen = 20
)

// A Sequence is a list of operations that was drawn before the clock starts.
// An element of Ops is the number of a key with the operation in the two
// highest bits. For string keys Text has the same keys as text, one after the
// other, so that the loop reads memory in order and a key that is looked up is
// never the string that the map holds: comparing by address does not help.
type Sequence struct {
	Ops  []uint32
	Text []byte
}

// text returns the i-th key without allocating. Text is never written again.
func (q Sequence) text(i int) string {
	return unsafe.String(&q.Text[i*textLen], textLen)
}

// part returns operations i to j.
func (q Sequence) part(i, j int) Sequence {
	p := Sequence{Ops: q.Ops[i:j]}
	if q.Text != nil {
		p.Text = q.Text[i*textLen : j*textLen]
	}
	return p
}

// withText adds the text of the keys if the kind asks for it.
func (q Sequence) withText(kind string) Sequence {
	if kind == KeyString {
		q.Text = make([]byte, len(q.Ops)*textLen)
		for i, op := range q.Ops {
			text := q.Text[i*textLen : (i+1)*textLen]
			copy(text, "user:000000000000000")
			for at, k := textLen-1, op&keyMask; k > 0; at, k = at-1, k/10 {
				text[at] += byte(k % 10)
			}
		}
	}
	return q
}

// permuted returns the keys first to first+n-1 in a random order.
func permuted(first, n int, kind string, seed uint64) Sequence {
	q := Sequence{Ops: make([]uint32, n)}
	for i := range q.Ops {
		q.Ops[i] = uint32(first + i)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	r.Shuffle(n, func(i, j int) { q.Ops[i], q.Ops[j] = q.Ops[j], q.Ops[i] })
	return q.withText(kind)
}

// drawn returns length operations on keys below n. Of every hundred, reads
// are loads; the rest is half stores and half deletes, or all stores.
func drawn(length, first, n int, kind, dist string, reads int, deletes bool, seed uint64) Sequence {
	q := Sequence{Ops: make([]uint32, length)}
	r := rand.New(rand.NewPCG(seed, 2))
	next := func() int { return r.IntN(n) }
	if dist == Zipf {
		z := newZipf(n)
		next = func() int { return z.draw(r.Float64()) }
	}
	for i := range q.Ops {
		op := opLoad
		if r.IntN(100) >= reads {
			op = opStore
			if deletes && r.IntN(2) == 0 {
				op = opRemove
			}
		}
		q.Ops[i] = uint32(op<<opShift | first + next())
	}
	return q.withText(kind)
}

// zipf draws ranks with the exponent 0.99 by the method of Gray et al.,
// "Quickly generating billion-record synthetic databases", as YCSB does, and
// scatters the ranks over the keys.
type zipf struct {
	n                       int
	alpha, zetan, eta, half float64
}

const theta = 0.99

func newZipf(n int) zipf {
	var zetan float64
	for i := 1; i <= n; i++ {
		zetan += 1 / math.Pow(float64(i), theta)
	}
	half := 1 + math.Pow(0.5, theta)
	return zipf{
		n: n, alpha: 1 / (1 - theta), zetan: zetan, half: half,
		eta: (1 - math.Pow(2/float64(n), 1-theta)) / (1 - half/zetan),
	}
}

func (z zipf) draw(u float64) int {
	uz := u * z.zetan
	rank := 0
	switch {
	case uz < 1:
	case uz < z.half:
		rank = 1
	default:
		rank = min(int(float64(z.n)*math.Pow(z.eta*u-z.eta+1, z.alpha)), z.n-1)
	}
	// An odd multiplier far from a power of two moves neighbours apart; two
	// ranks that meet on one key change nothing that matters here.
	return int(uint64(rank) * 0x9e3779b97f4a7c15 >> 11 % uint64(z.n))
}
