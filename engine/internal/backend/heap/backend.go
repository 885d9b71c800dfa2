// Package heap keeps keyed state in memory, without a pointer for a key or an entry: cells in open-addressing tables, entries of
// sorted maps and timers in B+-trees.
//
// There is a table for each key group, in each window, with short keys and cells inline. What was measured: two to three times as
// fast as a Go map, and nothing for the garbage collector to scan. Of a sorted map, or of timers, there is a tree for each key group, whose
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
	"slices"
	"sync/atomic"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// Backend holds the state of one operator in one subtask. It implements backend.Backend.
type Backend struct {
	scope    backend.Scope
	tables   []*table
	sorted   []*sorted
	timers   []*timers
	sweepers []*sweeper
	epoch    int64
	versions []*version
	acted    int64
	restored []int64 // watermark acted on before the restore, by group; never changed after it
	base     *base   // nil: the next checkpoint is written whole
	last     *taken  // what was frozen last; nil: nothing was
	// converted: something restored lies in its files as a state of another kind, so that no run can follow them.
	converted bool
}

// New makes an empty backend. It is a backend.Factory.
func New(scope backend.Scope) (backend.Backend, error) {
	b := &Backend{scope: scope, epoch: 1, acted: snapshot.NoTime}
	b.restored = make([]int64, scope.EndGroup-scope.FirstGroup)
	for g := range b.restored {
		b.restored[g] = snapshot.NoTime
	}
	for _, d := range scope.States {
		if d.CellBytes < 0 || b.table(d.Name) != nil || b.sortedMap(d.Name) != nil || b.timersOf(d.Name) != nil {
			return nil, fmt.Errorf("state %s is declared twice or with a width of %d bytes", d.Name, d.CellBytes)
		}
		if d.TTL != nil && (d.TTL.MS <= 0 || d.Kind == state.Timer || d.CellBytes > 0 && d.CellBytes <= state.StampBytes) {
			return nil, fmt.Errorf("state %s cannot have a TTL of %d ms, as a %v with %d bytes", d.Name, d.TTL.MS, d.Kind, d.CellBytes)
		}
		switch d.Kind {
		case state.Value, state.WindowValue:
			t := newTable(b, d)
			b.tables = append(b.tables, t)
			b.swept(t, d)
		case state.SortedMap:
			s := newSorted(b, d)
			b.sorted = append(b.sorted, s)
			b.swept(s, d)
		case state.Timer:
			b.timers = append(b.timers, newTimers(b, d))
		default:
			return nil, fmt.Errorf("state %s has kind %v, which the heap backend does not hold", d.Name, d.Kind)
		}
	}
	return b, nil
}

// swept lets a state be swept if its entries expire.
func (b *Backend) swept(of sweepable, d state.Descriptor) {
	if d.TTL != nil {
		b.sweepers = append(b.sweepers, &sweeper{of: of, ttl: d.TTL})
	}
}

func (b *Backend) sortedMap(name string) *sorted {
	for _, s := range b.sorted {
		if s.descriptor.Name == name {
			return s
		}
	}
	return nil
}

func (b *Backend) timersOf(name string) *timers {
	for _, t := range b.timers {
		if t.descriptor.Name == name {
			return t
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

// Timers returns declared timers.
func (b *Backend) Timers(name string) (state.Timers, error) {
	if t := b.timersOf(name); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("operator %s does not declare timers %q", b.scope.UID, name)
}

// AdvanceWatermark records that the operator has acted on a watermark.
func (b *Backend) AdvanceWatermark(watermark int64) { b.acted = max(b.acted, watermark) }

// RestoredWatermark is the watermark acted on before the restore in the key group of a hash.
func (b *Backend) RestoredWatermark(hash uint64) int64 {
	return b.restored[state.KeyGroup(hash, b.scope.MaxParallelism)-b.scope.FirstGroup]
}

// MaxRestoredWatermark is the highest watermark acted on before the restore.
func (b *Backend) MaxRestoredWatermark() int64 { return slices.Max(b.restored) }

// Close gives up the state.
func (b *Backend) Close() error {
	b.tables, b.sorted, b.timers, b.sweepers = nil, nil, nil, nil
	return nil
}

// Freeze fixes the state: it copies two pointers for each key group and state.
func (b *Backend) Freeze(checkpoint, complete int64) backend.Frozen {
	b.rebase(complete)
	b.versions = slices.DeleteFunc(b.versions, func(v *version) bool { return v.released.Load() })
	v := &version{epoch: b.epoch, done: make([]atomic.Bool, len(b.restored))}
	b.versions = append(b.versions, v)
	b.last = &taken{checkpoint: checkpoint}
	f := &frozen{scope: b.scope, version: v, acted: b.acted, restored: b.restored, base: b.base, taken: b.last}
	b.epoch++
	for _, d := range b.scope.States {
		switch d.Kind {
		case state.SortedMap:
			f.states = append(f.states, b.sortedMap(d.Name).freeze())
		case state.Timer:
			f.states = append(f.states, b.timersOf(d.Name).freeze())
		default:
			f.states = append(f.states, b.table(d.Name).freeze())
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
	base     *base // nil: it is written whole
	taken    *taken
	buffer   []byte
}

// frozenState is one state at a freeze.
type frozenState interface {
	name() string
	// begin begins a block, encode adds what a key group holds to it, and says how many entries that is.
	begin(dst []byte) []byte
	encode(dst []byte, group int) (block []byte, entries int)
	// beginChanges begins a block of changes, changes adds what has changed in a key group after an epoch, if anything has; number is
	// that of the group in the job. It must not be lost.
	beginChanges(dst []byte) []byte
	changes(dst []byte, group, number int, based int64) []byte
	// measure says how many entries of a key group were changed after an epoch, and how many it has; since what went; lost, that it
	// is not known what went.
	measure(group int, based int64) (changed, all int)
	since(group int, based int64) backend.Removals
	lost(group int, based int64) bool
}

// Write writes the state: as runs, or all key groups into one file; without any state or watermark there is none.
func (f *frozen) Write(ctx context.Context, files backend.Files) (snapshot.SubtaskState, error) {
	if f.scope.Incremental {
		return f.writeRuns(ctx, files)
	}
	out := frozenFile{ctx: ctx, create: files.Create, scope: f.scope}
	for g := range f.version.done {
		if err := f.writeGroup(&out, g, false); err != nil {
			return snapshot.SubtaskState{}, fmt.Errorf("write keyed state of operator %s: %w", f.scope.UID, out.abort(err))
		}
	}
	written, err := out.finish()
	if err != nil {
		return snapshot.SubtaskState{}, fmt.Errorf("write keyed state of operator %s: %w", f.scope.UID, err)
	}
	return snapshot.SubtaskState{Files: written}, nil
}

// writeGroup writes the blocks of a group. One that holds no cell still has a block if it acted on a watermark, which a
// restore must know of (P4), and always if it takes the place of what a file before holds.
func (f *frozen) writeGroup(out *frozenFile, g int, instead bool) error {
	if err := out.ctx.Err(); err != nil {
		return err
	}
	watermark, wrote := f.watermark(g), false
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
	if wrote || len(f.states) == 0 || watermark == snapshot.NoTime && !instead {
		return nil
	}
	f.buffer = f.states[0].begin(f.buffer[:0])
	return out.block(f.scope.FirstGroup+g, f.states[0].name(), watermark, f.buffer)
}

// watermark is the highest that a group has acted on.
func (f *frozen) watermark(g int) int64 { return max(f.acted, f.restored[g]) }

// Release gives up the version, so that nothing is copied for it any more.
func (f *frozen) Release() {
	f.version.released.Store(true)
	f.states = nil
}
