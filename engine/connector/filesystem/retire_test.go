package filesystem

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// retirerOf returns what removes the files of a source, and a split of each that it finds.
func retirerOf(t *testing.T, c SourceConfig) (connector.Retirer, []connector.Split) {
	t.Helper()
	c.Monitor = time.Second
	e, err := newSource(t, c).Enumerator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	d, err := e.Discover(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return e.(connector.Retirer), d.Splits
}

// keys lists what is in a place.
func keys(t *testing.T, place string) map[string]string {
	t.Helper()
	b := open(t, place)
	list, err := b.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, o := range list {
		content, err := b.Read(t.Context(), o.Key)
		if err != nil {
			t.Fatal(err)
		}
		out[o.Key] = strings.TrimSpace(string(content))
	}
	return out
}

// retireAll retires and wants every file to be done with.
func retireAll(t *testing.T, r connector.Retirer, splits []connector.Split) {
	t.Helper()
	done, err := r.Retire(t.Context(), splits)
	slices.Sort(done)
	var want []string
	for _, s := range splits {
		want = append(want, s.ID)
	}
	slices.Sort(want)
	if err != nil || !slices.Equal(done, want) {
		t.Fatalf("done %q, error %v; want %q", done, err, want)
	}
}

// TestFilesThatWereReadAreDeletedOrMovedHoweverOften: what is not among them, or is not the version that was read, stays, and
// nothing is overwritten.
func TestFilesThatWereReadAreDeletedOrMovedHoweverOften(t *testing.T) {
	for store, newPlace := range places(t) {
		for _, after := range []AfterRead{DeleteFiles, MoveFiles} {
			t.Run(store+map[AfterRead]string{DeleteFiles: "/delete", MoveFiles: "/move"}[after], func(t *testing.T) {
				place := newPlace(t)
				for _, name := range []string{"in/a", "in/sub/b", "in/changed", "in/gone", "in/half", "in/taken", "in/unread"} {
					put(t, place, name, `{"n":1}`)
				}
				in, err := storageurl.Join(place, "in")
				if err != nil {
					t.Fatal(err)
				}
				to, err := storageurl.Join(place, "done/with")
				if err != nil {
					t.Fatal(err)
				}
				c := SourceConfig{Path: in, AfterRead: after}
				want := map[string]string{"in/unread": `{"n":1}`, "in/changed": `{"n":1,"x":2}`}
				if after == MoveFiles {
					c.MoveTo = to
					put(t, place, "done/with/half", `{"n":1}`)
					put(t, place, "done/with/taken", `{"n":2}`)
					want["done/with/a"], want["done/with/sub/b"], want["done/with/half"] = `{"n":1}`, `{"n":1}`, `{"n":1}`
					want["in/taken"], want["done/with/taken"] = `{"n":1}`, `{"n":2}`
				}
				r, splits := retirerOf(t, c)
				put(t, place, "in/changed", `{"n":1,"x":2}`)
				if err := open(t, place).Delete(t.Context(), "in/gone"); err != nil {
					t.Fatal(err)
				}
				splits = slices.DeleteFunc(splits, func(s connector.Split) bool { return strings.HasSuffix(s.Chain, "unread") })
				for range 3 {
					retireAll(t, r, splits)
					if diff := cmp.Diff(want, keys(t, place)); diff != "" {
						t.Fatalf("(-want +got):\n%s", diff)
					}
				}
			})
		}
	}
}

// TestAFolderStaysWhenItsLastFileGoes, and a link that is to be moved.
func TestAFolderStaysWhenItsLastFileGoes(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "in/day/a", `{"n":1}`)
	r, splits := retirerOf(t, SourceConfig{Path: filepath.Join(dir, "in"), AfterRead: DeleteFiles})
	retireAll(t, r, splits)
	if entries, err := os.ReadDir(filepath.Join(dir, "in", "day")); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
	put(t, dir, "elsewhere", `{"n":1}`)
	if err := os.Symlink("../elsewhere", filepath.Join(dir, "in", "link")); err != nil {
		t.Fatal(err)
	}
	r, splits = retirerOf(t, SourceConfig{Path: filepath.Join(dir, "in"), AfterRead: MoveFiles, MoveTo: filepath.Join(dir, "done")})
	retireAll(t, r, splits)
	if _, err := os.Lstat(filepath.Join(dir, "in", "link")); err != nil {
		t.Error(err)
	}
}

// TestWhatCannotBeRemovedIsAskedForAgain while the other files go.
func TestWhatCannotBeRemovedIsAskedForAgain(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "in/a", `{"n":1}`)
	put(t, dir, "in/b", `{"n":1}`)
	put(t, dir, "done", "a file")
	r, splits := retirerOf(t, SourceConfig{Path: filepath.Join(dir, "in"), AfterRead: MoveFiles, MoveTo: filepath.Join(dir, "done")})
	if done, err := r.Retire(t.Context(), splits); err == nil || len(done) > 0 {
		t.Fatalf("done %q, error %v", done, err)
	}
	if err := os.Remove(filepath.Join(dir, "done")); err != nil {
		t.Fatal(err)
	}
	retireAll(t, r, splits)
}

// TestASplitThatWasPassedOverIsSaidToBe: its file is not removed.
func TestASplitThatWasPassedOverIsSaidToBe(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", "\x1f\x8b\x08\x00")
	s := newSource(t, SourceConfig{Path: dir, Monitor: time.Second, AfterRead: DeleteFiles})
	d, err := discover(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Reader(t.Context(), connector.ReaderContext{Parallelism: 1, BatchRows: batch.TargetRows})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(d.Splits[0], nil); err != nil {
		t.Fatal(err)
	}
	for {
		into := batch.Of(s.Payload())
		p, err := r.Next(t.Context(), into)
		if err != nil {
			t.Fatal(err)
		}
		if p.Done {
			if !p.PassedOver {
				t.Error("it counts as read")
			}
			break
		}
		<-p.Wait
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhereFilesMayBeMovedTo(t *testing.T) {
	for _, c := range []struct{ path, to, refused string }{
		{"/d/in", "/d/done", ""},
		{"/d/in", "/d/in/_done", ""},
		{"/d/in", "/d/in/.done", ""},
		{"/d/in", "/d/in/done", "inside"},
		{"/d/in", "/d/in", "holds"},
		{"/d/in", "/d", "holds"},
		{"/d/in/*.json", "/d/in/done", ""},
		{"/d/in/*", "/d/in/done", "inside"},
		{"/d/in/**/*.json", "/d/in/done", "inside"},
		{"/d/in/*.json", "/d/in", "holds"},
		{"/d/in", "s3://d/done", "another store"},
		{"s3://b/in?region=x", "s3://b/done", ""},
		{"s3://b/in", "s3://c/done", "another store"},
		{"s3://b/in", "s3://b/in/done", "inside"},
		{"s3://b/in", "s3://b", "holds"},
		{"/d/in", "", "no storage named"},
	} {
		_, err := NewSource(SourceConfig{Path: c.path, AfterRead: MoveFiles, MoveTo: c.to})
		var move *moveError
		if c.refused == "" && err != nil || c.refused != "" && (!errors.As(err, &move) || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("from %s to %s: %v, want %q", c.path, c.to, err, c.refused)
		}
	}
}
