package heap

import (
	"context"
	"fmt"
	"math"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// readers is how many blocks are read at once in a restore: it hides the latency of a store.
const readers = 16

// Restore reads the blocks of the scope's key groups, several at a time, and takes them in the order in which they were written.
func (b *Backend) Restore(ctx context.Context, from []snapshot.SubtaskState, blocks backend.Blocks) error {
	layers := snapshot.Layers(from, b.scope.FirstGroup, b.scope.EndGroup)
	for _, l := range layers { // before any entry, whose stamp may follow from it
		b.acts(l)
	}
	contents := make([]chan []byte, len(layers))
	for i := range contents {
		contents[i] = make(chan []byte, 1)
	}
	group, ctx := errgroup.WithContext(ctx)
	ahead := make(chan struct{}, readers) // of those that are being read, or wait for their turn
	group.Go(func() error {
		for i, l := range layers {
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			group.Go(func() error {
				content, err := blocks.ReadBlock(ctx, l.File, l.Block)
				contents[i] <- content
				return err
			})
		}
		return nil
	})
	group.Go(func() error {
		for i, l := range layers {
			select {
			case content := <-contents[i]:
				if content == nil {
					return nil // the reader that failed says why
				}
				if err := b.fill(l, content); err != nil {
					return err
				}
				<-ahead
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return fmt.Errorf("restore keyed state of operator %s: %w", b.scope.UID, err)
	}
	return nil
}

// Continue makes what was restored the base of the next checkpoint, if all of it is runs and their cells are those of the states.
func (b *Backend) Continue(from snapshot.SubtaskState) {
	if !b.scope.Incremental || b.converted || len(b.scope.Conversions) > 0 {
		return
	}
	for _, f := range from.Files {
		if f.Checkpoint == 0 {
			return
		}
	}
	b.base = &base{epoch: b.epoch, files: from.Files, acted: b.acted}
	b.epoch++
	for _, t := range b.tables {
		t.turn()
	}
}

// acts notes the watermark that the key groups of a layer had acted on.
func (b *Backend) acts(l snapshot.Layer) {
	for g := max(l.Block.Group, b.scope.FirstGroup); g < min(l.Block.Through(), b.scope.EndGroup); g++ {
		if l.Of(g) {
			b.restored[g-b.scope.FirstGroup] = max(b.restored[g-b.scope.FirstGroup], l.Block.Watermark)
		}
	}
}

// fill takes a block into its state.
func (b *Backend) fill(l snapshot.Layer, content []byte) error {
	if t := b.table(l.Block.State); t != nil {
		if l.Block.End == 0 {
			return t.fill(l, content)
		}
		return t.follow(l, content)
	}
	if s := b.sortedMap(l.Block.State); s != nil {
		if l.Block.End == 0 {
			return s.fill(l, content)
		}
		return s.follow(l, content)
	}
	if t := b.timersOf(l.Block.State); t != nil {
		return t.restore(l, content)
	}
	return fault.Permanentf("", "restore it with the job that wrote it, or give the operator another uid to start empty",
		"the snapshot has a state %q that the operator does not declare", l.Block.State)
}

// wanted returns whether a subtask restores a group of a layer.
func (b *Backend) wanted(l snapshot.Layer, group int) bool {
	return group >= b.scope.FirstGroup && group < b.scope.EndGroup && l.Of(group)
}

// ofGroup refuses a key that is not in the group that it is written in.
func (b *Backend) ofGroup(hash uint64, group int) error {
	if state.KeyGroup(hash, b.scope.MaxParallelism) != group {
		return backend.Refusal("a key belongs to another key group")
	}
	return nil
}

// fill takes a block that holds a group whole.
func (t *table) fill(l snapshot.Layer, content []byte) error {
	return backend.DecodeBlock(l.File.Path, l.Block, content, t.restored, func(window int64, key, cell []byte) error {
		hash := xxh3.Hash(key)
		if err := t.fits(hash, l.Block.Group, window); err != nil {
			return err
		}
		if !t.put(hash, window, key, cell) {
			return backend.Refusal("a key is there twice")
		}
		return nil
	})
}

func (t *table) fits(hash uint64, group int, window int64) error {
	if !t.windowed && window != 0 {
		return backend.Refusal("the state has no windows")
	}
	return t.backend.ofGroup(hash, group)
}

// follow takes a block of changes.
func (t *table) follow(l snapshot.Layer, content []byte) error {
	group := 0
	return backend.DecodeChanges(l.File.Path, l.Block, content, t.restored, backend.CellChanges{
		Wants: func(g int) bool {
			group = g
			return t.backend.wanted(l, g)
		},
		Drop: func(window int64) { t.dropGroup(group-t.first, window) },
		Remove: func(window int64, key []byte) error {
			hash := xxh3.Hash(key)
			if err := t.fits(hash, group, window); err != nil {
				return err
			}
			t.Delete(hash, window, key)
			return nil
		},
		Put: func(window int64, key, cell []byte) error {
			hash := xxh3.Hash(key)
			if err := t.fits(hash, group, window); err != nil {
				return err
			}
			t.put(hash, window, key, cell)
			return nil
		},
	})
}

// fill takes a block that holds a group whole.
func (s *sorted) fill(l snapshot.Layer, content []byte) error {
	return backend.DecodeSortedBlock(l.File.Path, l.Block, content, func(key, name, value []byte) error {
		hash := xxh3.Hash(key)
		if err := s.backend.ofGroup(hash, l.Block.Group); err != nil {
			return err
		}
		added, err := s.take(hash, key, name, value)
		if err == nil && !added {
			err = backend.Refusal("an entry is there twice")
		}
		return err
	})
}

// follow takes a block of changes.
func (s *sorted) follow(l snapshot.Layer, content []byte) error {
	group := 0
	return backend.DecodeSortedChanges(l.File.Path, l.Block, content, backend.SortedChanges{
		Wants: func(g int) bool {
			group = g
			return s.backend.wanted(l, g)
		},
		Remove: func(key, name []byte) error {
			hash := xxh3.Hash(key)
			err := s.backend.ofGroup(hash, group)
			if err == nil {
				s.Delete(hash, key, name)
			}
			return err
		},
		Put: func(key, name, value []byte) error {
			hash := xxh3.Hash(key)
			err := s.backend.ofGroup(hash, group)
			if err == nil {
				_, err = s.take(hash, key, name, value)
			}
			return err
		},
	})
}

// take puts in an entry that was restored, unless it has expired, and says whether there was none.
func (s *sorted) take(hash uint64, key, name, entry []byte) (added bool, err error) {
	stamped := s.descriptor.TTL != nil
	if s.aging != nil {
		stamped = s.aging.was != nil
	}
	if stamped && len(entry) < state.StampBytes {
		return false, backend.Refusal("an entry has no stamp")
	}
	before := s.n
	if s.aging == nil && s.convert == nil {
		s.Put(hash, key, name, entry)
		return s.n > before, nil
	}
	stamp, value, live := s.aging.take(s.group(hash), entry)
	if !live {
		s.Delete(hash, key, name) // which an earlier run may have put in
		return true, nil
	}
	s.restored = s.restored[:0]
	if s.aging != nil && s.aging.is != nil {
		s.restored = state.AppendStamped(s.restored, stamp, nil)
	}
	if s.convert == nil {
		s.restored = append(s.restored, value...)
	} else if s.restored, err = s.convert(s.restored, value); err != nil {
		return false, backend.Refusal(fmt.Sprintf("a value is not what its layout says: %v", err))
	}
	s.Put(hash, key, name, s.restored)
	return s.n > before, nil
}

// restore takes a block. Timers were cells of windows once: the window is the time, and the cell says nothing.
func (t *timers) restore(l snapshot.Layer, content []byte) error {
	cells, err := backend.OfCells(l.File.Path, l.Block, content)
	if err != nil {
		return err
	}
	group := l.Block.Group
	wants := func(g int) bool {
		group = g
		return t.backend.wanted(l, g)
	}
	set := func(ms int64, key []byte) (added bool, err error) {
		hash := xxh3.Hash(key)
		if err := t.backend.ofGroup(hash, group); err != nil {
			return false, err
		}
		return t.Set(hash, ms, key), nil
	}
	setOnce := func(ms int64, key []byte) error {
		added, err := set(ms, key)
		if err == nil && !added {
			err = backend.Refusal("a timer is there twice")
		}
		return err
	}
	put := func(ms int64, key []byte) error {
		_, err := set(ms, key)
		return err
	}
	remove := func(ms int64, key []byte) error {
		hash := xxh3.Hash(key)
		err := t.backend.ofGroup(hash, group)
		if err == nil {
			t.Delete(hash, ms, key)
		}
		return err
	}
	whole := l.Block.End == 0
	switch {
	case !cells && whole:
		return backend.DecodeTimerBlock(l.File.Path, l.Block, content, setOnce)
	case !cells:
		return backend.DecodeTimerChanges(l.File.Path, l.Block, content, backend.TimerChanges{Wants: wants, Remove: remove, Put: put})
	}
	t.backend.converted = true
	const width = 8 // of the cells that timers were
	if whole {
		return backend.DecodeBlock(l.File.Path, l.Block, content, width, func(ms int64, key, _ []byte) error { return setOnce(ms, key) })
	}
	return backend.DecodeChanges(l.File.Path, l.Block, content, width, backend.CellChanges{
		Wants:  wants,
		Drop:   func(ms int64) { t.drop(group-t.backend.scope.FirstGroup, ms) },
		Remove: remove,
		Put:    func(ms int64, key, _ []byte) error { return put(ms, key) },
	})
}

// drop removes all timers of a key group for a time.
func (t *timers) drop(g int, ms int64) {
	var due batch.Batch
	t.tree(g, ms, math.MaxInt, &due)
	for i, hash := range due.Hash {
		t.Delete(hash, ms, due.Keys.At(i))
	}
}
