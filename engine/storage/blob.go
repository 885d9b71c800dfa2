package storage

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"

	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/weirstream/weir/engine/storage/filedriver"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// bucket is a prefix of a Go CDK bucket. It tries everything once.
type bucket struct {
	blob   *blob.Bucket
	owner  bool // Close closes blob
	url    *url.URL
	prefix string // without slashes at its ends
}

func (b *bucket) String() string { return storageurl.Redact(b.url) }

func (b *bucket) key(key string) string { return joinKey(b.prefix, key) }

// object returns the URL of a key as errors show it.
func (b *bucket) object(key string) string {
	u := *b.url
	u.Path = path.Join("/", u.Path, key)
	u.RawQuery = ""
	return storageurl.Redact(&u)
}

// fail turns a driver's error into one of this package.
func (b *bucket) fail(ctx context.Context, op, key string, err error) error {
	if err == nil {
		return nil
	}
	object := b.object(key)
	switch {
	case ctx.Err() != nil: // which explains any error
		return fmt.Errorf("%s %s: %w", op, object, context.Cause(ctx))
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s %s: %w", op, object, err)
	}
	class := classify(err)
	isWrite := op == "create" || op == "write" // not found is then the bucket, which the cause tells
	if errors.Is(class, ErrExists) || errors.Is(class, ErrNotFound) && !isWrite {
		return &Error{Op: op, Object: object, Class: class}
	}
	return &Error{Op: op, Object: object, Class: class, Cause: err}
}

func (b *bucket) Create(ctx context.Context, key string, body []byte) error {
	err := answered(ctx, func(ctx context.Context) error {
		return b.blob.WriteAll(ctx, b.key(key), body, &blob.WriterOptions{
			IfNotExist: true, DisableContentTypeDetection: true,
		})
	})
	return b.fail(ctx, "create", key, err)
}

func (b *bucket) Read(ctx context.Context, key string) (body []byte, err error) {
	err = answered(ctx, func(ctx context.Context) error {
		body, err = b.blob.ReadAll(ctx, b.key(key))
		return err
	})
	return body, b.fail(ctx, "read", key, err)
}

// reader gives its errors a class, and gives up where the store stops sending.
type reader struct {
	io.ReadCloser
	ctx      context.Context
	watchdog *watchdog
	b        *bucket
	key      string
}

func (r *reader) Read(p []byte) (int, error) {
	r.watchdog.start()
	n, err := r.ReadCloser.Read(p)
	err = r.watchdog.stop(err)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.b.fail(r.ctx, "read", r.key, err)
	}
	return n, err
}

func (r *reader) Close() error {
	defer r.watchdog.end()
	return r.ReadCloser.Close()
}

func (b *bucket) Reader(ctx context.Context, key string, offset, n int64) (io.ReadCloser, error) {
	own, w := watch(ctx)
	r, err := b.blob.NewRangeReader(own, b.key(key), offset, n, nil)
	if err = w.stop(err); err != nil {
		w.end()
		return nil, b.fail(ctx, "read", key, err)
	}
	return &reader{ReadCloser: r, ctx: ctx, watchdog: w, b: b, key: key}, nil
}

// writer ends a Go CDK writer exactly once, by closing it or by cancelling its context first.
type writer struct {
	w      *blob.Writer
	ctx    context.Context
	cancel context.CancelFunc
	b      *bucket
	key    string
	done   sync.Once
}

func (b *bucket) Writer(ctx context.Context, key string) (Writer, error) {
	own, cancel := context.WithCancel(ctx)
	w, err := b.blob.NewWriter(own, b.key(key), &blob.WriterOptions{DisableContentTypeDetection: true})
	if err != nil {
		cancel()
		return nil, b.fail(ctx, "write", key, err)
	}
	return &writer{w: w, ctx: ctx, cancel: cancel, b: b, key: key}, nil
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	return n, w.b.fail(w.ctx, "write", w.key, err)
}

func (w *writer) Close() (err error) {
	w.done.Do(func() {
		err = w.b.fail(w.ctx, "write", w.key, w.w.Close())
		w.cancel()
	})
	return err
}

func (w *writer) Abort() (err error) {
	w.done.Do(func() {
		w.cancel()
		// The error of a cancelled writing is what was asked for.
		if closeErr := w.w.Close(); closeErr != nil && !errors.Is(closeErr, context.Canceled) {
			err = w.b.fail(w.ctx, "abort", w.key, closeErr)
		}
	})
	return err
}

func (b *bucket) Attributes(ctx context.Context, key string) (Object, error) {
	var a *blob.Attributes
	err := answered(ctx, func(ctx context.Context) (err error) {
		a, err = b.blob.Attributes(ctx, b.key(key))
		return err
	})
	if err != nil {
		return Object{}, b.fail(ctx, "stat", key, err)
	}
	o := Object{Key: key, Size: a.Size, ModTime: a.ModTime}
	if b.url.Scheme == "s3" {
		o.Version = a.ETag
	} else {
		o.Version = versionOf(a.ModTime, a.Size)
	}
	return o, nil
}

// versionOf is the version of an object in stores whose listings have no entity tag.
func versionOf(modified time.Time, size int64) string {
	return fmt.Sprintf("%x-%x", modified.UnixNano(), size)
}

func (b *bucket) List(ctx context.Context, prefix string) ([]Object, error) {
	return b.list(ctx, prefix, "")
}

func (b *bucket) ListFolder(ctx context.Context, folder string) ([]Object, error) {
	if folder != "" && !strings.HasSuffix(folder, "/") {
		return nil, b.fail(ctx, "list", folder, fmt.Errorf("%w: a folder ends with a slash", ErrInvalid))
	}
	return b.list(ctx, folder, "/")
}

func (b *bucket) list(ctx context.Context, prefix, delimiter string) ([]Object, error) {
	own := ""
	if b.prefix != "" {
		own = b.prefix + "/"
	}
	var objects []Object
	for it := b.blob.List(&blob.ListOptions{Prefix: own + prefix, Delimiter: delimiter}); ; {
		var o *blob.ListObject
		err := answered(ctx, func(ctx context.Context) (err error) {
			o, err = it.Next(ctx)
			return err
		})
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, b.fail(ctx, "list", prefix, err)
		}
		key := strings.TrimPrefix(o.Key, own)
		var s3 s3types.Object
		switch {
		case o.IsDir:
			objects = append(objects, Object{Key: key, Folder: true})
		case strings.HasSuffix(key, "/") || key == "":
			// What some tools put into a store for an empty folder is not an object of ours.
		case o.As(&s3) && s3.ETag != nil:
			objects = append(objects, Object{Key: key, Size: o.Size, ModTime: o.ModTime, Version: *s3.ETag})
		default:
			objects = append(objects, Object{Key: key, Size: o.Size, ModTime: o.ModTime, Version: versionOf(o.ModTime, o.Size)})
		}
	}
}

func (b *bucket) Publish(ctx context.Context, staged, final string, want Content) error {
	// On files the link is tried first, because only it tells that a name that is there already is durable.
	if !b.blob.As(new(*filedriver.Bucket)) {
		if done, err := b.published(ctx, staged, final, want); done || err != nil {
			return err
		}
	}
	err := b.makeVisible(ctx, staged, final)
	if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrExists) {
		return err
	}
	// Another committer was first, and may have removed the staged object since: what is visible decides.
	if done, err := b.published(ctx, staged, final, want); done || err != nil {
		return err
	}
	return &Error{Op: "publish", Object: b.object(final), Class: ErrNotFound,
		Cause: fmt.Errorf("neither it nor the staged %s is there", b.object(staged))}
}

// published tells whether final is there; with other content than want it is ErrExists.
func (b *bucket) published(ctx context.Context, staged, final string, want Content) (done bool, err error) {
	is, err := b.has(ctx, final, want)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err == nil && !is:
		err = &Error{Op: "publish", Object: b.object(final), Class: ErrExists,
			Cause: fmt.Errorf("its content is not that of %s", b.object(staged))}
	}
	return is, err
}

// makeVisible links or copies a staged object.
func (b *bucket) makeVisible(ctx context.Context, staged, final string) error {
	var files *filedriver.Bucket
	if !b.blob.As(&files) {
		return b.fail(ctx, "publish", final, b.blob.Copy(ctx, b.key(final), b.key(staged), nil))
	}
	err := files.Link(b.key(staged), b.key(final))
	if err != nil && !errors.Is(err, filedriver.ErrExists) {
		err = fmt.Errorf("%w: %w", classOfCode(files.ErrorCode(err), err), err)
	} else if err != nil {
		err = fmt.Errorf("%w: %w", ErrExists, err)
	}
	return b.fail(ctx, "publish", final, err)
}

// has tells whether an object has the given content. It reads the object only if the size is right.
func (b *bucket) has(ctx context.Context, key string, want Content) (is bool, err error) {
	o, err := b.Attributes(ctx, key)
	if err != nil || o.Size != want.Size {
		return false, err
	}
	r, err := b.Reader(ctx, key, 0, -1)
	if err != nil {
		return false, err
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	_, err = io.Copy(sum, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return false, err
	}
	return sum.Sum32() == want.CRC32C, nil
}

func (b *bucket) Delete(ctx context.Context, key string) error {
	err := b.fail(ctx, "delete", key, answered(ctx, func(ctx context.Context) error { return b.blob.Delete(ctx, b.key(key)) }))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func (b *bucket) Sub(prefix string) Bucket {
	prefix = strings.Trim(prefix, "/")
	u := *b.url
	u.Path = path.Join("/", u.Path, prefix)
	return &bucket{blob: b.blob, url: &u, prefix: strings.Trim(joinKey(b.prefix, prefix), "/")}
}

func (b *bucket) Close() error {
	if !b.owner || b.url.Scheme == "mem" {
		return nil // a memory bucket lives as long as the process
	}
	if err := b.blob.Close(); err != nil {
		return fmt.Errorf("close %s: %w", b, err)
	}
	return nil
}
