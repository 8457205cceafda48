//go:build xsync

package main

import "github.com/puzpuzpuz/xsync/v3"

func init() {
	entry := stores["xsync"]
	entry.title = "xsync.MapOf"
	entry.make = func() store { return xsyncMap{xsync.NewMapOf[int, int]()} }
	stores["xsync"] = entry
}

type xsyncMap struct{ m *xsync.MapOf[int, int] }

func (x xsyncMap) get(key int) (int, bool) { return x.m.Load(key) }
func (x xsyncMap) set(key, value int)      { x.m.Store(key, value) }
