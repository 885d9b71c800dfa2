package snapshot

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"

	"github.com/weirstream/weir/engine/storage"
)

const (
	dataMagic    = "WEIRDATA"
	dataEndMagic = "WEIREND."
	dataFormat   = 1
	dataHeader   = 12 // magic, version
	dataFooter   = 20 // length, checksum, magic
	writeBuffer  = 256 << 10
)

// FileWriter makes the data files of one checkpoint. It is safe for concurrent use.
type FileWriter struct {
	bucket           storage.Bucket
	checkpoint       int64
	attempt, restart int64
	random           io.Reader
}

// Files returns the writer for the data files of a checkpoint that attempt a is taking. Their names are unique: what a
// restart or another attempt writes for the same checkpoint does not meet them.
func (c *Chain) Files(a Attempt, restart, checkpoint int64) *FileWriter {
	return &FileWriter{bucket: c.bucket, checkpoint: checkpoint, attempt: a.N, restart: restart, random: c.random}
}

// Create starts a data file of a subtask that is the checkpoint's alone. The caller ends it with Finish or Abort; ctx covers the
// writing until then.
func (w *FileWriter) Create(ctx context.Context, operatorUID string, subtask int) (*GroupFileWriter, error) {
	random, err := w.draw()
	if err != nil {
		return nil, err
	}
	name := dataName(w.attempt, w.restart, operatorUID, subtask, random)
	return createData(ctx, w.bucket, path.Join(checkpointFolder(w.checkpoint), name), GroupFile{Path: name})
}

// CreateRun starts a data file of a subtask that later checkpoints may name again. Otherwise it is as Create.
func (w *FileWriter) CreateRun(ctx context.Context, operatorUID string, subtask int) (*GroupFileWriter, error) {
	random, err := w.draw()
	if err != nil {
		return nil, err
	}
	name := runName(w.attempt, w.restart, w.checkpoint, operatorUID, subtask, random)
	return createData(ctx, w.bucket, path.Join(sharedFolder, name), GroupFile{Path: sharedPath + name, Checkpoint: w.checkpoint})
}

// draw returns the part of a name that keeps it apart from all others.
func (w *FileWriter) draw() ([]byte, error) {
	random := make([]byte, 8)
	if _, err := io.ReadFull(w.random, random); err != nil {
		return nil, fmt.Errorf("create data file: draw a name: %w", err)
	}
	return random, nil
}

func createData(ctx context.Context, b storage.Bucket, key string, file GroupFile) (*GroupFileWriter, error) {
	out, err := b.Writer(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("create data file: %w", err)
	}
	g := &GroupFileWriter{out: out, file: file}
	g.buffer = bufio.NewWriterSize(out, writeBuffer)
	g.put(append([]byte(dataMagic), byte(dataFormat), 0, 0, 0))
	return g, nil
}

// GroupFileWriter writes one data file, block after block. One goroutine uses it. Its first error is returned by every
// later call.
type GroupFileWriter struct {
	out    storage.Writer
	buffer *bufio.Writer
	file   GroupFile
	open   bool // a block is being written
	err    error
}

// put writes and counts. An error is kept.
func (g *GroupFileWriter) put(p []byte) {
	if g.err == nil {
		_, g.err = g.buffer.Write(p)
	}
	g.file.CRC32C = crc32.Update(g.file.CRC32C, castagnoli, p)
	g.file.Size += int64(len(p))
}

// BeginBlock ends the block before and starts the one of a state of a key group. watermark is the highest that the group
// acted on, or NoTime.
func (g *GroupFileWriter) BeginBlock(group int, state string, watermark int64) error {
	return g.begin(Block{Group: group, State: state, Watermark: watermark})
}

// BeginChanges ends the block before and starts one of what has changed in a state, in the key groups from first to before
// end, all of which have acted on watermark.
func (g *GroupFileWriter) BeginChanges(first, end int, state string, watermark int64) error {
	return g.begin(Block{Group: first, End: end, State: state, Watermark: watermark})
}

func (g *GroupFileWriter) begin(b Block) error {
	b.Offset = g.file.Size
	g.file.Blocks = append(g.file.Blocks, b)
	g.open = true
	return g.err
}

// Write adds to the block that was begun.
func (g *GroupFileWriter) Write(p []byte) (int, error) {
	if !g.open {
		return 0, errors.New("write outside of a block")
	}
	b := &g.file.Blocks[len(g.file.Blocks)-1]
	b.CRC32C = crc32.Update(b.CRC32C, castagnoli, p)
	b.Size += int64(len(p))
	g.put(p)
	return len(p), g.err
}

// Size returns the bytes written so far.
func (g *GroupFileWriter) Size() int64 { return g.file.Size }

// Finish completes the file. When it returns nil the file is durable.
func (g *GroupFileWriter) Finish() (GroupFile, error) {
	g.open = false
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(g.file.Size))
	g.put(length[:])
	g.put(binary.LittleEndian.AppendUint32(nil, g.file.CRC32C))
	g.put([]byte(dataEndMagic))
	if g.err == nil {
		g.err = g.buffer.Flush()
	}
	if g.err != nil {
		return GroupFile{}, errors.Join(g.err, g.out.Abort())
	}
	if err := g.out.Close(); err != nil {
		g.err = fmt.Errorf("finish data file: %w", err)
		return GroupFile{}, g.err
	}
	return g.file, nil
}

// Abort ends the writing and leaves no file. After Finish it does nothing.
func (g *GroupFileWriter) Abort() error {
	g.open = false
	if g.err == nil {
		g.err = errors.New("data file was aborted")
	}
	return g.out.Abort()
}

// ReadBlock returns the content of a block, checked. Damage is a *CorruptError.
func (s *Snapshot) ReadBlock(ctx context.Context, f GroupFile, b Block) ([]byte, error) {
	key := path.Join(s.folder, f.Path)
	object := s.bucket.Sub(key).String()
	r, err := s.bucket.Reader(ctx, key, b.Offset, b.Size)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, &CorruptError{Object: object, Offset: 0, Reason: "the file is missing"}
	}
	if err != nil {
		return nil, fmt.Errorf("read block of key group %d: %w", b.Group, err)
	}
	content, err := readAtMost(r, b.Size)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("read block of key group %d: %w", b.Group, err)
	}
	if int64(len(content)) < b.Size {
		return nil, &CorruptError{Object: object, Offset: b.Offset + int64(len(content)),
			Reason: fmt.Sprintf("the file ends within the block of key group %d", b.Group)}
	}
	if got := crc32.Checksum(content, castagnoli); got != b.CRC32C {
		return nil, blockError(object, b, got)
	}
	return content, nil
}

// readAtMost reads up to n bytes. It does not trust n with memory: what is not there is not allocated.
func readAtMost(r io.Reader, n int64) ([]byte, error) {
	const trusted = 64 << 20
	if n > trusted {
		return io.ReadAll(io.LimitReader(r, n))
	}
	content := make([]byte, n)
	read, err := io.ReadFull(r, content)
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		err = nil
	}
	return content[:read], err
}

func blockError(object string, b Block, got uint32) *CorruptError {
	return &CorruptError{Object: object, Offset: b.Offset, Reason: fmt.Sprintf(
		"the block of key group %d, state %q, has checksum %08x, not %08x", b.Group, b.State, got, b.CRC32C)}
}
