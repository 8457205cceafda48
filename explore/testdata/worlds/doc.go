// Package worlds holds tests that a controlled scheduler may trip over, and
// tests with faults that it must find. They are explored by the tests of
// package explore; each says what is to come of it.
package worlds
