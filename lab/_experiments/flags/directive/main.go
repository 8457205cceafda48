//go:debug membarrier=1

// Directive asks for a GODEBUG setting that does not exist. From Go 1.21 on
// the go command knows all settings and refuses to build this.
package main

func main() {}
