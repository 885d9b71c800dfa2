package filesystem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

func newSource(t *testing.T, c SourceConfig) *Source {
	t.Helper()
	if c.Format == nil {
		c.Format = jsonl.Format{}
	}
	c.Schema = testSchema
	s, err := NewSource(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// discover calls Discover once.
func discover(t *testing.T, s *Source, seen []byte) (connector.Discovery, error) {
	t.Helper()
	e, err := s.Enumerator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Discover(t.Context(), seen)
	if closeErr := e.Close(); closeErr != nil {
		t.Fatal(closeErr)
	}
	return d, err
}

// chains returns the files of splits. That of a folder begins with the folder's name, which testing made.
func chains(splits []connector.Split) []string {
	out := []string{}
	for _, s := range splits {
		out = append(out, strings.TrimPrefix(s.Chain, "001/"))
	}
	return slices.Compact(out)
}

// readSplits reads splits to their end with one reader, whose blocks have the given size (0: the usual).
func readSplits(t *testing.T, s *Source, blocks int, splits ...connector.Split) (rows []string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	made, err := s.Reader(ctx, connector.ReaderContext{Parallelism: 1, BatchRows: batch.TargetRows})
	if err != nil {
		t.Fatal(err)
	}
	r := made.(*reader)
	if blocks > 0 {
		r.blocks = blocks
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for _, split := range splits {
		if err := r.Add(split, nil); err != nil {
			return nil, err
		}
	}
	return drain(ctx, t, r)
}

// drain returns the rows of all splits that a reader was given.
func drain(ctx context.Context, t *testing.T, r *reader) (rows []string, err error) {
	t.Helper()
	into := batch.Of(r.source.Payload())
	for {
		into.Reset()
		p, err := r.Next(ctx, into)
		if err != nil {
			return rows, err
		}
		for i := range into.Len() {
			rows = append(rows, testRow(into.Data, i))
		}
		switch {
		case p.Wait != nil:
			select {
			case <-p.Wait:
			case <-ctx.Done():
				t.Fatal("the reader waits for ever")
			}
		case p.Split == "":
			return rows, nil
		}
	}
}

func wantPermanent(t *testing.T, err error, words ...string) {
	t.Helper()
	if fault.ClassOf(err) != fault.Permanent {
		t.Fatalf("not a permanent error: %v", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func TestThePathSelectsFiles(t *testing.T) {
	dir := t.TempDir()
	for _, key := range []string{"a.json", "b.json", "c.csv", "in/a.json", "in/deep/er/x.json", "in2/a.json", "_staging/x.json", ".hidden/a.json",
		"in/.a.json", "in/_SUCCESS", "2024-01/a.json", "2024-02/b/c.json", "2025-01/a.json", "empty"} {
		content := "{}\n"
		if key == "empty" {
			content = ""
		}
		put(t, dir, key, content)
	}
	for _, c := range []struct {
		name, path string
		want       []string
	}{
		{"a file", "a.json", []string{"a.json"}},
		{"an empty file", "empty", []string{}},
		{"a hidden file that is named", "_staging/x.json", []string{"x.json"}},
		{"a folder with all below it, hidden names aside", "in", []string{"in/a.json", "in/deep/er/x.json"}},
		{"a folder with a slash at the end", "in/", []string{"in/a.json", "in/deep/er/x.json"}},
		{"a glob of files", "*.json", []string{"a.json", "b.json"}},
		{"a glob of files in folders", "*/a.json", []string{"2024-01/a.json", "2025-01/a.json", "in/a.json", "in2/a.json"}},
		{"a glob of folders", "2024-??", []string{"2024-01/a.json", "2024-02/b/c.json"}},
		{"any folders between", "in/**/*.json", []string{"a.json", "deep/er/x.json"}},
		{"any folders before", "**/x.json", []string{"in/deep/er/x.json"}},
		{"any folders at the end", "in/**", []string{"a.json", "deep/er/x.json"}},
		{"any folders twice", "**/deep/**/*.json", []string{"in/deep/er/x.json"}},
		{"a class of characters", "[bc].*", []string{"b.json", "c.csv"}},
		{"a glob below a folder", "in/*.json", []string{"a.json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := discover(t, newSource(t, SourceConfig{Path: dir + "/" + c.path}), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, chains(d.Splits)); diff != "" {
				t.Error(diff)
			}
			if !d.Done {
				t.Error("bounded input is not done")
			}
		})
	}
}

func TestPathsThatCannotBeReadAreErrorsWithARemedy(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "packed/a.json.gz", "x")
	put(t, dir, "in/a.json", "{}\n")
	for _, c := range []struct{ name, path, want string }{
		{"a missing file", dir + "/nothing.json", "no such file"},
		{"a missing folder of a glob", dir + "/nothing/*.json", "no such file"},
		{"a glob without a match", dir + "/in/*.csv", "no file"},
		{"a missing prefix of a bucket", fmt.Sprintf("mem://filesystem-%d/in", placeNumber.Add(1)), "no file"},
		{"a compressed file", dir + "/packed", "a.json.gz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := discover(t, newSource(t, SourceConfig{Path: c.path}), nil)
			wantPermanent(t, err, c.want, "option 'path'")
		})
	}
	for _, path := range []string{"", "ftp://x/y", dir + "/in/a**/*.json", dir + "/[a", "s3:///x"} {
		if _, err := NewSource(SourceConfig{Path: path, Format: jsonl.Format{}, Schema: testSchema}); err == nil {
			t.Errorf("path %q is accepted", path)
		}
	}
}

func TestAnEmptyFolderIsReadAtOnce(t *testing.T) {
	d, err := discover(t, newSource(t, SourceConfig{Path: t.TempDir()}), nil)
	if err != nil || len(d.Splits) > 0 || !d.Done {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestAReadFolderIsNotListedAgain(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.json", "{}\n")
	s := newSource(t, SourceConfig{Path: dir})
	first, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	again, err := discover(t, s, first.Seen)
	if err != nil || !again.Done || len(again.Splits) > 0 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestAMonitoredFolderIsFoundAsItGrows(t *testing.T) {
	dir := t.TempDir()
	config := SourceConfig{Path: dir, Monitor: time.Second}
	var seen []byte
	step := func(want ...string) *Source {
		t.Helper()
		s := newSource(t, config) // a new process each time
		d, err := discover(t, s, seen)
		if err != nil {
			t.Fatal(err)
		}
		if d.Done || d.Next != time.Second {
			t.Errorf("done %v, next %v", d.Done, d.Next)
		}
		if diff := cmp.Diff(append([]string{}, want...), chains(d.Splits)); diff != "" {
			t.Error(diff)
		}
		seen = d.Seen
		return s
	}
	step()
	put(t, dir, "b.json", "{}\n")
	put(t, dir, "d.json", "{}\n")
	step("b.json", "d.json")
	put(t, dir, "c/x.json", "{}\n")
	put(t, dir, "a.json", "{}\n")
	put(t, dir, ".e.json", "{}\n")
	step("a.json", "c/x.json")
	step()
	if err := os.Remove(filepath.Join(dir, "a.json")); err != nil {
		t.Fatal(err)
	}
	step()
	// A known name with other content is refused once for each version, and never read.
	put(t, dir, "a.json", "{}\n{}\n")
	if n := step().PassedOver(); n != 1 {
		t.Errorf("%d files refused, want 1", n)
	}
	if n := step().PassedOver(); n != 1 {
		t.Errorf("%d files refused, want still 1", n)
	}
	put(t, dir, "a.json", "{}\n{}\n{}\n")
	if n := step().PassedOver(); n != 2 {
		t.Errorf("%d files refused, want 2", n)
	}
}

func TestASourceThatIsReadOnceFromNowOnReadsWhatItsFolderHasGot(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	monitored, bounded := SourceConfig{Path: dir, Monitor: time.Second}, SourceConfig{Path: dir}
	empty, err := discover(t, newSource(t, monitored), nil)
	if err != nil || len(empty.Splits) > 0 {
		t.Fatalf("an empty folder has %+v, %v", empty, err)
	}
	write("a")
	first, err := discover(t, newSource(t, monitored), empty.Seen)
	if err != nil || len(first.Splits) != 1 {
		t.Fatalf("found %+v, %v", first, err)
	}
	write("b")
	rest, err := discover(t, newSource(t, bounded), first.Seen)
	if err != nil || !rest.Done || !slices.Equal(chains(rest.Splits), []string{"b"}) {
		t.Fatalf("found %+v, %v; want b and no more", rest, err)
	}
	// Which files were read is not known any more, so none may be found again.
	_, err = discover(t, newSource(t, monitored), rest.Seen)
	wantPermanent(t, err, "read what was there once", "source.monitor-interval")
}

func TestAMalformedRecordNamesFileLineAndByte(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.json", "{\"n\":1}\n\n{\"n\":2}\n{\"n\":\"x\"}\n")
	for _, c := range []struct {
		name  string
		split int64
		want  string
	}{
		{"in the split that begins the file", 0, "a.json: line 4, byte 22: "},
		{"in a later split", 10, "a.json: byte 22: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSource(t, SourceConfig{Path: dir, SplitBytes: c.split})
			d, err := discover(t, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = readSplits(t, s, 0, d.Splits...)
			wantPermanent(t, err, c.want, `field "n"`, "INT", `"\"x\"}"`, "json.ignore-parse-errors")
			var bad *codec.Error
			if !errors.As(err, &bad) {
				t.Errorf("%T is no codec error", err)
			}
		})
	}
}

func TestAChangedFileIsNeverRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, dir string)
		want   []string
	}{
		{"longer", func(t *testing.T, dir string) { put(t, dir, "a.json", "{\"n\":1}\n{\"n\":2}\n") }, []string{"a.json", "has changed"}},
		{"of the same size", func(t *testing.T, dir string) {
			put(t, dir, "a.json", "{\"n\":2}\n")
			name := filepath.Join(dir, "a.json")
			if err := os.Chtimes(name, time.Time{}, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}, []string{"a.json", "has changed"}},
		{"removed before it was read", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "a.json")); err != nil {
				t.Fatal(err)
			}
		}, []string{"a.json", "gone"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "a.json", "{\"n\":1}\n")
			s := newSource(t, SourceConfig{Path: dir})
			d, err := discover(t, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.change(t, dir)
			rows, err := readSplits(t, s, 0, d.Splits...)
			wantPermanent(t, err, c.want...)
			if len(rows) > 0 {
				t.Errorf("rows %q were read", rows)
			}
		})
	}
}

// change replaces the file while it is being read.
type changingBucket struct {
	storage.Bucket
	looked int
	change func()
}

func (b *changingBucket) Attributes(ctx context.Context, key string) (storage.Object, error) {
	if b.looked++; b.looked == 2 {
		b.change()
	}
	return b.Bucket.Attributes(ctx, key)
}

func TestAFileThatChangesWhileItIsReadIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(name string) error
		ok     bool
	}{
		{"written to", func(name string) error { return os.WriteFile(name, []byte("{}\n{}\n{}\n"), 0o600) }, false},
		{"removed: what was read is whole", os.Remove, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "a.json", "{\"n\":1}\n")
			s := newSource(t, SourceConfig{Path: dir})
			d, err := discover(t, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			b := &changingBucket{Bucket: open(t, s.location.root), change: func() {
				if err := c.change(filepath.Join(dir, "a.json")); err != nil {
					t.Error(err)
				}
			}}
			f, err := decodeSplit(d.Splits[0])
			if err != nil {
				t.Fatal(err)
			}
			ahead := (&origin{location: &s.location, bucket: b, framing: codec.Lines{}}).readAhead(t.Context(), f, 0, false, blockBytes)
			defer ahead.close()
			got := <-ahead.blocks
			if c.ok {
				if got.err != nil || !got.last {
					t.Errorf("%+v", got)
				}
				return
			}
			wantPermanent(t, got.err, "has changed")
		})
	}
}

// TestAFileThatIsCutWhileItIsReadIsNotReadToItsEnd: a record ends where the file was cut, and the file is removed then, so
// that only its length at discovery tells that something is missing.
func TestAFileThatIsCutWhileItIsReadIsNotReadToItsEnd(t *testing.T) {
	for _, monitored := range []bool{false, true} {
		t.Run(fmt.Sprintf("monitored %v", monitored), func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, "a.json")
			put(t, dir, "a.json", "{\"n\":1}\n{\"n\":2}\n")
			config := SourceConfig{Path: dir}
			if monitored {
				config.Monitor = time.Second
			}
			s := newSource(t, config)
			d, err := discover(t, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			cut := &cuttingBucket{Bucket: open(t, s.location.root), cut: func() {
				if err := errors.Join(os.Truncate(name, int64(len("{\"n\":1}\n"))), os.Remove(name)); err != nil {
					t.Error(err)
				}
			}}
			r := newReader(t.Context(), s, cut, batch.TargetRows)
			t.Cleanup(r.stop)
			if err := r.Add(d.Splits[0], nil); err != nil {
				t.Fatal(err)
			}
			rows, err := drain(t.Context(), t, r)
			if !monitored {
				wantPermanent(t, err, "a.json", "was cut", "16 bytes")
				return
			}
			if err != nil || len(rows) > 1 || s.PassedOver() != 1 {
				t.Errorf("rows %q, error %v, %d files passed over", rows, err, s.PassedOver())
			}
		})
	}
}

// cuttingBucket cuts a file when it is opened, after it was looked at.
type cuttingBucket struct {
	storage.Bucket
	cut func()
}

func (b *cuttingBucket) Reader(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	in, err := b.Bucket.Reader(ctx, key, offset, length)
	b.cut()
	return in, err
}

// TestAMonitoredSourcePassesOverWhatItCannotRead: nothing of it ends the job, each is counted once, and what else is there is read.
func TestAMonitoredSourcePassesOverWhatItCannotRead(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"app.log.1.gz", "bell\a.json", "latin-\xe9.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("\x1f\x8b"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"loop.json": "loop.json", "nothing.json": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, dir, "a.json", "{\"n\":1}\n")
	s := newSource(t, SourceConfig{Path: dir, Monitor: time.Second})
	d, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.json"}, chains(d.Splits)); diff != "" {
		t.Error(diff)
	}
	if n := s.PassedOver(); n != 3 {
		t.Errorf("%d files were passed over, there are 3", n)
	}
	d, err = discover(t, newSource(t, SourceConfig{Path: dir, Monitor: time.Second}), d.Seen)
	if err != nil || len(d.Splits) > 0 {
		t.Errorf("a second look finds %v, error %v", chains(d.Splits), err)
	}

	bounded := newSource(t, SourceConfig{Path: dir})
	_, err = discover(t, bounded, nil)
	wantPermanent(t, err, "app.log.1.gz")
}

// TestAMonitoredFolderMayBeAway for a while, once it was there.
func TestAMonitoredFolderMayBeAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	s := newSource(t, SourceConfig{Path: dir, Monitor: time.Second})
	_, err := discover(t, s, nil)
	wantPermanent(t, err, "no such file or folder")
	put(t, dir, "a.json", "{\"n\":1}\n")
	first, err := discover(t, s, nil)
	if err != nil || len(first.Splits) != 1 {
		t.Fatalf("%v, error %v", first.Splits, err)
	}
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	away, err := discover(t, s, first.Seen)
	if err != nil || len(away.Splits) > 0 || !bytes.Equal(away.Seen, first.Seen) || away.Next != time.Second {
		t.Fatalf("%+v, error %v", away, err)
	}
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "b.json", "{\"n\":2}\n")
	back, err := discover(t, s, away.Seen)
	if err != nil || len(back.Splits) != 1 || back.Splits[0].Chain != "in/b.json" {
		t.Errorf("%+v, error %v", back, err)
	}
}

// TestAnEmptyMonitoredFolderMayBeAway as well, once this attempt has looked into it.
func TestAnEmptyMonitoredFolderMayBeAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	e, err := newSource(t, SourceConfig{Path: dir, Monitor: time.Second}).Enumerator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	first, err := e.Discover(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Discover(t.Context(), first.Seen); err != nil {
		t.Errorf("a folder that was there and is away ends the job: %v", err)
	}
}

// TestWhatWaitsToBeReadIsReadWhenItsFolderIsBack: a folder that is away has not lost its files.
func TestWhatWaitsToBeReadIsReadWhenItsFolderIsBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	put(t, dir, "a.json", "{\"n\":1}\n")
	s := newSource(t, SourceConfig{Path: dir, Monitor: time.Millisecond})
	d, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.Reader(t.Context(), connector.ReaderContext{Parallelism: 1, BatchRows: batch.TargetRows})
	if err != nil {
		t.Fatal(err)
	}
	r := made.(*reader)
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	away := &awayBucket{Bucket: r.bucket, looks: make(chan struct{}, 100)}
	r.bucket = away
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(d.Splits[0], nil); err != nil {
		t.Fatal(err)
	}
	into := batch.Of(s.Payload())
	p, err := r.Next(t.Context(), into)
	for looks := 0; looks < 3; { // it looks again and again
		if err != nil || p.Done {
			t.Fatalf("the file was given up: %+v, error %v", p, err)
		}
		select {
		case <-away.looks:
			looks++
		case <-p.Wait:
			p, err = r.Next(t.Context(), into)
		}
	}
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	rows, err := drain(t.Context(), t, r)
	if err != nil || len(rows) != 1 || s.PassedOver() != 0 {
		t.Errorf("rows %q, error %v, %d passed over", rows, err, s.PassedOver())
	}
}

// awayBucket tells of each look at a file.
type awayBucket struct {
	storage.Bucket
	looks chan struct{}
}

func (b *awayBucket) Attributes(ctx context.Context, key string) (storage.Object, error) {
	select {
	case b.looks <- struct{}{}:
	default:
	}
	return b.Bucket.Attributes(ctx, key)
}

// TestAMonitoredFileThatIsNotWhatItWasIsPassedOver before anything of it is read.
func TestAMonitoredFileThatIsNotWhatItWasIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"changed.json", "gone.json", "kept.json"} {
		put(t, dir, name, "{\"n\":1}\n")
	}
	s := newSource(t, SourceConfig{Path: dir, Monitor: time.Second})
	d, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "changed.json", "{\"n\":1}\n{\"n\":2}\n")
	if err := os.Remove(filepath.Join(dir, "gone.json")); err != nil {
		t.Fatal(err)
	}
	rows, err := readSplits(t, s, 0, d.Splits...)
	if err != nil || len(rows) != 1 || s.PassedOver() != 2 {
		t.Errorf("rows %q, error %v, %d passed over", rows, err, s.PassedOver())
	}
}

// TestASmallFileNeedsASmallBuffer: a folder may hold a hundred thousand of them.
func TestASmallFileNeedsASmallBuffer(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.json", "{\"n\":1}\n")
	s := newSource(t, SourceConfig{Path: dir})
	d, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := decodeSplit(d.Splits[0])
	if err != nil {
		t.Fatal(err)
	}
	ahead := (&origin{location: &s.location, bucket: open(t, s.location.root), framing: codec.Lines{}}).readAhead(t.Context(), f, 0, false, blockBytes)
	defer ahead.close()
	if got := <-ahead.blocks; got.err != nil || !got.last || cap(got.data) > 100 {
		t.Errorf("a buffer of %d bytes for a file of %d, error %v", cap(got.data), f.size, got.err)
	}
}

// TestEverySplitAndBlockSizeReadsTheSameRecords is metamorphic: however a file is cut, its records come out once, in order.
func TestEverySplitAndBlockSizeReadsTheSameRecords(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var content strings.Builder
		var want []string
		n := rng.IntN(30)
		for i := range n {
			line := testLines(jsonl.Format{}, rng.IntN(1000), 1)
			if i == n-1 && rng.IntN(2) == 0 {
				line = strings.TrimSuffix(line, "\n")
			}
			for rng.IntN(4) == 0 {
				content.WriteString([]string{"\n", " \r\n"}[rng.IntN(2)])
			}
			content.WriteString(line)
		}
		dir := t.TempDir()
		put(t, dir, "a", content.String())
		for try := range 12 {
			s := newSource(t, SourceConfig{Path: dir, SplitBytes: int64(1 + rng.IntN(content.Len()+10))})
			d, err := discover(t, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := readSplits(t, s, 1+rng.IntN(64), d.Splits...)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if try == 0 {
				if want = rows; len(want) != n {
					t.Fatalf("seed %d: %d rows, want %d", seed, len(rows), n)
				}
			}
			if diff := cmp.Diff(want, rows); diff != "" {
				t.Fatalf("seed %d, splits of %d bytes: %s", seed, s.config.SplitBytes, diff)
			}
		}
	}
}

func TestARecordHasALargestSize(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "fits", `{"n":1,"text":"`+strings.Repeat("x", maxRecordBytes-100)+"\"}\n")
	put(t, dir, "long", "{\"n\":1}\n"+strings.Repeat(" ", maxRecordBytes+1))
	for name, want := range map[string]string{"fits": "", "long": "long at byte 8: the record is longer than 16 MiB"} {
		s := newSource(t, SourceConfig{Path: dir + "/" + name})
		d, err := discover(t, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := readSplits(t, s, 0, d.Splits...)
		if want != "" {
			wantPermanent(t, err, want)
		} else if err != nil || len(rows) != 1 {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	}
}

func TestAByteOrderMarkIsSkipped(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", "\xef\xbb\xbf{\"n\":1,\"text\":\"\"}\n")
	s := newSource(t, SourceConfig{Path: dir})
	d, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := readSplits(t, s, 0, d.Splits...)
	if diff := cmp.Diff([]string{"1 "}, rows); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
}

func FuzzSeenIsReadBackOrRefused(f *testing.F) {
	s := seen{refused: 3, files: []seenFile{
		{key: "a/b", first: 1, last: 1}, {key: "a/bc", first: 2, last: 3}, {key: "z", first: 4, last: 4},
	}}
	dated := seen{dated: true, more: true, horizon: 5, files: []seenFile{{key: "a", first: 1, last: 1, modified: 7}}}
	f.Add(dated.encode())
	f.Add(s.encode())
	f.Add(finished(count{files: 2, digest: 5}, true))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeSeen(b)
		if err != nil || len(b) == 0 {
			return
		}
		again, err := decodeSeen(got.encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, again, cmp.AllowUnexported(seen{}, seenFile{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestSeenRefusesWhatIsCutOff(t *testing.T) {
	for _, s := range []seen{
		{refused: 3, files: []seenFile{
			{key: "a/b", first: 1, last: 1}, {key: "a/bc", first: 2, last: 3}, {key: "z", first: 4, last: 4},
		}},
		{dated: true, more: true, horizon: 5, files: []seenFile{{key: "a", first: 1, last: 1, modified: 7}}},
	} {
		whole := s.encode()
		got, err := decodeSeen(whole)
		if diff := cmp.Diff(&s, got, cmp.AllowUnexported(seen{}, seenFile{})); diff != "" || err != nil {
			t.Fatalf("%s %v", diff, err)
		}
		for n := 1; n < len(whole); n++ {
			if _, err := decodeSeen(whole[:n]); err == nil {
				t.Errorf("%d of %d bytes are accepted", n, len(whole))
			}
		}
	}
}
