// Package coordinator decides everything that is decided once for a job: when checkpoints start, complete, commit and go;
// which subtask reads which split; when the job restarts, stops and ends. It is a pure state machine:
//
//	effects := c.Step(now, event)
//
// It does no I/O, starts no goroutine, reads no clock and draws no randomness of its own, so every history can be replayed.
// A driver feeds it events, carries out the effects in their order, and calls it with a Tick at NextDeadline.
//
// # What it promises
//
// One checkpoint at a time, from the trigger until it is complete. Complete ones queue for their commits, which are carried
// out one after the other in the order of the checkpoints, while the next are taken; each checkpoint names, beside its own
// output, the output of all checkpoints before it that is not confirmed, and a restore makes sure of all of it. At most maxUncommitted wait;
// then none is triggered. Nothing is committed, forgotten, swept or exported of a checkpoint before it is known to be complete
// (P1), and nobody is told that a request is served, or the job ended, before all output up to its checkpoint is visible. Ids increase and are never used twice. Every split is in exactly one of enumerator and readers of each snapshot
// (P4). Every request is answered, at the latest when the run ends. Every wait has a deadline, but for two that are tried
// again until they succeed, are refused for good, or the run is ended: an undecided Publish, because any other answer
// would be a guess (P1), and the commits of a job that goes on, because output must become visible in order.
// What is under way outside is bounded by the driver, which answers every effect that has an answer.
//
// # The life of a checkpoint
//
//	Trigger -> Ack of every subtask -> Publish -> NotifyComplete, Forget(of those it records as confirmed) -> Commit, when all
//	before are confirmed -> Sweep, Export, SweepStaged(once)
//
// A decline, the timeout or a failure before Publish aborts it. Every id that was triggered and does not become complete
// gets an AbortCheckpoint, before the next Trigger: from it a subtask learns that what its sinks have prepared belongs to
// the next checkpoint. One that becomes complete is told by NotifyComplete, before the next Trigger, to the execution that has
// taken it: none is told both. If that execution is gone, nobody is told.
//
// # What it refuses to know
//
// What positions, states and committables mean, where snapshots are, and how subtasks are reached.
package coordinator
