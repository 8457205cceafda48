// Pages looks for machine code that was made while the program runs. A JIT
// compiler needs memory that can be executed and comes from no file; the Go
// runtime has none.
//
// It reads /proc/self/maps, so it needs Linux.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
)

func main() {
	work()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
	defer f.Close()
	program, kernel, anonymous := 0, 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text()) // range permissions offset device inode [name]
		if len(fields) < 5 || !strings.Contains(fields[1], "x") {
			continue
		}
		switch {
		case len(fields) > 5 && strings.HasPrefix(fields[5], "/"):
			program++
		case len(fields) > 5 && (fields[5] == "[vdso]" || fields[5] == "[vsyscall]"):
			kernel++
		default:
			anonymous++
			fmt.Println("from no file:", fields[1:])
		}
	}
	if program == 0 {
		fmt.Fprintln(os.Stderr, "pages: the program's own code is not in /proc/self/maps")
		os.Exit(1)
	}
	fmt.Printf("from_files = %d\nfrom_kernel = %d\nanonymous = %d\n", program, kernel, anonymous)
}

// work does what might make a runtime write code: functions made by
// reflection, closures, goroutines, collections, and a loop that is hot.
func work() {
	swap := reflect.MakeFunc(reflect.TypeOf(func(int, int) (int, int) { return 0, 0 }),
		func(args []reflect.Value) []reflect.Value { return []reflect.Value{args[1], args[0]} }).
		Interface().(func(int, int) (int, int))
	a, b := 1, 2
	for i := 0; i < 10000; i++ {
		a, b = swap(a, b)
	}
	done := make(chan int)
	for i := 0; i < 100; i++ {
		i := i
		go func() { done <- i }()
	}
	for i := 0; i < 100; i++ {
		a += <-done
	}
	runtime.GC()
	fmt.Println("worked, result", a+b)
}
