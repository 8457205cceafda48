// Package bench holds the tests that the benchmarks of package explore run.
package bench
