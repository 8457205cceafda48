// Package field has tests as they are met in published modules, with what
// they do to a process that runs them more than once. What is to come of each
// is in field_test.go.
package field
