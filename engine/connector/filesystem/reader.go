package filesystem

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// reader reads its splits one after the other. It decodes in Next, on the caller's goroutine; the split's bytes are read
// ahead in another.
type reader struct {
	ctx      context.Context
	location *location
	bucket   storage.Bucket
	decoder  codec.Decoder
	blocks   int // bytes of a block
	rows     int // of a batch

	waiting []openSplit
	current *openSplit
	ahead   *readAhead // of current; nil: not started
	block   block
	rest    []byte // of block, not decoded yet
	encoded []byte // position, valid until the next call
}

// openSplit is a split and where the reader is in it.
type openSplit struct {
	id    string
	split fileSplit
	at    position
	begun bool // at is the start of a record
}

func newReader(ctx context.Context, s *Source, b storage.Bucket) *reader {
	return &reader{
		// Close ends the reading, not the context of the call that made the reader.
		ctx: context.WithoutCancel(ctx), location: &s.location, bucket: b, blocks: blockBytes, rows: batchRows(s.config.RowsPerSecond),
		decoder: s.config.Format.Decoder(s.config.Schema),
	}
}

// batchRows is how many rows are decoded at once: of a slow source few, because its pace is kept by batches.
func batchRows(rate float64) int {
	if rate == 0 {
		return batch.TargetRows
	}
	return int(min(max(rate/10, 1), batch.TargetRows))
}

// Add queues a split.
func (r *reader) Add(s connector.Split, at []byte) error {
	f, err := decodeSplit(s)
	if err != nil {
		return err
	}
	o := openSplit{id: s.ID, split: f, at: position{offset: f.start}}
	if len(at) > 0 {
		if o.at, err = decodePosition(&f, at); err != nil {
			return err
		}
		o.begun = true
	}
	r.waiting = append(r.waiting, o)
	return nil
}

// readyNow is a Wait that is over: there may be more at hand, but the caller gets its turn first.
var readyNow = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Next decodes rows of the current split.
func (r *reader) Next(ctx context.Context, into *batch.Batch) (connector.Progress, error) {
	columns, ok := into.Data.(*batch.Columns)
	if !ok {
		return connector.Progress{}, fmt.Errorf("a file source fills columns, not %T", into.Data)
	}
	if r.current == nil && !r.start() {
		return connector.Progress{}, ctx.Err()
	}
	if len(r.rest) == 0 && !r.block.last {
		if !r.nextBlock() {
			return connector.Progress{Wait: r.ahead.ready}, ctx.Err()
		}
		if r.block.err != nil {
			return connector.Progress{}, r.block.err
		}
	}
	if err := r.decode(columns); err != nil {
		return connector.Progress{}, err
	}
	if len(r.rest) == 0 && r.block.last {
		return r.finish(), nil
	}
	if columns.N == 0 {
		return connector.Progress{Wait: readyNow}, ctx.Err() // blank or ignored lines only
	}
	return r.progress(false), nil
}

// start opens the next split, if there is one.
func (r *reader) start() bool {
	if len(r.waiting) == 0 {
		return false
	}
	next := r.waiting[0]
	r.waiting = r.waiting[1:]
	r.current = &next
	r.ahead = startReadAhead(r.ctx, r.location, r.bucket, next.split, next.at.offset, next.begun, r.blocks)
	return true
}

// nextBlock takes the next block, if one is at hand.
func (r *reader) nextBlock() bool {
	if cap(r.block.data) > 0 {
		r.ahead.free <- r.block.data[:0] // never blocks: there are no more buffers than room for them
		r.block = block{}
	}
	select {
	case r.block = <-r.ahead.blocks:
	default:
		return false
	}
	r.rest = r.block.data
	if r.block.err == nil {
		r.current.at.offset = r.block.offset
	}
	if r.block.offset == 0 && bytes.HasPrefix(r.rest, byteOrderMark) {
		r.advance(len(byteOrderMark))
	}
	return true
}

// byteOrderMark may begin a UTF-8 file, and means nothing.
var byteOrderMark = []byte("\xef\xbb\xbf")

func (r *reader) advance(n int) {
	r.rest = r.rest[n:]
	r.current.at.offset += int64(n)
}

// decode appends rows until the batch has its size or the block ends.
func (r *reader) decode(columns *batch.Columns) error {
	r.decoder.Into(columns)
	for scanned := 0; len(r.rest) > 0 && columns.N < r.rows && scanned < batch.TargetBytes; {
		line, n := r.rest, len(r.rest)
		if i := bytes.IndexByte(r.rest, '\n'); i >= 0 {
			line, n = r.rest[:i], i+1
		}
		if _, err := r.decoder.Decode(line); err != nil {
			return r.malformed(err)
		}
		r.advance(n)
		r.current.at.lines++
		scanned += n
	}
	return nil
}

// malformed gives the error of a record its place. The number of the line is known where the split begins the file.
func (r *reader) malformed(err error) error {
	at := r.current.at
	place, line := r.location.at(r.current.split.key), ""
	if r.current.split.start == 0 {
		line = fmt.Sprintf("line %d, ", at.lines+1)
	}
	var bad *codec.Error
	if !errors.As(err, &bad) {
		return fmt.Errorf("%s: %sbyte %d: %w", place, line, at.offset, err)
	}
	return &fault.Error{
		Class: fault.Permanent, Place: fmt.Sprintf("%s: %sbyte %d", place, line, at.offset+int64(bad.At)),
		Remedy: bad.Remedy, Err: err,
	}
}

func (r *reader) progress(done bool) connector.Progress {
	r.encoded = r.current.at.append(r.encoded[:0])
	return connector.Progress{Split: r.current.id, Position: r.encoded, Done: done}
}

// finish ends the current split.
func (r *reader) finish() connector.Progress {
	p := r.progress(true)
	r.stop()
	return p
}

func (r *reader) stop() {
	if r.ahead != nil {
		r.ahead.close()
	}
	r.current, r.ahead, r.block, r.rest = nil, nil, block{}, nil
}

// Close ends the reading.
func (r *reader) Close() error {
	r.stop()
	return r.bucket.Close()
}
