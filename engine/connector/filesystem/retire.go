package filesystem

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// AfterRead is what becomes of a file that was read to its end.
type AfterRead uint8

// What becomes of files. Nothing does before a complete checkpoint whose output is committed has all of a file behind it.
const (
	KeepFiles AfterRead = iota
	DeleteFiles
	MoveFiles
)

// moveError says that files cannot be moved to a folder.
type moveError struct{ why string }

func (e *moveError) Error() string { return e.why }

// checkMove refuses a folder to which files cannot be moved, or from which they would be read again.
func (s *Source) checkMove() error {
	if s.config.AfterRead != MoveFiles {
		return nil
	}
	to, err := s.moveTo()
	if err != nil {
		return &moveError{err.Error()}
	}
	from, err := storageurl.Parse(s.location.root)
	if err != nil {
		return err
	}
	if to.Scheme != from.Scheme || to.Host != from.Host || to.RawQuery != from.RawQuery {
		return &moveError{fmt.Sprintf("%s is in another store than the path, %s", shown(to), s.location.name)}
	}
	folder, target, at := from.Path, to.Path, s.location.pattern.root()
	if s.location.literal {
		folder, at = strings.TrimSuffix(folder, "/")+"/"+s.location.pattern[0], s.location.below()
	}
	if s.location.local != "" {
		folder, target = storage.FollowLinks(&url.URL{Scheme: "file", Path: folder}), storage.FollowLinks(to)
	}
	folder, target = strings.TrimSuffix(folder, "/")+"/", strings.TrimSuffix(target, "/")+"/"
	if strings.HasPrefix(folder, target) {
		return &moveError{fmt.Sprintf("%s is, or holds, the folder that is read", shown(to))}
	}
	below, inside := strings.CutPrefix(target, folder)
	if !inside {
		return nil
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(below, "/"), "/") {
		at = s.location.pattern.next(at, part)
	}
	if len(at) > 0 {
		return &moveError{fmt.Sprintf("%s is inside of what is read: its files would be read again", shown(to))}
	}
	return nil
}

// moveTo is the folder that files are moved to, with the query of the path if it has none.
func (s *Source) moveTo() (*url.URL, error) {
	name, err := storageurl.InheritQuery(s.config.MoveTo, s.location.root)
	if err != nil {
		return nil, err
	}
	return storageurl.Parse(name)
}

// retirer is the enumerator of a source whose files do not stay (connector.Retirer).
type retirer struct {
	*enumerator
	// shared is a bucket that holds what is read and the folder that files are moved to; nil: they are deleted. from and to
	// are their prefixes in it.
	shared   storage.Bucket
	from, to string
}

// retirer makes the enumerator of files that do not stay. It takes e over.
func (s *Source) retirer(ctx context.Context, e *enumerator) (connector.Enumerator, error) {
	r := &retirer{enumerator: e}
	if s.config.AfterRead == DeleteFiles {
		return r, nil
	}
	err := r.openShared(ctx)
	if err != nil {
		return nil, errors.Join(classed(err), e.Close())
	}
	return r, nil
}

func (r *retirer) openShared(ctx context.Context) error {
	from, err := storageurl.Parse(r.source.location.root)
	if err != nil {
		return err
	}
	to, err := r.source.moveTo()
	if err != nil {
		return err
	}
	a, b := parts(from.Path), parts(to.Path)
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	common := *from
	common.Path = "/" + strings.Join(a[:n], "/")
	if n == 0 && from.Scheme != "file" {
		common.Path = ""
	}
	r.from, r.to = strings.Join(a[n:], "/"), strings.Join(b[n:], "/")
	r.shared, err = storage.Open(ctx, common.String())
	return err
}

func parts(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

// Retire deletes or moves files, several at once. One that is not the version that was read is not touched.
func (r *retirer) Retire(ctx context.Context, splits []connector.Split) (done []string, err error) {
	var mu sync.Mutex
	var errs []error
	var group errgroup.Group
	group.SetLimit(parallelRequests)
	for _, split := range splits {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			err := r.retire(ctx, split)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			} else {
				done = append(done, split.ID)
			}
			return nil // the others are tried all the same
		})
	}
	err = group.Wait()
	if len(errs) > 0 {
		err = fmt.Errorf("%d of %d files, the first: %w", len(errs), len(splits), errs[0])
	}
	return done, errors.Join(err, ctx.Err())
}

func (r *retirer) retire(ctx context.Context, split connector.Split) error {
	f, err := decodeSplit(split)
	if err != nil {
		return err
	}
	now, err := r.bucket.Attributes(ctx, f.key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil // it was removed before
	}
	if err != nil {
		return classed(err)
	}
	if now.Size != f.size || now.Version != f.version {
		r.log().Warn("file stays: it has changed since it was read", "file", r.source.location.at(f.key))
		return nil
	}
	if r.shared != nil {
		if moved, err := r.copyTo(ctx, &f); err != nil || !moved {
			return err
		}
	}
	return r.remove(ctx, f.key)
}

// copyTo makes a file visible in the folder that files are moved to. A different file of that name is not replaced.
func (r *retirer) copyTo(ctx context.Context, f *fileSplit) (moved bool, err error) {
	name := f.key
	if l := &r.source.location; l.literal {
		name = strings.TrimPrefix(name, l.pattern[0]+"/")
	}
	file := r.source.location.at(f.key)
	if r.source.location.local != "" {
		if info, err := os.Lstat(file); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			r.log().Warn("file stays: links are not moved", "file", file)
			return false, nil
		}
	}
	from, to := path.Join(r.from, f.key), path.Join(r.to, name)
	// What is there from an earlier try is compared by its content; else nobody needs the checksum.
	_, err = r.shared.Attributes(ctx, to)
	if errors.Is(err, storage.ErrNotFound) {
		err = r.shared.Publish(ctx, from, to, storage.Content{Size: f.size})
		if err == nil || !errors.Is(err, storage.ErrExists) {
			return err == nil, classed(err)
		}
	} else if err != nil {
		return false, classed(err)
	}
	want := storage.Content{Size: f.size}
	if want.CRC32C, err = r.checksum(ctx, f.key); err != nil {
		return false, err
	}
	err = r.shared.Publish(ctx, from, to, want)
	if errors.Is(err, storage.ErrExists) {
		r.log().Warn("file stays: another one of its name is in the folder that it is to be moved to", "file", file,
			"folder", r.source.config.MoveTo, "remedy", "move one of the two by hand")
		return false, nil
	}
	return err == nil, classed(err)
}

func (r *retirer) checksum(ctx context.Context, key string) (sum uint32, err error) {
	in, err := r.bucket.Reader(ctx, key, 0, -1)
	if err != nil {
		return 0, classed(err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if _, err := io.Copy(h, in); err != nil {
		return 0, classed(err)
	}
	return h.Sum32(), nil
}

// remove deletes a file. A local one is removed by itself: a bucket would remove a folder that becomes empty with it, and
// a program that writes into that would find it gone.
func (r *retirer) remove(ctx context.Context, key string) error {
	if r.source.location.local == "" {
		return classed(r.bucket.Delete(ctx, key))
	}
	if err := os.Remove(r.source.location.at(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a file that was read: %w", err)
	}
	return nil
}

// Close closes the buckets.
func (r *retirer) Close() error {
	err := r.enumerator.Close()
	if r.shared != nil {
		err = errors.Join(err, r.shared.Close())
	}
	return err
}
