package coordinator

import (
	"log/slog"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// Effect is something to do. Effects are begun in their order; those that take long go on beside the coordinator and are
// answered by an event.
type Effect interface{ effect() }

type (
	// Deploy starts an execution from a snapshot; nil: empty. The queues for commands to its source subtasks
	// exist when it has been carried out, even if the subtasks do not run yet.
	Deploy struct {
		Execution message.Execution
		From      *snapshot.Metadata
		// Continues: From is the newest complete checkpoint of the chain, whose runs the next one may name again (P6).
		Continues bool
	}
	// CancelTasks stops an execution; answered by TasksStopped.
	CancelTasks struct{ Execution message.Execution }
	// SendCommand puts a command into the queue of a source subtask.
	SendCommand struct{ message.Order }
	// AbortCheckpoint tells every subtask that a checkpoint will not become complete, before any later Trigger is sent.
	AbortCheckpoint struct {
		Execution  message.Execution
		Checkpoint int64
	}

	// NotifyComplete tells every subtask that a checkpoint is complete, before any later Trigger is sent.
	NotifyComplete struct {
		Execution  message.Execution
		Checkpoint int64
	}

	// Discover asks a source's enumerator what is new since Seen. At most one is under way for each source.
	Discover struct {
		Source string
		Seen   []byte
	}

	// Publish makes a checkpoint complete. It is repeated with the same metadata until it is decided (P1). The driver sets
	// its Time, once; attempt and nonce are set by the chain.
	Publish struct{ Metadata *snapshot.Metadata }
	// Commit makes the output of a complete checkpoint visible. One is under way at a time, in the order of the checkpoints.
	Commit struct {
		Checkpoint int64
		Sinks      []snapshot.SinkCommittables
		// End is the checkpoint that has ended the job, this or a later one; nil: none has. No later one will record that it
		// is confirmed, so that is recorded with it: then nothing is committed any more. That record is written with the
		// commit of End itself, and then what Staged names goes, its own and what no complete checkpoint says is confirmed.
		End    *snapshot.Metadata
		Staged []snapshot.SinkCommittables
	}
	// Forget removes what was staged for committables whose commit a complete checkpoint records as confirmed (P10). No
	// answer: what is left is removed by a later attempt's SweepStaged.
	Forget struct{ Sinks []snapshot.SinkCommittables }
	// SweepStaged removes what lower attempts have staged and Live does not name; it lists every sink. No answer.
	SweepStaged struct{ Live []snapshot.SinkCommittables }
	// Retire has a source remove what a complete checkpoint, whose output is committed, has behind it: one split of each
	// chain. Answered by Retired, however it ends; at most one is under way for each source.
	Retire struct {
		Source string
		Splits []connector.Split
	}
	// Sweep deletes what the newest complete checkpoint no longer retains. No answer; the driver has one under way at a
	// time, of the newest.
	Sweep struct{ Newest *snapshot.Metadata }

	// ProbeTarget writes to the place of a savepoint before anything else is done for it (P3).
	ProbeTarget struct{ ID, Target string }
	// Export makes a savepoint of a checkpoint whose commits are confirmed.
	Export struct {
		ID, Target string
		Metadata   *snapshot.Metadata
	}

	// Reply answers everyone who waits for a request.
	Reply struct {
		Kind   rest.OperationKind
		ID     string
		Result Result
		Err    error
	}
	// Log tells people what was decided.
	Log struct {
		Level slog.Level
		Text  string
	}
	// Exit is the last effect. Whatever still runs is stopped; no event has any effect any more.
	Exit struct {
		Outcome outcome.Outcome
		Err     error // why: always with Fenced and Failed; with Interrupted if there is no last checkpoint
	}
)

func (Deploy) effect()          {}
func (CancelTasks) effect()     {}
func (SendCommand) effect()     {}
func (AbortCheckpoint) effect() {}
func (NotifyComplete) effect()  {}
func (Discover) effect()        {}
func (Publish) effect()         {}
func (Commit) effect()          {}
func (Forget) effect()          {}
func (SweepStaged) effect()     {}
func (Retire) effect()          {}
func (Sweep) effect()           {}
func (ProbeTarget) effect()     {}
func (Export) effect()          {}
func (Reply) effect()           {}
func (Log) effect()             {}
func (Exit) effect()            {}

// Result is the answer to a request that succeeded.
type Result struct {
	Checkpoint int64           // that the savepoint was made of
	Outcome    outcome.Outcome // of the checkpoint that served the request
	Path       string          // of the savepoint; empty: none was asked for
	Bytes      int64           // of the savepoint's files; if none was asked for, of the checkpoint's
}
