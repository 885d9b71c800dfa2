// Package executor is the seam between who decides about a job's tasks and what runs them: [Executor] is all that the driver of
// a coordinator sees of subtasks, in this process or elsewhere. What goes down are orders, what comes back are events, and
// both are data: they name the execution that they belong to, and hold nothing of the process that they were made in.
// [executortest] has the suite that every executor passes; package task is the one that runs subtasks in this process.
//
// # Orders
//
// Every method returns at once: it waits for no subtask, store or network. Only Close waits. One goroutine calls Deploy,
// Command, Abort, Complete and Cancel, so that orders have an order; a later one never overtakes an earlier one on its way to a
// subtask, but for Abort. An execution lives from its Deploy to its Cancel, even if it could not be started or its subtasks have
// failed. Commands are kept for subtasks that do not run yet.
//
// Executions are deployed under ever higher names, each when the one before has stopped. One that comes too early cannot be
// started; one whose name is not higher than all before is an old message, and is dropped. So is every order for an execution
// that does not live, and nothing is said of it: who gave it knows that the execution is over, or will hear so. A command
// for a subtask that the living execution does not have, or that is no source, is a failure of that execution: who gave it
// and what runs are not of one mind about the job.
//
// # Events
//
// Events are delivered by many goroutines, also while a method is being called; the function that takes them must not wait, and must
// not call the executor. Of each subtask:
//
//   - Running comes first, at most once, when its state is restored.
//   - Failed comes at most once, with or without Running before it. The subtask does nothing more, and what it has not
//     acknowledged it will not, but for what is being acknowledged just then. Those that exchange rows with it fail, too, but
//     after it and with a transient error, so that the cause is told first.
//   - Ack and Decline come from what is written in the background: in any order among themselves and to the others, but
//     never both, nor one twice, of one checkpoint. None follows an Abort of the checkpoint, unless it is on its way.
//   - All other reports come in the order in which things happened, and so do those to one command after those to the
//     command before.
//
// An error is told as a message.Failure, which has its class, its place and its text; nobody on the other side can look for
// the error itself. There is no other order between subtasks. What a subtask sends to another, and so a barrier, is not ordered with its events.
//
// # The end
//
// Nothing ends by itself: an execution whose input has ended, or that has failed, waits for Cancel. Cancel waits for nothing
// either. It is answered by Stopped, once, when no goroutine of the execution is left, what it was writing is given up, and
// its readers, operators and writers are closed; no event of the execution follows. A second Cancel has no effect. So every
// Deploy that was not dropped is followed by exactly one Stopped once it is cancelled, also if it could not be started.
//
// Close cancels what lives, and returns when nothing of any execution is left; it may take for ever if code of a user or of
// a connector heeds no context. Nothing is delivered after it has returned, also no Stopped, and orders after it are dropped.
// Who has made the executor closes it; the executor closes nothing that it was given.
package executor

import (
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/snapshot"
)

// Executor runs the executions of one attempt, one at a time. The package comment is its contract.
type Executor interface {
	// Deploy begins an execution. What goes wrong is reported as Failed, of no subtask if it concerns none.
	Deploy(d Deployment)
	// Command gives an order to one source subtask. Orders to one subtask are obeyed in sequence.
	Command(o message.Order)
	// Abort gives up a checkpoint in all subtasks. It overtakes the commands that they have not obeyed yet.
	Abort(e message.Execution, checkpoint int64)
	// Complete says in all subtasks that a checkpoint is complete, for the readers and operators that want to know. It is told in its
	// place among the commands, and also if the execution is cancelled, or the executor closed, right after.
	Complete(e message.Execution, checkpoint int64)
	// Cancel ends an execution; answered by Stopped.
	Cancel(e message.Execution)
	// Metrics are the newest known counters of every operator in every subtask of the living execution, in an order that stays;
	// after Close, of the one that lived then. None: no execution lives, or it could not be started. Any goroutine may ask.
	Metrics() []message.Metrics
	// Close ends what runs and waits for it.
	Close()
}

// Deployment says what to begin. The graph, its parallelism, and where data files go is known to the executor.
type Deployment struct {
	Execution message.Execution
	// From is the snapshot whose keyed state is restored; nil: empty state. Splits and committables in it are the coordinator's
	// business. The executor changes nothing in it.
	From *snapshot.Metadata
	// Continues: From is the newest complete checkpoint of the job's own chain, so that what is written may name its runs again.
	Continues bool
}
