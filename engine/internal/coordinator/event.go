package coordinator

import (
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// Event is something that has happened. Errors in events are classified by package fault (P13); a *snapshot.FencedError
// in any of them ends the run as fenced.
type Event interface{ event() }

type (
	// Started is the first event, once. Requests are savepoints and stops that were asked for before: a run that only finishes
	// ends when they are answered.
	Started struct{ Requests []rest.Request }
	// Tick says that NextDeadline has come. One too many does no harm.
	Tick struct{}

	// Discovered answers Discover.
	Discovered struct {
		Source    string
		Discovery connector.Discovery
	}
	// DiscoverFailed says that a Discover has failed.
	DiscoverFailed struct {
		Source string
		Err    error
	}

	// Reported is what a subtask of an execution says. One that could not be started is a message.Failed of no subtask.
	Reported struct{ message.Event }
	// TasksStopped answers CancelTasks: nothing of that execution is left, and no message of it follows.
	TasksStopped struct{ Execution message.Execution }

	// Published answers Publish; of PublishFailed, Err is what snapshot.Chain.Publish returned.
	Published struct{ Checkpoint int64 }
	// PublishFailed says that a Publish has failed.
	PublishFailed struct {
		Checkpoint int64
		Err        error
	}
	// Committed answers Commit. Committed means every committable of every sink.
	Committed struct{ Checkpoint int64 }
	// CommitFailed says that a Commit has failed.
	CommitFailed struct {
		Checkpoint int64
		Err        error
	}
	// Retired answers Retire: IDs name its splits for which nothing remains to be done.
	Retired struct {
		Source string
		IDs    []string
	}
	// Exported answers Export. Checkpoint is the one that the savepoint was made of: an earlier one, if somebody has asked
	// for the savepoint under this id before. Bytes is the size of its files.
	Exported struct {
		ID         string
		Path       string
		Checkpoint int64
		Bytes      int64
	}
	// ExportFailed says that an Export has failed.
	ExportFailed struct {
		ID  string
		Err error
	}
	// TargetProbed answers ProbeTarget.
	TargetProbed struct{ ID string }
	// SavepointFound answers ProbeTarget instead: there is a savepoint under this id already, of a checkpoint with an Outcome.
	SavepointFound struct {
		ID         string
		Path       string
		Checkpoint int64
		Outcome    outcome.Outcome
		Bytes      int64
	}
	// TargetProbeFailed says that a ProbeTarget has failed.
	TargetProbeFailed struct {
		ID  string
		Err error
	}

	// Requested is a request for a savepoint in its Target, for a stop, with a savepoint unless Target is empty, for a checkpoint
	// now, or a cancel, which ends the job at once, without a checkpoint or an answer. The id of the others is chosen by who asks:
	// asking again for an id joins the request if it is under way, whatever the target, and is answered as before if it has
	// succeeded (P3). Savepoints and stops share one space of ids, because the savepoints' folders do.
	Requested struct {
		rest.Request
		Deadline time.Duration // from now; 0: Config.RequestDeadline
	}
	// InterruptRequested is SIGINT or SIGTERM: a last checkpoint without outcome, then the end. The second ends at once.
	InterruptRequested struct{}
)

func (Started) event()            {}
func (Tick) event()               {}
func (Discovered) event()         {}
func (DiscoverFailed) event()     {}
func (Reported) event()           {}
func (TasksStopped) event()       {}
func (Published) event()          {}
func (PublishFailed) event()      {}
func (Committed) event()          {}
func (CommitFailed) event()       {}
func (Retired) event()            {}
func (Exported) event()           {}
func (ExportFailed) event()       {}
func (TargetProbed) event()       {}
func (SavepointFound) event()     {}
func (TargetProbeFailed) event()  {}
func (Requested) event()          {}
func (InterruptRequested) event() {}
