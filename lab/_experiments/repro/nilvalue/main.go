// Nilvalue asks what the article says m[0] may be. It does not compile.
package main

func main() {
	m := make(map[int]int)
	println(m[0] == nil)
}
