// Package native calls C, which calls back.
package native

// #include <unistd.h>
// static int twice(int n) { return 2*n; }
// static void nap(void) { usleep(1000); }
import "C"

func twice(n int) int { return int(C.twice(C.int(n))) }

func nap() { C.nap() }
