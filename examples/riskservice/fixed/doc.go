// Package fixed is package riskservice with its three ghosts repaired, and
// nothing else changed. The tests are the same, line for line.
//
//   - lost: velocity.seen takes the lock, shared with other readers, so no
//     lookup meets a map that grows.
//   - stale: health publishes version and status as one value behind one
//     atomic pointer; there is no order in which half of it can be seen.
//   - phantom: ruleBook.all copies under the lock. What it returns belongs to
//     the caller, and a slow listing still keeps nobody waiting.
//
// A hunt here stays clean. That is no proof that the package is right: it
// says that the schedules which were tried show nothing.
package fixed
