package rest

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/outcome"
)

// State is what a job is doing.
type State string

// The states of a job. The last four are final.
const (
	Standby    State = "Standby"    // it waits for an activation; see Job.Chain
	Starting   State = "Starting"   // it claims, chooses and restores
	Running    State = "Running"    // every subtask runs
	Recovering State = "Recovering" // it failed and starts again from its last checkpoint
	Stopping   State = "Stopping"   // a stop or the end of the input is being made durable

	Completed State = "Completed" // the bounded input is processed and committed
	Stopped   State = "Stopped"   // by a stop, a drain, or a signal, after a last checkpoint
	Cancelled State = "Cancelled" // by request, without a last checkpoint
	Failed    State = "Failed"    // with Job.Failure
)

// States returns all of them, in the order in which a job may come to them.
func States() []State {
	return []State{Standby, Starting, Running, Recovering, Stopping, Completed, Stopped, Cancelled, Failed}
}

// Executes tells that an attempt is not over.
func (s State) Executes() bool {
	return s == Starting || s == Running || s == Recovering || s == Stopping
}

// StateAfter returns the state that a run with an outcome leaves the job in.
func StateAfter(o outcome.Outcome) State {
	switch o {
	case outcome.Completed:
		return Completed
	case outcome.Cancelled:
		return Cancelled
	case outcome.Stopped, outcome.Drained, outcome.Interrupted:
		return Stopped
	}
	return Failed
}

// Job is the job as a whole.
type Job struct {
	// ID names the folder of the job's snapshots.
	ID    string `json:"id"`
	State State  `json:"state"`
	// Revision is the hash of what runs.
	Revision string `json:"revision,omitempty"`
	// Engine is the version of the engine.
	Engine string `json:"engine,omitempty"`
	// Attempt is the activation of the job that this is; restarts within it are counted by Restarts.
	Attempt  int64 `json:"attempt"`
	Restarts int64 `json:"restarts"`
	// Parallelism is the number of subtasks of each operator that has none of its own.
	Parallelism    int       `json:"parallelism"`
	MaxParallelism int       `json:"maxParallelism"`
	StartTime      time.Time `json:"startTime"`
	// RestoredFrom is the path of the snapshot that this attempt started from; empty: it started empty.
	RestoredFrom string `json:"restoredFrom,omitempty"`
	// LastCheckpoint is the newest complete checkpoint; nil: there is none yet.
	LastCheckpoint *Checkpoint `json:"lastCheckpoint,omitempty"`
	// CompletedCheckpoints and FailedCheckpoints are counted since the attempt began.
	CompletedCheckpoints int64 `json:"completedCheckpoints"`
	FailedCheckpoints    int64 `json:"failedCheckpoints"`
	// FailedCheckpointsInARow are those that failed since the newest complete one, or since the attempt began.
	// CheckpointFailure is why the last of them did or, if none did, why none is started; empty: neither.
	FailedCheckpointsInARow int64  `json:"failedCheckpointsInARow,omitempty"`
	CheckpointFailure       string `json:"checkpointFailure,omitempty"`
	// RecordsIn counts what the sources emitted, RecordsOut what the sinks took, RecordsLate what came too late for its
	// window, since the attempt began.
	RecordsIn   int64 `json:"recordsIn"`
	RecordsOut  int64 `json:"recordsOut"`
	RecordsLate int64 `json:"recordsLate"`
	// RecordsSkipped counts, since the attempt began, what was dropped because it could not be read or had no event time,
	// where the table says to go on.
	RecordsSkipped int64 `json:"recordsSkipped,omitempty"`
	// FilesPassedOver counts files of monitored folders that were not read, or not to their end: changed or vanished since
	// they were found, or none that can be read.
	FilesPassedOver int64 `json:"filesPassedOver,omitempty"`
	// LagRecords counts records that are in the topics and were not read yet, as far as brokers have told; nil: no source knows.
	LagRecords *int64 `json:"lagRecords,omitempty"`
	// WatermarkMs is the event time, in milliseconds since 1970, that no sink is behind; nil: there is none yet, or event time has ended.
	WatermarkMs *int64 `json:"watermarkMs,omitempty"`
	// Failure is the last error that stopped or restarted the job; empty: there was none. FailureKind is its class.
	Failure     string      `json:"failure,omitempty"`
	FailureKind FailureKind `json:"failureKind,omitempty"`
	// Settings are what this attempt was activated with; nil: none is.
	Settings *Settings `json:"settings,omitempty"`
	// RestoreNonces are those that have taken effect in the attempt and all before it, its own included (P5): an attempt that
	// goes on by itself has none in its Settings.
	RestoreNonces []int64 `json:"restoreNonces,omitempty"`
	// Chain is what the coordinator last saw of the job's folder; nil while an attempt of its own runs, which knows better.
	Chain *Chain `json:"chain,omitempty"`
}

// FailureKind is what a failure asks of whoever looks after the job.
type FailureKind string

// The kinds of failures.
const (
	FailedPermanently FailureKind = "Permanent"    // it needs another revision, or the user (P13)
	FailedFenced      FailureKind = "Fenced"       // a later attempt has claimed the job (P1)
	FailedNoState     FailureKind = "StateMissing" // there was state and there is none, and it may not start empty (P5)
	FailedTransiently FailureKind = "Transient"    // it is tried again
)

// Settings are what a job is activated with beside its revision, as the engine declares them: they change without another
// revision (P8).
type Settings = config.Settings

// Restore is what the user asks for and agrees to at the start of an attempt.
type Restore = config.Restore

// Chain is the end of a job's chain in storage: what an activation must fit.
type Chain struct {
	// Attempt is the newest one; 0: there is none. Owner and Revision are whose it is and what it ran.
	Attempt  int64  `json:"attempt"`
	Owner    string `json:"owner,omitempty"`
	Revision string `json:"revision,omitempty"`
	// Began is the newest attempt from which anything came: those above it were claimed and did not begin. 0: none did, or
	// an older engine does not tell.
	Began int64 `json:"began,omitempty"`
	// Outcome is that of the newest checkpoint: Stopped, Drained or Completed; empty: none.
	Outcome outcome.Outcome `json:"outcome,omitempty"`
	// Checkpoint is the newest one that the job would go on from; nil: there is none.
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	// RestoreNonces have taken effect (P5).
	RestoreNonces []int64 `json:"restoreNonces,omitempty"`
}

// ActivateRequest begins an attempt (P3). It is the operator's alone.
type ActivateRequest struct {
	ID string `json:"id"`
	// ExpectedAttempt is the newest attempt that there may be; the activation's is the next.
	ExpectedAttempt int64 `json:"expectedAttempt"`
	// Revision must be the coordinator's own.
	Revision string `json:"revision"`
	// AllowEmpty lets the job begin with nothing if its folder holds nothing (P5).
	AllowEmpty bool `json:"allowEmpty,omitempty"`
	// TakeOver goes on with the chain of another owner.
	TakeOver bool     `json:"takeOver,omitempty"`
	Settings Settings `json:"settings"`
}

// Operator is one operator of the job.
type Operator struct {
	// UID is the name under which the operator's state is found again.
	UID  string `json:"uid"`
	Name string `json:"name"`
	// Parallelism is how many subtasks it has: those that run are Subtasks.
	Parallelism int       `json:"parallelism"`
	Subtasks    []Subtask `json:"subtasks"`
}

// Subtask is one of an operator's parallel parts. Its counters begin with the restart.
type Subtask struct {
	Index      int   `json:"index"`
	RecordsIn  int64 `json:"recordsIn"`
	RecordsOut int64 `json:"recordsOut"`
	// RecordsLate came too late for their window.
	RecordsLate int64 `json:"recordsLate,omitempty"`
	// RecordsSkipped could not be read, or had no event time.
	RecordsSkipped int64 `json:"recordsSkipped,omitempty"`
	// WatermarkMs is milliseconds since 1970; nil: there is none yet, or event time has ended.
	WatermarkMs *int64 `json:"watermarkMs,omitempty"`
}

// OperatorList is the answer of /v1/job/operators.
type OperatorList struct {
	Operators []Operator `json:"operators"`
}

// Status is how far a checkpoint or an operation is.
type Status string

// The statuses of checkpoints and operations. The last two are final.
const (
	InProgress Status = "InProgress"
	Done       Status = "Completed"
	Undone     Status = "Failed"
)

// Final tells that nothing more will happen.
func (s Status) Final() bool { return s == Done || s == Undone }

// CheckpointType says why a checkpoint was taken.
type CheckpointType string

// The types of checkpoints.
const (
	Periodic  CheckpointType = "Periodic"
	Savepoint CheckpointType = "Savepoint" // to be exported
	Stop      CheckpointType = "Stop"      // the last one before a stop, drain or signal
	Final     CheckpointType = "Final"     // at the end of bounded input
)

// CheckpointTypeOf returns the type of a checkpoint with an outcome; of one with none, whatever else it was taken for, it is
// not known any more.
func CheckpointTypeOf(o outcome.Outcome) CheckpointType {
	switch o {
	case outcome.Completed:
		return Final
	case outcome.Stopped, outcome.Drained:
		return Stop
	}
	return Periodic
}

// Checkpoint is one checkpoint of the job's chain.
type Checkpoint struct {
	ID     int64          `json:"id"`
	Type   CheckpointType `json:"type"`
	Status Status         `json:"status"`
	// Path is empty until it is complete.
	Path        string    `json:"path,omitempty"`
	TriggerTime time.Time `json:"triggerTime"`
	// SizeBytes is what was written for it, FullSizeBytes the size of all data files that it names: those that it shares with
	// checkpoints before it, too. DurationMs is from the trigger to completion, or until now.
	SizeBytes     int64 `json:"sizeBytes"`
	FullSizeBytes int64 `json:"fullSizeBytes"`
	DurationMs    int64 `json:"durationMs"`
	// Failure says why it failed.
	Failure string `json:"failure,omitempty"`
}

// CheckpointList is the answer of /v1/job/checkpoints.
type CheckpointList struct {
	Checkpoints []Checkpoint `json:"checkpoints"`
}

// SavepointRequest asks for a savepoint.
type SavepointRequest struct {
	ID string `json:"id"`
	// Target is the URL or absolute path of the folder that the savepoint's folder is made in; empty:
	// spec.savepoint.storage.
	Target string `json:"target,omitempty"`
}

// StopRequest asks for a savepoint after which the job ends.
type StopRequest struct {
	ID     string `json:"id"`
	Target string `json:"target,omitempty"`
	// Drain lets event time end first, so that every window fires; a drained job never runs again.
	Drain bool `json:"drain,omitempty"`
}

// CheckpointRequest asks for a checkpoint now.
type CheckpointRequest struct {
	ID string `json:"id"`
}

// CancelRequest asks the job to end at once.
type CancelRequest struct {
	ID string `json:"id"`
}

// Request is what a job is asked for under an id, on its way from REST through the list of operations to the coordinator.
type Request struct {
	ID   string
	Kind OperationKind
	// Target is where the savepoint of a Savepoint or Stop goes; empty: what the settings say.
	Target string
	// Drain is that of a Stop.
	Drain bool
	// Activate is what an Activate asks for; nil for all others.
	Activate *ActivateRequest
}

// Equal tells whether two requests are one that was repeated (P3).
func (r Request) Equal(other Request) bool {
	a, b := r.Activate, other.Activate
	if a == nil || b == nil {
		return r == other
	}
	r.Activate, other.Activate = nil, nil
	return r == other && *a == *b
}

// String says what is asked for, without the id.
func (r Request) String() string {
	text := string(r.Kind)
	if r.Activate != nil {
		return fmt.Sprintf("%s revision %s after attempt %d", text, r.Activate.Revision, r.Activate.ExpectedAttempt)
	}
	if r.Target != "" {
		text += " " + r.Target
	}
	if r.Drain {
		text += " with drain"
	}
	return text
}

// Request is what q asks a job for.
func (q SavepointRequest) Request() Request {
	return Request{ID: q.ID, Kind: SavepointOperation, Target: q.Target}
}

// Request is what q asks a job for.
func (q StopRequest) Request() Request {
	return Request{ID: q.ID, Kind: StopOperation, Target: q.Target, Drain: q.Drain}
}

// Request is what q asks a job for.
func (q CheckpointRequest) Request() Request { return Request{ID: q.ID, Kind: CheckpointOperation} }

// Request is what q asks a job for.
func (q CancelRequest) Request() Request { return Request{ID: q.ID, Kind: CancelOperation} }

// Request is what q asks a job for.
func (q ActivateRequest) Request() Request {
	return Request{ID: q.ID, Kind: ActivateOperation, Activate: &q}
}

// OperationKind is what was asked for.
type OperationKind string

// Word is the kind within a sentence.
func (k OperationKind) Word() string { return strings.ToLower(string(k)) }

// The kinds of operations.
const (
	SavepointOperation  OperationKind = "Savepoint"
	StopOperation       OperationKind = "Stop"
	CheckpointOperation OperationKind = "Checkpoint"
	CancelOperation     OperationKind = "Cancel"
	ActivateOperation   OperationKind = "Activate"
)

// Operation is what became of a request.
type Operation struct {
	ID     string        `json:"id"`
	Kind   OperationKind `json:"kind"`
	Status Status        `json:"status"`
	// Path of the snapshot that was made: the savepoint of a Savepoint or Stop, the checkpoint of a Checkpoint.
	Path         string `json:"path,omitempty"`
	CheckpointID int64  `json:"checkpointID,omitempty"`
	// SizeBytes is the size of that snapshot's files, or, of one that is being copied, what is to be copied; CopiedBytes
	// is what is copied.
	SizeBytes   int64 `json:"sizeBytes,omitempty"`
	CopiedBytes int64 `json:"copiedBytes,omitempty"`
	// Attempt is the one that an Activate began.
	Attempt int64 `json:"attempt,omitempty"`
	// Error says why it failed.
	Error *Error `json:"error,omitempty"`
}

// MaxWait is how long an answer may be waited for with ?wait.
const MaxWait = time.Minute

// maxIDLength leaves room for the job id in the name of a savepoint's folder.
const maxIDLength = 64

// CheckID tells what is wrong with an id for a request: it becomes part of file names, so it has 1 to 64 letters, digits
// and, between them, '-', '_' and '.'. UUIDs do.
func CheckID(id string) error {
	if id == "" {
		return &Error{Code: BadRequest, Message: "the request has no id",
			Remedy: `choose one, such as a UUID, and send it as "id": the same request under the same id is done only once`}
	}
	ok := len(id) <= maxIDLength && alphanumeric(id[0]) && alphanumeric(id[len(id)-1])
	for i := 0; ok && i < len(id); i++ {
		ok = alphanumeric(id[i]) || id[i] == '-' || id[i] == '_' || id[i] == '.'
	}
	if !ok {
		return &Error{Code: BadRequest, Message: fmt.Sprintf("id %.80q cannot be used", id),
			Remedy: "use 1 to 64 letters, digits and, between them, '-', '_' and '.'; a UUID will do"}
	}
	return nil
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
