package filedriver

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"gocloud.dev/blob/driver"
)

// namingTries bounds the race for a folder between a writer that makes it and a deleter that removes it when empty.
const namingTries = 100

// writer writes a temporary file and gives it its name at Close.
type writer struct {
	ctx      context.Context
	b        *Bucket
	key      string
	path     string
	attrs    attributes
	ifAbsent bool
	temp     *os.File
}

// NewTypedWriter implements driver.Bucket.
func (b *Bucket) NewTypedWriter(
	ctx context.Context, key, contentType string, opts *driver.WriterOptions,
) (driver.Writer, error) {
	path, err := b.path(key)
	if err != nil {
		return nil, err
	}
	temp, err := b.createTemp()
	if err != nil {
		return nil, err
	}
	if opts.BeforeWrite != nil {
		if err := opts.BeforeWrite(func(any) bool { return false }); err != nil {
			return nil, errors.Join(err, discard(temp))
		}
	}
	return &writer{
		ctx: ctx, b: b, key: key, path: path, ifAbsent: opts.IfNotExist, temp: temp,
		attrs: attributes{
			CacheControl:       opts.CacheControl,
			ContentDisposition: opts.ContentDisposition,
			ContentEncoding:    opts.ContentEncoding,
			ContentLanguage:    opts.ContentLanguage,
			ContentType:        contentType,
			Metadata:           opts.Metadata,
		},
	}, nil
}

func (w *writer) Write(p []byte) (int, error) { return w.temp.Write(p) }

// Close makes the object durable and visible, in this order, or removes the temporary file if the context is done.
func (w *writer) Close() error {
	err := w.ctx.Err()
	if err == nil {
		err = w.b.disk.sync(w.temp)
	}
	if err == nil {
		err = w.publish()
	}
	return errors.Join(err, discard(w.temp))
}

// publish names the file. With create-if-absent the attributes follow the name, which only one writer gets; otherwise
// the last writer's attributes win like its content.
func (w *writer) publish() error {
	if w.ifAbsent {
		if err := w.b.name(w.temp.Name(), w.path, w.b.disk.link); err != nil {
			return err
		}
		return w.b.writeAttributes(w.key, w.attrs)
	}
	if err := w.b.writeAttributes(w.key, w.attrs); err != nil {
		return err
	}
	return w.b.name(w.temp.Name(), w.path, w.b.disk.rename)
}

// name gives a synced file its place with link or rename, makes the folders that this needs, and syncs the folder.
func (b *Bucket) name(from, to string, place func(from, to string) error) error {
	dir := filepath.Dir(to)
	for try := 1; ; try++ {
		made := b.disk.makeFolders(dir)
		err := made
		if err == nil {
			err = place(from, to)
		}
		switch {
		case err == nil:
			return b.disk.syncFolder(dir)
		case errors.Is(err, fs.ErrExist):
			// Who is told that the name is there goes on from that: so it must not vanish with a power cut either, also if
			// the one that gave it was killed, or failed, before it had synced the folder.
			if err := b.disk.syncFolder(dir); err != nil {
				return err
			}
			return fmt.Errorf("%w: %s", ErrExists, to)
		case errors.Is(err, syscall.EPERM) && (made != nil || !b.takesNames(dir)):
			return err // an immutable folder
		case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.EMLINK):
			return fmt.Errorf("%w (%s)", errWithoutLinks, err)
		case errors.Is(err, fs.ErrNotExist) && try < namingTries:
			// The folder was removed as empty after it was made: make it again, unless it is the file that is gone.
			if _, statErr := os.Lstat(from); statErr == nil {
				continue
			}
		}
		return err
	}
}

// takesNames tells whether a folder can be written to, after it has refused a link: with the same error as one that knows none.
func (b *Bucket) takesNames(dir string) bool {
	name := filepath.Join(dir, OwnPrefix+rand.Text())
	return b.disk.mkdir(name) == nil && os.Remove(name) == nil
}

// Link gives the object from a second name. It never replaces: an existing object is a FailedPrecondition error. When it
// returns nil the name is durable. Neither name depends on the other afterwards.
func (b *Bucket) Link(from, to string) error {
	fromPath, _, err := b.stat(from)
	if err != nil {
		return err
	}
	toPath, err := b.path(to)
	if err != nil {
		return err
	}
	return b.name(fromPath, toPath, b.disk.link)
}

// Copy implements driver.Bucket.
func (b *Bucket) Copy(ctx context.Context, dstKey, srcKey string, opts *driver.CopyOptions) error {
	path, _, err := b.stat(srcKey)
	if err != nil {
		return err
	}
	a, err := b.readAttributes(srcKey)
	if err != nil {
		return err
	}
	if a.ContentType == defaultMediaType {
		a.ContentType = ""
	}
	src, err := os.Open(path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := b.NewTypedWriter(ctx, dstKey, a.ContentType, &driver.WriterOptions{
		CacheControl:       a.CacheControl,
		ContentDisposition: a.ContentDisposition,
		ContentEncoding:    a.ContentEncoding,
		ContentLanguage:    a.ContentLanguage,
		Metadata:           a.Metadata,
		BeforeWrite:        opts.BeforeCopy,
	})
	if err != nil {
		return errors.Join(err, src.Close())
	}
	_, err = io.Copy(w, src)
	if err = errors.Join(err, src.Close()); err != nil {
		cancel() // so that Close discards
		return errors.Join(err, w.Close())
	}
	return w.Close()
}

func (b *Bucket) writeAttributes(key string, a attributes) error {
	if a.empty() {
		return b.deleteAttributes(key)
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	temp, err := b.createTemp()
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	if err == nil {
		err = b.disk.sync(temp)
	}
	if err == nil {
		err = b.name(temp.Name(), b.attributesPath(key), b.disk.rename)
	}
	return errors.Join(err, discard(temp))
}

// createTemp makes an empty file under a random name, locked as being written.
func (b *Bucket) createTemp() (*os.File, error) {
	dir := filepath.Join(b.root, tempFolder)
	b.wrote.Store(true)
	var cleanErr error
	b.clean.Do(func() { cleanErr = removeAbandoned(dir) })
	if cleanErr != nil {
		return nil, cleanErr
	}
	for try := 1; ; try++ {
		err := b.disk.makeFolders(dir)
		var file *os.File
		if err == nil {
			file, err = os.OpenFile(filepath.Join(dir, rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		}
		if errors.Is(err, fs.ErrNotExist) && try < namingTries {
			continue // another process closed its bucket and removed the folder
		}
		if err != nil {
			return nil, err
		}
		if keep, err := lockTemp(file); err != nil {
			return nil, errors.Join(err, discard(file))
		} else if keep {
			return file, nil
		}
		// A cleaner took the file for abandoned between its creation and its lock.
		if err := discard(file); err != nil {
			return nil, err
		}
	}
}

// lockTemp marks a temporary file as being written, for as long as this process has it open. It reports whether the
// file still has its name. On a file system without locks no one can lock, hence no one removes.
func lockTemp(file *os.File) (keep bool, err error) {
	switch err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case err == nil:
	case errors.Is(err, unix.EWOULDBLOCK):
		return false, nil
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS):
		return true, nil
	default:
		return false, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	if _, err := os.Lstat(file.Name()); isAbsent(err) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, nil
}

// removeAbandoned removes the temporary files that no living process has locked.
func removeAbandoned(dir string) error {
	entries, err := os.ReadDir(dir)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		file, err := os.Open(path)
		if isAbsent(err) {
			continue
		}
		if err != nil {
			return err
		}
		if unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			err = os.Remove(path)
		}
		if err = errors.Join(err, file.Close()); err != nil && !isAbsent(err) {
			return err
		}
	}
	return nil
}

// discard closes a temporary file and removes its temporary name, if it still has it.
func discard(file *os.File) error {
	err := os.Remove(file.Name())
	if isAbsent(err) {
		err = nil
	}
	return errors.Join(err, file.Close())
}
