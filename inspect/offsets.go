package inspect

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ghostread/ghostread/internal/gobinary"
)

// Offsets says where the maps of one type have what: which structs they are made
// of, and where the fields of those are.
type Offsets struct {
	Type    string
	Version string // of Go
	Classic bool
	Structs []Struct
}

// Struct is a part of a map: its header, a table, a group or a bucket, a slot, a
// key or an element.
type Struct struct {
	Name   string // "group"
	Type   string // as the DWARF has it
	Size   int64
	Fields []Place
}

// Place is a field of a Struct; those of structs in it come one by one.
type Place struct {
	Name   string
	Offset int64
	Size   int64
	Type   string
}

// OffsetsOf reads from an executable where maps of a type have what. name is that
// of the type, like "map[string]int", or of a package variable that has one.
func OffsetsOf(exe, name string) (*Offsets, error) {
	image, err := gobinary.Open(exe)
	if err != nil {
		return nil, err
	}
	t, ok := image.Type(name)
	if v, found := image.Global(name); !ok && found {
		t, ok = v.Type, true
	}
	if !ok || t.Kind != reflect.Map {
		var near []string
		for _, t := range image.Types() {
			if t.Kind == reflect.Map && strings.Contains(t.Name, strings.TrimPrefix(name, "map")) && len(near) < 10 {
				near = append(near, t.Name)
			}
		}
		slices.Sort(near)
		text := fmt.Sprintf("%s has no map type %s", exe, name)
		for _, n := range near {
			text += "\n\tdid you mean: " + n
		}
		return nil, fmt.Errorf("%s", text)
	}
	return offsets(image, t)
}

// Offsets says where the map that owner has or that is at addr has what.
func (t *Target) Offsets(owner string, addr uint64) (*Offsets, error) {
	_, f, err := t.find(owner, addr)
	if err != nil {
		return nil, err
	}
	return offsets(t.Image, f.Type)
}

func offsets(image *gobinary.Image, t *gobinary.Type) (*Offsets, error) {
	if t.Impl == nil {
		return nil, fmt.Errorf("the DWARF of %s does not say what a %s is made of", image.Path, t.Name)
	}
	o := &Offsets{Type: t.Name, Version: image.Version}
	o.add("header", t.Impl)
	var body *gobinary.Type
	if dir, ok := t.Impl.Field("dirPtr"); ok {
		if _, err := swissOf(t); err != nil {
			return nil, err
		}
		table := follow(dir.Type, 2)
		o.add("table", table)
		groups, _ := table.Field("groups")
		data, _ := groups.Type.Field("data")
		body = follow(data.Type, 1)
		o.add("group of 8 slots", body)
		if slots, ok := body.Field("slots"); ok {
			o.add("slot", slots.Type.Elem)
		}
	} else {
		if _, err := classicOf(t); err != nil {
			return nil, err
		}
		o.Classic = true
		buckets, _ := t.Impl.Field("buckets")
		body = follow(buckets.Type, 1)
		o.add("bucket of 8 slots", body)
	}
	for i, x := range []*gobinary.Type{t.Key, t.Elem} {
		if x != nil && x.Kind == reflect.Struct {
			o.add([]string{"key", "element"}[i], x)
		}
	}
	return o, nil
}

// add adds a struct with its fields; padding is not named.
func (o *Offsets) add(name string, t *gobinary.Type) {
	if t == nil {
		return
	}
	s := Struct{Name: name, Type: t.Name, Size: t.Size}
	var flat func(prefix string, t *gobinary.Type, off int64, depth int)
	flat = func(prefix string, t *gobinary.Type, off int64, depth int) {
		for _, f := range t.Fields {
			if f.Type.Kind == reflect.Struct && len(f.Type.Fields) > 0 && depth < 4 {
				flat(prefix+f.Name+".", f.Type, off+f.Offset, depth+1)
				continue
			}
			s.Fields = append(s.Fields, Place{prefix + f.Name, off + f.Offset, f.Type.Size, f.Type.Name})
		}
	}
	flat("", t, 0, 0)
	o.Structs = append(o.Structs, s)
}
