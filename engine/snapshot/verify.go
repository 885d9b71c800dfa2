package snapshot

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/engine/storage"
)

// Report is the result of verifying a snapshot.
type Report struct {
	Path     string
	Objects  int             // objects read, _metadata included
	Bytes    int64           // in them, as far as they could be read
	Problems []*CorruptError // in the order of the files in _metadata
	// Extra names what is in the snapshot's folder and is no part of it: harmless, left by what was interrupted.
	Extra []string
}

// OK tells that the snapshot can be restored.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// String says what was found, a line for each problem.
func (r *Report) String() string {
	var b strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "%v\n", p)
	}
	for _, name := range r.Extra {
		fmt.Fprintf(&b, "%s is not part of the snapshot\n", name)
	}
	verdict := "all checksums hold"
	if n := len(r.Problems); n == 1 {
		verdict = "1 problem"
	} else if n > 1 {
		verdict = fmt.Sprintf("%d problems", n)
	}
	fmt.Fprintf(&b, "%s: %d objects, %d bytes: %s\n", r.Path, r.Objects, r.Bytes, verdict)
	return b.String()
}

// Verify reads every byte of the snapshot at a path (as OpenSnapshot takes it). Damage is in the report; the error says
// that the check itself could not be done.
func Verify(ctx context.Context, name string) (*Report, error) {
	s, err := OpenSnapshot(ctx, name)
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		place, placeErr := snapshotPlace(name)
		return &Report{Path: place, Objects: 1, Problems: []*CorruptError{corrupt}}, placeErr
	}
	if err != nil {
		return nil, err
	}
	report, err := s.Verify(ctx)
	return report, errors.Join(err, s.Close())
}

// Verify reads every byte of the snapshot's data files and compares the folder with what should be in it.
func (s *Snapshot) Verify(ctx context.Context) (*Report, error) {
	files := s.Metadata.Files()
	found := make([]*CorruptError, len(files))
	sizes := make([]int64, len(files))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for i, f := range files {
		group.Go(func() (err error) {
			sizes[i], found[i], err = s.verifyFile(groupCtx, f)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("verify %s: %w", s.Path(), err)
	}
	report := &Report{Path: s.Path(), Objects: 1 + len(files), Bytes: int64(len(Encode(s.Metadata)))}
	for i := range files {
		report.Bytes += sizes[i]
		if found[i] != nil {
			report.Problems = append(report.Problems, found[i])
		}
	}
	extra, err := s.extra(ctx)
	report.Extra = extra
	return report, err
}

// intact returns the first damage of a snapshot, or nil.
func intact(ctx context.Context, s *Snapshot) (*CorruptError, error) {
	report, err := s.Verify(ctx)
	if err != nil || report.OK() {
		return nil, err
	}
	return report.Problems[0], nil
}

// extra lists what is in the folder and is neither _metadata nor named by it.
func (s *Snapshot) extra(ctx context.Context) ([]string, error) {
	prefix := ""
	if s.folder != "" {
		prefix = s.folder + "/"
	}
	objects, err := s.bucket.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", s.Path(), err)
	}
	known := map[string]bool{path.Join(s.folder, metadataName): true, path.Join(s.folder, confirmedName): true}
	for _, f := range s.Metadata.Files() {
		known[path.Join(s.folder, f.Path)] = true
	}
	var extra []string
	for _, o := range objects {
		if !known[o.Key] {
			extra = append(extra, s.bucket.Sub(o.Key).String())
		}
	}
	return extra, nil
}

// verifyFile reads one data file and returns how much there was to read.
func (s *Snapshot) verifyFile(ctx context.Context, f GroupFile) (size int64, corrupt *CorruptError, err error) {
	key := path.Join(s.folder, f.Path)
	object := s.bucket.Sub(key).String()
	r, err := s.bucket.Reader(ctx, key, 0, -1)
	if errors.Is(err, storage.ErrNotFound) {
		return 0, &CorruptError{Object: object, Reason: "the file is missing"}, nil
	}
	if err != nil {
		return 0, nil, err
	}
	c := fileCheck{in: r, file: f}
	err = errors.Join(c.run(), r.Close())
	if c.corrupt != nil {
		c.corrupt.Object = object
	}
	return c.at, c.corrupt, err
}

// fileCheck reads a data file once, and remembers where it first differs from what its metadata says.
type fileCheck struct {
	in      io.Reader
	file    GroupFile
	at      int64  // bytes read
	sum     uint32 // of them
	corrupt *CorruptError
}

// wrong notes the first damage.
func (c *fileCheck) wrong(offset int64, format string, args ...any) {
	if c.corrupt == nil {
		c.corrupt = &CorruptError{Offset: offset, Reason: fmt.Sprintf(format, args...)}
	}
}

// section reads n bytes and returns their checksum, or false if the file ends before.
func (c *fileCheck) section(n int64) (sum uint32, whole bool, err error) {
	section := crc32.New(castagnoli)
	whole = true
	read, err := io.CopyN(io.MultiWriter(section, sumTo{&c.sum}), c.in, n)
	c.at += read
	if errors.Is(err, io.EOF) {
		c.wrong(c.at, "the file ends at byte %d, of %d", c.at, c.file.Size)
		whole, err = false, nil
	}
	return section.Sum32(), whole, err
}

// sumTo adds what is written to a checksum.
type sumTo struct{ sum *uint32 }

func (s sumTo) Write(p []byte) (int, error) {
	*s.sum = crc32.Update(*s.sum, castagnoli, p)
	return len(p), nil
}

func (c *fileCheck) run() error {
	header := append([]byte(dataMagic), byte(dataFormat), 0, 0, 0)
	if sum, whole, err := c.section(dataHeader); !whole || err != nil {
		return err
	} else if sum != crc32.Checksum(header, castagnoli) {
		c.wrong(0, "the header is not %q and version %d", dataMagic, dataFormat)
	}
	blocks := slices.Clone(c.file.Blocks)
	slices.SortStableFunc(blocks, func(a, b Block) int {
		if a.Offset != b.Offset {
			return int(min(max(a.Offset-b.Offset, -1), 1))
		}
		return int(min(max(a.Size-b.Size, -1), 1)) // an empty block may share its offset with the next
	})
	for _, b := range blocks {
		if b.Offset > c.at && c.file.Checkpoint != 0 { // between them is what later runs have taken the place of
			if _, whole, err := c.section(b.Offset - c.at); !whole || err != nil {
				return err
			}
		}
		if b.Offset != c.at {
			c.wrong(b.Offset, "the block of key group %d does not follow the one before it, which ends at %d", b.Group, c.at)
			return c.checkFooter()
		}
		sum, whole, err := c.section(b.Size)
		if !whole || err != nil {
			return err
		}
		if sum != b.CRC32C {
			corrupt := blockError("", b, sum)
			c.wrong(corrupt.Offset, "%s", corrupt.Reason)
		}
	}
	if left := c.file.Size - dataFooter - c.at; left > 0 && c.file.Checkpoint != 0 {
		if _, whole, err := c.section(left); !whole || err != nil {
			return err
		}
	}
	return c.checkFooter()
}

// checkFooter reads the footer, and compares what only the whole file shows.
func (c *fileCheck) checkFooter() error {
	start := c.at
	footer := binary.LittleEndian.AppendUint64(nil, uint64(start))
	footer = binary.LittleEndian.AppendUint32(footer, crc32.Update(c.sum, castagnoli, footer))
	footer = append(footer, dataEndMagic...)
	sum, whole, err := c.section(dataFooter)
	if !whole || err != nil {
		return err
	}
	if sum != crc32.Checksum(footer, castagnoli) {
		c.wrong(start, "the footer does not match the content")
	}
	end := c.at
	if _, err := io.Copy(writerFunc(func(p []byte) { c.at += int64(len(p)) }), c.in); err != nil {
		return err
	}
	switch {
	case c.at > end:
		c.wrong(end, "the file has %d bytes after its end", c.at-end)
	case c.at != c.file.Size:
		c.wrong(c.at, "the file has %d bytes, not %d", c.at, c.file.Size)
	case c.sum != c.file.CRC32C:
		c.wrong(0, "the checksum of the file is %08x, not %08x", c.sum, c.file.CRC32C)
	}
	return nil
}

// writerFunc is a writer that only looks.
type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}
