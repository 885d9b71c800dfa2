package storage_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/storage"
)

// holderVariable makes the test binary hold a folder instead of running tests.
const holderVariable = "WEIR_TEST_HOLD_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(holderVariable); folder != "" {
		if err := holdFolder(folder); err != nil {
			panic(err) // in the process of the test's own
		}
		return
	}
	m.Run()
}

// holdFolder locks a folder, says so, and waits for the end of its input.
func holdFolder(folder string) error {
	lock, err := storage.LockFolder(folder)
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := fmt.Fprintln(os.Stdout, "locked"); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestASecondProcessOnAFolderIsRefusedUntilTheFirstIsKilled(t *testing.T) {
	folder := t.TempDir()
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holderVariable+"="+folder)
	holder.Stderr = os.Stderr
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "locked\n" {
		t.Fatalf("the holder said %q, %v", line, err)
	}

	_, err = storage.LockFolder(folder)
	var locked *storage.LockedError
	if !errors.As(err, &locked) || locked.PID != holder.Process.Pid || locked.Folder != folder {
		t.Fatalf("got %v, want a LockedError that names process %d", err, holder.Process.Pid)
	}
	if err := holder.Process.Kill(); err != nil { // SIGKILL
		t.Fatal(err)
	}
	if err := holder.Wait(); err == nil {
		t.Fatal("the holder ended by itself")
	}
	lock, err := storage.Lock(openAt(t, folder))
	if err != nil {
		t.Fatalf("the lock outlived its process: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheLockIsNotListedAndObjectStoresHaveNone(t *testing.T) {
	b := openAt(t, t.TempDir())
	lock, err := storage.Lock(b)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if list, err := b.List(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("the folder lists %v, %v", list, err)
	}
	for range 2 {
		if _, err := storage.Lock(openAt(t, "mem://"+uniqueName())); err != nil {
			t.Error(err)
		}
	}
}

func TestTheHolderRemovesWhatAKilledOneLeft(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"chk-1/_metadata", storage.ProbePrefix + "X", "probe"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "chk-0"), 0o700); err != nil { // its objects are deleted already
		t.Fatal(err)
	}
	lock, err := storage.LockFolder(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	var left []string
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{".weir-lock", "chk-1", "probe"}; !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
}
