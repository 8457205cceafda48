// Package spec holds objects with a bug each, and the same without it, and tests
// that say with package explore/spec what has to be true of them. Names that end
// in Right belong to those in which nothing is to be found.
package spec
