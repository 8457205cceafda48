//go:build ghostread_guest && !go1.26

package testing

// Tests have directories for artifacts, and these names, since Go 1.26; there
// runTests has them as parameters.
const modulePath, importPath = "", ""

func ghostName(*T, string, string) {}
