package connectortest

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// Source describes a bounded source to the suite.
type Source struct {
	// New makes the source anew, as a restarted process does.
	New func(t *testing.T) connector.Source
	// Row is row i of a payload as text.
	Row func(p batch.Payload, i int) string
	// Want has all rows of the source, in any order.
	Want []string
	// Told is the position of a split that is known outside, of a source whose readers tell there what is complete
	// ([connector.CheckpointListener]); nil: they do not. What a reader was told must be there when it is closed.
	Told func(t *testing.T, split string) []byte
}

// RunSource tests a bounded source.
func RunSource(t *testing.T, s Source) {
	t.Run("discovery finds the same splits in every run", s.discoversTheSame)
	t.Run("discovery goes on from what was seen", s.discoveryGoesOn)
	t.Run("all rows are read once by one reader", func(t *testing.T) { s.readsAll(t, 1) })
	t.Run("all rows are read once by three readers", func(t *testing.T) { s.readsAll(t, 3) })
	t.Run("reading resumes from every position", s.resumes)
	t.Run("small batches have all rows too", s.keepsToSmallBatches)
	t.Run("a reader without splits returns at once", s.idles)
	t.Run("a reader can be closed at any time", s.closes)
	if s.Told != nil {
		t.Run("complete positions are told outside", s.tells)
	}
	t.Run("malformed splits and positions are refused", s.refusesMalformed)
}

// discover lists all splits of a new run of the source.
func (s Source) discover(t *testing.T, src connector.Source) []connector.Split {
	t.Helper()
	ctx := within(t)
	e, err := src.Enumerator(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, e)
	var splits []connector.Split
	var seen []byte
	for {
		d, err := e.Discover(ctx, seen)
		if err != nil {
			t.Fatal(err)
		}
		splits = append(splits, d.Splits...)
		if d.Done {
			return splits
		}
		seen = d.Seen
	}
}

func (s Source) discoversTheSame(t *testing.T) {
	first := s.discover(t, s.New(t))
	if diff := cmp.Diff(first, s.discover(t, s.New(t))); diff != "" {
		t.Errorf("another run finds other splits: %s", diff)
	}
	ids := map[string]bool{}
	for _, split := range first {
		if ids[split.ID] {
			t.Errorf("split %s occurs twice", split.ID)
		}
		ids[split.ID] = true
	}
}

func (s Source) discoveryGoesOn(t *testing.T) {
	ctx := within(t)
	all := s.discover(t, s.New(t))
	var found []connector.Split
	var seen []byte
	for done := false; !done; {
		// An enumerator for each step, as if the coordinator died after each.
		e, err := s.New(t).Enumerator(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var first, again connector.Discovery
		for _, d := range []*connector.Discovery{&first, &again} {
			if *d, err = e.Discover(ctx, slices.Clone(seen)); err != nil {
				t.Fatal(err)
			}
		}
		closed(t, e)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Fatalf("the same seen finds other splits: %s", diff)
		}
		if !first.Done && first.Next <= 0 {
			t.Fatal("it is neither done nor says when to look again")
		}
		found, seen, done = append(found, first.Splits...), first.Seen, first.Done
	}
	if diff := cmp.Diff(all, found); diff != "" {
		t.Errorf("step by step it finds other splits: %s", diff)
	}
	e, err := s.New(t).Enumerator(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, e)
	d, err := e.Discover(ctx, seen)
	if err != nil || len(d.Splits) > 0 || !d.Done {
		t.Errorf("after the end: %d splits, done %v, %v; want none, and done", len(d.Splits), d.Done, err)
	}
}

// step is what a reader handed out at once.
type step struct {
	split    string
	rows     []string
	position []byte
	done     bool
}

// opened is a reader with the splits that it was given, as the runtime knows them.
type opened struct {
	connector.Reader
	source Source
	into   *batch.Batch
	splits []connector.CompleteSplit // in the order in which they were added
}

// reader makes a reader; the test closes it.
func (s Source) reader(ctx context.Context, t *testing.T, src connector.Source, c connector.ReaderContext) *opened {
	t.Helper()
	r, err := src.Reader(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return &opened{Reader: r, source: s, into: batch.Of(src.Payload())}
}

func (r *opened) add(t *testing.T, split connector.Split, position []byte) {
	t.Helper()
	if err := r.Add(split, position); err != nil {
		t.Fatal(err)
	}
	r.splits = append(r.splits, connector.CompleteSplit{OpenSplit: connector.OpenSplit{Split: split, Position: position}})
}

// find returns a split that has not ended; nil: there is none of this ID.
func (r *opened) find(id string) *connector.CompleteSplit {
	for i := range r.splits {
		if s := &r.splits[i]; s.ID == id && !s.Ended {
			return s
		}
	}
	return nil
}

// next returns the next step of a reader, waiting where it asks to; false: all of its splits have ended.
func (r *opened) next(ctx context.Context, t *testing.T) (step, bool) {
	t.Helper()
	for slices.ContainsFunc(r.splits, func(s connector.CompleteSplit) bool { return !s.Ended }) {
		r.into.Reset()
		p, err := r.Next(ctx, r.into)
		if err != nil {
			t.Fatal(err)
		}
		split := r.find(p.Split)
		switch {
		case split == nil && (p.Split != "" || r.into.Len() > 0):
			t.Fatalf("%d rows of split %q, which the reader does not have", r.into.Len(), p.Split)
		case split == nil && p.Stands(0, nil), split != nil && p.Stands(r.into.Len(), split.Position):
			t.Fatal("the reader stands still: no row, no other position, nothing to wait for")
		case split != nil:
			split.Position, split.Ended = slices.Clone(p.Position), p.Done
			out := step{split: p.Split, position: split.Position, done: p.Done}
			for i := range r.into.Len() {
				out.rows = append(out.rows, r.source.Row(r.into.Data, i))
			}
			return out, true
		case p.Wait == nil:
			continue
		}
		select {
		case <-p.Wait:
		case <-ctx.Done():
			t.Fatal("the reader waits for ever")
		}
	}
	return step{}, false
}

// read returns all steps of one split from a position on, in batches of about so many rows.
func (s Source) read(t *testing.T, src connector.Source, split connector.Split, position []byte, batchRows int) []step {
	t.Helper()
	ctx := within(t)
	r := s.reader(ctx, t, src, connector.ReaderContext{Parallelism: 1, BatchRows: batchRows})
	defer closed(t, r)
	r.add(t, split, position)
	var steps []step
	for {
		st, ok := r.next(ctx, t)
		if !ok {
			return steps
		}
		steps = append(steps, st)
	}
}

func rowsOf(steps []step) []string {
	var rows []string
	for _, st := range steps {
		rows = append(rows, st.rows...)
	}
	return rows
}

func (s Source) readsAll(t *testing.T, readers int) {
	ctx := within(t)
	src := s.New(t)
	splits := s.discover(t, src)
	var rows []string
	for n := range readers {
		r := s.reader(ctx, t, src, connector.ReaderContext{Subtask: n, Parallelism: readers, BatchRows: batch.TargetRows})
		for i := n; i < len(splits); i += readers {
			r.add(t, splits[i], nil)
		}
		for st, ok := r.next(ctx, t); ok; st, ok = r.next(ctx, t) {
			rows = append(rows, st.rows...)
		}
		closed(t, r)
	}
	want := slices.Sorted(slices.Values(s.Want))
	slices.Sort(rows)
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("the rows differ: %s", diff)
	}
}

// resumes checks, too, that positions do not depend on where batches end: a reader that resumes ends at the same position.
func (s Source) resumes(t *testing.T) {
	for _, split := range s.discover(t, s.New(t)) {
		whole := s.read(t, s.New(t), split, nil, batch.TargetRows)
		for i := range whole {
			rest := s.read(t, s.New(t), split, whole[i].position, batch.TargetRows)
			if diff := cmp.Diff(rowsOf(whole[i+1:]), rowsOf(rest)); diff != "" {
				t.Fatalf("split %s, resumed after batch %d: %s", split.ID, i, diff)
			}
			if diff := cmp.Diff(whole[len(whole)-1].position, rest[len(rest)-1].position); diff != "" {
				t.Fatalf("split %s, resumed after batch %d, ends at another position: %s", split.ID, i, diff)
			}
		}
	}
}

// keepsToSmallBatches checks that the runtime can keep a rate that is low: it waits between batches.
func (s Source) keepsToSmallBatches(t *testing.T) {
	for _, split := range s.discover(t, s.New(t)) {
		whole := s.read(t, s.New(t), split, nil, batch.TargetRows)
		steps := s.read(t, s.New(t), split, nil, 1)
		if diff := cmp.Diff(rowsOf(whole), rowsOf(steps)); diff != "" {
			t.Fatalf("split %s has other rows in batches of one: %s", split.ID, diff)
		}
		for i, st := range steps {
			if len(st.rows) > 1 {
				t.Fatalf("split %s: batch %d has %d rows, one was wanted", split.ID, i, len(st.rows))
			}
		}
	}
}

func (s Source) idles(t *testing.T) {
	src := s.New(t)
	r, err := src.Reader(within(t), connector.ReaderContext{Parallelism: 1, BatchRows: batch.TargetRows})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, r)
	into := batch.Of(src.Payload())
	p, err := r.Next(t.Context(), into)
	if err != nil || into.Len() > 0 || p.Split != "" || p.Done {
		t.Errorf("%+v, %d rows, %v; want nothing", p, into.Len(), err)
	}
}

// tells tells a reader of complete checkpoints as the runtime does: the ends of splits that it was not told of, and where the others were,
// after it has read on. Every other checkpoint is aborted. Readers are closed after each number of checkpoints.
func (s Source) tells(t *testing.T) {
	src := s.New(t)
	splits := s.discover(t, src)
	for stop, ended := 1, false; !ended; stop++ {
		ctx := within(t)
		r := s.reader(ctx, t, src, connector.ReaderContext{Parallelism: 1, BatchRows: 1})
		listener, ok := r.Reader.(connector.CheckpointListener)
		if !ok {
			t.Fatal("its readers do not want to know what is complete")
		}
		for _, split := range splits {
			r.add(t, split, nil)
		}
		told, known := map[string][]byte{}, map[string]bool{} // by split: its position, and that its end was told
		for checkpoint := int64(1); checkpoint <= int64(2*stop) && !ended; checkpoint++ {
			at := r.complete(known)
			_, more := r.next(ctx, t)
			ended = !more
			if checkpoint%2 == 1 && more {
				continue // aborted
			}
			for _, split := range at {
				told[split.ID], known[split.ID] = slices.Clone(split.Position), split.Ended
			}
			if err := listener.CheckpointComplete(checkpoint, at); err != nil {
				t.Fatal(err)
			}
			for _, split := range at { // valid until it returned
				for i := range split.Position {
					split.Position[i] ^= 0xff
				}
			}
		}
		closed(t, r)
		for split, position := range told {
			if got := s.Told(t, split); !bytes.Equal(got, position) {
				t.Fatalf("after %d complete checkpoints split %s is told outside to be at %x, want %x", stop, split, got, position)
			}
		}
	}
}

// complete is where the splits are, those that have ended first, but not those whose end is known.
func (r *opened) complete(known map[string]bool) (at []connector.CompleteSplit) {
	for _, ended := range []bool{true, false} {
		for _, s := range r.splits {
			if s.Ended == ended && !known[s.ID] {
				s.Position = slices.Clone(s.Position)
				at = append(at, s)
			}
		}
	}
	return at
}

func (s Source) closes(t *testing.T) {
	src := s.New(t)
	splits := s.discover(t, src)
	for steps := range 2 {
		r, err := src.Reader(within(t), connector.ReaderContext{Parallelism: 1, BatchRows: batch.TargetRows})
		if err != nil {
			t.Fatal(err)
		}
		for _, split := range splits {
			if err := r.Add(split, nil); err != nil {
				t.Fatal(err)
			}
		}
		for range steps {
			if _, err := r.Next(t.Context(), batch.Of(src.Payload())); err != nil {
				t.Fatal(err)
			}
		}
		closed(t, r)
	}
}

func (s Source) refusesMalformed(t *testing.T) {
	src := s.New(t)
	r, err := src.Reader(within(t), connector.ReaderContext{Parallelism: 1, BatchRows: batch.TargetRows})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, r)
	for _, split := range s.discover(t, src)[:1] {
		for n := range split.Spec {
			cut := split
			cut.Spec = split.Spec[:n]
			if err := r.Add(cut, nil); err == nil {
				t.Errorf("a split cut off at %d of %d bytes is accepted", n, len(split.Spec))
			}
		}
		for _, position := range [][]byte{{0xff}, slices.Repeat([]byte{0xff}, 24)} {
			if err := r.Add(split, position); err == nil {
				t.Errorf("position %x is accepted", position)
			}
		}
	}
}

func closed(t *testing.T, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
