// Package spin holds tests that run on and on without getting anywhere, and
// tests that look as if they did. Those called TestSpin are livelocks.
package spin
