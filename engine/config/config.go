// Package config declares what the engine is told of a job beside its graph. Each setting stands here once, with its name, its
// default and its bounds: REST carries Settings as they are, and package manifest reads them from a StreamJob.
//
// Settings are what changes without another revision (P8): an attempt is activated with them. All else of a Config is
// the same for all attempts of a process.
package config

import "time"

// Config is the engine's view of a StreamJob's spec: plain Go, every default resolved (package manifest does that).
type Config struct {
	// Job is the job id; it names the folder of its snapshots (P5).
	Job string
	// Revision is the hash of what was planned (P8); it is recorded with the attempt.
	Revision string
	// Owner says who runs the job: cluster id and StreamJob UID, or the host (P1).
	Owner string
	// Storage is the URL or path below which the job's snapshots are kept.
	Storage string
	// MaxParallelism is the number of key groups.
	MaxParallelism int

	Settings

	// TakeOver: a chain of another owner may be continued (P5).
	TakeOver bool
}

// Settings are what an attempt is activated with. Two that are equal make the same attempt.
type Settings struct {
	// Parallelism is the number of subtasks of each operator that has none of its own.
	Parallelism int

	// Interval is the time from the trigger of one checkpoint to that of the next, Timeout that from the trigger to the last
	// acknowledgement.
	Interval, Timeout time.Duration
	// MinPause is the least time from the end of a checkpoint to the next trigger by Interval.
	MinPause time.Duration
	// WholeCheckpoints: every checkpoint is written whole. Otherwise one that follows another is what has changed since.
	WholeCheckpoints bool
	// Retained is how many complete checkpoints stay.
	Retained int
	// TolerableFailures is how many checkpoints in a row may fail before the job is restarted.
	TolerableFailures int

	Restart Restart

	// SavepointStorage is where savepoints go that name no target; empty: they must name one.
	SavepointStorage string
	// Restore is what to start from, if not from the chain's head (P5).
	Restore Restore
}

// Restart says when what failed is begun again: with an exponential backoff and jitter.
type Restart struct {
	InitialDelay, MaxDelay time.Duration
	// ResetAfter is how long the job must run without a failure before the delay starts anew.
	ResetAfter time.Duration
}

// Restore is what the user asks for and agrees to at the start of an attempt.
type Restore struct {
	// Path is that of a snapshot; empty: the newest complete checkpoint of the job's own chain. It takes effect when the job
	// has no attempt yet, or Nonce is new (P5).
	Path  string `json:"path,omitempty"`
	Nonce int64  `json:"nonce,omitempty"`
	// AllowNonRestoredState: state of an operator that the job no longer has may be left behind.
	AllowNonRestoredState bool `json:"allowNonRestoredState,omitempty"`
	// InitEmpty are values of standing state that may begin without the rows that it has seen, as "<uid>#<value>" (P9).
	InitEmpty Names `json:"initEmpty,omitzero"`
	// AllowRepeatedOutput: an older checkpoint may be used even though output beyond it was committed (P2).
	AllowRepeatedOutput bool `json:"allowRepeatedOutput,omitempty"`
}
