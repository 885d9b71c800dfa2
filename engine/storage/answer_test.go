package storage

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"

	"github.com/weirstream/weir/engine/storage/filedriver"
)

// silent is a store that takes requests and answers none; of an object it sends the beginning.
type silent struct{ *filedriver.Bucket }

func (silent) Attributes(ctx context.Context, _ string) (*driver.Attributes, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (silent) ListPaged(ctx context.Context, _ *driver.ListOptions) (*driver.ListPage, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (silent) Delete(ctx context.Context, _ string, _ *driver.DeleteOptions) error {
	<-ctx.Done()
	return ctx.Err()
}

func (silent) NewTypedWriter(ctx context.Context, _, _ string, _ *driver.WriterOptions) (driver.Writer, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (silent) NewRangeReader(ctx context.Context, key string, _, _ int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	if key == "begun" {
		return &silentReader{ctx: ctx, begin: strings.NewReader("begin")}, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

type silentReader struct {
	ctx   context.Context
	begin io.Reader
}

func (r *silentReader) Read(p []byte) (int, error) {
	if n, err := r.begin.Read(p); err == nil {
		return n, nil
	}
	<-r.ctx.Done()
	return 0, r.ctx.Err()
}

func (*silentReader) Close() error { return nil }
func (*silentReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{Size: 1 << 20}
}
func (*silentReader) As(any) bool { return false }

func TestAStoreThatDoesNotAnswerIsATransientErrorInTime(t *testing.T) {
	for name, request := range map[string]func(context.Context, Bucket) error{
		"create": func(ctx context.Context, b Bucket) error { return b.Create(ctx, "k", []byte("x")) },
		"read":   func(ctx context.Context, b Bucket) error { _, err := b.Read(ctx, "k"); return err },
		"open":   func(ctx context.Context, b Bucket) error { _, err := b.Reader(ctx, "k", 0, -1); return err },
		"read on": func(ctx context.Context, b Bucket) error {
			r, err := b.Reader(ctx, "begun", 0, -1)
			if err != nil {
				return errors.New("the beginning is not there")
			}
			defer r.Close()
			_, err = io.ReadAll(r)
			return err
		},
		"stat":   func(ctx context.Context, b Bucket) error { _, err := b.Attributes(ctx, "k"); return err },
		"list":   func(ctx context.Context, b Bucket) error { _, err := b.List(ctx, ""); return err },
		"delete": func(ctx context.Context, b Bucket) error { return b.Delete(ctx, "k") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				files, err := filedriver.New(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				b := &bucket{blob: blob.NewBucket(silent{files}), owner: true, url: &url.URL{Scheme: "file", Path: "/silent"}}
				defer b.Close()
				begin := time.Now()
				if err := request(t.Context(), b); !IsTransient(err) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(begin); took != answerTimeout {
					t.Errorf("it took %v", took)
				}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				if err := request(ctx, b); IsTransient(err) {
					t.Errorf("a cancelled request is to be repeated: %v", err)
				}
			})
		})
	}
}
