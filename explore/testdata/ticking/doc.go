// Package ticking holds tests whose goroutines wait while tickers go on. That
// of TestLost waits for ever under some schedules.
package ticking
