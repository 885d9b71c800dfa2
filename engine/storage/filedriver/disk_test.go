package filedriver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// recorder is a disk that notes its calls, and fails where it is told to.
type recorder struct {
	root string // of the paths that it notes
	fail string // the call that fails, as it is noted; empty: none
	// refuse matches the calls that are not permitted; nil: none.
	refuse *regexp.Regexp
	mu     sync.Mutex
	calls  []string
}

var errDisk = errors.New("the disk is broken")

// tempName matches the random name of a temporary file.
var tempName = regexp.MustCompile(`\.weir-tmp/\w+`)

// record puts a recorder before the disk of a new bucket, some folders below one that is there.
func record(t *testing.T, top, folder string) (*recorder, *blob.Bucket, *Bucket) {
	t.Helper()
	b, err := New(filepath.Join(top, folder))
	if err != nil {
		t.Fatal(err)
	}
	r, real := &recorder{root: top}, b.disk
	b.disk = disk{
		mkdir: func(dir string) error { return r.note("mkdir "+r.name(dir), func() error { return real.mkdir(dir) }) },
		link: func(from, to string) error {
			return r.note("link "+r.name(from)+" "+r.name(to), func() error { return real.link(from, to) })
		},
		rename: func(from, to string) error {
			return r.note("rename "+r.name(from)+" "+r.name(to), func() error { return real.rename(from, to) })
		},
		sync: func(f *os.File) error { return r.note("sync "+r.name(f.Name()), func() error { return real.sync(f) }) },
	}
	portable := blob.NewBucket(b)
	t.Cleanup(func() {
		if err := portable.Close(); err != nil {
			t.Error(err)
		}
	})
	return r, portable, b
}

func (r *recorder) name(path string) string {
	name, err := filepath.Rel(r.root, path)
	if err != nil {
		return path
	}
	return tempName.ReplaceAllString(filepath.ToSlash(name), "TEMP")
}

func (r *recorder) note(call string, do func() error) error {
	r.mu.Lock()
	r.calls = append(r.calls, call)
	fails := call == r.fail
	r.mu.Unlock()
	switch {
	case fails:
		return errDisk
	case r.refuse != nil && r.refuse.MatchString(call):
		return syscall.EPERM
	}
	return do()
}

// said returns the calls since it was asked last.
func (r *recorder) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := strings.Join(r.calls, "\n")
	r.calls = nil
	return all
}

func (r *recorder) expect(t *testing.T, what, want string) {
	t.Helper()
	if got := r.said(); got != strings.TrimSpace(want) {
		t.Errorf("%s: the disk was asked for\n%s\n\nwant\n%s", what, got, want)
	}
}

func put(t *testing.T, b *blob.Bucket, key, text string, o *blob.WriterOptions) error {
	t.Helper()
	return b.WriteAll(t.Context(), key, []byte(text), o)
}

// Weir's own objects have no attributes.
var (
	ifAbsent  = &blob.WriterOptions{IfNotExist: true, DisableContentTypeDetection: true}
	replacing = &blob.WriterOptions{DisableContentTypeDetection: true}
)

// TestDurabilityComesInOrder reads like the promise of the package: what is acknowledged survives a power cut. The content
// is synced before it gets its name; the folder is synced after that; and a folder that is made for it is synced into its
// own parent before anything is put there, up to the first that was there before.
func TestDurabilityComesInOrder(t *testing.T) {
	r, b, _ := record(t, t.TempDir(), "storage/job")
	steps := []struct {
		name string
		do   func() error
		want string
	}{
		{"the first object, created if absent", func() error { return put(t, b, "chk-1/_metadata", "one", ifAbsent) }, `
mkdir storage
sync .
mkdir storage/job
sync storage
mkdir storage/job/.weir-tmp
sync storage/job
sync storage/job/TEMP
mkdir storage/job/chk-1
sync storage/job
link storage/job/TEMP storage/job/chk-1/_metadata
sync storage/job/chk-1`},
		{"another in a folder that is there", func() error { return put(t, b, "chk-1/1.0-data", "two", ifAbsent) }, `
sync storage/job/TEMP
link storage/job/TEMP storage/job/chk-1/1.0-data
sync storage/job/chk-1`},
		{"one that replaces", func() error { return put(t, b, "chk-1/1.0-data", "three", replacing) }, `
sync storage/job/TEMP
rename storage/job/TEMP storage/job/chk-1/1.0-data
sync storage/job/chk-1`},
		{"a copy, two folders deeper", func() error { return b.Copy(t.Context(), "a/b/copy", "chk-1/_metadata", nil) }, `
sync storage/job/TEMP
mkdir storage/job/a
sync storage/job
mkdir storage/job/a/b
sync storage/job/a
rename storage/job/TEMP storage/job/a/b/copy
sync storage/job/a/b`},
		{"attributes come durably before the name that they belong to", func() error {
			return put(t, b, "a/page", "<p>", &blob.WriterOptions{ContentType: "text/html", DisableContentTypeDetection: true})
		}, `
sync storage/job/TEMP
sync storage/job/TEMP
mkdir storage/job/.weir-attributes
sync storage/job
mkdir storage/job/.weir-attributes/a
sync storage/job/.weir-attributes
rename storage/job/TEMP storage/job/.weir-attributes/a/page
sync storage/job/.weir-attributes/a
rename storage/job/TEMP storage/job/a/page
sync storage/job/a`},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		r.expect(t, s.name, s.want)
	}
}

// TestALinkIsDurableAndNeverReplaces is what a commit of staged output on files is made of.
func TestALinkIsDurableAndNeverReplaces(t *testing.T) {
	r, b, driver := record(t, t.TempDir(), "out")
	for key, text := range map[string]string{"_staging/1": "new", "part-1": "old"} {
		if err := put(t, b, key, text, replacing); err != nil {
			t.Fatal(err)
		}
	}
	r.said()
	if err := driver.Link("_staging/1", "part-1"); !errors.Is(err, ErrExists) || driver.ErrorCode(err) != gcerrors.FailedPrecondition {
		t.Errorf("a link to a name that is taken: %v", err)
	}
	r.expect(t, "a link to a name that is taken, which whoever gave it may not have synced", "link out/_staging/1 out/part-1\nsync out")
	if err := driver.Link("_staging/1", "year/part-2"); err != nil {
		t.Fatal(err)
	}
	r.expect(t, "a link into a new folder", `
mkdir out/year
sync out
link out/_staging/1 out/year/part-2
sync out/year`)
	for key, want := range map[string]string{"_staging/1": "new", "part-1": "old", "year/part-2": "new"} {
		if text, err := b.ReadAll(t.Context(), key); err != nil || string(text) != want {
			t.Errorf("%s holds %q (%v), want %q", key, text, err, want)
		}
	}
}

// TestWhatIsNotDurableIsNotAcknowledged lets each call fail in turn.
func TestWhatIsNotDurableIsNotAcknowledged(t *testing.T) {
	for _, c := range []struct {
		call    string
		visible bool // after the failure: the name was there before it was durable
	}{
		{"sync job/TEMP", false},
		{"mkdir job/chk-1", false},
		{"sync job", false},
		{"link job/TEMP job/chk-1/_metadata", false},
		{"sync job/chk-1", true},
	} {
		t.Run(c.call, func(t *testing.T) {
			top := t.TempDir()
			root := filepath.Join(top, "job")
			if err := os.MkdirAll(filepath.Join(root, tempFolder), 0o755); err != nil {
				t.Fatal(err)
			}
			r, b, _ := record(t, top, "job")
			r.fail = c.call
			if err := put(t, b, "chk-1/_metadata", "one", ifAbsent); !errors.Is(err, errDisk) || c.visible && !errors.Is(err, ErrNotSynced) {
				t.Errorf("the write that was not durable: %v", err)
			}
			if !strings.Contains(r.said()+"\n", c.call+"\n") {
				t.Errorf("%s was not asked for", c.call)
			}
			there, err := b.Exists(t.Context(), "chk-1/_metadata")
			if err != nil || there != c.visible {
				t.Errorf("visible: %v, %v; want %v", there, err, c.visible)
			}
			r.said()
			r.fail = ""
			// The next try makes durable what the failed one has left: its name, or its folder.
			if err := put(t, b, "chk-1/_metadata", "one", ifAbsent); c.visible != (gcerrors.Code(err) == gcerrors.FailedPrecondition) || !c.visible && err != nil {
				t.Errorf("the next try: %v", err)
			}
			if !strings.Contains(r.said()+"\n", c.call+"\n") {
				t.Errorf("%s was not asked for again", c.call)
			}
			if left := temporary(t, root); len(left) != 0 {
				t.Errorf("temporary files are left: %v", fmt.Sprint(left))
			}
		})
	}
}

// TestFoldersAreDurableBeforeTheyAreUsed makes folders as a process does that locks its job's folder before it writes.
func TestFoldersAreDurableBeforeTheyAreUsed(t *testing.T) {
	r, _, b := record(t, t.TempDir(), "job")
	dir := filepath.Join(r.root, "a", "b")
	for range 2 { // what is there is left alone
		if err := b.disk.makeFolders(dir); err != nil {
			t.Fatal(err)
		}
	}
	r.expect(t, "folders", "mkdir a\nsync .\nmkdir a/b\nsync a")
	if err := MakeFolders(filepath.Join(dir, "c", "d")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "c", "d")); err != nil || !info.IsDir() {
		t.Errorf("the folder is not there: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MakeFolders(filepath.Join(file, "below")); err == nil {
		t.Error("a file is in the way, and no error")
	}
}

// TestAnImmutableFolderIsNotOneWithoutLinks: the system says the same of both.
func TestAnImmutableFolderIsNotOneWithoutLinks(t *testing.T) {
	for _, c := range []struct {
		name, refused string // calls that end with EPERM
		want          gcerrors.ErrorCode
	}{
		{"a file system without links", `^link`, gcerrors.Unimplemented},
		{"an immutable folder", `^(link|mkdir job/chk-1/)`, gcerrors.PermissionDenied},
		{"an immutable parent", `^mkdir job/chk-1$`, gcerrors.PermissionDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := t.TempDir()
			if err := os.MkdirAll(filepath.Join(top, "job", tempFolder), 0o755); err != nil {
				t.Fatal(err)
			}
			r, b, _ := record(t, top, "job")
			r.refuse = regexp.MustCompile(c.refused)
			if err := put(t, b, "chk-1/_metadata", "one", ifAbsent); gcerrors.Code(err) != c.want {
				t.Errorf("got %v (%v), want %v", err, gcerrors.Code(err), c.want)
			}
		})
	}
}
