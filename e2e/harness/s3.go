package harness

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/engine/storage/storagetest"
)

// server is the S3 server that all tests of a package share; RunS3 sets it before any test runs. storagetest.StartS3 is
// for one test, because it changes the environment, which parallel tests must not.
var server *storagetest.S3

// buckets counts the buckets that were made.
var buckets atomic.Int64

// RunS3 starts the server with its data in a folder; stop ends it.
func RunS3(ctx context.Context, dir string) (stop func() error, err error) {
	if server, err = storagetest.LaunchS3(ctx, dir); err != nil {
		return nil, err
	}
	return server.Stop, nil
}

// Bucket is a bucket for one test.
type Bucket struct {
	t   testing.TB
	url string // s3://name?query
}

// NewBucket makes an empty bucket.
func NewBucket(t testing.TB) *Bucket {
	t.Helper()
	url, err := server.MakeBucket(fmt.Sprintf("test-%d", buckets.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return &Bucket{t, url}
}

// Endpoint is the address of the server: http://host:port.
func (b *Bucket) Endpoint() string { return server.Endpoint }

// URL returns the URL of a prefix of the bucket.
func (b *Bucket) URL(prefix string) string { return strings.Replace(b.url, "?", "/"+prefix+"?", 1) }

// Put writes files below a prefix.
func (b *Bucket) Put(prefix string, files []flights.File) {
	b.t.Helper()
	place := Open(b.t, b.URL(prefix))
	for _, f := range files {
		place.write(f.Name, f.Content)
	}
}
