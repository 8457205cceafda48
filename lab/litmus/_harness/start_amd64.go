package main

// ticks reads the processor's time stamp counter. On processors of the last
// fifteen years it ticks at the same rate on all cores and began at the same
// moment, so threads can agree on a time.
func ticks() int64

const haveTicks = true
