// Package stateview shows the keyed state in snapshots to people: as JSON, entry by entry, and what differs between two
// snapshots. It knows no job: what a state means, the snapshot says.
//
// It refuses to change anything, and to guess: what it has no words for is shown as bytes. State is read a block at a time, so a
// snapshot may be larger than the memory.
package stateview

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// Entry is what a state has under a key, and under a window or name if the state has those.
type Entry struct {
	UID   string `json:"uid"`
	State string `json:"state"`
	Group int    `json:"group"` // key group
	// Subtask is that of an entry of operator state, which has no key; nil: the state is of keys.
	Subtask *int `json:"subtask,omitempty"`
	// Key is an object of the group columns, or the key of a program's stream.
	Key json.RawMessage `json:"key"`
	// Window is the start of the window as a timestamp, of a cumulating one its end, or the number that a program's state has one
	// for, such as the time of a timer in ms.
	Window json.RawMessage `json:"window,omitempty"`
	Name   json.RawMessage `json:"name,omitempty"` // of an entry of a list or map
	Value  json.RawMessage `json:"value"`
	// Written is when an entry that expires was last written, in ms by the clock of its TTL; nil: it does not expire, or there was no time yet.
	// It may have expired since, and not be out of the state yet.
	Written *int64 `json:"written,omitempty"`
}

// Filter says which entries are wanted. Empty fields want all.
type Filter struct {
	UID, State string
	// Key is one key: as JSON, as [Entry] has it or as the array of its columns, or the text of its only column.
	Key string
}

// Each calls f for every entry that is wanted, in an order that depends on the state alone: by operator, state, key group, window,
// and key as bytes. Damage is a *snapshot.CorruptError.
func Each(ctx context.Context, s *snapshot.Snapshot, want Filter, f func(Entry) error) error {
	parts, err := partsOf(s, want)
	if err != nil {
		return err
	}
	keys := newMatcher(want.Key)
	for _, p := range parts {
		for _, group := range p.groups {
			entries, err := p.read(ctx, s, group)
			if err != nil {
				return err
			}
			for i := range entries {
				if !keys.match(entries[i].Key) {
					continue
				}
				if err := f(entries[i].Entry); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// part is a state of an operator in a snapshot.
type part struct {
	uid        string
	descriptor state.Descriptor
	words      words
	groups     []int // those of which anything was written, in order
	reader     *backend.Reader
	subtasks   []snapshot.SubtaskState // of an operator state
}

// partsOf returns the states of a snapshot that a filter wants.
func partsOf(s *snapshot.Snapshot, want Filter) ([]part, error) {
	var parts []part
	var found []string
	for i := range s.Metadata.Operators {
		o := &s.Metadata.Operators[i]
		layers := snapshot.Layers(o.Subtasks, 0, snapshot.MaxGroups)
		for _, schema := range o.Schemas {
			found = append(found, fmt.Sprintf("%s of %s", schema.Name, o.UID))
			if want.UID != "" && want.UID != o.UID || want.State != "" && want.State != schema.Name {
				continue
			}
			parts = append(parts, newPart(s, o, schema, layers))
		}
	}
	if len(parts) > 0 || want.UID == "" && want.State == "" {
		return parts, nil
	}
	remedy := "choose one of: " + strings.Join(found, ", ")
	if len(found) == 0 {
		remedy = "there is nothing to look at: no operator of the snapshot has state"
	}
	what := "no operator " + want.UID + " with state"
	switch {
	case want.UID == "":
		what = "no state " + want.State
	case want.State != "":
		what = fmt.Sprintf("no state %s of operator %s", want.State, want.UID)
	}
	return nil, fault.Permanentf(s.Path(), remedy, "the snapshot has %s", what)
}

func newPart(s *snapshot.Snapshot, o *snapshot.OperatorState, schema snapshot.StateSchema, layers []snapshot.Layer) part {
	d := state.Descriptor{Name: schema.Name, Key: schema.KeyFields}
	d.TTL, d.Value = state.SplitTTL(schema.ValueFields)
	for _, k := range []state.Kind{state.Value, state.WindowValue, state.SortedMap, state.Timer, state.OperatorList, state.UnionList, state.Broadcast} {
		if k.String() == schema.Kind {
			d.Kind = k
		}
	}
	if d.Kind == state.WindowValue && slices.Equal(d.Value, []string{"timer"}) {
		d.Kind = state.Timer // as which such cells are restored
	}
	p := part{uid: o.UID, descriptor: d, words: wordsFor(d, o.Fingerprint), reader: backend.NewReader(s, layers)}
	if d.Kind.OfOperator() {
		p.groups, p.subtasks = []int{0}, o.Subtasks
		return p
	}
	for _, l := range layers {
		if l.Block.State != schema.Name {
			continue
		}
		for g := l.Block.Group; g < l.Block.Through(); g++ {
			p.groups = append(p.groups, g)
		}
	}
	slices.Sort(p.groups)
	p.groups = slices.Compact(p.groups)
	return p
}

// located is an entry with what names it in its block.
type located struct {
	Entry
	window    int64
	key, name string
	raw       string // the value as it is in the block
}

// readItems returns the entries of an operator state, subtask by subtask.
func (p *part) readItems(s *snapshot.Snapshot) (entries []located, err error) {
	for i := range p.subtasks {
		index := p.subtasks[i].Index
		err := state.DecodeItems(p.subtasks[i].Extra, func(name string, itemName, value []byte) error {
			if name != p.descriptor.Name {
				return nil
			}
			e := located{Entry: Entry{UID: p.uid, State: name, Subtask: &index}, window: int64(index), name: string(itemName), raw: string(value)}
			if err := p.words.say(&e.Entry, 0, nil, itemName, value); err != nil {
				return err
			}
			e.Key = json.RawMessage("null")
			entries = append(entries, e)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%s: state %s of operator %s: %w", s.Path(), p.descriptor.Name, p.uid, err)
		}
	}
	slices.SortStableFunc(entries, compare)
	return entries, nil
}

// read returns the entries of a key group in order.
func (p *part) read(ctx context.Context, s *snapshot.Snapshot, group int) ([]located, error) {
	if p.descriptor.Kind.OfOperator() {
		if group > 0 {
			return nil, nil
		}
		return p.readItems(s)
	}
	whole, err := p.reader.Read(ctx, group, p.descriptor.Name)
	if err != nil || whole.Content == nil {
		return nil, err
	}
	file := s.Path() + "/" + whole.File
	var entries []located
	add := func(window int64, key, name, value []byte) error {
		e := located{Entry: Entry{UID: p.uid, State: p.descriptor.Name, Group: group}, window: window,
			key: string(key), name: string(name), raw: string(value)}
		if p.descriptor.TTL != nil {
			if len(value) < state.StampBytes {
				return backend.Refusal("an entry has no stamp")
			}
			stamp := state.Stamp(value)
			if stamp == state.Unwritten {
				return nil // nothing is there
			}
			if value = value[state.StampBytes:]; stamp != state.Untimed {
				e.Written = &stamp
			}
		}
		if err := p.words.say(&e.Entry, window, key, name, value); err != nil {
			return backend.Refusal(err.Error())
		}
		entries = append(entries, e)
		return nil
	}
	switch p.descriptor.Kind {
	case state.Timer:
		err = readTimers(file, whole, func(ms int64, key []byte) error { return add(ms, key, nil, nil) })
	case state.SortedMap:
		err = backend.DecodeSortedBlock(file, whole.Block, whole.Content, func(key, name, value []byte) error { return add(0, key, name, value) })
	default:
		err = p.readCells(file, whole.Block, whole.Content, add)
	}
	slices.SortFunc(entries, compare)
	return entries, err
}

// readTimers calls add for the timers of a block, which were cells of windows once.
func readTimers(file string, whole backend.Whole, add func(ms int64, key []byte) error) error {
	cells, err := backend.OfCells(file, whole.Block, whole.Content)
	if err != nil {
		return err
	}
	if !cells {
		return backend.DecodeTimerBlock(file, whole.Block, whole.Content, add)
	}
	width, err := backend.BlockCellBytes(file, whole.Block, whole.Content)
	if err != nil {
		return err
	}
	return backend.DecodeBlock(file, whole.Block, whole.Content, width, func(window int64, key, _ []byte) error { return add(window, key) })
}

// readCells calls add for the cells of a block.
func (p *part) readCells(file string, b snapshot.Block, content []byte, add func(window int64, key, name, cell []byte) error) error {
	width, err := backend.BlockCellBytes(file, b, content)
	if err != nil {
		return err
	}
	cellBytes := width
	if p.descriptor.TTL != nil {
		cellBytes -= state.StampBytes
	}
	if err := p.words.fits(cellBytes); err != nil {
		return fmt.Errorf("state %s of operator %s: %w", p.descriptor.Name, p.uid, err)
	}
	return backend.DecodeBlock(file, b, content, width, func(window int64, key, cell []byte) error { return add(window, key, nil, cell) })
}

// compare orders the entries of a block.
func compare(a, b located) int {
	return cmp.Or(cmp.Compare(a.window, b.window), strings.Compare(a.key, b.key), strings.Compare(a.name, b.name))
}
