// Bmap is the check the article proposes for the overflow field's offset. It
// does not compile, on any release: the runtime's bucket type is not exported.
package main

import (
	"fmt"
	"runtime"
	"unsafe"
)

func main() {
	var b *runtime.bmap
	fmt.Println(unsafe.Offsetof(b.overflow))
}
