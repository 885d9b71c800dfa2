// Package controllers is the operator: what `weir operator` runs. It composes the packages below it into one manager, and
// decides nothing about jobs itself.
//
// # The map
//
//	streamjob     a StreamJob from spec to pods: observe -> plan -> act -> status
//	savepoint     a Savepoint from request to storage: the same shape
//	plan          what to do next with a job, as a pure function of what was observed
//	resources     a resolved job as objects of Kubernetes, also pure
//	coordinators  what the controllers ask of the coordinators of jobs, and what answers are
//	controllertest  a control plane with played nodes, for tests
//
// # What the operator is, and is not
//
// Jobs do not need it to run: with the operator away they process, checkpoint and recover. It is needed for changes: it
// resolves a spec into a revision, checks the revision against the job's state, has the running attempt stopped by a
// Savepoint and the next one activated. Storage holds the truth and fences (P1); the cluster is an index of it, and what the
// operator remembers in memory is a cache. It may therefore be killed between any two steps, run twice for a moment, or
// read a cache that lags: names are deterministic, children are applied and not created, and an operator that is superseded in
// storage does nothing.
//
// # What it may see
//
// It caches the StreamJobs and Savepoints of its namespaces, and of all other kinds only what it made itself, by label. It
// never reads a Secret but one: its own key, in its own namespace, from which the identities of all jobs are derived (P11).
// It has no access to buckets: coordinators have, and are asked (P3).
package controllers
