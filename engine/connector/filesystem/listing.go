package filesystem

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// listing is what a location has: files to read, and files that nobody could read.
type listing struct {
	files   []storage.Object // in path order
	foreign []foreignFile    // in path order
}

// foreignFile is a file that the location selects and that is no text of ours.
type foreignFile struct {
	storage.Object
	why, remedy string
}

// fault is the error of a source that has to read all that it found.
func (f *foreignFile) fault(l *location) error {
	return fault.Permanentf(l.at(f.Key), f.remedy, "%s", f.why)
}

// list returns the files of the location. Nothing where something must be is an error.
func (l *location) list(ctx context.Context, b storage.Bucket, mayBeEmpty bool) (listing, error) {
	folder, err := l.checkLocal()
	if err != nil {
		return listing{}, err
	}
	all, err := l.find(ctx, b)
	if err != nil {
		return listing{}, classed(err)
	}
	slices.SortFunc(all, func(a, b storage.Object) int { return strings.Compare(a.Key, b.Key) })
	if len(all) == 0 && !folder && !mayBeEmpty {
		return listing{}, fault.Permanentf(l.name, "correct the option 'path'", "there is no file at this path")
	}
	var found listing
	for _, o := range all {
		if f, isForeign := foreignBy(o); isForeign {
			found.foreign = append(found.foreign, f)
		} else {
			found.files = append(found.files, o)
		}
	}
	return found, nil
}

// compressed are the extensions of files that would be read as garbage.
var compressed = []string{".gz", ".bz2", ".zst", ".xz", ".zip", ".lz4", ".snappy"}

// foreignBy says by its name that a file cannot be read.
func foreignBy(o storage.Object) (f foreignFile, isForeign bool) {
	ext := strings.ToLower(path.Ext(o.Key))
	switch {
	case slices.Contains(compressed, ext):
		return foreignFile{o, "files compressed as " + ext + " are not supported yet", "unpack the file, or exclude it with a glob in the option 'path'"}, true
	case !utf8.ValidString(o.Key):
		return foreignFile{o, "its name is not UTF-8", "rename the file"}, true
	case strings.ContainsFunc(o.Key, unicode.IsControl):
		return foreignFile{o, "its name has control characters", "rename the file"}, true
	}
	return foreignFile{}, false
}

// find returns the files of the location.
func (l *location) find(ctx context.Context, b storage.Bucket) ([]storage.Object, error) {
	at := l.pattern.root()
	if !l.literal {
		return l.walk(ctx, b, nil, "", at)
	}
	name := l.pattern[0]
	file, err := b.Attributes(ctx, name)
	if err == nil {
		return []storage.Object{file}, nil
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return nil, err
	}
	return l.walk(ctx, b, nil, name+"/", l.below())
}

// below is what the one folder of a literal location has reached: it is named, so it may be hidden.
func (l *location) below() reached { return reached{len(l.pattern)} }

// walk appends the files below a folder. Only folders on the way to a file of the location are looked into: what is beside
// them may be large, or closed to this user.
func (l *location) walk(ctx context.Context, b storage.Bucket, files []storage.Object, folder string, at reached) ([]storage.Object, error) {
	entries, err := b.ListFolder(ctx, folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		next := l.pattern.next(at, path.Base(e.Key))
		switch {
		case len(next) == 0:
		case e.Folder:
			if files, err = l.walk(ctx, b, files, e.Key, next); err != nil {
				return nil, err
			}
		case l.pattern.selects(next):
			files = append(files, e)
		}
	}
	return files, nil
}

// linkedFolders returns the symbolic links to folders on the way to files of the location. They are not followed, because
// one may lead back to a folder above it, or to the job's own output.
func (l *location) linkedFolders() []string {
	if l.local == "" {
		return nil
	}
	var links []string
	var look func(folder string, at reached)
	look = func(folder string, at reached) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return // the listing says why
		}
		for _, e := range entries {
			name := filepath.Join(folder, e.Name())
			next := l.pattern.next(at, e.Name())
			switch {
			case len(next) == 0:
			case e.IsDir():
				look(name, next)
			case e.Type()&os.ModeSymlink != 0:
				if info, err := os.Stat(name); err == nil && info.IsDir() {
					links = append(links, name)
				}
			}
		}
	}
	if l.literal {
		look(filepath.Join(l.local, l.pattern[0]), l.below())
	} else {
		look(l.local, l.pattern.root())
	}
	return links
}
