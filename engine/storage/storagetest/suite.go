package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/storage"
)

// Creators is how many callers race for one key.
const Creators = 50

// Run holds a bucket to the promises of package storage. open returns an empty bucket, closed by its own cleanup.
func Run(t *testing.T, open func(t *testing.T) storage.Bucket) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, b storage.Bucket)
	}{
		{"an empty bucket lists as empty, and what is not there is not found", emptyBucket},
		{"an object that was created is read back, in whole and in part", createAndRead},
		{"creating what exists fails and changes nothing", createExisting},
		{"creating the same body again is success, as after a lost answer", createOwn},
		{"of many concurrent creators of one key exactly one wins", createRace},
		{"a written object appears at Close", writeAndClose},
		{"an aborted or cancelled writing leaves nothing", writeAndAbort},
		{"an object larger than a part of an upload arrives whole", writeLarge},
		{"a listing has all keys with the prefix in order, with sizes and stable versions", list},
		{"a folder listing has objects and folders of one level", listFolder},
		{"publishing makes the staged content visible and may be repeated", publish},
		{"of publishers of one object all succeed, though the first to finish deletes what was staged", publishRace},
		{"publishing never replaces other content", publishOther},
		{"publishing without staged and final objects names both", publishNothing},
		{"deleting is repeatable and leaves no empty folder behind", deleteObject},
		{"a sub-bucket sees its own keys only", sub},
		{"the probe accepts the store and leaves nothing", probe},
		{"errors name the object's URL", errorsNameObject},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func wantBody(t *testing.T, b storage.Bucket, key, want string) {
	t.Helper()
	got, err := b.Read(t.Context(), key)
	must(t, err)
	if string(got) != want {
		t.Fatalf("object %s is %.100q, want %.100q", key, got, want)
	}
}

// keys returns what a listing shows, without the rest.
func keys(objects []storage.Object) []string {
	var keys []string
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return keys
}

func wantKeys(t *testing.T, b storage.Bucket, want ...string) {
	t.Helper()
	objects, err := b.List(t.Context(), "")
	must(t, err)
	if diff := cmp.Diff(want, keys(objects)); diff != "" {
		t.Fatalf("keys (-want +got):\n%s", diff)
	}
}

func write(t *testing.T, b storage.Bucket, key, body string) {
	t.Helper()
	w, err := b.Writer(t.Context(), key)
	must(t, err)
	_, err = io.WriteString(w, body)
	must(t, err)
	must(t, w.Close())
}

func contentOf(body string) storage.Content {
	return storage.Content{
		Size:   int64(len(body)),
		CRC32C: crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli)),
	}
}

func emptyBucket(t *testing.T, b storage.Bucket) {
	ctx := t.Context()
	wantKeys(t, b)
	folders, err := b.ListFolder(ctx, "no/such/")
	must(t, err)
	if len(folders) != 0 {
		t.Fatalf("folder that is not there lists %v", folders)
	}
	_, err = b.Read(ctx, "a/b")
	wantError(t, err, storage.ErrNotFound)
	_, err = b.Attributes(ctx, "a/b")
	wantError(t, err, storage.ErrNotFound)
	_, err = b.Reader(ctx, "a/b", 0, 10)
	wantError(t, err, storage.ErrNotFound)
}

func createAndRead(t *testing.T, b storage.Bucket) {
	must(t, b.Create(t.Context(), "dir/key", []byte("0123456789")))
	wantBody(t, b, "dir/key", "0123456789")
	for _, part := range []struct {
		offset, n int64
		want      string
	}{{0, -1, "0123456789"}, {3, -1, "3456789"}, {3, 4, "3456"}, {8, 100, "89"}, {0, 0, ""}} {
		r, err := b.Reader(t.Context(), "dir/key", part.offset, part.n)
		must(t, err)
		got, err := io.ReadAll(r)
		must(t, errors.Join(err, r.Close()))
		if string(got) != part.want {
			t.Errorf("%d bytes from %d are %q, want %q", part.n, part.offset, got, part.want)
		}
	}
	must(t, b.Create(t.Context(), "empty", nil))
	wantBody(t, b, "empty", "")
}

func createExisting(t *testing.T, b storage.Bucket) {
	must(t, b.Create(t.Context(), "key", []byte("first")))
	wantError(t, b.Create(t.Context(), "key", []byte("second")), storage.ErrExists)
	wantBody(t, b, "key", "first")
}

func createOwn(t *testing.T, b storage.Bucket) {
	must(t, b.Create(t.Context(), "key", []byte("nonce 1")))
	must(t, b.Create(t.Context(), "key", []byte("nonce 1")))
}

func createRace(t *testing.T, b storage.Bucket) {
	var won atomic.Int64
	var winner atomic.Value
	var done sync.WaitGroup
	start := make(chan struct{})
	for i := range Creators {
		done.Go(func() {
			body := fmt.Sprintf("creator %d", i)
			<-start
			err := b.Create(t.Context(), "key", []byte(body))
			if err == nil {
				won.Add(1)
				winner.Store(body)
			} else if !errors.Is(err, storage.ErrExists) {
				t.Errorf("creator %d: %v", i, err)
			}
		})
	}
	close(start)
	done.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d of %d creators won, want 1", won.Load(), Creators)
	}
	wantBody(t, b, "key", winner.Load().(string))
}

func writeAndClose(t *testing.T, b storage.Bucket) {
	w, err := b.Writer(t.Context(), "dir/key")
	must(t, err)
	_, err = io.WriteString(w, "content")
	must(t, err)
	wantKeys(t, b)
	must(t, w.Close())
	must(t, w.Abort())
	must(t, w.Close())
	wantBody(t, b, "dir/key", "content")
	write(t, b, "dir/key", "replaced")
	wantBody(t, b, "dir/key", "replaced")
}

func writeAndAbort(t *testing.T, b storage.Bucket) {
	w, err := b.Writer(t.Context(), "aborted")
	must(t, err)
	_, err = io.WriteString(w, "content")
	must(t, err)
	must(t, w.Abort())
	must(t, w.Close())

	ctx, cancel := context.WithCancel(t.Context())
	w, err = b.Writer(ctx, "cancelled")
	must(t, err)
	_, err = io.WriteString(w, "content")
	must(t, err)
	cancel()
	wantError(t, w.Close(), context.Canceled)
	wantKeys(t, b)
}

func writeLarge(t *testing.T, b storage.Bucket) {
	const size = 12 << 20
	block := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	w, err := b.Writer(t.Context(), "large")
	must(t, err)
	want := crc32.NewIEEE()
	for n := 0; n < size; n += len(block) {
		block[0]++
		_, err := io.MultiWriter(w, want).Write(block)
		must(t, err)
	}
	must(t, w.Close())
	r, err := b.Reader(t.Context(), "large", 0, -1)
	must(t, err)
	got := crc32.NewIEEE()
	n, err := io.Copy(got, r)
	must(t, errors.Join(err, r.Close()))
	if n != size || got.Sum32() != want.Sum32() {
		t.Fatalf("read %d bytes with checksum %x, want %d with %x", n, got.Sum32(), size, want.Sum32())
	}
}

func list(t *testing.T, b storage.Bucket) {
	for _, key := range []string{"b", "a/2", "a/1", "a/sub/3", "a.x", "ab"} {
		must(t, b.Create(t.Context(), key, []byte(key)))
	}
	wantKeys(t, b, "a.x", "a/1", "a/2", "a/sub/3", "ab", "b")
	objects, err := b.List(t.Context(), "a/")
	must(t, err)
	if diff := cmp.Diff([]string{"a/1", "a/2", "a/sub/3"}, keys(objects)); diff != "" {
		t.Fatalf("keys below a/ (-want +got):\n%s", diff)
	}
	objects, err = b.List(t.Context(), "a")
	must(t, err)
	for _, o := range objects {
		at, err := b.Attributes(t.Context(), o.Key)
		must(t, err)
		if o.Size != int64(len(o.Key)) || at.Size != o.Size || at.Key != o.Key {
			t.Errorf("object %+v, attributes %+v", o, at)
		}
		if o.Version == "" || o.Version != at.Version {
			t.Errorf("version of %s is %q in the listing, %q in the attributes", o.Key, o.Version, at.Version)
		}
	}
}

func listFolder(t *testing.T, b storage.Bucket) {
	for _, key := range []string{"top", "chk-1/_metadata", "chk-1/data", "chk-10/_metadata", "attempts/1"} {
		must(t, b.Create(t.Context(), key, []byte("x")))
	}
	for folder, want := range map[string][]string{
		"":       {"attempts/", "chk-1/", "chk-10/", "top"},
		"chk-1/": {"chk-1/_metadata", "chk-1/data"},
	} {
		objects, err := b.ListFolder(t.Context(), folder)
		must(t, err)
		if diff := cmp.Diff(want, keys(objects)); diff != "" {
			t.Errorf("folder %q (-want +got):\n%s", folder, diff)
		}
		for _, o := range objects {
			if o.Folder != strings.HasSuffix(o.Key, "/") {
				t.Errorf("%s: folder %v", o.Key, o.Folder)
			}
		}
	}
	_, err := b.ListFolder(t.Context(), "chk-1")
	wantError(t, err, storage.ErrInvalid)
}

func publish(t *testing.T, b storage.Bucket) {
	const body = "one committed file"
	write(t, b, "_staging/1.0/x", body)
	for range 2 {
		must(t, b.Publish(t.Context(), "_staging/1.0/x", "out/part-1", contentOf(body)))
		wantBody(t, b, "out/part-1", body)
	}
	must(t, b.Delete(t.Context(), "_staging/1.0/x"))
	wantBody(t, b, "out/part-1", body)
	must(t, b.Publish(t.Context(), "_staging/1.0/x", "out/part-1", contentOf(body)))
	wantKeys(t, b, "out/part-1")
}

// publishRace is a committer that was paused between its look at the final object and the publishing, while its heir
// published the same and forgot what was staged.
func publishRace(t *testing.T, b storage.Bucket) {
	const rounds, publishers, body = 8, 4, "one committed file"
	for round := range rounds {
		staged, final := fmt.Sprintf("_staging/1.0/%d", round), fmt.Sprintf("out/part-%d", round)
		write(t, b, staged, body)
		errs := make(chan error, publishers)
		for range publishers {
			go func() {
				err := b.Publish(t.Context(), staged, final, contentOf(body))
				if err == nil {
					err = b.Delete(t.Context(), staged)
				}
				errs <- err
			}()
		}
		for range publishers {
			must(t, <-errs)
		}
		wantBody(t, b, final, body)
	}
}

func publishOther(t *testing.T, b storage.Bucket) {
	write(t, b, "staged", "new content")
	for _, other := range []string{"old content", "longer old content"} {
		write(t, b, "final", other)
		wantError(t, b.Publish(t.Context(), "staged", "final", contentOf("new content")), storage.ErrExists)
		wantBody(t, b, "final", other)
	}
}

func publishNothing(t *testing.T, b storage.Bucket) {
	err := b.Publish(t.Context(), "staged-1", "final-1", contentOf("x"))
	wantError(t, err, storage.ErrNotFound)
	for _, name := range []string{"staged-1", "final-1"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error %q does not name %s", err, name)
		}
	}
}

func deleteObject(t *testing.T, b storage.Bucket) {
	must(t, b.Create(t.Context(), "dir/sub/key", []byte("x")))
	must(t, b.Delete(t.Context(), "dir/sub/key"))
	must(t, b.Delete(t.Context(), "dir/sub/key"))
	folders, err := b.ListFolder(t.Context(), "")
	must(t, err)
	if len(folders) != 0 {
		t.Fatalf("left after deleting: %v", folders)
	}
	// The name is free again, also as a folder of the same name.
	must(t, b.Create(t.Context(), "dir", []byte("x")))
}

func sub(t *testing.T, b storage.Bucket) {
	s := b.Sub("a").Sub("b/c/")
	must(t, s.Create(t.Context(), "key", []byte("x")))
	must(t, b.Create(t.Context(), "a/other", []byte("x")))
	wantKeys(t, s, "key")
	wantKeys(t, b, "a/b/c/key", "a/other")
	if want := "a/b/c"; !strings.Contains(s.String(), want) {
		t.Errorf("URL %s does not contain %s", s, want)
	}
	must(t, s.Close())
	wantBody(t, b, "a/b/c/key", "x")
}

func probe(t *testing.T, b storage.Bucket) {
	must(t, storage.Probe(t.Context(), b))
	wantKeys(t, b)
}

func errorsNameObject(t *testing.T, b storage.Bucket) {
	_, err := b.Sub("folder").Read(t.Context(), "missing")
	var e *storage.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *storage.Error", err)
	}
	if !strings.HasPrefix(e.Object, strings.SplitN(b.String(), "?", 2)[0]) || !strings.Contains(e.Object, "folder/missing") {
		t.Errorf("error names %s, in bucket %s", e.Object, b)
	}
}
