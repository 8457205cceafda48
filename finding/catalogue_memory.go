package finding

var checkResidue = Check{
	Code:  "GR3001",
	Name:  "residue",
	Kind:  Residue,
	Title: "deleted data can still be read in memory",
	Help:  "keep secrets out of keys, overwrite them before deleting, or use freshmap, whose Wipe zeroes what it had",
	Text: `A key or an element was deleted from a map, or the map itself is gone, and its
bytes are still in the memory of the process: whoever gets a core file, a swap
partition, or a read past the end of a buffer, reads them.

Why it happens. Deleting is not erasing. What stays depends on the release of Go
and on the type:

  - delete marks a slot as free. It zeroes the element, and the key only if
    that has pointers, for the sake of the garbage collector. Numbers and byte
    arrays stay. The bytes of a string key were never in the slot, and stay too.
  - clear on a map whose entries were all deleted does nothing, up to Go 1.27,
    and since Go 1.25 it leaves groups alone that have no entry.
  - Growth copies entries to a new table or to new buckets, and leaves the old
    ones as they are; up to Go 1.23 only those with pointers are zeroed.
  - Garbage collection zeroes nothing. Memory keeps its content until it is
    used again or given back to the system.

Example. The token can be read after the log-out:

	sessions := map[[32]byte]*Session{}
	delete(sessions, token)   // the 32 bytes stay in their slot

How to fix it. Use the hash of a secret as the key, not the secret. Keep secrets
in []byte that you overwrite (clear) before you drop them, and not in strings,
which nobody can overwrite. Where it has to be a map, freshmap zeroes keys and
elements when they are deleted and when the map grows, and Wipe does it for a
whole map at once. GODEBUG=clobberfree=1 overwrites all that is freed, at a
price: it is for tests.

How it was found. The memory of the process was read: each slot of each map, and
the objects and pages that no map has any more. What is said to be certain lies
in a map, says of which type it is, or has keys that a map of the type still has;
what is said to be probable only looks like a table of that type.`,
}
