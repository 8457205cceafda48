// Package bench compares freshmap with the concurrent maps that a Go program
// would use instead.
//
// A [Case] is one workload at one size; every peer runs every case, or the
// reason why not is part of the output. Operations are drawn before the clock
// starts, so a loop costs little besides the map; the peer [Floor] shows how
// little. Processor time of the whole process, garbage collection included,
// is reported beside the time on the clock, because other work on the machine
// disturbs it less.
//
// The benchmarks are ordinary ones of package testing. cmd/record runs them
// interleaved in fresh processes and writes the document.
package bench
