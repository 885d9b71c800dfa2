package filesystem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// reader reads its splits one after the other. It decodes in Next, on the caller's goroutine; the split's bytes are read
// ahead in another.
type reader struct {
	ctx    context.Context
	source *Source
	origin
	lines   bool // framing is by lines, which are looked for here: a call for each record costs as much as a short one
	decoder codec.Decoder
	header  codec.HeaderDecoder // nil: files have no header
	blocks  int                 // bytes of a block
	rows    int                 // of a batch

	waiting   []openSplit
	current   *openSplit
	ahead     *readAhead // of current; nil: not started
	block     block
	undecoded []byte // of block, not decoded yet
	encoded   []byte // position, valid until the next call

	starts   []recordStart // of the records of the last batch
	startsIn fileSplit     // that they are of
	skipped  int64         // by the decoder, as told
}

// recordStart is where a record begins, and the first row that it has in its batch.
type recordStart struct {
	row int
	at  position
}

// openSplit is a split and where the reader is in it.
type openSplit struct {
	id    string
	split fileSplit
	at    position
	begun bool // at is the start of a record, and behind the header

	headed bool // the header is read, or is not in this split
}

func newReader(ctx context.Context, s *Source, b storage.Bucket, rows int) *reader {
	framing := s.config.Format.Framing()
	r := &reader{
		// Close ends the reading, not the context of the call that made the reader.
		ctx: context.WithoutCancel(ctx), source: s, blocks: blockBytes, rows: rows,
		origin: origin{
			location: &s.location, bucket: b, framing: framing, text: framing.Text(), ends: framing.Ends(), monitor: s.config.Monitor, folder: s.location.mount(),
		},
		decoder: s.config.Format.Decoder(s.config.Schema),
	}
	_, r.lines = r.framing.(codec.Lines)
	r.header, _ = r.decoder.(codec.HeaderDecoder)
	return r
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
	o.headed = r.header == nil || o.begun || f.start > 0
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
	if len(r.undecoded) == 0 && !r.block.last {
		if !r.nextBlock() {
			return connector.Progress{Wait: r.ahead.ready}, ctx.Err()
		}
		if r.block.err != nil {
			return r.passOver(r.block.err)
		}
	}
	if err := r.decode(columns); err != nil {
		return connector.Progress{}, err
	}
	if len(r.undecoded) == 0 && r.block.last {
		return r.finish(), nil
	}
	if columns.N == 0 {
		return connector.Progress{Wait: readyNow, Skipped: r.newlySkipped()}, ctx.Err() // blank or ignored lines only
	}
	return r.progress(false), nil
}

// passOver ends a split of a monitored source whose file is not what it was, or cannot be read. Any other error is the job's.
func (r *reader) passOver(err error) (connector.Progress, error) {
	var file *unreadable
	if r.source.Bounded() || !errors.As(err, &file) {
		return connector.Progress{}, err
	}
	r.source.passedOver.Add(1)
	r.source.config.Log.Warn("rest of a file passed over", "reason", file, "bytes read", r.current.at.offset-r.current.split.start)
	p := r.finish()
	p.PassedOver = true
	return p, nil
}

// start opens the next split, if there is one.
func (r *reader) start() bool {
	if len(r.waiting) == 0 {
		return false
	}
	next := r.waiting[0]
	r.waiting = r.waiting[1:]
	r.current = &next
	r.ahead = r.origin.readAhead(r.ctx, next.split, next.at.offset, next.begun, r.blocks)
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
	r.undecoded = r.block.data
	if r.block.err == nil {
		r.current.at.offset = r.block.offset
	}
	if r.text && r.block.offset == 0 {
		if what := foreign(r.undecoded); what != "" {
			r.block.err = &unreadable{fault.Permanentf(r.location.at(r.current.split.key), "convert it to UTF-8 text, or leave it out with a glob in the option 'path'", "the file is %s", what)}
		}
		if bytes.HasPrefix(r.undecoded, byteOrderMark) {
			r.advance(len(byteOrderMark))
		}
	}
	return true
}

// foreign says what a file is that begins like no text in UTF-8, whatever its name says; empty: nothing known.
func foreign(start []byte) string {
	for _, f := range []struct{ magic, what string }{
		{"\x1f\x8b", "compressed by gzip"}, {"\x28\xb5\x2f\xfd", "compressed by zstd"}, {"\xfd7zXZ\x00", "compressed by xz"},
		{"\xff\xfe", "text in UTF-16 or UTF-32"}, {"\xfe\xff", "text in UTF-16"}, {"\x00\x00\xfe\xff", "text in UTF-32"},
	} {
		if bytes.HasPrefix(start, []byte(f.magic)) {
			return f.what
		}
	}
	return ""
}

// byteOrderMark may begin a UTF-8 file, and means nothing.
var byteOrderMark = []byte("\xef\xbb\xbf")

func (r *reader) advance(n int) {
	r.undecoded = r.undecoded[n:]
	r.current.at.offset += int64(n)
}

// decode appends rows until the batch has its size or the block ends.
func (r *reader) decode(columns *batch.Columns) error {
	r.decoder.Into(columns)
	r.starts, r.startsIn = r.starts[:0], r.current.split
	for scanned := 0; len(r.undecoded) > 0 && columns.N < r.rows && scanned < batch.TargetBytes; {
		var record []byte
		n, lines := 0, 1
		if r.lines {
			n, record = line(r.undecoded)
		} else {
			n, lines = r.framing.Next(r.undecoded, true) // a block holds whole records
			record = r.framing.Content(r.undecoded[:n])
		}
		if err := r.record(columns, record); err != nil {
			return r.malformed(err)
		}
		r.advance(n)
		r.current.at.lines += int64(lines)
		scanned += n
	}
	return nil
}

// line cuts the first line off, and says how long it is with its line feed.
func line(data []byte) (n int, record []byte) {
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		return end + 1, data[:end]
	}
	return len(data), data
}

// record appends the rows of a record, unless it is the header.
func (r *reader) record(columns *batch.Columns, record []byte) error {
	if !r.current.headed {
		is, err := r.header.Header(record)
		r.current.headed = is
		return err
	}
	row := columns.N
	has, err := r.decoder.Decode(record)
	if has {
		r.starts = append(r.starts, recordStart{row: row, at: r.current.at})
	}
	return err
}

// Locate names file, line and byte of the record that a row of the last batch came from.
func (r *reader) Locate(row int) string {
	i, exact := slices.BinarySearchFunc(r.starts, row, func(p recordStart, row int) int { return p.row - row })
	if !exact {
		i-- // of an array of rows
	}
	if i < 0 {
		return r.location.at(r.startsIn.key)
	}
	return r.placeOf(&r.startsIn, r.starts[i].at, 0)
}

// placeOf names a byte of a record. The number of the line is known where the split begins the file, if there are lines.
func (r *reader) placeOf(f *fileSplit, at position, offset int) string {
	line := ""
	if r.text && f.start == 0 {
		line = fmt.Sprintf("line %d, ", at.lines+1)
	}
	return fmt.Sprintf("%s: %sbyte %d", r.location.at(f.key), line, at.offset+int64(offset))
}

// malformed gives the error of a record its place.
func (r *reader) malformed(err error) error {
	at := r.current.at
	var bad *codec.Error
	if !errors.As(err, &bad) {
		return fmt.Errorf("%s: %w", r.placeOf(&r.current.split, at, 0), err)
	}
	// The line in the message is the one of the byte: a record may have several.
	at.lines += int64(bytes.Count(r.undecoded[:min(bad.At, len(r.undecoded))], []byte{'\n'}))
	return &fault.Error{Class: fault.Permanent, Place: r.placeOf(&r.current.split, at, bad.At), Remedy: bad.Remedy, Err: err}
}

// newlySkipped is how many records were skipped since it was called before.
func (r *reader) newlySkipped() int64 {
	before := r.skipped
	r.skipped = r.decoder.Skipped()
	return r.skipped - before
}

func (r *reader) progress(done bool) connector.Progress {
	r.encoded = r.current.at.append(r.encoded[:0])
	return connector.Progress{Split: r.current.id, Position: r.encoded, Done: done, Skipped: r.newlySkipped()}
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
	r.current, r.ahead, r.block, r.undecoded = nil, nil, block{}, nil
}

// Close ends the reading.
func (r *reader) Close() error {
	r.stop()
	return r.bucket.Close()
}
