package filesystem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

const (
	// blockBytes is how much is read at once. While one block is decoded, aheadBlocks may be waiting or being read.
	blockBytes  = 1 << 20
	aheadBlocks = 2
	// maxRecordBytes bounds a record, and so the memory of a reader.
	maxRecordBytes = 16 << 20
)

// block is a run of whole records.
type block struct {
	data   []byte
	offset int64 // of data, in the file
	last   bool  // nothing follows in the split
	err    error // the split cannot be read on; nothing else is set
}

// readAhead reads one split in a goroutine of its own.
type readAhead struct {
	blocks chan block
	free   chan []byte   // buffers to fill
	ready  chan struct{} // receives after each block
	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended
}

// origin is where a reader's splits are.
type origin struct {
	location *location
	bucket   storage.Bucket
	framing  codec.Framing
	text     bool          // of the framing
	ends     codec.Ends    // of the framing; nil: a file is one split
	monitor  time.Duration // of the source; 0: it is bounded
	folder   *mount        // that the location names
}

// readAhead reads from the record at offset on, or from the split's start if aligned is false.
func (o *origin) readAhead(ctx context.Context, f fileSplit, offset int64, aligned bool, blockBytes int) *readAhead {
	ctx, cancel := context.WithCancel(ctx)
	r := &readAhead{
		blocks: make(chan block, aheadBlocks), free: make(chan []byte, aheadBlocks+1), ready: make(chan struct{}, 1),
		cancel: cancel, done: make(chan struct{}),
	}
	// Folders hold many small files: a buffer has room for what is left of the file, and for the byte that shows its end.
	size := int(max(min(int64(blockBytes), f.size-offset+1), 1))
	s := &splitReader{bufferBytes: size, buffersLeft: aheadBlocks + 1, ahead: r, origin: o, split: f, base: offset}
	go func() {
		defer close(r.done)
		if err := s.run(ctx, aligned); err != nil && ctx.Err() == nil {
			r.send(ctx, block{err: classed(err)})
		}
	}()
	return r
}

// close ends the goroutine and waits for it.
func (r *readAhead) close() {
	r.cancel()
	<-r.done
}

// send hands a block on, and says whether someone still wants it.
func (r *readAhead) send(ctx context.Context, b block) bool {
	select {
	case r.blocks <- b:
	case <-ctx.Done():
		return false
	}
	select {
	case r.ready <- struct{}{}:
	default: // the reader was told already, and will look at all there is
	}
	return true
}

// splitReader cuts a split into blocks of whole records.
type splitReader struct {
	*origin
	ahead *readAhead
	split fileSplit
	in    io.Reader
	buf   []byte
	n     int   // bytes in buf
	base  int64 // offset of buf in the file
	eof   bool

	bufferBytes int
	buffersLeft int // that may still be made
}

// run sends the split's blocks until the last, or until nobody wants more. Where it begins is known (aligned) after a restart:
// the start of a split may be within a record, which then belongs to the split before.
func (s *splitReader) run(ctx context.Context, aligned bool) (err error) {
	if s.base >= s.split.end {
		s.ahead.send(ctx, block{offset: s.base, last: true}) // all was read before a restart; the file may be gone
		return nil
	}
	skip := !aligned && s.base > 0
	if skip {
		s.base-- // if a record ends there, another begins at the split's very start
	}
	in, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	s.in = in
	if s.buf = s.take(ctx); s.buf == nil {
		return nil
	}
	if skip {
		if err := s.skipRecord(); err != nil {
			return err
		}
	}
	for more := true; more && err == nil; {
		more, err = s.sendBlock(ctx)
	}
	return err
}

// sendBlock cuts the next block off, sends it, and says whether another follows.
func (s *splitReader) sendBlock(ctx context.Context) (more bool, err error) {
	cut, last, err := s.cut()
	if err != nil {
		return false, err
	}
	if last {
		// Before the last block goes out: its rows must not count as read if the file is another one than was found.
		if err := s.checkEnd(ctx, s.base+int64(cut)); err != nil {
			return false, err
		}
		s.ahead.send(ctx, block{data: s.buf[:cut], offset: s.base, last: true})
		return false, nil
	}
	// The receiver owns the buffer from now on, so what begins the next block is copied out of it first.
	next := s.take(ctx)
	if next == nil {
		return false, nil
	}
	if len(next) < len(s.buf) {
		next = make([]byte, len(s.buf)) // this one had to grow for a long record
	}
	copy(next, s.buf[cut:s.n])
	if !s.ahead.send(ctx, block{data: s.buf[:cut], offset: s.base}) {
		return false, nil
	}
	s.buf, s.n, s.base = next, s.n-cut, s.base+int64(cut)
	return true, nil
}

// checkEnd refuses a split that was read up to end, if the file is not, or was not, what was found. One that was removed meanwhile
// was read as it was if it had its length to the end; one that changed was not.
func (s *splitReader) checkEnd(ctx context.Context, end int64) error {
	if end < s.split.end {
		return &unreadable{fault.Permanentf(s.place(), "put the file back as it was, and give new content a new name",
			"the file was cut while it was read: it had %d bytes when it was found, and ends after %d", s.split.size, end)}
	}
	_, err := s.check(ctx)
	return err
}

// open opens the file where the split is to be read on. A monitored folder may be away for a while, because it is being replaced
// or mounted anew: what waits to be read would then be taken for gone, so this waits until the folder is back.
func (s *splitReader) open(ctx context.Context) (io.ReadCloser, error) {
	for {
		in, err := s.openOnce(ctx)
		if !errors.Is(err, errGone) || s.monitor == 0 {
			return in, err
		}
		if s.folder.isThere() {
			// It may have come back between the two looks, and may have gone again: only a file that is missing from a folder
			// that was there before and after is gone.
			if in, err = s.openOnce(ctx); !errors.Is(err, errGone) || s.folder.isThere() {
				return in, err
			}
		}
		timer := time.NewTimer(s.monitor)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// openOnce opens the file if it is the one that was found.
func (s *splitReader) openOnce(ctx context.Context) (io.ReadCloser, error) {
	there, err := s.check(ctx)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, s.gone()
	}
	in, err := s.bucket.Reader(ctx, s.split.key, s.base, -1)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, s.gone()
	}
	return in, err
}

// take returns a buffer to fill, or nil if the reader was closed. Buffers are made as they are needed: a small file needs one.
func (s *splitReader) take(ctx context.Context) []byte {
	select {
	case buf := <-s.ahead.free:
		return buf[:cap(buf)]
	default:
	}
	if s.buffersLeft > 0 {
		s.buffersLeft--
		return make([]byte, s.bufferBytes)
	}
	select {
	case buf := <-s.ahead.free:
		return buf[:cap(buf)]
	case <-ctx.Done():
		return nil
	}
}

// fill reads until the buffer is full or the file ends.
func (s *splitReader) fill() error {
	n, err := io.ReadFull(s.in, s.buf[s.n:])
	s.n += n
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		s.eof = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("at byte %d: %w", s.base+int64(s.n), err)
	}
	return nil
}

// skipRecord drops everything up to the first end: the record that crosses the split's start belongs to the split before.
func (s *splitReader) skipRecord() error {
	for {
		if err := s.fill(); err != nil {
			return err
		}
		if n := s.endsAt(0); n > 0 {
			s.drop(n)
			return nil
		}
		s.drop(s.n)
		if s.eof || s.base >= s.split.end {
			return nil
		}
	}
}

// endsAt returns the length of the buffer up to the first end of a record that is not before the byte at from; 0: there is none.
func (s *splitReader) endsAt(from int) int {
	ends := s.ends
	if ends == nil {
		ends = codec.Lines{} // of a snapshot whose format was read in lines
	}
	n := ends.First(s.buf[from:s.n], s.base+int64(from))
	if n == 0 {
		return 0
	}
	return from + n
}

// drop removes n bytes from the front of the buffer.
func (s *splitReader) drop(n int) {
	s.n = copy(s.buf, s.buf[n:s.n])
	s.base += int64(n)
}

// cut fills the buffer and returns how much of it is whole records of the split, and whether they are its last.
func (s *splitReader) cut() (n int, last bool, err error) {
	if s.base >= s.split.end {
		return 0, true, nil // no record begins in the split
	}
	if s.ends == nil {
		return s.cutRecords()
	}
	for {
		if err := s.fill(); err != nil {
			return 0, false, err
		}
		// The last record begins before the split's end, so the first end from the byte before it on ends the split.
		if final := s.split.end - 1 - s.base; final < int64(s.n) {
			if n = s.endsAt(int(final)); n > 0 {
				return n, true, nil
			}
		}
		if s.eof {
			return s.n, true, nil
		}
		if n = s.ends.Last(s.buf[:s.n], s.base); n > 0 {
			return n, false, nil
		}
		if s.n >= maxRecordBytes {
			return 0, false, s.tooLong()
		}
		s.grow()
	}
}

// cutRecords is cut where the framing must look at every record from the first on.
func (s *splitReader) cutRecords() (n int, last bool, err error) {
	for {
		if err := s.fill(); err != nil {
			return 0, false, err
		}
		n = 0
		if s.text && s.base == 0 && bytes.HasPrefix(s.buf[:s.n], byteOrderMark) {
			n = len(byteOrderMark) // no part of the first value, which may begin with a quote
		}
		first := n
		for n < s.n && s.base+int64(n) < s.split.end {
			length, _ := s.framing.Next(s.buf[n:s.n], s.eof)
			if length == 0 {
				break
			}
			n += length
		}
		switch {
		case s.base+int64(n) >= s.split.end || s.eof && n == s.n:
			return n, true, nil
		case n > first:
			return n, false, nil
		case s.n >= maxRecordBytes:
			// What has no end within the largest record is broken, and ends with its first line.
			length, _ := s.framing.Next(s.buf[first:s.n], true)
			if first+length == s.n {
				return 0, false, s.tooLong()
			}
			return first + length, false, nil
		}
		s.grow()
	}
}

func (s *splitReader) tooLong() error {
	remedy := "check that the file has lines"
	if !s.text {
		remedy = "write smaller files, or check that this is one of the format"
	}
	return fault.Permanentf(fmt.Sprintf("%s at byte %d", s.place(), s.base), remedy, "the record is longer than %d MiB", maxRecordBytes>>20)
}

// grow doubles the buffer, up to the largest record.
func (s *splitReader) grow() {
	grown := make([]byte, min(2*len(s.buf), maxRecordBytes))
	copy(grown, s.buf[:s.n])
	s.buf = grown
}

// check refuses a file that is not the one that was found (P4), and says whether it is there.
func (s *splitReader) check(ctx context.Context) (there bool, err error) {
	o, err := s.bucket.Attributes(ctx, s.split.key)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err == nil && (o.Size != s.split.size || o.Version != s.split.version) {
		err = &unreadable{fault.Permanentf(s.place(), "put the file back as it was, and give new content a new name",
			"the file has changed since it was found: it had %d bytes and version %s, and has %d bytes and version %s",
			s.split.size, s.split.version, o.Size, o.Version)}
	}
	return err == nil, err
}

// unreadable is the error of a file that is no longer what it was when it was found. It ends bounded input, because the
// result would lack rows; in a monitored folder the file is passed over (P4).
type unreadable struct{ error }

// Unwrap gives the error its class.
func (e *unreadable) Unwrap() error { return e.error }

// errGone is in the error of a file that is not there.
var errGone = errors.New("the file is gone")

func (s *splitReader) gone() error {
	return &unreadable{fault.Permanentf(s.place(), "put the file back; a file may be removed only when a complete checkpoint has its end behind it", "%w", errGone)}
}

func (s *splitReader) place() string { return s.location.at(s.split.key) }
