// Method asks for the offset with the runtime's own declaration of a bucket,
// copied from runtime/map.go of Go 1.22. It does not compile either: overflow is
// a method. The field is only in the type that the compiler makes for each map
// type (cmd/compile/internal/reflectdata, MapBucketType).
package main

import (
	"fmt"
	"unsafe"
)

type bmap struct {
	tophash [8]uint8
}

func (b *bmap) overflow() *bmap { return nil }

func main() {
	var b *bmap
	fmt.Println(unsafe.Offsetof(b.overflow))
}
