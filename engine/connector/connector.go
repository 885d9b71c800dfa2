// Package connector holds the contracts between the runtime and the systems that a job reads and writes.
//
// A [Source] is split work: an [Enumerator], beside the coordinator, finds splits; a [Reader] in each subtask reads
// those that it is given. A [Sink] writes in two phases (P10): a [Writer] in each subtask makes rows durable with the
// barrier, a [Committer] beside the coordinator makes them visible once the checkpoint is complete.
//
// Implementations live in one package each below this one, know nothing of barriers, and pass the suites of
// package connectortest.
package connector

import (
	"bytes"
	"context"
	"time"

	"github.com/weirstream/weir/engine/batch"
)

// Source describes what a job reads. Its methods may be called many times, before and after a restart.
type Source interface {
	// Bounded says whether the input ends by itself.
	Bounded() bool
	// Order says in which order the splits start, which decides how one that has not started holds the watermark (P4).
	Order() SplitOrder
	// Payload returns an empty payload of the kind that the readers fill.
	Payload() batch.Payload
	// Enumerator finds the splits. It is called once in each attempt, beside the coordinator.
	Enumerator(ctx context.Context) (Enumerator, error)
	// Reader reads splits in one subtask.
	Reader(ctx context.Context, r ReaderContext) (Reader, error)
}

// Identified is a Source that says where its rows come from. Positions in one place mean nothing in another, so it goes on with those of a
// snapshot only if it says what it said then (P9).
type Identified interface {
	// Identity is readable, for people who are told that it is another.
	Identity() string
}

// PasserOver is a Source that reads what others change: it passes over what it cannot read, and says so.
type PasserOver interface {
	// PassedOver is the number of files, or of what the source has instead, that were not read, or not to their end. It may
	// be called at any time.
	PassedOver() int64
}

// LagMeter is a Source that knows how far its readers are behind what there is.
type LagMeter interface {
	// Lag is the number of records that the readers of this process have still to hand out, as far as they know. It may be called at
	// any time.
	Lag() int64
}

// Assigner is a Source whose splits are not pulled.
type Assigner interface {
	Assignment() Assignment
}

// Assignment says which subtask reads a split.
type Assignment uint8

const (
	// Pull: a subtask that has no split gets the next one. It is for splits that end, and what a Source has that is no
	// Assigner.
	Pull Assignment = iota
	// Spread: every split is given out as soon as it is found, to the subtask that has the fewest. It is for splits that
	// never end: a subtask that waited until it had none would leave the others unread (P15).
	Spread
)

// AssignmentOf returns how the splits of a source are assigned.
func AssignmentOf(s Source) Assignment {
	if a, ok := s.(Assigner); ok {
		return a.Assignment()
	}
	return Pull
}

// SplitOrder is the order in which the splits of a source start.
type SplitOrder uint8

const (
	// OrderNone: chains start in any order, so one that has not started holds the watermark back entirely.
	OrderNone SplitOrder = iota
	// OrderPath: splits start in the order in which they were discovered, as one chain; one that has not started
	// holds the watermark at its predecessor's.
	OrderPath
)

// Split is a part of a source that one reader reads from start to end.
type Split struct {
	// ID is unique in its source and the same in every run over the same input: for a file its path, size, etag and range.
	ID string
	// Chain names the splits that start one after the other whatever the order, such as the parts of one file.
	Chain string
	// Spec is what the reader needs to open the split, in the connector's own encoding.
	Spec []byte
}

// Discovery is what an enumerator found.
type Discovery struct {
	// Splits are those that were not known before, in the order in which they are to start.
	Splits []Split
	// Seen is what the enumerator knows now; it goes into snapshots and into the next call.
	Seen []byte
	// Done says that no further split will ever be found.
	Done bool
	// More says of an unbounded source that it knows of splits which it has not returned yet: until it has, they bound
	// event time like those that wait (P4).
	More bool
	// Next is the time to wait before the next call, unless Done.
	Next time.Duration
}

// Enumerator finds the splits of a source.
type Enumerator interface {
	// Discover lists what is new since seen, which is empty at the very start. It keeps no state of its own: the
	// coordinator calls it again with the seen of a snapshot, and it finds the same again.
	Discover(ctx context.Context, seen []byte) (Discovery, error)
	Close() error
}

// Retirer is an Enumerator that removes, or moves away, what was read to its end. All splits of a chain must come from one
// Discover: a chain of which none is left counts as read.
type Retirer interface {
	// Retire is called beside Discover, with one split of each chain that a complete checkpoint whose output is committed has
	// wholly behind it, and of which nothing was passed over. It is called again with the same after a crash or a failure,
	// and returns the IDs of those for which nothing remains to be done, also together with an error.
	Retire(ctx context.Context, splits []Split) (done []string, err error)
}

// Recounter is an Enumerator whose input can grow though it was read to its end: it says whether it has.
type Recounter interface {
	// Recount compares what is there with what had been found when Discover said Done. Unknown: seen does not say that.
	Recount(ctx context.Context, seen []byte) (Recount, error)
}

// Recount is how many files, or of what a source has instead, were found, and how many are there now.
type Recount struct {
	Then, Now int64
	// Changed says that those that are there now are others, or more.
	Changed bool
}

// ReaderContext tells a reader where it runs.
type ReaderContext struct {
	Subtask, Parallelism int
	// BatchRows is about how many rows one call of Next is to append at most: batch.TargetRows, or fewer if the job limits
	// the rate of the source, because the runtime waits between batches. It is at least 1. A reader that appends more keeps the rate, in bursts.
	BatchRows int
}

// Reader reads the splits of one subtask. One goroutine calls all its methods. I/O that takes long is done ahead in
// goroutines of its own; the position that counts is that of the rows handed out, never that of the read-ahead.
type Reader interface {
	// Add gives the reader a split to read, from position, or from its start if position is empty.
	Add(split Split, position []byte) error
	// Next appends to into, which is empty, up to about ReaderContext.BatchRows rows of one split. It does not block: with
	// nothing at hand it appends nothing and returns a Wait. With no rows and no Wait it has at least moved a split on, or ended
	// it, or it has none: otherwise it stands still ([Progress.Stands]). Rows that cannot be read are a *fault.Error with file and offset.
	Next(ctx context.Context, into *batch.Batch) (Progress, error)
	// Close ends what the reader does in goroutines of its own.
	Close() error
}

// Locator is a reader that can say where a row stands, for errors that come up later.
type Locator interface {
	// Locate names the place of a row of the last Next: a file, a line, a byte.
	Locate(row int) string
}

// LagReporter is a reader of splits that never end. It knows when one of them has nothing more to give for now, whether or not
// the reader is busy with others: by that, and by the time since its last row, a split is idle (P15).
type LagReporter interface {
	// CaughtUp says whether all that there is of a split by now was handed out.
	CaughtUp(split string) bool
}

// CheckpointListener is a Reader that wants to know how far complete checkpoints are, to tell it outside: the offsets of a
// consumer group are for people and their tools (P15). What is read after a restore never depends on it.
type CheckpointListener interface {
	// CheckpointComplete says that a checkpoint is complete, and where the reader was when it was taken: first the splits that it
	// had read to their end and was not told of yet, in that order, then those that were open. They are valid until it
	// returns. It does not block: I/O is done in a goroutine of the reader's own, which Close ends when the newest is told outside
	// or could not be.
	//
	// Calls are in the order of the checkpoints. One that was aborted is never told: what had ended before it is told with the next that is
	// complete. One that is complete may be left out if the execution ends for a failure. Then a later execution says all that it had said
	// of open splits, but nothing of those that had ended, which it does not read: what must be done for every split is
	// a [Retirer]'s. After a restore, the restored checkpoint is not told again: the positions of Add are its.
	CheckpointComplete(checkpoint int64, splits []CompleteSplit) error
}

// Progress tells what a call of Next did.
type Progress struct {
	// Split is the ID of the split that the rows came from; empty if there were none and none ended.
	Split string
	// Position continues the split just after these rows. It is valid until the next call.
	Position []byte
	// Done says that the split ended with these rows.
	Done bool
	// PassedOver says, together with Done, that the rest of the split was not read: its chain is never retired.
	PassedOver bool
	// Skipped is how many records, since the call before, were dropped because they could not be read.
	Skipped int64
	// Wait is closed, or receives, when there may be something to read; nil: call again.
	Wait <-chan struct{}
}

// Stands says that a call which returned so many rows did nothing for a reader that has splits, and has nothing to wait for: it
// would be called again at once, for ever. before is the position that Split had.
func (p *Progress) Stands(rows int, before []byte) bool {
	return rows == 0 && !p.Done && p.Wait == nil && (p.Split == "" || bytes.Equal(p.Position, before))
}

// Sink describes what a job writes.
type Sink interface {
	// Writer writes in one subtask.
	Writer(ctx context.Context, w WriterContext) (Writer, error)
	// Committer makes prepared output visible; it runs beside the coordinator. Nil: the sink has nothing to commit.
	Committer(ctx context.Context, c CommitterContext) (Committer, error)
	// Rewinds says that writing the same rows again after a restore repeats nothing that anyone can see (P2).
	Rewinds() bool
}

// ChangelogSink is a Sink that can take rows of all kinds: they change, or take away, what it was given before. Every other takes
// rows that come, and no query that changes rows writes to it.
type ChangelogSink interface {
	TakesChanges() bool
}

// WriterContext tells a writer where it runs. All of it may go into the names of what it stages (P1 "Names").
type WriterContext struct {
	Job                  string
	UID                  string // of the sink operator
	Attempt, Restart     int64
	Subtask, Parallelism int
}

// Writer writes the rows of one subtask. One goroutine calls all its methods.
type Writer interface {
	Write(ctx context.Context, b *batch.Batch) error
	// Prepare makes all rows since the last Prepare durable and returns what Commit needs to make them visible, each
	// in the connector's own encoding. Rows written later belong to the next checkpoint.
	Prepare(ctx context.Context, checkpoint int64) (committables [][]byte, err error)
	// Close drops what was not prepared.
	Close() error
}

// CommitterContext tells a committer whose output it commits.
type CommitterContext struct {
	Job     string
	UID     string
	Attempt int64
}

// Committer makes prepared output visible. Every method is idempotent: after a crash it is called again. Methods may be
// called at the same time, but for Close.
type Committer interface {
	// Commit is called only for complete checkpoints. It fails loudly, naming the objects, if output is lost.
	Commit(ctx context.Context, committables [][]byte) error
	// Forget removes what was staged for committables whose commit a complete checkpoint records as confirmed.
	Forget(ctx context.Context, committables [][]byte) error
	// Sweep removes what attempts below this one staged and no committable in live names.
	Sweep(ctx context.Context, live [][]byte) error
	Close() error
}
