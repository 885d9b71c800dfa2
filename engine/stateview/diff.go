package stateview

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
)

// Change is an entry that two snapshots do not have alike.
type Change struct {
	// Change is added, removed or changed, from the first snapshot to the second.
	Change string `json:"change"`
	Entry
	// Before is the value in the first snapshot; Value is that in the second, or in the only one that has the entry.
	Before json.RawMessage `json:"before,omitempty"`
}

// Count is how many entries of a state differ between two snapshots.
type Count struct {
	UID     string `json:"uid"`
	State   string `json:"state"`
	Equal   int64  `json:"equal"`
	Added   int64  `json:"added"`
	Removed int64  `json:"removed"`
	Changed int64  `json:"changed"`
}

// Diff calls f for every entry that is wanted and differs, in the order of [Each], and counts those of each state. It compares
// key group by key group: both must have the same number of them.
func Diff(ctx context.Context, before, after *snapshot.Snapshot, want Filter, f func(Change) error) ([]Count, error) {
	if a, b := before.Metadata.MaxParallelism, after.Metadata.MaxParallelism; a != b {
		return nil, fault.Permanentf(after.Path(), "compare snapshots of one job", "the snapshots cannot be compared: the keys of one are in %d groups, of the other in %d", a, b)
	}
	olds, oldErr := partsOf(before, want)
	news, newErr := partsOf(after, want)
	if oldErr != nil && newErr != nil {
		return nil, newErr
	}
	d := differ{ctx: ctx, before: before, after: after, keys: newMatcher(want.Key), tell: f}
	var counts []Count
	for _, pair := range pairs(olds, news) {
		c, err := d.part(pair[0], pair[1])
		if err != nil {
			return nil, err
		}
		counts = append(counts, c)
	}
	return counts, nil
}

// pairs are the states of both snapshots, and those of one beside nil.
func pairs(olds, news []part) (out [][2]*part) {
	find := func(list []part, p *part) *part {
		for i := range list {
			if list[i].uid == p.uid && list[i].descriptor.Name == p.descriptor.Name {
				return &list[i]
			}
		}
		return nil
	}
	for i := range olds {
		out = append(out, [2]*part{&olds[i], find(news, &olds[i])})
	}
	for i := range news {
		if find(olds, &news[i]) == nil {
			out = append(out, [2]*part{nil, &news[i]})
		}
	}
	return out
}

type differ struct {
	ctx           context.Context
	before, after *snapshot.Snapshot
	keys          matcher
	tell          func(Change) error
}

// part compares a state; one of the two may be nil.
func (d *differ) part(a, b *part) (Count, error) {
	either := a
	if either == nil {
		either = b
	}
	count := Count{UID: either.uid, State: either.descriptor.Name}
	if a != nil && b != nil && fmt.Sprint(a.descriptor) != fmt.Sprint(b.descriptor) {
		return count, fault.Permanentf(d.after.Path(), "compare snapshots of one version of the job, or name other states",
			"state %s of operator %s cannot be compared: it was %v, and is %v", count.State, count.UID, a.descriptor, b.descriptor)
	}
	for group := range d.before.Metadata.MaxParallelism {
		olds, err := entriesOf(d.ctx, d.before, a, group)
		if err != nil {
			return count, err
		}
		news, err := entriesOf(d.ctx, d.after, b, group)
		if err != nil {
			return count, err
		}
		if err := d.merge(olds, news, &count); err != nil {
			return count, err
		}
	}
	return count, nil
}

// entriesOf returns the entries of a key group; p may be nil.
func entriesOf(ctx context.Context, s *snapshot.Snapshot, p *part, group int) ([]located, error) {
	if p == nil {
		return nil, nil
	}
	return p.read(ctx, s, group)
}

// merge compares the entries of a key group, which are in order.
func (d *differ) merge(olds, news []located, count *Count) error {
	for len(olds) > 0 || len(news) > 0 {
		order := 0 // of the first old entry to the first new one
		switch {
		case len(olds) == 0:
			order = 1
		case len(news) == 0:
			order = -1
		default:
			order = compare(olds[0], news[0])
		}
		var c Change
		var n *int64
		switch {
		case order < 0:
			c, n, olds = Change{Change: "removed", Entry: olds[0].Entry}, &count.Removed, olds[1:]
		case order > 0:
			c, n, news = Change{Change: "added", Entry: news[0].Entry}, &count.Added, news[1:]
		case olds[0].raw != news[0].raw:
			c, n = Change{Change: "changed", Entry: news[0].Entry, Before: olds[0].Value}, &count.Changed
			olds, news = olds[1:], news[1:]
		default:
			c, n = Change{Entry: news[0].Entry}, &count.Equal
			olds, news = olds[1:], news[1:]
		}
		if !d.keys.match(c.Key) {
			continue
		}
		*n++
		if c.Change == "" {
			continue
		}
		if err := d.tell(c); err != nil {
			return err
		}
	}
	return nil
}
