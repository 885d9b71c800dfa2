package filesystem

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// location is where a source reads: all files below a root that a pattern selects.
type location struct {
	// name is the option's value, without credentials, for messages.
	name string
	// root is the URL of the deepest folder that the path names without wildcards. For a path without any, it is the
	// folder that holds the file or folder: which of the two it is, the store knows.
	root string
	// local is the root on the local disk, "" for other stores.
	local string
	// pattern has an element, as in path.Match, for each part of the path below the root. It selects the files that
	// it matches and all below folders that it matches. Empty: everything.
	pattern []string
	// literal says that the pattern is the name of one file or folder.
	literal bool
}

const wildcards = `*?[\`

// parseLocation reads the option 'path'.
func parseLocation(name string) (location, error) {
	u, err := storage.ParseURL(name)
	if err != nil {
		return location{}, err
	}
	parts := strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })
	first := slices.IndexFunc(parts, func(p string) bool { return strings.ContainsAny(p, wildcards) })
	literal := first < 0
	if literal {
		first = max(len(parts)-1, 0)
	}
	for _, p := range parts[first:] {
		if _, err := path.Match(p, ""); err != nil {
			return location{}, fmt.Errorf("the glob %q in it is malformed: %w", p, err)
		}
	}
	root := *u
	root.Path = "/" + strings.Join(parts[:first], "/")
	if root.Path == "/" && u.Scheme != "file" {
		root.Path = ""
	}
	l := location{name: shown(u), root: root.String(), pattern: parts[first:], literal: literal && len(parts) > 0}
	if u.Scheme == "file" {
		l.local = filepath.FromSlash(root.Path)
	}
	return l, nil
}

// shown is a URL as messages show it: the path alone if it is local, and never credentials.
func shown(u *url.URL) string {
	if u.Scheme == "file" {
		return u.Path
	}
	clean := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return clean.String()
}

// at names a file of the location.
func (l *location) at(key string) string {
	if l.local != "" {
		return filepath.Join(l.local, filepath.FromSlash(key))
	}
	root, _, _ := strings.Cut(l.root, "?")
	return strings.TrimSuffix(root, "/") + "/" + key
}

// list returns the files of the location in path order. Nothing where something must be is an error.
func (l *location) list(ctx context.Context, b storage.Bucket, mayBeEmpty bool) ([]storage.Object, error) {
	folder, err := l.checkLocal()
	if err != nil {
		return nil, err
	}
	files, err := l.find(ctx, b)
	if err != nil {
		return nil, classed(err)
	}
	slices.SortFunc(files, func(a, b storage.Object) int { return strings.Compare(a.Key, b.Key) })
	if len(files) == 0 && !folder && !mayBeEmpty {
		return nil, fault.Permanentf(l.name, "correct the option 'path'", "there is no file at this path")
	}
	for _, f := range files {
		if ext := path.Ext(f.Key); slices.Contains(compressed, strings.ToLower(ext)) {
			return nil, fault.Permanentf(l.at(f.Key), "unpack the file, or exclude it with a glob in the option 'path'",
				"files compressed as %s are not supported yet", ext)
		}
	}
	return files, nil
}

// find returns the files of the location.
func (l *location) find(ctx context.Context, b storage.Bucket) ([]storage.Object, error) {
	if !l.literal {
		return l.walk(ctx, b, nil, "", 0)
	}
	name := l.pattern[0]
	file, err := b.Attributes(ctx, name)
	if err == nil {
		return []storage.Object{file}, nil
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return nil, err
	}
	return l.walk(ctx, b, nil, name+"/", 1)
}

// walk appends the files below a folder, which is depth levels below the root and selected. Only folders that the
// location selects are looked into: what is beside them may be large, or closed to this user.
func (l *location) walk(ctx context.Context, b storage.Bucket, files []storage.Object, folder string, depth int) ([]storage.Object, error) {
	entries, err := b.ListFolder(ctx, folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch {
		case !l.selects(path.Base(e.Key), depth):
		case e.Folder:
			if files, err = l.walk(ctx, b, files, e.Key, depth+1); err != nil {
				return nil, err
			}
		case depth+1 >= len(l.pattern):
			files = append(files, e)
		}
	}
	return files, nil
}

// selects says whether a name, so many levels below the root, is on the way to a file of the location.
func (l *location) selects(name string, depth int) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return false
	}
	if depth >= len(l.pattern) {
		return true
	}
	ok, err := path.Match(l.pattern[depth], name)
	return err == nil && ok // parseLocation refused malformed patterns
}

// compressed are the extensions of files that would be read as garbage.
var compressed = []string{".gz", ".bz2", ".zst", ".xz", ".zip", ".lz4", ".snappy"}

// checkLocal refuses a local path that does not exist or cannot be read, and says whether it names an existing folder.
// Other stores have no folders: there only the listing can tell.
func (l *location) checkLocal() (folder bool, err error) {
	if l.local == "" {
		return false, nil
	}
	name := l.local
	if l.literal {
		name = filepath.Join(name, l.pattern[0])
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, fault.Permanentf(name, "correct the option 'path'", "there is no such file or folder")
	case errors.Is(err, os.ErrPermission):
		return false, fault.Permanentf(name, "allow this user to read it", "permission denied")
	case err != nil:
		return false, fmt.Errorf("look at %s: %w", name, err)
	case !info.IsDir() && !info.Mode().IsRegular():
		return false, fault.Permanentf(name, "write into a file first, and name that in the option 'path'", "it is a device or a pipe")
	}
	return info.IsDir() && (l.literal || len(l.pattern) == 0), nil
}
