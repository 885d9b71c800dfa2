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
// process has it. The kernel frees the lock when the process ends, however it ends.
func LockFolder(path string) (io.Closer, error) {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, fmt.Errorf("lock folder: %w", err)
	}
	name := filepath.Join(path, filedriver.OwnPrefix+"lock")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("lock folder: %w", err)
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
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), file.Close())
	}
	return file, nil
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
