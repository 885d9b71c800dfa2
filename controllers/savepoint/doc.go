// Package savepoint looks after Savepoints: it has the coordinator of a job make each of them, once, and says how far it is.
//
// The identity of a savepoint is the object's UID, under which the coordinator is asked (P3). So everything here may happen
// twice, late, or with an old view: asking again joins what is under way, or finds what is done. A coordinator that was
// started anew and has forgotten the id is asked again, and finds the savepoint in storage if it is there. An operator that
// was killed, a status that was lost and a cache that lags behind change nothing but the time it takes; a status is only
// written over the one that was read.
//
// Ending a job twice is worse than not at all, if it was resumed in between. So a Stop or Drain writes on its object which
// attempt it asks, before it does: under a status that is lost it asks no other one, and the generation of the spec that it
// has stopped stays what it was. Only one of them ends an attempt: while the operator stops the job for its next attempt,
// a user's waits for that.
//
// A pass is observe (I/O) -> decide (pure) -> at most one request -> status (pure). Until its deadline a savepoint waits
// for a job that is not there or does not run, tries again what failed, with backoff, and is not impressed by answers that
// do not come. What the coordinator says will not help to repeat fails at once. Completed and Failed are final.
//
// A Savepoint with deletionPolicy Delete is removed from storage by a Job with the job's identity. Its finalizer goes after
// five minutes at the latest, with an Event that names what is left.
//
// The package knows nothing of storage, and nothing of why a job is stopped: package plan does.
package savepoint
