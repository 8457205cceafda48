//go:build !hooked

package main

import "fmt"

func watch() {
	fmt.Println("reads_made =", readAll())
	fmt.Printf("read_ns = %.1f\n", cost())
}
