//go:build ghostread_guest && go1.26

package testing

// ghostName sets the names of a test made by hand, and of its parent, that
// releases before Go 1.26 do not have.
func ghostName(t *T, modulePath, importPath string) {
	for _, c := range []*common{&t.common, t.parent} {
		c.modulePath, c.importPath = modulePath, importPath
	}
}
