package kafka

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// reader reads its partitions in turn, a fetch of each at a time. It decodes on the caller's goroutine.
type reader struct {
	source  *Source
	client  *kgo.Client
	fetcher *fetcher
	group   *group // nil: no group is told of positions
	decoder *decoder
	rows    int // of a batch

	parts   []*partition // the one that is read next comes first
	current *partition   // of the last batch
	starts  []rowOf      // of the records of the last batch
	encoded []byte       // position, valid until the next call
	lag     int64        // of this reader, as it is part of the source's
	calls   int          // of Next
}

// measureEvery is after how many batches a busy reader says how far it is behind; one that waits says it at once.
const measureEvery = 64

// rowOf is the first row of a record in the last batch.
type rowOf struct {
	row    int
	offset int64
}

func newReader(s *Source, cl *kgo.Client, rows int) *reader {
	r := &reader{source: s, client: cl, fetcher: newFetcher(s, cl), decoder: newDecoder(&s.config.Record, s.config.Schema), rows: rows}
	if s.config.GroupID != "" {
		r.group = newGroup(s, cl)
	}
	return r
}

// Add begins to read a partition.
func (r *reader) Add(s connector.Split, position []byte) error {
	spec, err := decodeSplit(s)
	if err != nil {
		return err
	}
	p := &partition{partitionSplit: *spec, split: s.ID, at: spec.Start, end: -1}
	if len(position) > 0 {
		if p.at, err = spec.decodePosition(position); err != nil {
			return err
		}
	}
	p.next = p.at
	r.parts = append(r.parts, p)
	f := r.fetcher
	f.mu.Lock()
	f.mu.parts = append(f.mu.parts, p)
	f.mu.Unlock()
	signal(f.wake)
	return nil
}

// Next hands out rows of a partition that has some at hand.
func (r *reader) Next(ctx context.Context, into *batch.Batch) (connector.Progress, error) {
	columns, ok := into.Data.(*batch.Columns)
	if !ok {
		return connector.Progress{}, fmt.Errorf("a source of Kafka fills columns, not %T", into.Data)
	}
	if len(r.parts) == 0 {
		return connector.Progress{}, ctx.Err()
	}
	if r.calls++; r.calls%measureEvery == 0 {
		r.measure()
	}
	p, f, err := r.fetcher.first(r.parts)
	switch {
	case err != nil:
		return connector.Progress{}, err
	case p == nil:
		r.measure()
		return connector.Progress{Wait: r.fetcher.ready}, ctx.Err()
	case f == nil:
		return r.finish(p), nil
	}
	r.current = p
	n, err := r.decode(columns, p, f.records)
	if err != nil {
		return connector.Progress{}, err
	}
	whole := n == len(f.records)
	if whole {
		p.at = f.next
	} else {
		p.at = f.records[n].Offset
	}
	r.fetcher.taken(p, n, whole)
	if p.Stop != noStop && p.at >= p.Stop {
		return r.finish(p), nil
	}
	i := slices.Index(r.parts, p)
	r.parts = append(slices.Delete(r.parts, i, i+1), p)
	r.encoded = encodePosition(r.encoded[:0], p.at)
	return connector.Progress{Split: p.split, Position: r.encoded, Skipped: r.decoder.newlySkipped()}, ctx.Err()
}

// decode appends the rows of records until the batch has its size, and says how many records that were.
func (r *reader) decode(columns *batch.Columns, p *partition, records []*kgo.Record) (n int, err error) {
	r.decoder.into(columns)
	r.starts = r.starts[:0]
	bytes := 0
	for n < len(records) && columns.N < r.rows && bytes < batch.TargetBytes {
		rec := records[n]
		if p.Stop != noStop && rec.Offset >= p.Stop {
			return len(records), nil // the rest is behind the end
		}
		r.starts = append(r.starts, rowOf{columns.N, rec.Offset})
		if err := r.decoder.decode(columns, rec); err != nil {
			return n, r.malformed(p, rec, err)
		}
		bytes += len(rec.Value) + len(rec.Key)
		n++
	}
	return n, nil
}

// finish ends a partition that was read to its end.
func (r *reader) finish(p *partition) connector.Progress {
	p.at = max(p.at, p.Start)
	r.parts = slices.DeleteFunc(r.parts, func(q *partition) bool { return p == q })
	r.fetcher.forget(p)
	r.encoded = encodePosition(r.encoded[:0], p.at)
	return connector.Progress{Split: p.split, Position: r.encoded, Done: true, Skipped: r.decoder.newlySkipped()}
}

// measure tells the source how far this reader is behind.
func (r *reader) measure() {
	lag := r.fetcher.lag()
	r.source.behind.Add(lag - r.lag)
	r.lag = lag
}

// Locate names the record that a row of the last batch came from.
func (r *reader) Locate(row int) string {
	i, exact := slices.BinarySearchFunc(r.starts, row, func(s rowOf, row int) int { return s.row - row })
	if !exact {
		i--
	}
	if i < 0 || r.current == nil {
		return "kafka topic"
	}
	return place(r.current, r.starts[i].offset)
}

// place names a record as people look for it.
func place(p *partition, offset int64) string {
	return fmt.Sprintf("kafka topic %s, partition %d, offset %d", p.Topic, p.Partition, offset)
}

// CaughtUp says whether a partition was read to its end, as the broker said when it was last asked. An open transaction is something
// that will come.
func (r *reader) CaughtUp(split string) bool { return r.fetcher.caughtUp(split) }

// CheckpointComplete tells the consumer group.
func (r *reader) CheckpointComplete(_ int64, splits []connector.CompleteSplit) error {
	if r.group == nil {
		return nil
	}
	return r.group.tell(splits)
}

// Close ends the fetching, and waits until the group is told.
func (r *reader) Close() error {
	r.source.behind.Add(-r.lag)
	r.lag = 0
	r.fetcher.close()
	if r.group != nil {
		r.group.close()
	}
	r.client.Close()
	return nil
}

// first returns the first partition that has something to hand out, or with no fetch one that has ended; the error of any comes before.
func (f *fetcher) first(parts []*partition) (*partition, *fetch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range parts {
		if p.err != nil {
			return nil, nil, p.err
		}
	}
	for _, p := range parts {
		if len(p.fetched) > 0 {
			first := p.fetched[0]
			return p, &first, nil
		}
		if p.ended() {
			return p, nil, nil
		}
	}
	return nil, nil, nil
}

// taken takes away the first records of the first fetch, or all of it.
func (f *fetcher) taken(p *partition, n int, whole bool) {
	f.mu.Lock()
	if whole {
		f.mu.bytes -= p.fetched[0].bytes
		p.fetched = slices.Delete(p.fetched, 0, 1)
	} else {
		p.fetched[0].records = p.fetched[0].records[n:]
	}
	f.mu.Unlock()
	if whole {
		signal(f.wake)
	}
}

// forget stops to read a partition.
func (f *fetcher) forget(p *partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, waiting := range p.fetched {
		f.mu.bytes -= waiting.bytes
	}
	f.mu.parts = slices.DeleteFunc(f.mu.parts, func(q *partition) bool { return p == q })
}

func (f *fetcher) caughtUp(split string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.mu.parts {
		if p.split == split {
			return p.caughtUp && len(p.fetched) == 0
		}
	}
	return false
}

// lag is how many offsets are between what was handed out and the ends.
func (f *fetcher) lag() (n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.mu.parts {
		n += max(p.end-p.at, 0)
	}
	return n
}
