// Virtual looks at one address from two processes that run at the same time.
// They see different bytes there, so an address that a debugger is given names
// no place in physical memory.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
)

var planted = [8]byte{'p', 'a', 'r', 'e', 'n', 't', 0, 0}

func main() {
	if len(os.Args) > 1 {
		copy(planted[:], "child\x00\x00\x00")
		fmt.Printf("%p %x\n", &planted, planted)
		bufio.NewReader(os.Stdin).ReadString('\n') // stay while the parent looks
		return
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Println("virtual:", err)
		os.Exit(1)
	}
	child := exec.Command(self, "child")
	in, _ := child.StdinPipe()
	out, _ := child.StdoutPipe()
	if err := child.Start(); err != nil {
		fmt.Println("virtual:", err)
		os.Exit(1)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	here := fmt.Sprintf("%p %x\n", &planted, planted) // the child is still running
	in.Close()
	child.Wait()
	if err != nil {
		fmt.Println("virtual:", err)
		os.Exit(1)
	}
	var address, content, hereAddress, hereContent string
	fmt.Sscan(line, &address, &content)
	fmt.Sscan(here, &hereAddress, &hereContent)
	fmt.Printf("one process has %s there, the other %s\n", hereContent, content)
	fmt.Println("same_address =", address == hereAddress)
	fmt.Println("same_content =", content == hereContent)
}
