package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/weirstream/weir/engine/storage/filedriver"
)

// LockedError tells that another process of this host has the folder.
type LockedError struct {
	Folder string
	PID    int // 0: not known
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("%s is in use by %s on this host: stop it, or use another folder or job id", e.Folder, who)
}

// Lock takes a bucket on file:// for this process, until the result is closed or the process ends in any way. On other
// schemes it does nothing: there the claim in storage decides (P1).
func Lock(b Bucket) (io.Closer, error) {
	u, err := ParseURL(b.String())
	if err != nil {
		return nil, err
	}
	if u.Scheme != "file" {
		return io.NopCloser(nil), nil
	}
	return LockFolder(filepath.FromSlash(u.Path))
}

// LockFolder takes a folder for this process, makes it if need be, and fails with a *LockedError at once if another
// process has it. Probes and empty folders that killed holders left in it are removed. The kernel frees the lock when
// the process ends, however it ends.
func LockFolder(path string) (io.Closer, error) {
	// The objects of the job are durable only if the folder is that they are in.
	if err := filedriver.MakeFolders(path); err != nil {
		return nil, fmt.Errorf("take the folder %s: %w", path, err)
	}
	name := filepath.Join(path, filedriver.OwnPrefix+"lock")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("take the folder %s: %w", path, err)
	}
	switch err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		locked := &LockedError{Folder: path, PID: lockHolder(file)}
		return nil, errors.Join(locked, file.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), file.Close())
	}
	// The number is for messages only: the lock is the kernel's.
	err = file.Truncate(0)
	if err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err == nil {
		err = removeLeft(path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), file.Close())
	}
	return file, nil
}

// removeLeft removes what a process leaves in a folder if it is killed while it probes, or between the last object of a
// folder below and that folder. Whoever holds the lock is the only one who writes there.
func removeLeft(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ProbePrefix) {
			continue
		}
		err := os.Remove(filepath.Join(path, e.Name()))
		if err != nil && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// lockHolder reads the process id that the holder wrote, or returns 0.
func lockHolder(file *os.File) int {
	text := make([]byte, 20)
	n, err := file.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return 0
	}
	return pid
}
