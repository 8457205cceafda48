// Package riskservice decides whether a payment may go on, the way a payments
// team would write it: rules per merchant category, reloaded while traffic
// flows; payments counted per merchant; a status for the load balancer.
//
// It is an example to hunt in, and three of its reads lie. The tests are
// ordinary ones and pass; under the race detector they pass nearly always,
// too, because every request is noted in an audit trail, and the lock of the
// trail orders any two requests that do not overlap. Each ghost needs two
// requests to meet inside a few instructions:
//
//   - lost: velocity.seen looks a merchant up without the lock, while a
//     payment of a new merchant makes the map grow. A counter that is there
//     may be reported absent, and a merchant over its limit is let through.
//   - stale: health.publish raises the version before it writes the status.
//     A watcher that sees the new version may be told the old status.
//   - phantom: ruleBook.all hands out the map itself. The listing ranges over
//     it after the lock is gone, and a reload in between mixes two rule sets.
//
// Comments elsewhere in the package say what its authors believed. Package
// riskservice/fixed is the same service with the same tests, repaired; the
// difference between the two directories is the lesson.
//
//	ghostread hunt ./examples/riskservice
//
// The package opens no sockets and has no clock: a window of the velocity
// limit lasts until the service restarts.
package riskservice
