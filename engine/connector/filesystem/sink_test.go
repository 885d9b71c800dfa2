package filesystem

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

func newSink(t *testing.T, path string, fileBytes int64) *Sink {
	t.Helper()
	s, err := NewSink(SinkConfig{Path: path, Format: jsonl.Format{}, Schema: testSchema, FileBytes: fileBytes})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newWriter(t *testing.T, s *Sink) connector.Writer {
	t.Helper()
	w, err := s.Writer(t.Context(), connector.WriterContext{Job: "default.flights", UID: "sink/out", Attempt: 3, Restart: 1, Subtask: 2, Parallelism: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func newCommitter(t *testing.T, s *Sink, uid string) connector.Committer {
	t.Helper()
	c, err := s.Committer(t.Context(), connector.CommitterContext{Job: "default.flights", UID: uid, Attempt: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// prepare stages rows as checkpoint 17.
func prepare(t *testing.T, s *Sink, batches ...*batch.Batch) [][]byte {
	t.Helper()
	w := newWriter(t, s)
	for _, b := range batches {
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	out, err := w.Prepare(t.Context(), 17)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNamesAreThoseOfTheContract(t *testing.T) {
	dir := t.TempDir()
	s := newSink(t, dir, 50)
	out := prepare(t, s, testBatch(0, 3), testBatch(3, 3))
	uid8 := snapshot.ShortUID("sink/out")
	entries, err := os.ReadDir(filepath.Join(dir, "_staging", "default.flights", "3.1"))
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d staged files, %v; want 2", len(entries), err)
	}
	if !strings.HasPrefix(entries[0].Name(), uid8+"-") {
		t.Errorf("staged file %s does not begin with the sink's uid %s", entries[0].Name(), uid8)
	}
	if err := newCommitter(t, s, "sink/out").Commit(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	want := []string{"part-default.flights-" + uid8 + "-17-2-0", "part-default.flights-" + uid8 + "-17-2-1"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(lines(t, dir, false)))); diff != "" {
		t.Error(diff)
	}
}

func TestTheNewestVisibleOutputIsThatOfTheHighestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	s := newSink(t, dir, 0)
	want := func(checkpoint int64, job, uid, suffix string) {
		t.Helper()
		newest, file, err := s.NewestVisible(t.Context(), job, uid)
		if err != nil || newest != checkpoint || !strings.HasSuffix(file, suffix) {
			t.Errorf("of job %s, %s it is %d, %q, %v, want %d, %q", job, uid, newest, file, err, checkpoint, suffix)
		}
	}
	out := prepare(t, s, testBatch(0, 3))
	want(0, "default.flights", "sink/out", "")
	if err := newCommitter(t, s, "sink/out").Commit(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	uid8 := snapshot.ShortUID("sink/out")
	want(17, "default.flights", "sink/out", "part-default.flights-"+uid8+"-17-2-0")
	for _, beside := range []string{"-9-0-0", "-100-0-0.copy", "-abc-1-5-0-0"} {
		if err := os.WriteFile(filepath.Join(dir, "part-default.flights-"+uid8+beside), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want(17, "default.flights", "sink/out", "-17-2-0")
	want(0, "default.other", "sink/out", "")
	want(0, "default.flights", "sink/beside", "")
}

func TestACopyOfAJobWithARelativePathCommitsIntoItself(t *testing.T) {
	for _, path := range []string{"out", "./sub/../out", "file://./out"} {
		t.Run(path, func(t *testing.T) {
			original, copied := t.TempDir(), t.TempDir()
			t.Chdir(original)
			out := prepare(t, newSink(t, path, 0), testBatch(0, 3))
			if err := os.CopyFS(copied, os.DirFS(original)); err != nil {
				t.Fatal(err)
			}
			t.Chdir(copied)
			if err := newCommitter(t, newSink(t, path, 0), "sink/out").Commit(t.Context(), out); err != nil {
				t.Fatal(err)
			}
			if n := len(lines(t, filepath.Join(original, "out"), false)); n != 0 {
				t.Errorf("the copy has made %d files visible in the original", n)
			}
			if n := len(lines(t, filepath.Join(copied, "out"), false)); n != 1 {
				t.Errorf("%d files are visible in the copy, want 1", n)
			}
		})
	}
}

func TestOutputThatWasStagedUnderAnAbsolutePathIsFoundThereOrWhereItWasMovedTo(t *testing.T) {
	for name, move := range map[string]bool{"there": false, "moved": true} {
		t.Run(name, func(t *testing.T) {
			at := filepath.Join(t.TempDir(), "out")
			out := prepare(t, newSink(t, at, 0), testBatch(0, 3)) // as engines wrote for relative paths too
			t.Chdir(filepath.Dir(at))
			if move {
				t.Chdir(t.TempDir())
				if err := os.Rename(at, "out"); err != nil {
					t.Fatal(err)
				}
				at = "out"
			}
			if err := newCommitter(t, newSink(t, "out", 0), "sink/out").Commit(t.Context(), out); err != nil {
				t.Fatal(err)
			}
			if n := len(lines(t, at, false)); n != 1 {
				t.Errorf("%d files are visible, want 1", n)
			}
		})
	}
}

func TestCommitsAndForgetsOfOutputAtAnEarlierPathMayOverlap(t *testing.T) {
	moved := newSink(t, t.TempDir(), 0)
	c := newCommitter(t, moved, "sink/out")
	var prepared [8][][]byte
	for i := range prepared {
		prepared[i] = prepare(t, newSink(t, t.TempDir(), 0), testBatch(0, 3))
	}
	var group errgroup.Group
	for _, out := range prepared {
		group.Go(func() error { return errors.Join(c.Commit(t.Context(), out), c.Forget(t.Context(), out)) })
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestLostOutputIsNamedLoudly(t *testing.T) {
	dir := t.TempDir()
	s := newSink(t, dir, 0)
	out := prepare(t, s, testBatch(0, 3))
	decoded, err := decodeCommittables(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, decoded[0].Staged)); err != nil {
		t.Fatal(err)
	}
	err = newCommitter(t, s, "sink/out").Commit(t.Context(), out)
	wantPermanent(t, err, "lost", decoded[0].Staged, decoded[0].Final)
}

func TestAVisibleFileIsNeverOverwritten(t *testing.T) {
	dir := t.TempDir()
	s := newSink(t, dir, 0)
	out := prepare(t, s, testBatch(0, 3))
	decoded, err := decodeCommittables(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []string{"old\n", strings.Repeat("x", int(decoded[0].Size))} { // of another size, and of the same
		put(t, dir, decoded[0].Final, old)
		wantPermanent(t, newCommitter(t, s, "sink/out").Commit(t.Context(), out), "another run", decoded[0].Final)
		if diff := cmp.Diff(map[string][]string{decoded[0].Final: {strings.TrimSpace(old)}}, lines(t, dir, false)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestOutputIsCommittedWhereItWasPreparedThoughThePathChanged(t *testing.T) {
	before, after := t.TempDir(), t.TempDir()
	out := prepare(t, newSink(t, before, 0), testBatch(0, 3))
	c := newCommitter(t, newSink(t, after, 0), "sink/out")
	if err := c.Commit(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	if err := c.Forget(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	if n := len(lines(t, before, false)); n != 1 {
		t.Errorf("%d files at the old path, want 1", n)
	}
	if n := len(lines(t, before, true)); n != 0 {
		t.Errorf("%d staged files at the old path, want none", n)
	}
}

func TestASinkSweepsOnlyItsOwnFiles(t *testing.T) {
	dir := t.TempDir()
	s := newSink(t, dir, 0)
	prepare(t, s, testBatch(0, 3))
	put(t, dir, "_staging/default.flights/notes.txt", "a person's")
	put(t, dir, "_staging/default.other/1.0/x", "another job's")
	if err := newCommitter(t, s, "sink/beside").Sweep(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n := len(lines(t, dir, true)); n != 3 {
		t.Errorf("%d staged files, want all 3", n)
	}
	if err := newCommitter(t, s, "sink/out").Sweep(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"notes.txt", "x"}, slices.Sorted(maps.Keys(lines(t, dir, true)))); diff != "" {
		t.Error(diff)
	}
}

func TestUpdatesAreRefused(t *testing.T) {
	w := newWriter(t, newSink(t, t.TempDir(), 0))
	b := testBatch(0, 2)
	b.Kind = []batch.RowKind{batch.Insert, batch.UpdateAfter}
	wantPermanent(t, w.Write(t.Context(), b), "updates")
}

func TestAPathThatCannotBeWrittenIsAPermanentError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWriter(t, newSink(t, filepath.Join(dir, "file"), 0))
	err := w.Write(t.Context(), testBatch(0, 3))
	if err == nil {
		_, err = w.Prepare(t.Context(), 1)
	}
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "file")) {
		t.Errorf("%v (%v), want an error that names the path", err, fault.ClassOf(err))
	}
}

func TestMalformedCommittablesAreRefused(t *testing.T) {
	c := newCommitter(t, newSink(t, t.TempDir(), 0), "sink/out")
	for _, bad := range []string{"", "{", `{"format":2,"staged":"a","final":"b"}`, `{"format":1,"final":"b"}`} {
		wantPermanent(t, c.Commit(t.Context(), [][]byte{[]byte(bad)}), "malformed")
	}
}

// fullBucket is a store without space.
type fullBucket struct{ storage.Bucket }

type fullWriter struct{ storage.Writer }

var errFull = &storage.Error{Op: "write", Object: "file:///out", Class: storage.ErrFull}

func (b fullBucket) Writer(ctx context.Context, key string) (storage.Writer, error) {
	w, err := b.Bucket.Writer(ctx, key)
	return fullWriter{w}, err
}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

func TestAFullDiskIsAPermanentErrorThatSaysSo(t *testing.T) {
	w := newWriter(t, newSink(t, t.TempDir(), 1))
	w.(*writer).bucket = fullBucket{w.(*writer).bucket}
	wantPermanent(t, w.Write(t.Context(), testBatch(0, 3)), "no space left", "free space")
}
