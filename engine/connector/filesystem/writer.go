package filesystem

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// flushBytes is how much is collected before it goes to the store.
const flushBytes = 256 << 10

// cleanupTimeout bounds what Close waits for: what it leaves is swept by the next attempt.
const cleanupTimeout = 10 * time.Second

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writer stages the rows of one subtask in files.
type writer struct {
	ctx     context.Context
	sink    *Sink
	bucket  storage.Bucket
	encoder codec.Encoder
	staging string // what the names of staged files begin with
	final   string // format of the final names, with checkpoint and sequence number to fill in

	buf    []byte
	file   *stagedFile // nil: none is open
	closed []committable
}

// stagedFile is a file that is being written.
type stagedFile struct {
	key    string
	out    storage.Writer
	cancel context.CancelFunc
	size   int64
	crc    uint32
}

// Write stages the rows of a batch.
func (w *writer) Write(ctx context.Context, b *batch.Batch) error {
	columns, ok := b.Data.(*batch.Columns)
	if !ok {
		return fmt.Errorf("a file sink takes columns, not %T", b.Data)
	}
	if err := w.encode(columns, b.Kind); err != nil {
		return err
	}
	if len(w.buf) < flushBytes && w.staged()+int64(len(w.buf)) < w.sink.config.FileBytes {
		return nil
	}
	if err := w.flush(ctx); err != nil {
		return classed(err)
	}
	if w.file.size >= w.sink.config.FileBytes {
		return classed(w.endFile(ctx))
	}
	return nil
}

// encode appends rows to what is collected, and begins it with a header if it begins a file.
func (w *writer) encode(rows *batch.Columns, kinds []batch.RowKind) (err error) {
	buf := w.buf
	if w.file == nil && len(buf) == 0 && rows.N > 0 {
		if buf, err = w.encoder.AppendHeader(buf); err != nil {
			return w.refused(err)
		}
	}
	if buf, err = w.rows(buf, rows, kinds); err != nil {
		return w.refused(err)
	}
	w.buf = buf
	return nil
}

// rows appends rows, with their kinds if the format has any. Nobody writes changes to a sink that does not take them.
func (w *writer) rows(buf []byte, rows *batch.Columns, kinds []batch.RowKind) ([]byte, error) {
	if e, ok := w.encoder.(codec.ChangelogEncoder); ok {
		return e.AppendChanges(buf, rows, kinds)
	}
	if slices.ContainsFunc(kinds, func(k batch.RowKind) bool { return k != batch.Insert }) {
		return nil, errChanges
	}
	return w.encoder.Append(buf, rows)
}

var errChanges = &codec.Error{
	Reason: "the query updates rows that were written before, and files of this format only take new ones",
	Remedy: "write them with a format of changes, such as 'debezium-json', or aggregate over windows",
}

// refused gives the error of a row that the format cannot write its class and place.
func (w *writer) refused(err error) error {
	out := &fault.Error{Class: fault.Permanent, Place: "filesystem sink " + w.bucket.String(), Err: err}
	var bad *codec.Error
	if errors.As(err, &bad) {
		out.Remedy = bad.Remedy
	}
	return out
}

// staged is the size of the open file.
func (w *writer) staged() int64 {
	if w.file == nil {
		return 0
	}
	return w.file.size
}

// flush writes what was collected, to a new file if none is open.
func (w *writer) flush(ctx context.Context) error {
	if len(w.buf) == 0 {
		return nil
	}
	if w.file == nil {
		f, err := w.beginFile()
		if err != nil {
			return err
		}
		w.file = f
	}
	stop := context.AfterFunc(ctx, w.file.cancel)
	defer stop()
	n, err := w.file.out.Write(w.buf)
	if err != nil {
		return err
	}
	w.file.crc = crc32.Update(w.file.crc, castagnoli, w.buf[:n])
	w.file.size += int64(n)
	w.buf = w.buf[:0]
	return nil
}

func (w *writer) beginFile() (*stagedFile, error) {
	ctx, cancel := context.WithCancel(w.ctx)
	f := &stagedFile{key: w.staging + w.sink.config.Random(), cancel: cancel}
	var err error
	if f.out, err = w.bucket.Writer(ctx, f.key); err != nil {
		cancel()
		return nil, err
	}
	return f, nil
}

// endFile makes the open file durable. After an error it is open no more, and its rows are lost to this writer: the job
// restarts from its last checkpoint.
func (w *writer) endFile(ctx context.Context) error {
	f := w.file
	if f == nil {
		return nil
	}
	w.file = nil
	stop := context.AfterFunc(ctx, f.cancel)
	defer f.cancel()
	defer stop()
	if err := f.out.Close(); err != nil {
		return err
	}
	w.closed = append(w.closed, committable{
		Format: committableFormat, Root: rootOf(w.sink.config.Path, w.bucket), Staged: f.key, Size: f.size, CRC32C: f.crc,
	})
	return nil
}

// Prepare makes all rows durable, and names the files for the checkpoint.
func (w *writer) Prepare(ctx context.Context, checkpoint int64) ([][]byte, error) {
	if err := w.flush(ctx); err != nil {
		return nil, classed(err)
	}
	if err := w.endFile(ctx); err != nil {
		return nil, classed(err)
	}
	out := make([][]byte, len(w.closed))
	for seq := range w.closed {
		c := &w.closed[seq]
		c.Final = fmt.Sprintf(w.final, checkpoint, seq)
		var err error
		if out[seq], err = c.encode(); err != nil {
			return nil, fmt.Errorf("encode committable: %w", err)
		}
	}
	w.closed = w.closed[:0]
	return out, nil
}

// Close drops what was not prepared.
func (w *writer) Close() error {
	ctx, cancel := context.WithTimeout(w.ctx, cleanupTimeout)
	defer cancel()
	var errs []error
	if w.file != nil {
		errs = append(errs, w.file.out.Abort())
		w.file.cancel()
		w.file = nil
	}
	for _, c := range w.closed {
		errs = append(errs, w.bucket.Delete(ctx, c.Staged))
	}
	w.closed, w.buf = nil, nil
	return errors.Join(append(errs, w.bucket.Close())...)
}
