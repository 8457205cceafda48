//go:build ghostread_guest && go1.26

package testing

// ghostFill sets in a test made by hand, and in its parent, the fields that
// not all releases have.
func ghostFill(t *T, modulePath, importPath string) {
	for _, c := range []*common{&t.common, t.parent} {
		c.modulePath, c.importPath = modulePath, importPath
	}
	t.setOutputWriter()
}
