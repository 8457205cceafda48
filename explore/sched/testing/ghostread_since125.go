//go:build ghostread_guest && go1.25

package testing

// ghostOutput makes the writer that T.Log and T.Output write to; before Go
// 1.25 there is none.
func ghostOutput(c *common) { c.setOutputWriter() }
