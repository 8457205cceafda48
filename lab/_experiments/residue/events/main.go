// Events shows what stays in a map's memory when entries leave it: by delete,
// by clear, by growth, in spite of the garbage collector. Seven map types, since
// the runtime treats keys and values with pointers in another way.
//
// It notes the address of every live entry, lets the event happen, and looks
// whether the bytes at those addresses are still the same.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type (
	thing struct{ n uint64 }
	owner struct {
		id    uint64
		thing *thing
	}
	big [200]byte
)

// A kind is a probe of any map type.
type kind interface {
	title() string
	short() string
	heading() string
	events() []event
	withBuiltin() (kind, bool)
	counts() (planted, located int)
}

func (p *probe[K, V]) title() string { return fmt.Sprintf("%T", map[K]V(nil)) }
func (p *probe[K, V]) short() string { return p.name }
func (p *probe[K, V]) heading() string {
	text := fmt.Sprintf("%T, %T", p.keys[0], p.values[0])
	return strings.ReplaceAll(text, "main.", "")
}
func (p *probe[K, V]) counts() (int, int) { return p.planted, p.located }

func (p *probe[K, V]) withBuiltin() (kind, bool) {
	q := *p
	q.clear = clearBuiltin[K, V]
	return &q, hasBuiltinClear
}

func number(tag uint64, i int) uint64 { return tag<<32 | uint64(i) + 1 }

// kinds makes the seven probes. The loop that clears a map is written out for
// each: the compiler turns it into one call of the runtime's mapclear, but not on
// every release when it is in a generic function (clearByRange shows that).
func kinds() []kind {
	return []kind{
		newProbe("words",
			func(i int) uint64 { return number(0xa5a5a5a5, i) },
			func(i int) uint64 { return number(0x5a5a5a5a, i) },
			func(m map[uint64]uint64) {
				for k := range m {
					delete(m, k)
				}
			}),
		newProbe("arrays",
			func(i int) (k [16]byte) { copy(k[:], fmt.Sprintf("session-%08d", i)); return },
			func(i int) (v [16]byte) { copy(v[:], fmt.Sprintf("account-%08d", i)); return },
			func(m map[[16]byte][16]byte) {
				for k := range m {
					delete(m, k)
				}
			}),
		newProbe("texts",
			func(i int) string { return fmt.Sprintf("session-%08d", i) },
			func(i int) string { return fmt.Sprintf("account-%08d", i) },
			func(m map[string]string) {
				for k := range m {
					delete(m, k)
				}
			}),
		newProbe("pointers",
			func(i int) *thing { return &thing{number(0xa5, i)} },
			func(i int) *thing { return &thing{number(0x5a, i)} },
			func(m map[*thing]*thing) {
				for k := range m {
					delete(m, k)
				}
			}),
		newProbe("owners",
			func(i int) owner { return owner{number(0xa5a5a5a5, i), &thing{1}} },
			func(i int) uint64 { return number(0x5a5a5a5a, i) },
			func(m map[owner]uint64) {
				for k := range m {
					delete(m, k)
				}
			}),
		newProbe("things",
			func(i int) uint64 { return number(0xa5a5a5a5, i) },
			func(i int) *thing { return &thing{number(0x5a, i)} },
			func(m map[uint64]*thing) {
				for k := range m {
					delete(m, k)
				}
			}),
		newProbe("bigs",
			func(i int) (k big) { copy(k[:], fmt.Sprintf("session-%08d", i)); return },
			func(i int) uint64 { return number(0x5a5a5a5a, i) },
			func(m map[big]uint64) {
				for k := range m {
					delete(m, k)
				}
			}),
	}
}

func main() {
	var names []string
	titles := map[string]string{}
	results := map[string]map[string]left{} // event, kind
	columns := []string{"key, value"}
	planted, located, agrees := 0, 0, true
	all := kinds()
	for _, k := range all {
		columns = append(columns, k.heading())
		list := k.events()
		for _, e := range list {
			if results[e.name] == nil {
				names = append(names, e.name)
				results[e.name] = map[string]left{}
			}
			titles[e.name] = e.title
			results[e.name][k.short()] = e.left
		}
		if b, ok := k.withBuiltin(); ok {
			for i, e := range b.events() {
				was := list[i].left
				if word(e.left.keys, e.left.of) != word(was.keys, was.of) || word(e.left.values, e.left.of) != word(was.values, was.of) {
					agrees = false
					fmt.Printf("%s, %s: the builtin leaves %v, the loop %v\n", k.title(), e.title, e.left, was)
				}
			}
		}
		p, l := k.counts()
		planted += p
		located += l
	}

	if swiss {
		fmt.Println("map = swiss")
	} else {
		fmt.Println("map = classic")
	}
	fmt.Println("\nThe control of everything below: live entries that were found where they should be.")
	fmt.Println("planted_enough =", planted >= 15000) // how many depends on chance
	fmt.Println("missed =", planted-located)
	if planted < 15000 || located != planted {
		fmt.Println("events: this map is not made as the program thinks")
		os.Exit(1)
	}
	fmt.Println("builtin_clear =", hasBuiltinClear)
	if hasBuiltinClear {
		fmt.Println("builtin_agrees =", agrees)
	}

	keyRows, valueRows := [][]string{}, [][]string{}
	for _, name := range names {
		fmt.Printf("\n%s\n", titles[name])
		keys, values := map[string]string{}, map[string]string{}
		keyRow, valueRow := []string{titles[name]}, []string{titles[name]}
		for _, k := range all {
			l := results[name][k.short()]
			keys[k.short()] = word(l.keys, l.of)
			values[k.short()] = word(l.values, l.of)
			keyRow = append(keyRow, cellText(l.keys, l.of))
			valueRow = append(valueRow, cellText(l.values, l.of))
			if l.of > 0 {
				fmt.Printf("  %-28s %v\n", k.title(), l)
			}
		}
		keyRows, valueRows = append(keyRows, keyRow), append(valueRows, valueRow)
		fact(name+"_keys", keys)
		fact(name+"_values", values)
		if l := results[name]["bigs"]; l.of > 0 {
			fmt.Printf("%s_boxes = %s\n", name, word(l.boxes, l.of))
		}
	}
	fmt.Println("\nThe same loop over map[uint64]uint64 in a generic function:")
	generic := genericClear()
	fmt.Println("  ", generic)
	fmt.Println("generic_clear_keys =", word(generic.keys, generic.of))
	fmt.Println()
	notes := []string{"owner is a struct with a pointer in it, big an array of 200 bytes", "entries whose bytes are still in their place, of those that the event took away; what is behind a pointer is not counted"}
	picture(map[string]interface{}{"kind": "table", "title": "Keys that are still in the map's memory", "columns": columns, "rows": keyRows, "notes": notes})
	picture(map[string]interface{}{"kind": "table", "title": "Values that are still in the map's memory", "columns": columns, "rows": valueRows, "notes": notes})
	dumps()
}

// clearByRange is the same loop once more.
func clearByRange[K comparable, V any](m map[K]V) {
	for k := range m {
		delete(m, k)
	}
}

func genericClear() left {
	p := newProbe("words",
		func(i int) uint64 { return number(0xa5a5a5a5, i) },
		func(i int) uint64 { return number(0x5a5a5a5a, i) },
		clearByRange[uint64, uint64])
	m := p.fill(map[uint64]uint64{}, most)
	places := p.locate(m)
	p.clear(m)
	return look(places, inMain)
}

func cellText(n, of int) string {
	text := fmt.Sprintf("%d of %d", n, of)
	switch {
	case of == 0:
		return "no such memory"
	case n == 0:
		return "+" + text
	case n == of:
		return "!" + text
	}
	return "~" + text
}

func fact(name string, value interface{}) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s = %s\n", name, text)
}

func picture(p map[string]interface{}) {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	fmt.Printf("picture: %s\n", text)
}
