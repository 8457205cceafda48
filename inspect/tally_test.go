package inspect

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
)

// slowly looks at a snapshot slot by slot, and at each probe sequence and chain
// by itself.
func slowly(s *Snapshot, growing bool) *Detail {
	d := &Detail{Spread: new(Spread)}
	var control [256]int
	var entries, groups, looks, home int
	var crowd, cells float64
	chain := map[int][2]int{} // entries and overflow buckets
	for i := range s.Parts {
		p := &s.Parts[i]
		full, open := make([]int, len(p.Groups)), make([]bool, len(p.Groups))
		for k := range p.Groups {
			for _, x := range p.Groups[k].Slots {
				if x.State == Full {
					full[k]++
					control[x.Control]++
				}
				open[k] = open[k] || x.State == Empty
				if x.KeyLeft {
					d.KeysLeft++
				}
				if x.ElemLeft {
					d.ElemsLeft++
				}
			}
			for len(d.Full) <= full[k] {
				d.Full = append(d.Full, 0)
			}
			d.Full[full[k]]++
			entries += full[k]
			if s.Classic && !p.Old {
				c, depth := chain[k], 1
				if p.Name == "overflow buckets" {
					c = chain[p.Groups[k].Bucket]
					c[1]++
					depth += c[1]
					chain[p.Groups[k].Bucket] = [2]int{c[0] + full[k], c[1]}
				} else {
					chain[k] = [2]int{c[0] + full[k], c[1]}
					home += full[k]
				}
				looks += depth * full[k]
			}
		}
		if s.Classic {
			continue
		}
		foreign := make([]bool, len(full))
		sum, n := 0, len(full)
		for k := range full {
			at := k
			for step := 1; ; step++ {
				looks++
				d.Spread.WorstMiss = max(d.Spread.WorstMiss, step)
				if open[at] || step == n {
					break
				}
				at = (at + step) % n
				foreign[at] = true
			}
			sum += full[k]
		}
		groups += n
		for k, x := range full {
			if !foreign[k] {
				home += x
			}
			if e := float64(sum) / float64(n); sum > 0 {
				crowd += (float64(x) - e) * (float64(x) - e) / e
			}
		}
		if sum > 0 {
			cells += float64(n - 1)
		}
	}
	out := d.Spread
	if entries == 0 {
		*out = Spread{}
		return d
	}
	for c, n := range control {
		if n > control[out.Common] {
			out.Common = byte(c)
		}
	}
	out.Share = float64(control[out.Common]) / float64(entries)
	if !s.Classic {
		out.Home, out.Miss = float64(home)/float64(entries), float64(looks)/float64(groups)
		if cells > 0 && entries >= fewPerCell*groups/2 {
			out.Fill = (crowd - cells) / math.Sqrt(2*cells)
		}
		return d
	}
	entries = 0
	for _, c := range chain {
		entries += c[0]
		out.Miss += float64(1+c[1]) / float64(len(chain))
		out.WorstMiss = max(out.WorstMiss, 1+c[1])
		for len(out.Chains) <= c[1] {
			out.Chains = append(out.Chains, 0)
		}
		out.Chains[c[1]]++
	}
	if entries > 0 {
		out.Home, out.Hit = float64(home)/float64(entries), float64(looks)/float64(entries)
	}
	if growing || len(chain) < 2 || entries < fewPerCell*len(chain) {
		return d
	}
	e := float64(entries) / float64(len(chain))
	for _, c := range chain {
		out.Fill += (float64(c[0]) - e) * (float64(c[0]) - e) / e
	}
	out.Fill = (out.Fill - float64(len(chain)-1)) / math.Sqrt(2*float64(len(chain)-1))
	return d
}

// TestTally compares what is counted while a map is copied with snapshots of the
// same maps, whatever number of goroutines count, and however little they have of
// it at a time.
func TestTally(t *testing.T) {
	for _, release := range []string{"", "1.24.13", "1.23.12"} {
		t.Run("go"+release, func(t *testing.T) {
			for _, program := range []string{"planted", "residue"} {
				target := run(t, buildIn(t, program, release, nil))
				w := walked(t, target)
				near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9*max(1, math.Abs(a)) }
				for i := range w.maps {
					f := &w.maps[i]
					s, err := w.snapshot(f)
					if err != nil {
						t.Fatal(err)
					}
					want := slowly(s, s.Growing)
					var texts []string
					v := &viewer{w: w, look: Look{}}
					for _, p := range s.Parts {
						for _, g := range p.Groups {
							for n := range g.Slots {
								if g.Slots[n].State == Full {
									key, elem := s.shape.entry(g.data, n)
									texts = append(texts, fmt.Sprint(Entry{v.slot(f.Type.Key, s.shape.slots[0].t, key), v.slot(f.Type.Elem, s.shape.slots[1].t, elem)}))
								}
							}
						}
					}
					slices.Sort(texts)
					var before *Detail
					for _, hands := range []int{1, 2, 5} {
						target.workers, w.flood = hands, hands%2<<12
						d, err := w.detail(f, Look{Entries: -1})
						if err != nil {
							t.Fatal(err)
						}
						if !d.Consistent || d.Entries != s.Entries || d.Slots != s.Slots || d.Bytes != s.Bytes || d.Tombstones != s.Tombstones {
							t.Errorf("%s: got %+v, want %+v", s.Owner, d.Map, *s)
						}
						if !slices.Equal(d.Full, want.Full) || d.KeysLeft != want.KeysLeft || d.ElemsLeft != want.ElemsLeft {
							t.Errorf("%s: got %v, %d, %d; want %v, %d, %d", s.Owner, d.Full, d.KeysLeft, d.ElemsLeft, want.Full, want.KeysLeft, want.ElemsLeft)
						}
						got, wants := *d.Spread, *want.Spread
						if !near(got.Fill, wants.Fill) || !near(got.Home, wants.Home) || !near(got.Hit, wants.Hit) || !near(got.Miss, wants.Miss) || !slices.Equal(got.Chains, wants.Chains) ||
							got.WorstMiss != wants.WorstMiss || got.Common != wants.Common || got.Share != wants.Share {
							t.Errorf("%s: got %+v, want %+v", s.Owner, got, wants)
						}
						if before == nil {
							before = d
						} else if !reflect.DeepEqual(d, before) {
							t.Errorf("%s: %d goroutines find %+v, one finds %+v", s.Owner, hands, d, before)
						}
						var list []string
						for _, e := range d.First {
							list = append(list, fmt.Sprint(e))
						}
						if slices.Sort(list); !slices.Equal(list, texts) {
							t.Errorf("%s: got the entries %q, want %q", s.Owner, list, texts)
						}
						few, err := w.detail(f, Look{Entries: 3})
						if err != nil || !slices.Equal(few.First, d.First[:min(3, len(d.First))]) {
							t.Errorf("%s: the first entries are %q, of all %q; %v", s.Owner, few.First, d.First[:min(3, len(d.First))], err)
						}
					}
				}
				t.Logf("%s: %d maps", program, len(w.maps))
			}
		})
	}
}
