// Package heap keeps keyed state in memory, without a pointer for a key or an entry: cells in open-addressing tables, entries of
// sorted maps in B+-trees.
//
// There is a table for each key group, in each window, with short keys and cells inline. What was measured: two to three times as
// fast as a Go map, and nothing for the garbage collector to scan. Of a sorted map there is a tree for each key group, whose
// leaves are buffers of 4 KiB.
//
// It promises what package backend asks for. A freeze takes a time that grows with the number of key groups alone; after
// it, a group's table in a window, or one leaf of a tree, is copied when it is first written, unless the background writer is
// done with the group by then. The hash that callers hand in must be xxh3-64 of the encoded key: tables recompute it when they grow.
//
// Cells are aligned to eight bytes, so that a Go struct can be laid over one.
package heap

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// readers is how many blocks are read at once in a restore: it hides the latency of a store.
const readers = 16

// Backend holds the state of one operator in one subtask. It implements backend.Backend.
type Backend struct {
	scope    backend.Scope
	tables   []*table
	sorted   []*sorted
	epoch    int64
	versions []*version
	acted    int64
	restored []int64 // watermark acted on before the restore, by group; never changed after it
}

// New makes an empty backend. It is a backend.Factory.
func New(scope backend.Scope) (backend.Backend, error) {
	b := &Backend{scope: scope, epoch: 1, acted: snapshot.NoTime}
	b.restored = make([]int64, scope.EndGroup-scope.FirstGroup)
	for g := range b.restored {
		b.restored[g] = snapshot.NoTime
	}
	for _, d := range scope.States {
		if d.CellBytes < 0 || b.table(d.Name) != nil || b.sortedMap(d.Name) != nil {
			return nil, fmt.Errorf("state %s is declared twice or with a width of %d bytes", d.Name, d.CellBytes)
		}
		switch d.Kind {
		case state.Value, state.WindowValue:
			b.tables = append(b.tables, newTable(b, d))
		case state.SortedMap:
			b.sorted = append(b.sorted, newSorted(b, d))
		default:
			return nil, fmt.Errorf("state %s has kind %v, which the heap backend does not hold", d.Name, d.Kind)
		}
	}
	return b, nil
}

func (b *Backend) sortedMap(name string) *sorted {
	for _, s := range b.sorted {
		if s.descriptor.Name == name {
			return s
		}
	}
	return nil
}

func (b *Backend) table(name string) *table {
	for _, t := range b.tables {
		if t.descriptor.Name == name {
			return t
		}
	}
	return nil
}

// Table returns a declared state of cells.
func (b *Backend) Table(name string) (state.Table, error) {
	if t := b.table(name); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("operator %s does not declare a state %q of cells", b.scope.UID, name)
}

// Sorted returns a declared SortedMap.
func (b *Backend) Sorted(name string) (state.Sorted, error) {
	if s := b.sortedMap(name); s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("operator %s does not declare a sorted map %q", b.scope.UID, name)
}

// ActOn records that the operator has acted on a watermark.
func (b *Backend) ActOn(watermark int64) { b.acted = max(b.acted, watermark) }

// RestoredWatermark is the watermark acted on before the restore in the key group of a hash.
func (b *Backend) RestoredWatermark(hash uint64) int64 {
	return b.restored[state.KeyGroup(hash, b.scope.MaxParallelism)-b.scope.FirstGroup]
}

// MaxRestoredWatermark is the highest watermark acted on before the restore.
func (b *Backend) MaxRestoredWatermark() int64 { return slices.Max(b.restored) }

// Close gives up the state.
func (b *Backend) Close() error {
	b.tables, b.sorted = nil, nil
	return nil
}

// Restore reads the blocks of the scope's key groups, several at a time.
func (b *Backend) Restore(ctx context.Context, from []snapshot.SubtaskState, blocks backend.Blocks) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	var filling sync.Mutex // guards all of b
	for _, s := range from {
		for _, f := range s.Files {
			for _, block := range f.Blocks {
				if block.Group < b.scope.FirstGroup || block.Group >= b.scope.EndGroup {
					continue
				}
				group.Go(func() error {
					content, err := blocks.ReadBlock(ctx, f, block)
					if err != nil {
						return err
					}
					filling.Lock()
					defer filling.Unlock()
					return b.fill(f, block, content)
				})
			}
		}
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("restore keyed state of operator %s: %w", b.scope.UID, err)
	}
	return nil
}

// fill puts the entries of a block into its state.
func (b *Backend) fill(f snapshot.GroupFile, block snapshot.Block, content []byte) error {
	g := block.Group - b.scope.FirstGroup
	b.restored[g] = max(b.restored[g], block.Watermark)
	if t := b.table(block.State); t != nil {
		return backend.DecodeBlock(f.Path, block, content, t.descriptor.CellBytes, func(window int64, key, cell []byte) error {
			hash := xxh3.Hash(key)
			switch {
			case state.KeyGroup(hash, b.scope.MaxParallelism) != block.Group:
				return backend.Refusal("a key belongs to another key group")
			case !t.windowed && window != 0:
				return backend.Refusal("the state has no windows")
			case !t.put(hash, window, key, cell):
				return backend.Refusal("a key is there twice")
			}
			return nil
		})
	}
	if s := b.sortedMap(block.State); s != nil {
		return backend.DecodeSortedBlock(f.Path, block, content, func(key, name, value []byte) error {
			hash := xxh3.Hash(key)
			if state.KeyGroup(hash, b.scope.MaxParallelism) != block.Group {
				return backend.Refusal("a key belongs to another key group")
			}
			before := s.n
			if s.Put(hash, key, name, value); s.n == before {
				return backend.Refusal("an entry is there twice")
			}
			return nil
		})
	}
	return fault.Permanentf("", "restore it with the job that wrote it, or give the operator another uid to start empty",
		"the snapshot has a state %q that the operator does not declare", block.State)
}

// Freeze fixes the state: it copies one pointer for each key group and state.
func (b *Backend) Freeze() backend.Frozen {
	b.versions = slices.DeleteFunc(b.versions, func(v *version) bool { return v.released.Load() })
	v := &version{epoch: b.epoch, done: make([]atomic.Bool, len(b.restored))}
	b.versions = append(b.versions, v)
	f := &frozen{scope: b.scope, version: v, acted: b.acted, restored: b.restored}
	b.epoch++
	for _, d := range b.scope.States {
		if t := b.table(d.Name); t != nil {
			f.states = append(f.states, t.freeze())
		} else {
			f.states = append(f.states, b.sortedMap(d.Name).freeze())
		}
	}
	return f
}

// frozen is the state at a freeze. It implements backend.Frozen.
type frozen struct {
	scope    backend.Scope
	version  *version
	states   []frozenState
	acted    int64
	restored []int64
	buffer   []byte
}

// frozenState is one state at a freeze.
type frozenState interface {
	name() string
	// begin begins a block, encode adds what a key group holds to it, and says how many entries that is.
	begin(dst []byte) []byte
	encode(dst []byte, group int) (block []byte, entries int)
}

// Write writes all key groups into one file; without any state or watermark there is none.
func (f *frozen) Write(ctx context.Context, files backend.Files) (snapshot.SubtaskState, error) {
	out := frozenFile{ctx: ctx, files: files, scope: f.scope}
	for g := range f.version.done {
		if err := f.writeGroup(&out, g); err != nil {
			return snapshot.SubtaskState{}, fmt.Errorf("write keyed state of operator %s: %w", f.scope.UID, out.abort(err))
		}
	}
	s, err := out.finish()
	if err != nil {
		return s, fmt.Errorf("write keyed state of operator %s: %w", f.scope.UID, err)
	}
	return s, nil
}

// writeGroup writes the blocks of a group. One that holds no cell still has a block if it acted on a watermark, which a
// restore must know of (P4).
func (f *frozen) writeGroup(out *frozenFile, g int) error {
	if err := out.ctx.Err(); err != nil {
		return err
	}
	watermark, wrote := max(f.acted, f.restored[g]), false
	for _, s := range f.states {
		content, entries := s.encode(s.begin(f.buffer[:0]), g)
		f.buffer = content
		if entries == 0 {
			continue
		}
		wrote = true
		if err := out.block(f.scope.FirstGroup+g, s.name(), watermark, content); err != nil {
			return err
		}
	}
	f.version.done[g].Store(true)
	if wrote || watermark == math.MinInt64 || len(f.states) == 0 {
		return nil
	}
	f.buffer = f.states[0].begin(f.buffer[:0])
	return out.block(f.scope.FirstGroup+g, f.states[0].name(), watermark, f.buffer)
}

// Release gives up the version, so that nothing is copied for it any more.
func (f *frozen) Release() {
	f.version.released.Store(true)
	f.states = nil
}
