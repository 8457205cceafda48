package native

// extern void back(int);
// static void call(int n) { back(n); }
import "C"

func call(n int) { C.call(C.int(n)) }
