package inspect

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
)

// flat is a memory that has some bytes from flatBase on.
type flat []byte

const flatBase = 0x10000

func (f flat) read(bufs [][]byte, addrs []uint64) error {
	for i, b := range bufs {
		if addrs[i] < flatBase || addrs[i]-flatBase+uint64(len(b)) > uint64(len(f)) {
			return errors.New("nothing is there")
		}
		copy(b, f[addrs[i]-flatBase:])
	}
	return nil
}

func (f flat) mapped() []region { return []region{{flatBase, flatBase + uint64(len(f))}} }
func (f flat) refresh() error   { return nil }

// flatFunctions are functions whose tables are all in the same bytes.
func flatFunctions(text []byte, link bool) (*functions, *module) {
	t := &Target{raw: flat(text)}
	t.mem = newCache(t.raw)
	all := table{flatBase, uint64(len(text))}
	f := &functions{t: t, known: map[uint64]*function{}, link: link}
	f.fields = funcFields{size: 44, name: 4, pcsp: 16, npcdata: 28, flag: 41, nfuncdata: 43}
	f.modules = []module{{text: 0x400000, end: 0x500000, gofunc: flatBase, names: all, pctab: all, pcln: all, ftab: text[:len(text)/2&^7]}}
	return f, &f.modules[0]
}

// TestPCTable compares with steps that were written one by one.
func TestPCTable(t *testing.T) {
	const seed = 3
	r := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		text := []byte{0} // offset 0 means that there is no table
		type step struct {
			to  uint64
			val int32
		}
		var steps []step
		val, to := int32(-1), uint64(0)
		for n := 1 + r.IntN(20); n > 0; n-- {
			d := int32(1 + r.IntN(300))
			if r.IntN(2) == 0 && val-d >= -1 {
				d = -d
			}
			val += d
			size := uint64(1 + r.IntN(200))
			to += size
			text = binary.AppendUvarint(text, uint64(uint32(d<<1)^uint32(d>>31)))
			text = binary.AppendUvarint(text, size)
			steps = append(steps, step{to, val})
		}
		text = append(text, 0)
		f, m := flatFunctions(text, false)
		x := &function{m: m, entry: 0x400000}
		for pc := uint64(0); pc < to+5; pc++ {
			want := int32(-1)
			for i := len(steps) - 1; i >= 0; i-- {
				if pc < steps[i].to {
					want = steps[i].val
				}
			}
			if got := f.value(x, 1, x.entry+pc); got != want {
				t.Fatalf("seed %d: value(+%d) = %d, want %d; steps %v", seed, pc, got, want, steps)
			}
		}
	}
}

// FuzzTables reads tables of functions from any bytes.
func FuzzTables(f *testing.F) {
	f.Add(make([]byte, 300), uint64(0x400010), uint32(1))
	f.Add([]byte{0, 0, 0, 0, 16, 0, 0, 0, 9, 0, 0, 0, 90, 0, 0, 0, 2, 4, 8, 6, 3, 1, 0}, uint64(0x400002), uint32(16))
	f.Fuzz(func(t *testing.T, text []byte, pc uint64, off uint32) {
		if len(text) > 1<<16 {
			return
		}
		for _, link := range []bool{false, true} {
			g, m := flatFunctions(text, link)
			if x := g.at(pc); x != nil && (x.entry > pc || len(x.pc) > maxTables || len(x.data) > maxTables) {
				t.Errorf("at(%#x) = %+v", pc, x)
			}
			x := &function{m: m, entry: 0x400000, data: []uint32{off, off, off}}
			g.value(x, off, pc)
			b, ok := g.stackMap(x, funcdataLocals, int32(pc&0xff))
			if ok && len(b.bits) < b.n/8 {
				t.Errorf("a bitmap of %d words in %d bytes", b.n, len(b.bits))
			}
			for i := range min(b.n, 1000) {
				b.has(i)
			}
			if n := len(g.objects(x)); n > maxObjects {
				t.Errorf("%d objects", n)
			}
		}
	})
}

// liar is a memory in which some bytes are other ones than those there.
type liar struct {
	memory
	r     *rand.Rand
	every int
}

func (l *liar) read(bufs [][]byte, addrs []uint64) error {
	err := l.memory.read(bufs, addrs)
	for _, b := range bufs {
		for n := len(b)/l.every + l.r.IntN(2); n > 0 && len(b) > 0 && l.r.IntN(4) == 0; n-- {
			b[l.r.IntN(len(b))] = byte(l.r.UintN(256))
		}
	}
	return err
}
