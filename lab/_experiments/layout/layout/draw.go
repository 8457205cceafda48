package main

import (
	"debug/dwarf"
	"fmt"
	"reflect"
	"sort"
)

type drawn struct {
	Name   string `json:"name"`
	Offset int    `json:"offset"`
	Size   int    `json:"size"`
	Role   string `json:"role"`
	Note   string `json:"note,omitempty"`
}

// drawCell draws a bucket or group as memory showed it, each field with what
// DWARF calls it.
func drawCell(typ reflect.Type, d *described, l layout) map[string]interface{} {
	note := func(names ...string) string {
		f := member(d.cellType, names...)
		if f == nil {
			return ""
		}
		return fmt.Sprintf("DWARF: %s %v at %d", f.Name, f.Type, f.ByteOffset)
	}
	name := "ctrl[8]"
	if !d.swiss {
		name = "tophash[8]"
	}
	fields := []drawn{{name, l.controlOffset, 8, "control", note("tophash", "ctrl")}}
	for i := 0; i < l.slots; i++ {
		key := drawn{fmt.Sprintf("key %d", i), l.keyOffset + i*l.keyStride, l.keySize, "key", ""}
		value := drawn{fmt.Sprintf("value %d", i), l.valueOffset + i*l.valueStride, l.valueSize, "value", ""}
		if l.keyIndirect {
			key.Name, key.Role = fmt.Sprintf("*key %d", i), "link"
		}
		if l.valueIndirect {
			value.Name, value.Role = fmt.Sprintf("*value %d", i), "link"
		}
		if i == 0 {
			key.Note, value.Note = note("keys", "slots"), note("values", "elems", "slots")
		}
		fields = append(fields, key)
		if value.Size > 0 {
			fields = append(fields, value)
		}
	}
	if l.overflowOffset >= 0 {
		fields = append(fields, drawn{"overflow", l.overflowOffset, 8, "link", note("overflow")})
	}
	what := "bucket"
	if d.swiss {
		what = "group"
	}
	return map[string]interface{}{
		"kind":   "layout",
		"title":  fmt.Sprintf("One %s of %v", what, typ),
		"size":   l.size,
		"fields": padded(fields, l.size),
	}
}

// padded sorts the fields and names the gaps between them.
func padded(fields []drawn, size int) []drawn {
	sort.SliceStable(fields, func(i, j int) bool { return fields[i].Offset < fields[j].Offset })
	var all []drawn
	at := 0
	for _, f := range fields {
		if f.Offset > at {
			all = append(all, drawn{"padding", at, f.Offset - at, "pad", ""})
		}
		all = append(all, f)
		at = f.Offset + f.Size
	}
	if at < size {
		all = append(all, drawn{"padding", at, size - at, "pad", ""})
	}
	return all
}

func drawHeader(d *described) map[string]interface{} {
	var fields []drawn
	for _, f := range d.header.Field {
		role := "header"
		if _, pointer := plain(f.Type).(*dwarf.PtrType); pointer {
			role = "link"
		}
		note := fmt.Sprintf("%v", f.Type)
		fields = append(fields, drawn{f.Name, int(f.ByteOffset), int(f.Type.Size()), role, note})
		fmt.Printf("  %2d  %-18s %v\n", f.ByteOffset, f.Name, f.Type)
	}
	return map[string]interface{}{
		"kind":   "layout",
		"title":  "The header of a map, " + d.header.StructName,
		"size":   int(d.header.ByteSize),
		"fields": padded(fields, int(d.header.ByteSize)),
	}
}
