package heap

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
)

// A checkpoint is written as a run: of most key groups what has changed since the base, which is the newest complete checkpoint,
// and of some all, so that what a restore reads is bounded. The checkpoint names its run, and those of the base that hold
// something that no later run holds whole.
//
// What was changed is known by the epochs in which it was: a slots table, or a leaf, has a bit for each entry that was changed in
// its last epoch, and one for those before it. Both are turned when it is first written in another epoch, and then it is known
// whether what was frozen before is complete. What is not known to be complete counts as aborted: a run may hold more than has
// changed, never less.

// base is a complete checkpoint.
type base struct {
	epoch int64 // all changes up to it are in files
	files []snapshot.GroupFile
	acted int64 // the watermark that had been acted on since the restore
}

// taken is a checkpoint for which the state was frozen.
type taken struct {
	checkpoint int64
	written    atomic.Pointer[base] // what it is the base of once it is complete; nil: it was not written
}

// rebase makes what was frozen last the base, if that checkpoint is complete.
func (b *Backend) rebase(complete int64) {
	if b.last == nil || b.last.checkpoint != complete {
		return
	}
	if written := b.last.written.Load(); written != nil {
		b.base = written
	}
}

// based is the epoch up to which all changes are in a checkpoint that is known to be complete.
func (b *Backend) based() int64 { return b.base.upTo() }

func (b *base) upTo() int64 {
	if b == nil {
		return 0
	}
	return b.epoch
}

// follows tells whether a run may have to say what goes: there is, or may be, something before it.
func (b *Backend) follows() bool { return b.scope.Incremental && b.epoch > 1 }

const (
	// rounds is in how many checkpoints each key group is written whole once, at least.
	rounds = 48
	// maxRuns bounds the runs that a checkpoint names: where there are as many, all is written whole.
	maxRuns = 64
	// changesBytes is about how large a block of changes is: a restore reads one at a time.
	changesBytes = 256 << 10
)

// writeRuns writes what has changed, and some of the rest.
func (f *frozen) writeRuns(ctx context.Context, files backend.Files) (snapshot.SubtaskState, error) {
	whole, changed := f.whole()
	var state snapshot.SubtaskState
	if f.base != nil {
		state.Files = f.base.files
	}
	if changed || f.base == nil || f.acted != f.base.acted {
		out := frozenFile{ctx: ctx, create: files.CreateRun, scope: f.scope}
		written, err := f.writeRun(&out, whole)
		if err != nil {
			return snapshot.SubtaskState{}, fmt.Errorf("write keyed state of operator %s: %w", f.scope.UID, err)
		}
		carried := snapshot.Carry(state.Files, func(group int) bool { return whole[group-f.scope.FirstGroup] })
		state.Files = slices.Concat(carried, written)
	}
	f.taken.written.Store(&base{epoch: f.version.epoch, files: state.Files, acted: f.acted})
	return state, nil
}

// writeRun writes the groups that whole tells whole, and of the others what has changed.
func (f *frozen) writeRun(out *frozenFile, whole []bool) ([]snapshot.GroupFile, error) {
	changes := make([]changesBlock, len(f.states))
	for g := range f.version.done {
		err := error(nil)
		if whole[g] {
			err = f.writeGroup(out, g, f.base != nil)
		} else {
			err = f.addChanges(out, changes, g)
		}
		if err != nil {
			return nil, out.abort(err)
		}
	}
	for i := range changes {
		if err := f.flushChanges(out, changes, i); err != nil {
			return nil, out.abort(err)
		}
	}
	return out.finish()
}

// changesBlock is a block of changes that is being put together.
type changesBlock struct {
	first, end int // groups, from the first of the scope on; end 0: it is not begun
	watermark  int64
	content    []byte
	begun      int // bytes of content before the first group
}

// addChanges adds what has changed in a group to the blocks of all states. A block is of groups that have acted on one watermark.
func (f *frozen) addChanges(out *frozenFile, changes []changesBlock, g int) error {
	if err := out.ctx.Err(); err != nil {
		return err
	}
	for i, s := range f.states {
		c := &changes[i]
		if c.end > 0 && (c.watermark != f.watermark(g) || len(c.content) >= changesBytes) {
			if err := f.flushChanges(out, changes, i); err != nil {
				return err
			}
		}
		if c.end == 0 {
			c.first, c.watermark, c.content = g, f.watermark(g), s.beginChanges(c.content[:0])
			c.begun = len(c.content)
		}
		c.content = s.changes(c.content, g, f.scope.FirstGroup+g, f.base.upTo())
		c.end = g + 1
	}
	f.version.done[g].Store(true)
	return nil
}

// flushChanges writes a block that was put together. That of the first state is written though nothing has changed: it says what
// watermark its groups have acted on (P4).
func (f *frozen) flushChanges(out *frozenFile, changes []changesBlock, i int) error {
	c := &changes[i]
	first, end := f.scope.FirstGroup+c.first, f.scope.FirstGroup+c.end
	begun := c.end > 0
	c.end = 0
	if !begun || i > 0 && len(c.content) == c.begun {
		return nil
	}
	return out.changes(first, end, f.states[i].name(), c.watermark, c.content)
}

// whole decides which groups are written whole, and says whether anything has changed.
func (f *frozen) whole() (whole []bool, changed bool) {
	whole = make([]bool, len(f.version.done))
	for g := range whole {
		some, most := f.changedIn(g)
		changed = changed || some
		whole[g] = most || f.base == nil
	}
	if f.base != nil {
		for _, g := range f.due() {
			whole[g] = true
		}
	}
	return whole, changed
}

// changedIn says whether something in a group has changed, and whether so much has that it is written whole.
func (f *frozen) changedIn(g int) (some, most bool) {
	based := f.base.upTo()
	changes, entries := 0, 0
	for _, s := range f.states {
		if s.lost(g, based) {
			return true, true
		}
		changed, all := s.measure(g, based)
		gone := s.since(g, based)
		changes += changed + gone.Drops + gone.Removes
		entries += all
	}
	return changes > 0, 2*changes > entries
}

// due returns the groups whose turn it is to be written whole, those first that are so in the oldest run. A part of them are with
// each checkpoint, so that none has to write all; twice as much as has changed, so that the changes which a restore reads are at
// most about half of the state, however much changes; and at least as many as make a round of all groups in so many checkpoints,
// so that there are not ever more runs.
func (f *frozen) due() []int {
	n := len(f.version.done)
	since := make([]int, n) // by group: the run that holds it whole, from 1 on; 0: none does
	var wholes, changes, last int64
	for i, file := range f.base.files {
		last = 0
		for _, b := range file.Blocks {
			if b.End != 0 {
				changes += b.Size
				last += b.Size
				continue
			}
			wholes += b.Size
			since[b.Group-f.scope.FirstGroup] = i + 1
		}
	}
	id := f.taken.checkpoint
	count := id*int64(n)/rounds - (id-1)*int64(n)/rounds
	switch {
	case len(f.base.files) >= maxRuns || changes > wholes:
		count = int64(n)
	case wholes > 0:
		count = max(count, int64(math.Ceil(2*float64(last)/float64(wholes)*float64(n))))
	}
	groups := make([]int, n)
	for g := range groups {
		groups[g] = g
	}
	slices.SortStableFunc(groups, func(a, b int) int { return cmp.Compare(since[a], since[b]) })
	return groups[:min(count, int64(n))]
}
