package snapshot

import (
	"errors"
	"fmt"
	"strings"
)

// CorruptError names a damaged object and where in it the damage is.
type CorruptError struct {
	Object string // URL without credentials; "" while the object is not known
	Offset int64  // of the first byte that is wrong, or of the block that holds it
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s", e.Object, e.Offset, e.Reason)
}

// in returns err with the object's name, if it is a CorruptError that lacks it.
func in(object string, err error) error {
	var corrupt *CorruptError
	if errors.As(err, &corrupt) && corrupt.Object == "" {
		return &CorruptError{Object: object, Offset: corrupt.Offset, Reason: corrupt.Reason}
	}
	return err
}

// NotSavepointError refuses to delete what is no savepoint.
type NotSavepointError struct {
	Place  string
	Reason string
}

func (e *NotSavepointError) Error() string {
	return fmt.Sprintf("%s is not the folder of a savepoint: %s", e.Place, e.Reason)
}

// OthersSavepointError refuses the savepoint of another job: names of jobs and ids may join to the same folder.
type OthersSavepointError struct {
	Path string
	Job  string // whose it is
}

func (e *OthersSavepointError) Error() string {
	return fmt.Sprintf("%s is a savepoint of job %q", e.Path, e.Job)
}

// LostError is the answer to a claim that another attempt preceded.
type LostError struct {
	Attempt int64 // the winner's
	Owner   string
}

func (e *LostError) Error() string {
	return fmt.Sprintf("the job was claimed by attempt %d of %s", e.Attempt, e.Owner)
}

// FencedError tells an attempt that it is over: a later one has claimed the job. It may neither publish, notify, commit
// nor delete any more (P1).
type FencedError struct {
	Attempt int64 // the later one
	Owner   string
	// Gone says that there is no later attempt, but the own claim is gone: the job's folder was removed.
	Gone bool
}

func (e *FencedError) Error() string {
	if e.Gone {
		return "the claim of this attempt is gone: somebody has removed the job's folder while it ran"
	}
	return fmt.Sprintf("superseded by attempt %d of %s", e.Attempt, e.Owner)
}

// UndecidedError means that it is not known whether a checkpoint is complete: Publish must be called again with the same
// metadata until it returns anything else, and meanwhile the checkpoint must be neither used nor aborted (P1).
type UndecidedError struct {
	ID  int64
	Err error
}

func (e *UndecidedError) Error() string {
	return fmt.Sprintf("not known whether checkpoint %d is complete: %v", e.ID, e.Err)
}

func (e *UndecidedError) Unwrap() error { return e.Err }

// TakenError means that an earlier attempt, superseded but not yet aware of it, published under this checkpoint's id.
// That checkpoint is void. This one failed, and the next id is tried.
type TakenError struct {
	ID      int64
	Attempt int64 // 0: not readable
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("checkpoint id %d was used by attempt %d, which is void: take the next id", e.ID, e.Attempt)
}

// VoidError refuses a checkpoint that is no part of the job's history: its attempt published it after it was superseded,
// or a later attempt went on from elsewhere.
type VoidError struct {
	Path    string
	Attempt int64
}

func (e *VoidError) Error() string {
	return fmt.Sprintf("%s is void: a later attempt than its own, %d, did not go on from it, so it is no part of the job's "+
		"history; restore another checkpoint or a savepoint", e.Path, e.Attempt)
}

// StateMissingError refuses to start empty where there was state (P5).
type StateMissingError struct {
	Folder string
	Found  string
}

func (e *StateMissingError) Error() string {
	return fmt.Sprintf("state is missing in %s: %s; restore a snapshot by its path, or use another job id to start empty",
		e.Folder, e.Found)
}

// DamagedError means that no intact snapshot is left to go on from.
type DamagedError struct {
	Damage []*CorruptError
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s; there is no intact older checkpoint: restore a savepoint by its path", listDamage(e.Damage))
}

// RepeatError stops a restore that would write output again (P2).
type RepeatError struct {
	Damage []*CorruptError // why the newest cannot be restored; empty: an older snapshot was asked for
	Newest int64           // newest complete checkpoint; 0: its number is not readable
	Older  string          // path of the snapshot that would be restored
	Beyond string          // what would be repeated
}

func (e *RepeatError) Error() string {
	why := "an older snapshot than the newest was asked for"
	if len(e.Damage) > 0 {
		why = listDamage(e.Damage)
	}
	return fmt.Sprintf("%s; going back to %s would write output again: %s; to accept that, use --allow-repeated-output or "+
		"restore.allowRepeatedOutput", why, e.Older, e.Beyond)
}

func listDamage(damage []*CorruptError) string {
	texts := make([]string, len(damage))
	for i, d := range damage {
		texts[i] = d.Error()
	}
	return strings.Join(texts, "; ")
}
