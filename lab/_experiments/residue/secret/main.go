// Secret searches the whole memory of its own process, as whoever has a core
// file would, for session tokens that it has deleted from its maps.
//
// A thousand tokens are string keys of one map, and a thousand others are
// [16]byte keys of another. The search is for bytes, wherever they are: it reads
// /proc/self/mem, so Linux only, and so it can look at memory that the garbage
// collector has freed without holding a pointer to it.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"unsafe"
)

const tokens = 1000

// A mint makes tokens that are known by their beginning and that can be checked
// byte by byte, so that the search never builds one itself.
type mint struct {
	magic []byte
	size  int
}

var (
	digits    = []byte("0123456789abcdef")
	strings44 = mint{[]byte("session-token="), 44}
	arrays16  = mint{[]byte("key16="), 16}
)

// at gives byte j of token i.
func (m mint) at(i, j int) byte {
	if j < len(m.magic) {
		return m.magic[j]
	}
	j -= len(m.magic)
	if j < 4 {
		return digits[i>>(12-4*uint(j))&15]
	}
	x := uint32(i*31+j) * 2654435761
	return 'a' + byte(x>>27)%26
}

func (m mint) write(to []byte, i int) {
	for j := range to {
		to[j] = m.at(i, j)
	}
}

// read says which token a memory area begins with, or -1.
func (m mint) read(b []byte) int {
	if len(b) < m.size {
		return -1
	}
	i := 0
	for j := 0; j < 4; j++ {
		i = i<<4 | bytes.IndexByte(digits, b[len(m.magic)+j])
	}
	if i < 0 || i >= tokens {
		return -1
	}
	for j := 0; j < m.size; j++ {
		if b[j] != m.at(i, j) {
			return -1
		}
	}
	return i
}

// A memory is a way to read this process from outside its own rules. The
// search allocates nothing: an allocation could take, and overwrite, the very
// memory that it is about to look at.
type memory struct {
	contents, regions *os.File
	block, list       []byte
	seen              [tokens]bool
}

func openMemory() (*memory, error) {
	contents, err := os.Open("/proc/self/mem")
	if err != nil {
		return nil, err
	}
	regions, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	return &memory{contents: contents, regions: regions, block: make([]byte, 1<<20), list: make([]byte, 1<<18)}, nil
}

// search counts the tokens that are somewhere in writable memory, in one place
// or in many.
func (s *memory) search(m mint) (found int) {
	for i := range s.seen {
		s.seen[i] = false
	}
	n := 0
	for {
		more, err := s.regions.ReadAt(s.list[n:], int64(n))
		n += more
		if more == 0 || err != nil && err != io.EOF {
			break
		}
	}
	for list := s.list[:n]; len(list) > 0; {
		start, rest := address(list)
		end, rest := address(rest[1:])
		if rest[1] == 'r' && rest[2] == 'w' {
			found += s.region(m, start, end)
		}
		list = rest[bytes.IndexByte(rest, '\n')+1:]
	}
	return found
}

// address reads a number in hexadecimal digits.
func address(b []byte) (a uintptr, rest []byte) {
	for len(b) > 0 {
		digit := bytes.IndexByte(digits, b[0])
		if digit < 0 {
			break
		}
		a, b = a<<4|uintptr(digit), b[1:]
	}
	return a, b
}

// region counts the tokens of a region that were not seen before.
func (s *memory) region(m mint, at, end uintptr) (found int) {
	own := uintptr(unsafe.Pointer(&s.block[0])) // full of copies, which do not count
	for at < end {
		block := s.block
		if rest := end - at; rest < uintptr(len(block)) {
			block = block[:rest]
		}
		if _, err := s.contents.ReadAt(block, int64(at)); err != nil {
			break // some regions of the kernel cannot be read
		}
		for from := 0; ; from++ {
			hit := bytes.Index(block[from:], m.magic)
			if hit < 0 {
				break
			}
			from += hit
			place := at + uintptr(from)
			if i := m.read(block[from:]); i >= 0 && !s.seen[i] && (place < own || place >= own+uintptr(len(s.block))) {
				s.seen[i] = true
				found++
			}
		}
		if len(block) < len(s.block) {
			break
		}
		at += uintptr(len(block) - m.size) // a token may lie across two blocks
	}
	return found
}

// The maps are made for their size from the start: no growth leaves copies.
//
//go:noinline
func login() (map[string]int, map[[16]byte]int) {
	sessions, keys := make(map[string]int, tokens), make(map[[16]byte]int, tokens)
	var key [16]byte
	for i := 0; i < tokens; i++ {
		// The bytes of a string that nothing else in the program shares.
		b := make([]byte, strings44.size)
		strings44.write(b, i)
		sessions[*(*string)(unsafe.Pointer(&b))] = i
		arrays16.write(key[:], i)
		keys[key] = i
	}
	return sessions, keys
}

//go:noinline
func logout(sessions map[string]int, keys map[[16]byte]int) {
	b := make([]byte, strings44.size)
	var key [16]byte
	for i := 0; i < tokens; i++ {
		strings44.write(b, i)
		delete(sessions, string(b))
		arrays16.write(key[:], i)
		delete(keys, key)
	}
	for j := range b {
		b[j] = 0
	}
}

// reuse allocates much small and large memory, and keeps none of it.
//
//go:noinline
func reuse() {
	var keep [][]byte
	for n := 0; n < 1<<24; {
		for _, size := range []int{16, 48, 1 << 15, 3 << 14} {
			keep = append(keep, make([]byte, size))
			n += size
		}
		for i := 0; i < 400; i++ {
			keep = append(keep, make([]byte, 48))
			n += 48
		}
	}
	runtime.KeepAlive(keep)
}

func main() {
	s, err := openMemory()
	if err != nil {
		fmt.Println("secret:", err)
		os.Exit(1)
	}
	debug.SetGCPercent(-1) // the collector runs when it is called, and not else
	// Of freed memory the runtime takes what it likes at any time, so there the
	// fact is whether any token is left. Where nothing is free, it is how many.
	report := func(name, title string, stringsFreed, arraysFreed bool) int {
		fmt.Printf("\n%s\n", title)
		strings, arrays := s.search(strings44), s.search(arrays16)
		fmt.Printf("  %d string keys and %d [16]byte keys of %d can be read\n", strings, arrays, tokens)
		if name == "" {
			return strings + arrays
		}
		one := func(what string, n int, freed bool) {
			if freed {
				fmt.Printf("%s_%s_left = %v\n", name, what, n > 0)
			} else {
				fmt.Printf("%s_%s = %d\n", name, what, n)
			}
		}
		one("strings", strings, stringsFreed)
		one("arrays", arrays, arraysFreed)
		return strings + arrays
	}
	report("before", "Before there are any tokens:", false, false)
	sessions, keys := login()
	if report("live", "In use:", false, false) != 2*tokens {
		fmt.Println("secret: the search does not find what is there")
		os.Exit(1)
	}
	logout(sessions, keys)
	fmt.Println("\nentries_left =", len(sessions)+len(keys))
	report("deleted", "After delete of every key:", false, false)
	runtime.GC()
	report("collected", "After a garbage collection, the maps still in use:", true, false)
	for k := range sessions {
		delete(sessions, k)
	}
	for k := range keys {
		delete(keys, k)
	}
	report("cleared", "After clear of both maps, which are empty already:", true, false)
	runtime.KeepAlive(sessions)
	runtime.KeepAlive(keys)
	sessions, keys = nil, nil
	runtime.GC()
	free := report("dropped", "After the maps themselves are dropped and collected:", true, true)
	reuse()
	reused := report("", "After 16 MB of new allocations:", true, true)
	fmt.Println("\noverwritten_by_reuse =", reused < free)
}
