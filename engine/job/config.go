package job

import (
	"io"
	"log/slog"
	"time"

	"github.com/weirstream/weir/engine/outcome"
)

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
	// SavepointStorage is where savepoints go that name no target; empty: they must name one.
	SavepointStorage string

	Parallelism    int
	MaxParallelism int

	Interval          time.Duration
	Timeout           time.Duration
	MinPause          time.Duration
	Retained          int
	TolerableFailures int

	Restart RestartPolicy
	Restore Restore
}

// RestartPolicy is an exponential backoff with jitter.
type RestartPolicy struct {
	InitialDelay time.Duration
	MaxDelay     time.Duration
	// ResetAfter is how long the job must run without a failure before the delay starts anew.
	ResetAfter time.Duration
}

// Restore says what to start from, and what the user agrees to.
type Restore struct {
	// From is the path of a snapshot; empty: the newest complete checkpoint of the job's own chain. It takes effect
	// when the job has no attempt yet, or Nonce is new (P5).
	From  string
	Nonce int64
	// AllowNonRestoredState: state of an operator that the job no longer has may be left behind.
	AllowNonRestoredState bool
	// AllowRepeatedOutput: an older checkpoint may be used even though output beyond it was committed (P2).
	AllowRepeatedOutput bool
	// TakeOver: a chain of another owner may be continued (P5).
	TakeOver bool
}

// Options are what a process adds to a Config.
type Options struct {
	// Logger names the job in its lines, if they are to have it.
	Logger *slog.Logger
	// Interrupt, when it is closed, makes the job take a last checkpoint and end (SIGINT, SIGTERM).
	Interrupt <-chan struct{}
	// Started is called once the job's controls work, before it reads anything.
	Started func(*Job)
	// AtStep is called between the steps that a crash may fall between, with their names; tests kill the process there.
	AtStep func(Step)
	// EngineVersion goes into snapshots.
	EngineVersion string
	// Random is read for names and nonces; nil: crypto/rand.
	Random io.Reader
}

// Step is a place between two writes at which a crash must lose nothing.
type Step string

// The steps that Options.AtStep is called at.
const (
	StepRestoring Step = "restore" // the attempt is claimed, its base is not written, no state is restored
	StepDeployed  Step = "deploy"  // the base is written, the subtasks are restoring
	StepPublished Step = "publish" // a checkpoint is complete, nothing of it is committed
	StepCommit    Step = "commit"  // one committable is committed, others of the checkpoint are not
	// StepUnrecorded: all output of the checkpoint that ended the job is committed, no record says so.
	StepUnrecorded Step = "record"
	// StepRetire: files that a complete checkpoint has behind it are about to be removed; StepRetired: they are.
	StepRetire    Step = "retire"
	StepRetired   Step = "retired"
	StepCommitted Step = "confirm" // all is committed, no metadata says so
)

// Result is how a run ended and what it stands on.
type Result struct {
	Outcome outcome.Outcome
	// RestoredFrom is the path of the snapshot that the run started from; empty: it started empty.
	RestoredFrom string
	// LastCheckpoint is the path of the newest complete checkpoint; empty: there is none.
	LastCheckpoint string
	// Checkpoints and CheckpointBytes count what this run completed, and wrote for it.
	Checkpoints, CheckpointBytes int64
	// Already says that the job had ended like this before, and nothing was run.
	Already bool
	// Changed says, of a job that had completed before, which sources have other input now than they had read then, in
	// words: nobody reads it.
	Changed []string
}
