package filedriver

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"gocloud.dev/blob/driver"
)

// ListPaged implements driver.Bucket. Without a page size everything is one page, so that a listing reads each folder once.
func (b *Bucket) ListPaged(ctx context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	if opts.BeforeList != nil {
		if err := opts.BeforeList(func(any) bool { return false }); err != nil {
			return nil, err
		}
	}
	// Only the folder that the prefix names can hold matches. An escaped character cannot be followed into a folder.
	start := b.root
	if i := strings.LastIndex(opts.Prefix, "/"); i >= 0 {
		if folder := opts.Prefix[:i]; escapeKey(folder+"/x") == folder+"/x" {
			start = filepath.Join(b.root, filepath.FromSlash(folder))
		}
	}
	l := lister{ctx: ctx, b: b, prefix: opts.Prefix, delimiter: opts.Delimiter, dirs: map[string]bool{}}
	if err := l.walk(start); err != nil {
		return nil, err
	}
	objects := l.objects
	sort.Slice(objects, func(i, j int) bool { return objects[i].Key < objects[j].Key })
	if token := string(opts.PageToken); token != "" {
		objects = objects[sort.Search(len(objects), func(i int) bool { return objects[i].Key > token }):]
	}
	page := &driver.ListPage{Objects: objects}
	if opts.PageSize > 0 && len(objects) > opts.PageSize {
		page.Objects = objects[:opts.PageSize]
		page.NextPageToken = []byte(page.Objects[opts.PageSize-1].Key)
	}
	return page, nil
}

// lister collects the objects of one listing.
type lister struct {
	ctx               context.Context
	b                 *Bucket
	prefix, delimiter string
	dirs              map[string]bool
	objects           []*driver.ListObject
}

// walk visits a folder. One that is not there is empty: it was never made, or was removed with its last object
// meanwhile. Any other error is the listing's.
func (l *lister) walk(dir string) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), OwnPrefix) {
			continue
		}
		if err := l.visit(filepath.Join(dir, entry.Name()), entry); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) visit(path string, entry fs.DirEntry) error {
	rel, err := filepath.Rel(l.b.root, path)
	if err != nil {
		return err
	}
	key := unescapeKey(filepath.ToSlash(rel))
	if entry.IsDir() {
		key += "/"
		// Keys below this folder begin with key, or with what an escaped "/" after it makes of it.
		if !strings.HasPrefix(key, l.prefix) && !strings.HasPrefix(l.prefix, key) {
			return nil
		}
		if dir, ok := l.collapse(key); ok {
			return l.addFolder(dir, path)
		}
		return l.walk(path)
	}
	if !strings.HasPrefix(key, l.prefix) {
		return nil
	}
	if dir, ok := l.collapse(key); ok {
		l.addDir(dir)
		return nil
	}
	info, err := os.Stat(path) // follows a symbolic link
	if isAbsent(err) || errors.Is(err, syscall.ELOOP) {
		return nil // removed meanwhile, or a link to nothing or to itself
	}
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		l.objects = append(l.objects, &driver.ListObject{Key: key, ModTime: info.ModTime(), Size: info.Size()})
	}
	return nil
}

// collapse returns the "directory" that stands for key, if the delimiter makes one of it.
func (l *lister) collapse(key string) (string, bool) {
	if l.delimiter == "" || !strings.HasPrefix(key, l.prefix) {
		return "", false
	}
	i := strings.Index(key[len(l.prefix):], l.delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(l.prefix)+i+len(l.delimiter)], true
}

// addFolder adds the "directory" of a folder without reading all of it, but only if there is an object in it: an empty
// folder is not an object.
func (l *lister) addFolder(dir, path string) error {
	if l.dirs[dir] {
		return nil
	}
	found := errors.New("found")
	err := filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		switch {
		case isAbsent(err):
			return nil
		case err != nil:
			return err
		case strings.HasPrefix(entry.Name(), OwnPrefix) && entry.IsDir():
			return filepath.SkipDir
		case !entry.IsDir() && !strings.HasPrefix(entry.Name(), OwnPrefix):
			return found
		}
		return l.ctx.Err()
	})
	if errors.Is(err, found) {
		l.addDir(dir)
		return nil
	}
	return err
}

func (l *lister) addDir(dir string) {
	if !l.dirs[dir] {
		l.dirs[dir] = true
		l.objects = append(l.objects, &driver.ListObject{Key: dir, IsDir: true})
	}
}
