// Package fixed is the cache of examples/cache without its bugs: what Get has
// read is kept only if nothing was set meanwhile and if there is room by then.
package fixed

import "sync"

// Table is what the cache stands in front of.
type Table struct {
	mu   sync.Mutex
	rows map[string]int
}

// Read returns the row of a key, 0 if there is none.
func (t *Table) Read(key string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows[key]
}

// Write sets the row of a key.
func (t *Table) Write(key string, v int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = map[string]int{}
	}
	t.rows[key] = v
}

// Cache remembers up to Max rows of a table.
type Cache struct {
	Table Table
	Max   int

	mu      sync.Mutex
	rows    map[string]int
	changes int // calls of Set
}

// Get returns the row of a key, from memory if it is there.
func (c *Cache) Get(key string) int {
	c.mu.Lock()
	v, ok := c.rows[key]
	before := c.changes
	c.mu.Unlock()
	if ok {
		return v
	}
	v = c.Table.Read(key)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == before && len(c.rows) < c.Max {
		if c.rows == nil {
			c.rows = map[string]int{}
		}
		c.rows[key] = v
	}
	return v
}

// Set sets the row of a key. It holds the lock over both changes: once one
// caller has got the new row, nobody finds the old one in the cache.
func (c *Cache) Set(key string, v int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Table.Write(key, v)
	delete(c.rows, key)
	c.changes++
}
