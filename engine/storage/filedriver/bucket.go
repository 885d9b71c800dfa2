package filedriver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// ErrExists is the error of a Link to a name that is taken.
var ErrExists = errors.New("the object exists")

// ErrNotSynced is among the errors of a write whose object may be there without being durable. Trying again tells.
var ErrNotSynced = errors.New("it may be lost if the power fails")

var (
	errInvalidKey    = errors.New("invalid key")
	errFileInTheWay  = errors.New("a file has the name of a folder")
	errNoSignedURL   = errors.New("files have no signed URLs")
	errWithoutLinks  = errors.New("the file system has no hard links, which create-if-absent needs: use another folder")
	defaultMediaType = "application/octet-stream"
)

// Bucket is a folder as a bucket. It implements driver.Bucket and is safe for concurrent use, also by several processes.
type Bucket struct {
	root  string
	disk  disk
	clean sync.Once // removes, before the first write, what killed writers left
	wrote atomic.Bool
}

var _ driver.Bucket = (*Bucket)(nil)

// New returns the bucket of a folder. The folder need not exist: it is made by the first write, and until then the
// bucket is empty. root must be absolute.
func New(root string) (*Bucket, error) {
	if !filepath.IsAbs(root) {
		return nil, fmt.Errorf("folder %q is not an absolute path", root)
	}
	return &Bucket{root: filepath.Clean(root), disk: newDisk()}, nil
}

// Root returns the folder.
func (b *Bucket) Root() string { return b.root }

// Close removes the folder of temporary files, if this bucket has written and nothing is being written.
func (b *Bucket) Close() error {
	if !b.wrote.Load() {
		return nil
	}
	err := os.Remove(filepath.Join(b.root, tempFolder))
	if err == nil || isAbsent(err) || errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
		return nil
	}
	return err
}

// isAbsent tells that a path names nothing; a path through a file names nothing either.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// ErrorCode implements driver.Bucket.
func (b *Bucket) ErrorCode(err error) gcerrors.ErrorCode { return ErrorCode(err) }

// ErrorCode returns the class of an error of this package or of package os.
func ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case isAbsent(err):
		return gcerrors.NotFound
	case errors.Is(err, ErrExists):
		return gcerrors.FailedPrecondition
	case errors.Is(err, errInvalidKey), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENAMETOOLONG),
		errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.EXDEV), errors.Is(err, errFileInTheWay):
		return gcerrors.InvalidArgument
	case errors.Is(err, errNoSignedURL), errors.Is(err, errWithoutLinks):
		return gcerrors.Unimplemented
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return gcerrors.PermissionDenied
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return gcerrors.ResourceExhausted
	}
	return gcerrors.Unknown
}

// As gives the storage layer the bucket itself, for Link.
func (b *Bucket) As(i any) bool {
	p, ok := i.(**Bucket)
	if ok {
		*p = b
	}
	return ok
}

// ErrorAs implements driver.Bucket: errors unwrap, so that errors.As needs no help.
func (b *Bucket) ErrorAs(error, any) bool { return false }

// SignedURL implements driver.Bucket; files have none.
func (b *Bucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errNoSignedURL
}

// attributes are what the Go CDK lets a writer say of an object. They are kept beside the objects, and only where one
// was given: Weir's own objects have none.
type attributes struct {
	CacheControl       string            `json:"cacheControl,omitempty"`
	ContentDisposition string            `json:"contentDisposition,omitempty"`
	ContentEncoding    string            `json:"contentEncoding,omitempty"`
	ContentLanguage    string            `json:"contentLanguage,omitempty"`
	ContentType        string            `json:"contentType,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
}

func (a attributes) empty() bool {
	return a.CacheControl == "" && a.ContentDisposition == "" && a.ContentEncoding == "" && a.ContentLanguage == "" &&
		a.ContentType == "" && len(a.Metadata) == 0
}

// stat returns the file of a key. A folder is not an object, nor is a device or a pipe: opening one could wait for ever.
func (b *Bucket) stat(key string) (string, os.FileInfo, error) {
	path, err := b.path(key)
	if err != nil {
		return "", nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", nil, err
	}
	if !info.Mode().IsRegular() {
		return "", nil, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	return path, info, nil
}

func (b *Bucket) readAttributes(key string) (attributes, error) {
	a := attributes{ContentType: defaultMediaType}
	text, err := os.ReadFile(b.attributesPath(key))
	if isAbsent(err) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("read %s: %w", b.attributesPath(key), err)
	}
	return a, nil
}

// Attributes implements driver.Bucket. The ETag is the modification time and the size.
func (b *Bucket) Attributes(_ context.Context, key string) (*driver.Attributes, error) {
	_, info, err := b.stat(key)
	if err != nil {
		return nil, err
	}
	a, err := b.readAttributes(key)
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{
		CacheControl:       a.CacheControl,
		ContentDisposition: a.ContentDisposition,
		ContentEncoding:    a.ContentEncoding,
		ContentLanguage:    a.ContentLanguage,
		ContentType:        a.ContentType,
		Metadata:           a.Metadata,
		ModTime:            info.ModTime(),
		Size:               info.Size(),
		ETag:               fmt.Sprintf("%q", fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size())),
	}, nil
}

type reader struct {
	io.Reader
	file  *os.File
	attrs driver.ReaderAttributes
}

func (r *reader) Close() error                         { return r.file.Close() }
func (r *reader) Attributes() *driver.ReaderAttributes { return &r.attrs }
func (r *reader) As(any) bool                          { return false }

// NewRangeReader implements driver.Bucket.
func (b *Bucket) NewRangeReader(
	_ context.Context, key string, offset, length int64, opts *driver.ReaderOptions,
) (driver.Reader, error) {
	path, info, err := b.stat(key)
	if err != nil {
		return nil, err
	}
	a, err := b.readAttributes(key)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if opts.BeforeRead != nil {
		if err := opts.BeforeRead(func(any) bool { return false }); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	if length < 0 {
		length = max(info.Size()-offset, 0)
	}
	return &reader{
		Reader: io.NewSectionReader(file, offset, length),
		file:   file,
		attrs:  driver.ReaderAttributes{ContentType: a.ContentType, ModTime: info.ModTime(), Size: info.Size()},
	}, nil
}

// Delete implements driver.Bucket. It removes the folders that the object leaves empty.
func (b *Bucket) Delete(_ context.Context, key string, opts *driver.DeleteOptions) error {
	if opts.BeforeDelete != nil {
		if err := opts.BeforeDelete(func(any) bool { return false }); err != nil {
			return err
		}
	}
	path, _, err := b.stat(key)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	b.removeEmptyFolders(filepath.Dir(path))
	return b.deleteAttributes(key)
}

func (b *Bucket) deleteAttributes(key string) error {
	path := b.attributesPath(key)
	if err := os.Remove(path); isAbsent(err) {
		return nil
	} else if err != nil {
		return err
	}
	b.removeEmptyFolders(filepath.Dir(path))
	return nil
}

// removeEmptyFolders removes a folder and its parents below the root as long as they are empty. A folder that cannot be
// removed is in use, or was removed by another: neither matters, because folders mean nothing.
func (b *Bucket) removeEmptyFolders(dir string) {
	for strings.HasPrefix(dir, b.root+string(filepath.Separator)) {
		if os.Remove(dir) != nil {
			return
		}
		dir = filepath.Dir(dir)
	}
}
