package attempt

import (
	"io"
	"log/slog"

	"github.com/weirstream/weir/engine/internal/task"
	"github.com/weirstream/weir/engine/outcome"
)

// Process is what the process adds that attempts are made in. The zero value is valid.
type Process struct {
	// Logger names the job, and in a pod the revision, in its lines, if they are to have them.
	Logger *slog.Logger
	// Interrupt, when it is closed, makes the attempt take a last checkpoint and end, and a process in which none runs end at
	// once (SIGINT, SIGTERM).
	Interrupt <-chan struct{}
	// AtStep is called between the steps that a crash may fall between, with their names; tests kill the process there.
	AtStep func(Step)
	// EngineVersion goes into snapshots and the status.
	EngineVersion string
	// Clock is the time that subtasks see, the processing time of operators among it; nil: the machine's.
	Clock task.Clock
	// Random is read for names and nonces; nil: crypto/rand.
	Random io.Reader
}

// Step is a place between two writes at which a crash must lose nothing.
type Step string

// The steps that Process.AtStep is called at.
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
	StepEnded     Step = "end"     // the attempt is over, and nobody has been told
)

// Result is how an attempt ended and what it stands on.
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

func (o *Process) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.AtStep == nil {
		o.AtStep = func(Step) {}
	}
}
