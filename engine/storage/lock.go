package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/weirstream/weir/engine/storage/filedriver"
	"github.com/weirstream/weir/engine/storage/storageurl"
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
	u, err := storageurl.Parse(b.String())
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
		return nil, cannotLock(path, err)
	}
	file, err := os.OpenFile(filepath.Join(path, filedriver.OwnPrefix+"lock"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, cannotLock(path, err)
	}
	switch err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		locked := &LockedError{Folder: path, PID: lockHolder(file)}
		return nil, errors.Join(locked, file.Close())
	case err != nil:
		return nil, errors.Join(cannotLock(path, &fs.PathError{Op: "lock", Path: file.Name(), Err: err}), file.Close())
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
		return nil, errors.Join(cannotLock(path, err), file.Close())
	}
	return file, nil
}

// cannotLock is the error of a folder that cannot be taken, for another reason than that somebody has it.
func cannotLock(path string, err error) error {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	return &Error{Op: "lock", Object: u.String(), Class: classOfCode(filedriver.ErrorCode(err), err), Cause: err}
}

// removeLeft removes what a process leaves in a folder if it is killed while it probes, or between the last object of a
// folder below and that folder. Whoever holds the lock is the only one who writes there. What may not be removed is left: if
// the folder cannot be written, that is for the first write to say.
func removeLeft(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ProbePrefix) {
			continue
		}
		if err := os.Remove(filepath.Join(path, e.Name())); err != nil && !staysBehind(err) {
			return err
		}
	}
	return nil
}

// staysBehind tells that what could not be removed is in use, gone, or not ours to remove.
func staysBehind(err error) bool {
	return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS)
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
