package controllertest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// Bucket is what storage holds of one job, and the one place where its coordinators meet (P1, P3). It outlives pods,
// StatefulSets and StreamJobs. Safe for concurrent use.
type Bucket struct {
	jobID string

	mu struct {
		sync.Mutex
		storage     string // of checkpoints
		attempts    []Attempt
		checkpoints []ChainCheckpoint
		savepoints  map[string]savepoint // by id
		exports     map[string]int       // how often a savepoint was written, by id
		exported    map[string]int64     // of which checkpoint a savepoint is, by path, also of one that is disposed of
		disposed    []string
		discarded   int
		behaviour   Behaviour
		active      map[*coordinator]bool // coordinators whose attempt runs
		violations  []string
	}
}

// savepoint is one in storage.
type savepoint struct {
	path       string
	checkpoint int64
	outcome    outcome.Outcome // of that
}

// Attempt is one claim (P1).
type Attempt struct {
	Number   int64
	Owner    string
	Revision string
	Pod      string
	Settings rest.Settings
	// RestoredFrom is the path that it started from; empty: it started empty.
	RestoredFrom string
	// SelfClaimed tells that the pod claimed by itself, after a restart.
	SelfClaimed bool
	// Finishing attempts export a head that has an outcome, and run nothing.
	Finishing bool
	// Failed attempts were claimed, and did not begin.
	Failed bool
}

// ChainCheckpoint is one complete checkpoint of the chain.
type ChainCheckpoint struct {
	ID      int64
	Attempt int64
	Path    string
	// Outcome is Stopped, Drained or Completed; empty: none.
	Outcome outcome.Outcome
	Time    time.Time
	// Operation is the id of the stop that it was made for.
	Operation string
}

// Behaviour is what a job's coordinators do other than working well. The zero value works well.
type Behaviour struct {
	// HoldOperations keeps savepoints and stops in progress.
	HoldOperations bool
	// HoldCheckpoints lets none complete.
	HoldCheckpoints bool
	// FailCheckpoints lets each fail, for this reason; empty: they complete.
	FailCheckpoints string
	// HoldStart keeps an activated attempt Starting.
	HoldStart bool
	// Refuse answers requests for savepoints and stops; nil: they are taken.
	Refuse *rest.Error
	// RefuseActivation answers activations; nil: they are taken.
	RefuseActivation *rest.Error
	// FailActivation is what activations end with after they have claimed their attempt; nil: they begin.
	FailActivation *rest.Error
	// FailOperations are the errors that the next savepoints and stops end with, one for each.
	FailOperations []*rest.Error
	// BrokenAnswers is how many of the next requests get none: the connection is closed.
	BrokenAnswers int
	// Silent closes every connection until it is false again.
	Silent bool
	// FailJob ends the running attempt with this permanent error.
	FailJob string
	// CompleteJob ends the running attempt because its input ended.
	CompleteJob bool
}

func newBucket(jobID string) *Bucket {
	b := &Bucket{jobID: jobID}
	b.mu.savepoints = map[string]savepoint{}
	b.mu.exports, b.mu.exported = map[string]int{}, map[string]int64{}
	b.mu.active = map[*coordinator]bool{}
	return b
}

// Behave changes how the job's coordinators behave, from the next thing that they do.
func (b *Bucket) Behave(change func(*Behaviour)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.mu.behaviour)
}

// Attempts returns all claims, oldest first.
func (b *Bucket) Attempts() []Attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mu.attempts)
}

// Checkpoints returns all complete checkpoints, oldest first.
func (b *Bucket) Checkpoints() []ChainCheckpoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mu.checkpoints)
}

// Savepoints returns the paths of the savepoints in storage, by the ids that they were asked for with.
func (b *Bucket) Savepoints() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	paths := map[string]string{}
	for id, s := range b.mu.savepoints {
		paths[id] = s.path
	}
	return paths
}

// Disposed returns the paths that dispose Jobs removed.
func (b *Bucket) Disposed() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mu.disposed)
}

// Discarded tells how often a discard Job emptied the job's folder.
func (b *Bucket) Discarded() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.discarded
}

// Violations are the things that an operator must never bring about, as sentences; none: it did not.
func (b *Bucket) Violations() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mu.violations)
}

// Empty removes all that is in the job's folder, as a wrong lifecycle rule of the bucket does.
func (b *Bucket) Empty() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.attempts, b.mu.checkpoints = nil, nil
}

// Seed makes a chain as an earlier owner left it: one attempt with one checkpoint.
func (b *Bucket) Seed(owner, revision string, end outcome.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := int64(len(b.mu.attempts)) + 1
	b.mu.attempts = append(b.mu.attempts, Attempt{Number: n, Owner: owner, Revision: revision, Settings: rest.Settings{Parallelism: 1}})
	b.appendLocked(n, end, "")
}

func (b *Bucket) violateLocked(format string, args ...any) {
	b.mu.violations = append(b.mu.violations, fmt.Sprintf(format, args...))
}

func (b *Bucket) newestLocked() *Attempt {
	if len(b.mu.attempts) == 0 {
		return nil
	}
	return &b.mu.attempts[len(b.mu.attempts)-1]
}

func (b *Bucket) headLocked() *ChainCheckpoint {
	if len(b.mu.checkpoints) == 0 {
		return nil
	}
	return &b.mu.checkpoints[len(b.mu.checkpoints)-1]
}

// chainLocked is what a coordinator sees of the chain.
func (b *Bucket) chainLocked() *rest.Chain {
	chain := &rest.Chain{}
	if a := b.newestLocked(); a != nil {
		chain.Attempt, chain.Owner, chain.Revision = a.Number, a.Owner, a.Revision
	}
	for _, a := range b.mu.attempts {
		if a.Failed || a.Finishing {
			continue
		}
		if n := a.Settings.Restore.Nonce; n != 0 && !slices.Contains(chain.RestoreNonces, n) {
			chain.RestoreNonces = append(chain.RestoreNonces, n)
		}
	}
	if a := b.beganLocked(); a != nil {
		chain.Began = a.Number
	}
	if h := b.headLocked(); h != nil {
		chain.Outcome, chain.Checkpoint = b.outcomeLocked(), h.rest()
	}
	return chain
}

// beganLocked is the newest attempt from which anything came; nil: none did.
func (b *Bucket) beganLocked() *Attempt {
	for i := range slices.Backward(b.mu.attempts) {
		if a := &b.mu.attempts[i]; !a.Failed && !a.Finishing {
			return a
		}
	}
	return nil
}

// outcomeLocked is that of the head, unless an attempt has begun from it (P3).
func (b *Bucket) outcomeLocked() outcome.Outcome {
	h, began := b.headLocked(), b.beganLocked()
	if h == nil || began != nil && began.Number > h.Attempt {
		return outcome.None
	}
	return h.Outcome
}

// restoresLocked tells whether a restore has not been done yet (P5).
func (b *Bucket) restoresLocked(r rest.Restore) bool {
	if r.Path == "" {
		return false
	}
	return b.beganLocked() == nil || r.Nonce != 0 && !slices.Contains(b.chainLocked().RestoreNonces, r.Nonce)
}

// check is what a preflight says: the chain, and what output a restore would write again; empty: none.
func (b *Bucket) check(r rest.Restore) (chain *rest.Chain, repeats string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.chainLocked(), b.repeatsLocked(r)
}

// repeatsLocked says what output a restore would write again (P2); empty: none. In this model every checkpoint has committed
// some.
func (b *Bucket) repeatsLocked(r rest.Restore) string {
	if !b.restoresLocked(r) || r.AllowRepeatedOutput || b.headLocked() == nil {
		return ""
	}
	of, known := b.mu.exported[r.Path]
	if known && of == b.headLocked().ID {
		return ""
	}
	return fmt.Sprintf("going back to %s would write output again: what checkpoint %d committed", r.Path, b.headLocked().ID)
}

func (c *ChainCheckpoint) rest() *rest.Checkpoint {
	return &rest.Checkpoint{ID: c.ID, Type: rest.CheckpointTypeOf(c.Outcome), Status: rest.Done, Path: c.Path, TriggerTime: c.Time, SizeBytes: sizeOf(c.ID), DurationMs: 5}
}

// sizeOf is the size of a checkpoint in bytes.
func sizeOf(checkpoint int64) int64 { return 1000 + checkpoint }

// claimLocked appends an attempt. What it starts from is the chain's head, or the path that was asked for (P5).
func (b *Bucket) claimLocked(a Attempt) Attempt {
	a.Number = 1
	if newest := b.newestLocked(); newest != nil {
		a.Number = newest.Number + 1
	}
	switch {
	case !a.Finishing && b.restoresLocked(a.Settings.Restore):
		a.RestoredFrom = a.Settings.Restore.Path
	case b.headLocked() != nil:
		a.RestoredFrom = b.headLocked().Path
	}
	b.mu.attempts = append(b.mu.attempts, a)
	return a
}

// publishLocked completes a checkpoint if no later attempt has claimed the job (P1); nil: one has.
func (b *Bucket) publishLocked(attempt int64, end outcome.Outcome, operation string) *ChainCheckpoint {
	newest := b.newestLocked()
	if newest == nil || newest.Number != attempt {
		return nil
	}
	if h := b.headLocked(); h != nil && h.Attempt == attempt && h.Outcome.EndsChain() {
		b.violateLocked("attempt %d published a checkpoint after its last one, with outcome %s", attempt, h.Outcome)
	}
	return b.appendLocked(attempt, end, operation)
}

func (b *Bucket) appendLocked(attempt int64, end outcome.Outcome, operation string) *ChainCheckpoint {
	id := int64(1)
	if h := b.headLocked(); h != nil {
		id = h.ID + 1
	}
	b.mu.checkpoints = append(b.mu.checkpoints, ChainCheckpoint{ID: id, Attempt: attempt, Outcome: end, Operation: operation,
		Path: fmt.Sprintf("%s/%s/chk-%d", b.storageLocked(), b.jobID, id), Time: time.Now()})
	return b.headLocked()
}

func (b *Bucket) storageLocked() string {
	if b.mu.storage == "" {
		return "mem://checkpoints"
	}
	return b.mu.storage
}

func (b *Bucket) savepointPath(id, target string) string {
	return strings.TrimSuffix(target, "/") + "/savepoint-" + b.jobID + "-" + id
}

// exportLocked writes the savepoint of an id from the head (P3: one savepoint for each id).
func (b *Bucket) exportLocked(id, target string) string {
	path, head := b.savepointPath(id, target), b.headLocked()
	if old, ok := b.mu.savepoints[id]; ok {
		b.violateLocked("savepoint %s was asked for at %s, and is at %s", id, path, old.path)
		return old.path
	}
	b.mu.savepoints[id], b.mu.exported[path] = savepoint{path, head.ID, head.Outcome}, head.ID
	if b.mu.exports[id]++; b.mu.exports[id] > 1 {
		b.violateLocked("savepoint %s was written %d times", id, b.mu.exports[id])
	}
	return path
}

// dispose removes the savepoint at a path; false: what is there is none.
func (b *Bucket) dispose(path string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	base := path[strings.LastIndexByte(path, '/')+1:]
	if !strings.HasPrefix(base, "savepoint-") {
		b.violateLocked("%s is no savepoint, and was to be disposed of", path)
		return false
	}
	for id, s := range b.mu.savepoints {
		if s.path == path {
			delete(b.mu.savepoints, id)
		}
	}
	b.mu.disposed = append(b.mu.disposed, path)
	return true
}

// discard claims the next attempt, which fences all before, and empties the folder.
func (b *Bucket) discard(owner string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claimLocked(Attempt{Owner: owner})
	b.mu.checkpoints = nil
	b.mu.discarded++
	// The folder is empty: a later job of this id begins a new chain.
	b.mu.attempts = nil
	for c := range b.mu.active {
		b.violateLocked("the job's folder was discarded while attempt %d ran in pod %s", c.attempt, c.pod)
	}
}
