// Package streamjob looks after StreamJobs: it brings what runs to what a spec says, one action at a time.
//
// A pass reads like its files: resolve the spec (target.go), observe the cluster and ask the coordinators (observe.go,
// pods.go, preflight.go, savepoints.go), let package plan decide, write what was decided into the status (status.go,
// history.go), and only then act (act.go, activate.go). So whoever reads the status knows what is about to happen, and an
// operator that is killed between any two of these finds, at its next pass, either the old facts or the new.
//
// What ends or begins an attempt, or removes something, is decided twice: from the cache, and once more from facts read
// past it. It is done only if both decisions are the same. What is left of stale views is caught by names, which are
// deterministic, by preconditions on UIDs, and by the attempt that an activation expects (P1).
//
// Nothing here waits: a coordinator that does not answer is a fact. What is kept in memory (how long a coordinator has been
// silent, how often an activation failed, what was said last) is only about pace, and may be lost at any time.
//
// The package decides nothing: package plan does. It knows no storage: coordinators are asked.
package streamjob
