package explore

import "embed"

// shared are the packages that the process of the test is compiled with too.
//
//go:embed event/*.go strategy/*.go detect/*.go dpor/*.go wire/*.go
var shared embed.FS
