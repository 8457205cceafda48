// Package shapes has small functions whose plain accesses a reader of the
// source believes to happen as written. It is not run: what counts is the
// order of the accesses in the code that the compiler makes, which you can see
// with
//
//	go build -gcflags=-S .
//
// Nothing here is a data race by itself. Another goroutine that writes the
// variables would make it one, and would see what the machine code does, not
// what the source says.
package shapes

var (
	X, Y int
	N    int
	Flag bool
	P, Q = new(int), new(int)
	Pair struct{ X, Y int }
	Page [8]byte
)

// Two loads. The source reads Y, then X, and so must a reader of a flag and
// the data that it announces.

func ReadBoth() (int, int) {
	y := Y
	x := X
	return y, x
}

func Difference() int {
	y := Y
	x := X
	return x - y
}

func DifferenceSwapped() int {
	y := Y
	x := X
	return y - x
}

func Both() bool {
	y := Y
	x := X
	return x == 0 && y == 1
}

func IfFirst() int {
	y := Y
	x := X
	if x == 0 {
		return y
	}
	return 2
}

// The same with addresses that are not known until the program runs.

func DifferenceAt(y, x *int) int {
	a := *y
	b := *x
	return b - a
}

func BothAt(y, x *int) bool {
	a := *y
	b := *x
	return b == 0 && a == 1
}

func IfFirstAt(y, x *int) int {
	a := *y
	b := *x
	if b == 0 {
		return a
	}
	return 2
}

// Loads of one variable.

func Twice() (int, int) {
	a := X
	b := X
	return a, b
}

func AgainAfterStore() int {
	X = 1
	Y = 1
	return X
}

func AgainAfterCall(f func()) (int, int) {
	a := X
	f()
	b := X
	return a, b
}

// Loops that wait for another goroutine, or work for one.

func Wait() {
	for !Flag {
	}
}

func WaitCounting() int {
	n := 0
	for N == 0 {
		n++
	}
	return n
}

func Announce() {
	for {
		N++
	}
}

func AnnounceSome(n int) {
	for i := 0; i < n; i++ {
		N++
	}
}

// Stores.

func StoreTwice() {
	X = 1
	X = 2
}

func StoreBoth() {
	Y = 1
	X = 1
}

func StorePair() {
	Pair.Y = 1
	Pair.X = 1
}

func StoreBytes() {
	Page[0] = 1
	Page[1] = 2
	Page[2] = 3
	Page[3] = 4
	Page[4] = 5
	Page[5] = 6
	Page[6] = 7
	Page[7] = 8
}

func LoadThenStore() int {
	y := Y
	X = 1
	return y
}

func StoreThenLoad() int {
	X = 1
	return Y
}

// Increment is one line of source and not one access.
func Increment() { N++ }

// Copy writes the variable of its first operand once, and reads the other once.
func Copy() { *P = *Q }
