// Package generate writes the loops of the benchmark: for each map and each
// kind of key a type with the same methods.
//
// The loops are written out instead of being generic because a method called
// on a type parameter is an indirect call in Go, and a few nanoseconds are
// what this benchmark is about. Here the call in the loop is the call that a
// user of the map would write.
package generate

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"
	"strings"
	"text/template"
)

//go:embed loops.tmpl
var loops string

// A subject says how one map is used. K stands for the type of its keys in
// every piece of code; k is the key, v the value, m the map.
type subject struct {
	Name    string
	Imports []string
	Type    string // of m
	New     string // an expression
	Load    string // the body of a function that returns (int, bool)
	Store   string
	Remove  string
	Each    string // calls f(v) for every entry
	Int     string // replaces HASH when K is int
	String  string // and when it is string
}

// plain is the shape that most maps share.
func plain(name, imp, typ, make string) subject {
	return subject{
		Name: name, Imports: []string{imp}, Type: typ, New: make,
		Load:   "return s.m.Load(k)",
		Store:  "s.m.Store(k, v)",
		Remove: "s.m.Delete(k)",
		Each:   "s.m.Range(func(_ K, v int) bool { f(v); return true })",
	}
}

func subjects() []subject {
	rw := plain("rwmutex", "", "*locked[K]", "&locked[K]{m: map[K]int{}}")
	rw.Load = `
	s.m.mu.RLock()
	v, ok := s.m.m[k]
	s.m.mu.RUnlock()
	return v, ok`
	rw.Store = `
	s.m.mu.Lock()
	s.m.m[k] = v
	s.m.mu.Unlock()`
	rw.Remove = `
	s.m.mu.Lock()
	delete(s.m.m, k)
	s.m.mu.Unlock()`
	rw.Each = `
	s.m.mu.RLock()
	for _, v := range s.m.m {
		f(v)
	}
	s.m.mu.RUnlock()`

	sharded := plain("sharded", "", "*shards[K]", "newShards[K]()")
	sharded.Load = `
	p := &s.m[HASH(k)%shardCount]
	p.mu.RLock()
	v, ok := p.m[k]
	p.mu.RUnlock()
	return v, ok`
	sharded.Store = `
	p := &s.m[HASH(k)%shardCount]
	p.mu.Lock()
	p.m[k] = v
	p.mu.Unlock()`
	sharded.Remove = `
	p := &s.m[HASH(k)%shardCount]
	p.mu.Lock()
	delete(p.m, k)
	p.mu.Unlock()`
	sharded.Each = `
	for i := range s.m {
		p := &s.m[i]
		p.mu.RLock()
		for _, v := range p.m {
			f(v)
		}
		p.mu.RUnlock()
	}`
	sharded.Int, sharded.String = "hashInt", "hashString"

	std := plain("sync.Map", "sync", "*sync.Map", "&sync.Map{}")
	std.Load = `
	a, ok := s.m.Load(k)
	if !ok {
		return 0, false
	}
	return a.(int), true`
	std.Each = "s.m.Range(func(_, a any) bool { f(a.(int)); return true })"

	hax := plain("haxmap", "github.com/alphadose/haxmap", "*haxmap.Map[K, int]", "haxmap.New[K, int]()")
	hax.Load = "return s.m.Get(k)"
	hax.Store = "s.m.Set(k, v)"
	hax.Remove = "s.m.Del(k)"
	hax.Each = "s.m.ForEach(func(_ K, v int) bool { f(v); return true })"

	orca := plain("orcaman", `cmap "github.com/orcaman/concurrent-map/v2"`, "cmap.ConcurrentMap[K, int]", "HASH")
	orca.Load = "return s.m.Get(k)"
	orca.Store = "s.m.Set(k, v)"
	orca.Remove = "s.m.Remove(k)"
	orca.Each = "s.m.IterCb(func(_ K, v int) { f(v) })"
	orca.Int = "cmap.NewWithCustomShardingFunction[int, int](func(k int) uint32 { return uint32(hashInt(k)) })"
	orca.String = "cmap.New[int]()"

	floor := plain("floor", "", "*nothing[K]", "&nothing[K]{}")
	floor.Load = "return floorLoadHASH(k)"
	floor.Store = "floorStoreHASH(k, v)"
	floor.Remove = "floorRemoveHASH(k)"
	floor.Each = ""
	floor.Int, floor.String = "Int", "String"

	return []subject{
		rw, sharded, std,
		plain("xsync", "github.com/puzpuzpuz/xsync/v4", "*xsync.Map[K, int]", "xsync.NewMap[K, int]()"),
		hax, orca,
		plain("freshmap", "github.com/ghostread/ghostread/freshmap", "*freshmap.Map[K, int]", "freshmap.New[K, int]()"),
		floor,
	}
}

// Files returns the generated files by name.
func Files() (map[string][]byte, error) {
	t, err := template.New("loops").Parse(loops)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, s := range subjects() {
		ident := strings.ReplaceAll(strings.ToLower(s.Name), ".", "")
		data := map[string]any{"Name": s.Name, "Ident": ident, "Imports": imports(s.Imports)}
		var kinds []map[string]string
		for _, k := range []struct{ kind, key, hash string }{{"Int", "int", s.Int}, {"String", "string", s.String}} {
			fill := strings.NewReplacer("[K]", "["+k.key+"]", "[K,", "["+k.key+",", "_ K", "_ "+k.key, "HASH", k.hash).Replace
			key := "int(op & keyMask)"
			if k.key == "string" {
				key = "q.text(i)"
			}
			kinds = append(kinds, map[string]string{
				"T": ident + k.kind, "Kind": k.kind, "K": k.key, "Key": key,
				"Type": fill(s.Type), "New": fill(s.New), "Load": fill(s.Load),
				"Store": fill(s.Store), "Remove": fill(s.Remove), "Each": fill(s.Each),
			})
		}
		data["Kinds"] = kinds
		var b bytes.Buffer
		if err := t.Execute(&b, data); err != nil {
			return nil, err
		}
		src, err := format.Source(b.Bytes())
		if err != nil {
			return nil, fmt.Errorf("generate %s: %w\n%s", s.Name, err, b.Bytes())
		}
		files["loops_"+ident+".go"] = src
	}
	return files, nil
}

func imports(list []string) []string {
	out := []string{}
	for _, i := range list {
		if i == "" {
			continue
		}
		if !strings.Contains(i, `"`) {
			i = `"` + i + `"`
		}
		out = append(out, i)
	}
	return out
}
