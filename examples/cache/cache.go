// Package cache is a cache in front of a slow table, as many programs have one.
// Its tests pass, also with -race. It has two bugs that show in some schedules
// only: package examples/cache/fixed is the same without them.
package cache

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

	mu   sync.Mutex
	rows map[string]int
}

// Get returns the row of a key, from memory if it is there.
func (c *Cache) Get(key string) int {
	c.mu.Lock()
	v, ok := c.rows[key]
	full := len(c.rows) >= c.Max
	c.mu.Unlock()
	if ok {
		return v
	}
	v = c.Table.Read(key) // what comes between this and the next line is not seen
	if !full {
		c.mu.Lock()
		if c.rows == nil {
			c.rows = map[string]int{}
		}
		c.rows[key] = v
		c.mu.Unlock()
	}
	return v
}

// Set sets the row of a key.
func (c *Cache) Set(key string, v int) {
	c.Table.Write(key, v)
	c.mu.Lock()
	delete(c.rows, key)
	c.mu.Unlock()
}
