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
	"sync/atomic"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/engine/storage"
)

// Export makes a savepoint of a checkpoint in target, a bucket opened at <savepoint.storage>, and returns it. The
// savepoint is complete, names only files beside it, and has no committables: the caller exports a checkpoint whose
// commits are confirmed (P3). What a subtask has in runs is written whole by write, which knows what is in them.
//
// What is made depends on the checkpoint alone, names of files included: whoever exports it, wherever and whenever, writes the same
// bytes (P17). So an export that runs beside another of the same checkpoint writes what is there.
//
// id is chosen by the requester of the savepoint. Any process may repeat or share the work under the same id: the first
// to finish makes the savepoint, the others return it, whatever checkpoint it was made of, and remove what they copied. A
// failed export leaves copies, which a repetition removes. Damage of the checkpoint is a *CorruptError, and no savepoint
// is made. A savepoint of another job in its place is an *OthersSavepointError.
//
// progress, unless nil, is called with the bytes that have been dealt with so far, of the checkpoint's StateSize; by several
// goroutines, so that one call may overtake another.
func Export(ctx context.Context, from *Snapshot, target storage.Bucket, id string, write WriteWhole, progress func(copied int64)) (*Snapshot, error) {
	e := exporter{from: from, target: target, write: write, folder: savepointFolder(from.Metadata.Job, id), progress: progress}
	existing, err := FindSavepoint(ctx, target, from.Metadata.Job, id)
	if existing == nil && err == nil {
		existing, err = e.run(ctx)
	}
	if err == nil {
		err = e.clean(ctx, existing)
	}
	if err != nil {
		return nil, fmt.Errorf("export checkpoint %d as savepoint %s: %w", from.Metadata.ID, id, err)
	}
	return existing, nil
}

// FindSavepoint returns the savepoint that a job has in target under an id; nil: there is none. That of another job, whose
// name and id join to the same, is an *OthersSavepointError.
func FindSavepoint(ctx context.Context, target storage.Bucket, job, id string) (*Snapshot, error) {
	s, err := Load(ctx, target, savepointFolder(job, id))
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case s.Metadata.Job != job:
		return nil, &OthersSavepointError{Path: s.Path(), Job: s.Metadata.Job}
	}
	return s, nil
}

type exporter struct {
	from   *Snapshot
	target storage.Bucket
	folder string
	write  WriteWhole

	progress func(copied int64) // nil: nobody wants to know
	copied   atomic.Int64       // bytes
}

// WriteWhole writes the state of a subtask, which a snapshot has in runs, whole. Damage is a *CorruptError.
type WriteWhole func(ctx context.Context, from *Snapshot, subtask SubtaskState, to WholeWriter) error

// WholeWriter takes the state of a subtask.
type WholeWriter interface {
	// Block writes the whole of a state in a key group, as [GroupFileWriter.BeginBlock] has it.
	Block(ctx context.Context, group int, state string, watermark int64, content []byte) error
	// Progress says how many of the parts of the work are done.
	Progress(done, of int)
}

// Write counts bytes that are copied.
func (e *exporter) Write(p []byte) (int, error) {
	e.count(int64(len(p)))
	return len(p), nil
}

func (e *exporter) count(n int64) {
	copied := e.copied.Add(n)
	if e.progress != nil {
		e.progress(copied)
	}
}

// run copies the files and publishes the savepoint; if another process has published it meanwhile, it returns that one.
func (e *exporter) run(ctx context.Context) (*Snapshot, error) {
	m, err := e.copyFiles(ctx)
	if err != nil {
		return nil, err
	}
	err = e.target.Create(ctx, path.Join(e.folder, metadataName), Encode(m))
	if err != nil && !errors.Is(err, storage.ErrExists) {
		return nil, err
	}
	s, err := Load(ctx, e.target, e.folder)
	if err == nil && s.Metadata.Job != m.Job {
		return nil, &OthersSavepointError{Path: s.Path(), Job: s.Metadata.Job}
	}
	return s, err
}

// copyFiles copies all data files under names of their own, and returns the metadata that names the copies.
func (e *exporter) copyFiles(ctx context.Context) (*Metadata, error) {
	m := *e.from.Metadata
	m.Savepoint, m.Retained, m.Parent, m.Uncommitted = true, nil, 0, nil
	m.Operators = append([]OperatorState(nil), m.Operators...)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for o := range m.Operators {
		op := &m.Operators[o]
		op.Subtasks = append([]SubtaskState(nil), op.Subtasks...)
		for s := range op.Subtasks {
			subtask := &op.Subtasks[s]
			subtask.Committables = nil
			if slices.ContainsFunc(subtask.Files, func(f GroupFile) bool { return f.Checkpoint != 0 }) {
				group.Go(func() error { return e.writeWhole(groupCtx, op.UID, subtask) })
				continue
			}
			subtask.Files = append([]GroupFile(nil), subtask.Files...)
			for f := range subtask.Files {
				group.Go(func() error { return e.copyFile(groupCtx, &subtask.Files[f]) })
			}
		}
	}
	return &m, group.Wait()
}

// writeWhole writes one file of what a subtask has in runs.
func (e *exporter) writeWhole(ctx context.Context, uid string, subtask *SubtaskState) error {
	w := wholeFile{exporter: e, uid: uid, index: subtask.Index, size: subtask.size(), mark: e.markOf(subtask.Files)}
	if err := e.write(ctx, e.from, *subtask, &w); err != nil {
		if w.out != nil {
			err = errors.Join(err, w.out.Abort())
		}
		return err
	}
	subtask.Files = nil
	if w.out == nil {
		return nil
	}
	file, err := w.out.Finish()
	subtask.Files = []GroupFile{file}
	return err
}

// exportVersion is that of the bytes which runs become. Whoever changes them raises it, so that two engines never write different
// content under one name.
const exportVersion = 1

// markOf is what the name of a file that runs become ends with: no other checkpoint, or subtask of it, has the same. The names of
// runs are drawn at random.
func (e *exporter) markOf(runs []GroupFile) (mark [8]byte) {
	text := fmt.Appendf(nil, "%d %s %d", exportVersion, e.from.Metadata.Nonce, e.from.Metadata.ID)
	for _, f := range runs {
		text = fmt.Appendf(text, "\n%s", f.Path)
	}
	binary.BigEndian.PutUint64(mark[:], xxh3.Hash(text))
	return mark
}

// wholeFile is the data file of a savepoint that a subtask's runs become; it is created with its first block.
type wholeFile struct {
	*exporter
	uid     string
	index   int
	mark    [8]byte // the end of its name
	size    int64   // of the runs
	counted int64   // of size
	out     *GroupFileWriter
}

// Block writes a block.
func (w *wholeFile) Block(ctx context.Context, group int, state string, watermark int64, content []byte) error {
	if w.out == nil {
		name := dataName(w.from.Metadata.Attempt, w.from.Metadata.Restart, w.uid, w.index, w.mark[:])
		out, err := createData(ctx, w.target, path.Join(w.folder, name), GroupFile{Path: name})
		if err != nil {
			return err
		}
		w.out = out
	}
	if err := w.out.BeginBlock(group, state, watermark); err != nil {
		return err
	}
	_, err := w.out.Write(content)
	return err
}

// Progress counts a part of the runs as dealt with.
func (w *wholeFile) Progress(done, of int) {
	until := w.size / int64(of) * int64(done)
	if done == of {
		until = w.size
	}
	w.count(until - w.counted)
	w.counted = until
}

// copyFile copies one data file under its name, which no other file has, checks what it copies, and gives file the new path.
func (e *exporter) copyFile(ctx context.Context, file *GroupFile) (err error) {
	name := path.Base(file.Path)
	source := path.Join(e.from.folder, file.Path)
	object := e.from.bucket.Sub(source).String()
	r, err := e.from.bucket.Reader(ctx, source, 0, -1)
	if errors.Is(err, storage.ErrNotFound) {
		return &CorruptError{Object: object, Reason: "the file is missing"}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	w, err := e.target.Writer(ctx, path.Join(e.folder, name))
	if err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	n, err := io.Copy(io.MultiWriter(w, sum, e), r)
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	if n != file.Size || sum.Sum32() != file.CRC32C {
		return errors.Join(&CorruptError{Object: object, Reason: fmt.Sprintf(
			"it has %d bytes with checksum %08x, not %d with %08x", n, sum.Sum32(), file.Size, file.CRC32C)}, w.Abort())
	}
	file.Path = name
	return w.Close()
}

// clean removes what unfinished exports under this id have left. Once the savepoint exists no export still under way can
// use what it copied.
func (e *exporter) clean(ctx context.Context, savepoint *Snapshot) error {
	objects, err := e.target.List(ctx, e.folder+"/")
	if err != nil {
		return err
	}
	known := map[string]bool{path.Join(e.folder, metadataName): true}
	for _, f := range savepoint.Metadata.Files() {
		known[path.Join(e.folder, f.Path)] = true
	}
	for _, o := range objects {
		if known[o.Key] {
			continue
		}
		if err := e.target.Delete(ctx, o.Key); err != nil {
			return err
		}
	}
	return nil
}
