// Package cost counts what single operations of the maps execute: every
// instruction, one after the other.
//
// A process that fills a map and works on it is stepped through with ptrace.
// Before each instruction its operands are decoded and their addresses are
// computed, so besides instructions there are counts of branches, of accesses to
// memory, of instructions that lock a line of the cache, of distinct lines, and of
// how many lines have to arrive one after the other because an address is read from
// the one before. Such counts do not depend on what else the machine does. They
// leave out the garbage collector, which does not run in that process, and what
// other processors do to the lines.
//
// It works on Linux on amd64. What has a VEX prefix, which the decoder does not
// know, counts as an instruction without operands.
package cost
