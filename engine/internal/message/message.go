// Package message holds what the coordinator and the subtasks of a job say to each other. It is data: in one process
// the messages are passed as they are; between processes they go as bytes, for which each has an encoding (encoding.go).
//
// Commands to one source subtask travel on one FIFO, so that a split assigned before a trigger is in the reader's part
// of that checkpoint, and one assigned after it in the coordinator's (P4). A message travels in an [Order] or an [Event],
// which names the execution that it belongs to; messages of another execution are dropped by their receiver (P1).
package message

import (
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/snapshot"
)

// Mode says what the sources do around the barrier of a checkpoint.
type Mode uint8

const (
	// Continue: the sources inject the barrier and go on.
	Continue Mode = iota
	// Pause: the sources inject the barrier and emit nothing after it until a Resume.
	Pause
	// Drain: the sources emit the end of event time first, so that every window fires, then do as in Pause.
	Drain
)

// Command is what a source subtask is told to do; Completed is for all subtasks.
type Command interface{ command() }

// Order is a command on its way to a subtask of an execution.
type Order struct {
	Execution Execution
	To        Subtask
	Command   Command
}

type (
	// Trigger starts checkpoint ID: inject its barrier.
	Trigger struct {
		ID   int64
		Mode Mode
	}
	// Resume lets paused sources go on, because the stop that paused them failed.
	Resume struct{}
	// Assign gives the subtask a split, from a position if it was read in part before.
	Assign struct {
		Split    connector.Split
		Position []byte
		MaxTime  int64 // highest event time that was emitted from it; math.MinInt64: none
	}
	// WatermarkBound bounds the subtask's watermark while there are splits that have not started: it may not exceed MaxTime minus the
	// source's delay. math.MinInt64 holds it back entirely, math.MaxInt64 lifts the bound. Until the first one, it is
	// held back entirely. Watched asks for SplitProgress although nothing is held: subtasks without a split follow it.
	WatermarkBound struct {
		MaxTime int64
		Watched bool
	}
	// Follow tells a subtask how far its source has got: as long as it has no split, its watermark is MaxTime minus the
	// source's delay, so that it holds nothing back.
	Follow struct{ MaxTime int64 }
	// Completed says that checkpoint ID is complete, which nothing can take back.
	Completed struct{ ID int64 }
	// NoMoreSplits ends the subtask's input after the splits that it has.
	NoMoreSplits struct{}
)

func (Trigger) command()        {}
func (Resume) command()         {}
func (Assign) command()         {}
func (WatermarkBound) command() {}
func (Follow) command()         {}
func (NoMoreSplits) command()   {}
func (Completed) command()      {}

// Report is what a subtask tells the coordinator.
type Report interface {
	// From is the subtask; the zero value: it is of the whole execution.
	From() Subtask
	report()
}

// Event is a report on its way from an execution.
type Event struct {
	Execution Execution
	Report    Report
}

// Subtask names a subtask of a task; a task is named by the uid of the operator at its head.
type Subtask struct {
	Task  string
	Index int
}

// From is the subtask itself, for the reports that it is part of.
func (s Subtask) From() Subtask { return s }

type (
	// Stopped says that nothing of a cancelled execution is left, and that no message of it follows. It is of no subtask.
	Stopped struct{}
	// Running says that the subtask has restored its state and runs.
	Running struct{ Subtask }
	// SplitProgress tells how far a split has been emitted; sent now and then, while a WatermarkBound is in force or
	// somebody follows.
	SplitProgress struct {
		Subtask
		Split   string
		MaxTime int64
	}
	// SplitIdle says that a split has given nothing for the source's idle timeout and holds the watermark no more, or that it
	// does again.
	SplitIdle struct {
		Subtask
		Split string
		Idle  bool
	}
	// SplitDone says that all rows of a split are emitted, and asks for another. The split is in no later snapshot.
	SplitDone struct {
		Subtask
		Split      string
		MaxTime    int64
		PassedOver bool // its rest could not be read
	}
	// SplitWanted asks for a first split.
	SplitWanted struct{ Subtask }
	// Ended says that a source subtask has emitted all of its input and the end of event time. It still injects barriers.
	Ended struct{ Subtask }
	// Ack says that the subtask's part of a checkpoint is durable.
	Ack struct {
		Subtask
		Checkpoint int64
		States     []OperatorState
		Stats      Stats
	}
	// Decline says that the subtask could not write its part. The subtask itself goes on.
	Decline struct {
		Subtask
		Checkpoint int64
		Err        Failure
	}
	// Failed says that the subtask has stopped with an error; the whole execution has to be restarted. Of no subtask, it says
	// that the execution could not be started, or told something.
	Failed struct {
		Subtask
		Err Failure
	}
)

// OperatorState is the state of one operator in one subtask.
type OperatorState struct {
	UID   string
	State snapshot.SubtaskState
}

// Stats says what a subtask's part of a checkpoint cost.
type Stats struct {
	// Bytes were written for it; FullBytes is the size of all data files that it names.
	Bytes, FullBytes int64
	// Align is the time from the first barrier to the last, Sync the time that processing stood still, Async the time
	// that the background part took.
	Align, Sync, Async time.Duration
}

// From is none.
func (Stopped) From() Subtask { return Subtask{} }

func (Stopped) report()       {}
func (Running) report()       {}
func (SplitProgress) report() {}
func (SplitIdle) report()     {}
func (SplitDone) report()     {}
func (SplitWanted) report()   {}
func (Ended) report()         {}
func (Ack) report()           {}
func (Decline) report()       {}
func (Failed) report()        {}
