package filedriver

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"golang.org/x/sys/unix"
)

// writerVariable makes the test binary start an object in a folder and never finish it.
const writerVariable = "WEIR_TEST_WRITE_FOLDER"

func TestMain(m *testing.M) {
	if root := os.Getenv(writerVariable); root != "" {
		if err := writeForEver(root); err != nil {
			panic(err) // in the process of the test's own
		}
		return
	}
	m.Run()
}

func writeForEver(root string) error {
	b, err := New(root)
	if err != nil {
		return err
	}
	w, err := blob.NewBucket(b).NewWriter(context.Background(), "never", &blob.WriterOptions{ContentType: "text/plain"})
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte("half of it")); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(os.Stdout, "writing"); err != nil {
		return err
	}
	select {} // until it is killed
}

// temporary returns the temporary files in a bucket's folder.
func temporary(t *testing.T, root string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, tempFolder))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return entries
}

func open(t *testing.T, root string) *blob.Bucket {
	t.Helper()
	driver, err := New(root)
	if err != nil {
		t.Fatal(err)
	}
	return blob.NewBucket(driver)
}

func TestWhatAKilledWriterLeftIsInvisibleAndRemovedByTheNext(t *testing.T) {
	root := t.TempDir()
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), writerVariable+"="+root)
	victim.Stderr = os.Stderr
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "writing\n" {
		t.Fatalf("the writer said %q, %v", line, err)
	}

	beside := open(t, root)
	if err := beside.WriteAll(t.Context(), "first", nil, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(temporary(t, root)); n != 1 {
		t.Fatalf("%d temporary files beside a living writer, want its one", n)
	}
	if err := victim.Process.Kill(); err != nil { // SIGKILL
		t.Fatal(err)
	}
	if err := victim.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}

	after := open(t, root)
	if exists, err := after.Exists(t.Context(), "never"); err != nil || exists {
		t.Fatalf("the unfinished object exists: %v, %v", exists, err)
	}
	if err := after.WriteAll(t.Context(), "second", nil, nil); err != nil {
		t.Fatal(err)
	}
	if left := temporary(t, root); len(left) != 0 {
		t.Errorf("left after the next write: %v", left)
	}
	if err := after.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, tempFolder)); !os.IsNotExist(err) {
		t.Errorf("the folder of temporary files is still there: %v", err)
	}
}

func TestManyBucketsOfOneFolderHaveOneCreator(t *testing.T) {
	root := t.TempDir()
	for round := range 100 {
		key := fmt.Sprintf("round-%d/key", round)
		var mu sync.Mutex
		var winners []int
		var done sync.WaitGroup
		start := make(chan struct{})
		for i := range 8 {
			b := open(t, root)
			done.Go(func() {
				<-start
				err := b.WriteAll(t.Context(), key, fmt.Append(nil, i), &blob.WriterOptions{IfNotExist: true})
				if err == nil {
					mu.Lock()
					winners = append(winners, i)
					mu.Unlock()
				} else if gcerrors.Code(err) != gcerrors.FailedPrecondition {
					t.Errorf("creator %d: %v", i, err)
				}
			})
		}
		close(start)
		done.Wait()
		if len(winners) != 1 {
			t.Fatalf("round %d: creators %v won", round, winners)
		}
		got, err := open(t, root).ReadAll(t.Context(), key)
		if err != nil || string(got) != fmt.Sprint(winners[0]) {
			t.Fatalf("round %d: content %q, %v, of creator %d", round, got, err, winners[0])
		}
	}
}

func TestWritersAndDeletersOfOneFolderDoNotDisturbEachOther(t *testing.T) {
	root := t.TempDir()
	var done sync.WaitGroup
	for i := range 4 {
		b := open(t, root)
		done.Go(func() {
			for n := range 100 {
				key := fmt.Sprintf("folder/sub/%d-%d", i, n)
				if err := b.WriteAll(t.Context(), key, []byte("x"), nil); err != nil {
					t.Errorf("write: %v", err)
				}
				if _, _, err := b.ListPage(t.Context(), blob.FirstPageToken, 100, nil); err != nil {
					t.Errorf("list: %v", err)
				}
				if err := b.Delete(t.Context(), key); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		})
	}
	done.Wait()
	if entries, err := os.ReadDir(filepath.Join(root, "folder")); !os.IsNotExist(err) {
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
}

func TestNamesOfTheStorageLayerAreRefusedAndHidden(t *testing.T) {
	root := t.TempDir()
	b := open(t, root)
	for _, key := range []string{OwnPrefix + "x", "a/" + OwnPrefix + "x", "..", "a/.."} {
		err := b.WriteAll(t.Context(), key, nil, nil)
		if gcerrors.Code(err) != gcerrors.InvalidArgument {
			t.Errorf("key %q: %v, want InvalidArgument", key, err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, OwnPrefix+"lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if list, _, err := b.ListPage(t.Context(), blob.FirstPageToken, 10, nil); err != nil || len(list) != 0 {
		t.Errorf("listed %v, %v", list, err)
	}
}

func TestAPipeIsNoObject(t *testing.T) {
	root := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, root)
	if _, err := b.ReadAll(t.Context(), "pipe"); gcerrors.Code(err) != gcerrors.NotFound { // nobody writes: it would wait
		t.Errorf("read: %v, want NotFound", err)
	}
	if list, _, err := b.ListPage(t.Context(), blob.FirstPageToken, 10, nil); err != nil || len(list) != 0 {
		t.Errorf("listed %v, %v", list, err)
	}
}

func TestKeysAndFileNamesTranslateBothWays(t *testing.T) {
	for _, key := range []string{
		"a/b", "a//b", "/a", "a/", "./a", "a/../b", "__0x2f__", "a__0x2f__b", "_", "___0x41__", "tab\there", "☺/☺", "100%", "a\\b",
	} {
		path := escapeKey(key)
		if got := unescapeKey(path); got != key {
			t.Errorf("key %q becomes %q, which becomes %q", key, path, got)
		}
	}
	if a, b := escapeKey("a__0x2f__"), escapeKey("a/"); a == b {
		t.Errorf("two keys share the file %q", a)
	}
}
