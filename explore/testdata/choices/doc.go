// Package choices has a test for each thing besides the order of goroutines
// that is not the same in each run of a program. A test passes with one
// outcome and fails, in a line of its own, with each of the others: see
// TestChoices in package explore.
package choices
