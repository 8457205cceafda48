package main

// cache is a sharded cache that is on its way from one hash version to the
// next. As many caches do, it keeps no keys: an entry is a few bits of the hash,
// its fingerprint, and the value. It looks correct, and with few keys it is.
//
// In a migration the mover copies each entry to the bucket that hash version 2
// gives it. Reads look there first and then into the old bucket, which is left
// behind, stale, until the migration is over.
type cache struct {
	buckets     int
	fingerprint uint   // bits; 0: whatever is in the bucket is taken for the key's
	keys        bool   // the repair: entries keep their key, and reads compare it
	seed        uint64 // of the hash
	v1, v2      [][]entry
}

type entry struct {
	fingerprint uint64
	key         string // kept only by the repaired cache
	value       int
}

func newCache(buckets int, fingerprint uint, keys bool, seed uint64) *cache {
	return &cache{buckets, fingerprint, keys, seed, make([][]entry, buckets), make([][]entry, buckets)}
}

// place gives bucket and fingerprint, from other bits of the hash.
func (c *cache) place(key string, version uint64) (bucket int, fingerprint uint64) {
	h := hash(key, c.seed+version)
	return int(h % uint64(c.buckets)), h >> 32 & (1<<c.fingerprint - 1)
}

func (c *cache) put(table [][]entry, version uint64, key string, value int) {
	b, f := c.place(key, version)
	e := entry{fingerprint: f, value: value}
	if c.keys {
		e.key = key
	}
	table[b] = append(table[b], e)
}

// Store is a write before the migration, Move what the mover does with a key.
func (c *cache) Store(key string, value int) { c.put(c.v1, 1, key, value) }
func (c *cache) Move(key string, value int)  { c.put(c.v2, 2, key, value) }

// Get looks where version 2 puts the key, and then into the old bucket.
func (c *cache) Get(key string) (value int, ok bool) {
	if value, ok = c.find(c.v2, 2, key); ok {
		return value, true
	}
	return c.find(c.v1, 1, key)
}

func (c *cache) find(table [][]entry, version uint64, key string) (int, bool) {
	b, f := c.place(key, version)
	for i := len(table[b]) - 1; i >= 0; i-- { // the newest first
		if e := table[b][i]; e.fingerprint == f && (!c.keys || e.key == key) {
			return e.value, true
		}
	}
	return 0, false
}

// GetAndMove is the read of a cache that migrates what it is asked for: a value
// found in the old bucket is put where version 2 wants it, under the key that was
// asked for.
func (c *cache) GetAndMove(key string) (value int, ok bool) {
	if value, ok = c.find(c.v2, 2, key); ok {
		return value, true
	}
	if value, ok = c.find(c.v1, 1, key); ok {
		c.put(c.v2, 2, key, value)
	}
	return value, ok
}

// Finish ends the migration: the old buckets are dropped.
func (c *cache) Finish() { c.v1 = make([][]entry, c.buckets) }

// hash is FNV-1a with a finish that spreads it over all bits (murmur3, fmix64).
func hash(key string, seed uint64) uint64 {
	h := 14695981039346656037 ^ seed*0x9e3779b97f4a7c15
	for i := 0; i < len(key); i++ {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
