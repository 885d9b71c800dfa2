// Package plan decides what the operator does next for a StreamJob: Decide takes what is wanted and what was observed, and
// returns one action, with the phase, verdict, reason and message that the status then shows. It is pure: no clock, no API
// server, no coordinator. It refuses to know how anything is observed or done.
//
// A decision is the first that an ordered chain of rules makes (see rules). Each rule is named after what it holds; the
// name is part of the decision, so that a log, an Event or a test says why.
//
// The words: the target is the revision that the spec resolves to. A revision is live if its coordinator runs, or ran, the
// job's newest attempt. A coordinator at rest has ended its attempt and may be activated again.
//
// What must hold however stale, late or repeated the facts are (P1, P3, P5):
//
//   - What executes is never scaled down or removed: it is stopped by a Savepoint first, or superseded by an attempt that
//     runs. Only the deletion of a job with onDelete: Delete is allowed to.
//   - Nothing that executes is stopped before its successor answered from standby, with its preflight passed.
//   - Every activation names the newest attempt seen: of two, the second is refused by the coordinator's claim.
//   - A job that ever had a recovery point never starts empty.
package plan
