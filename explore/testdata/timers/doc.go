// Package timers is what programs do with timeouts and tickers, wrong and
// right: tests for early timers, see TestEarly in package explore.
package timers
