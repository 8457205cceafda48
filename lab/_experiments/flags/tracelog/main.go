// Tracelog calls trace.Log as the article does, with nothing. The function
// wants a context, a category and a message: this does not compile.
package main

import "runtime/trace"

func main() {
	trace.Log()
}
