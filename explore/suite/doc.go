// Package suite measures explore by programs with known bugs: small ones,
// written for this purpose after the published categories of concurrency bugs
// in Go programs, each with its bug and repaired.
//
// It is tests only. The programs are in testdata/programs, a file for each
// category, and the table in table_test.go says what is to be found in them.
//
// An ordinary run explores each buggy program under three seeds, wants a
// finding of the right kind within 100 executions each time and a median of at
// most 5, and replays what it found; and it wants nothing from a few hundred
// executions of each repaired one. The whole measurement takes longer:
//
//	go test ./explore/suite -full -timeout 1h -v
//
// makes 10,000 executions of each repaired program under every strategy and
// replays each finding 100 times, each time in a fresh process. With
// -strategies=mix,pct only the strategies named have their turn.
package suite
