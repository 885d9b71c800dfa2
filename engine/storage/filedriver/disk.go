package filedriver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// disk holds the calls on whose order durability hangs. A test records them: that a killed process loses nothing says
// nothing about a power cut, which takes all that was not synced.
type disk struct {
	mkdir  func(dir string) error
	link   func(from, to string) error // fails if to is there
	rename func(from, to string) error
	sync   func(*os.File) error // of a file: its content; of a folder: the names in it
}

func newDisk() disk {
	return disk{
		mkdir:  func(dir string) error { return os.Mkdir(dir, 0o777) },
		link:   os.Link,
		rename: os.Rename,
		sync:   (*os.File).Sync,
	}
}

// MakeFolders makes a folder and its parents, each durable in its own parent. What is there already stays as it is.
func MakeFolders(dir string) error {
	d := newDisk()
	return d.makeFolders(dir)
}

// makeFolders is MakeFolders.
func (d *disk) makeFolders(dir string) error {
	info, err := os.Stat(dir)
	if err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: errFileInTheWay}
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := d.makeFolders(parent); err != nil {
		return err
	}
	if err := d.mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	err = d.syncFolder(parent)
	if err != nil {
		// Whoever tries again must make it again, because a folder that is there is taken for durable.
		err = errors.Join(err, os.Remove(dir))
	}
	return err
}

// syncFolder makes the names in a folder durable. A folder that is gone had its last object deleted meanwhile.
func (d *disk) syncFolder(dir string) error {
	f, err := os.Open(dir)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = d.sync(f)
	if err != nil {
		err = fmt.Errorf("%w: sync %s: %w", ErrNotSynced, dir, err)
	}
	return errors.Join(err, f.Close())
}
