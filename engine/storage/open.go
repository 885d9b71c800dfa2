package storage

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcp"
	"golang.org/x/oauth2/google"

	"github.com/weirstream/weir/engine/storage/filedriver"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// Open opens a place by its URL or local path (see storageurl.Parse) with the default policy of repetition. It does not touch the
// store, except that some vendors' clients look for their credentials: Probe tells whether the place can be used.
//
// mem://name is one bucket for all who open that name in this process, and gone with the process.
func Open(ctx context.Context, name string) (Bucket, error) {
	raw, err := OpenWithoutRetry(ctx, name)
	if err != nil {
		return nil, err
	}
	return WithRetry(raw, DefaultRetry), nil
}

// OpenWithoutRetry opens a place whose operations report the first error. For tests, and for callers with a policy of
// their own for WithRetry.
func OpenWithoutRetry(ctx context.Context, name string) (Bucket, error) {
	u, err := storageurl.Parse(name)
	if err != nil {
		return nil, err
	}
	b, err := openBlob(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", storageurl.Redact(u), err)
	}
	prefix := strings.Trim(u.Path, "/")
	if u.Scheme == "file" {
		prefix = "" // the driver's root
	}
	return &bucket{blob: b, owner: true, url: u, prefix: prefix}, nil
}

// openBlob connects to the bucket of a URL, without its path. The Go CDK's own table of schemes is not used: which
// schemes exist is said here.
func openBlob(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	switch u.Scheme {
	case "file":
		if u.RawQuery != "" {
			return nil, fmt.Errorf("a file URL has no parameters: remove %q", "?"+u.RawQuery)
		}
		driver, err := filedriver.New(filepath.FromSlash(u.Path))
		if err != nil {
			return nil, err
		}
		return blob.NewBucket(driver), nil
	case "mem":
		return memory.open(u.Host), nil
	case "s3":
		return openS3(ctx, u)
	case "gs":
		return openGoogle(ctx, u)
	case "azblob":
		opener := azureblob.URLOpener{
			MakeClient:        azureblob.NewDefaultClient,
			ServiceURLOptions: *azureblob.NewDefaultServiceURLOptions(),
		}
		return opener.OpenBucketURL(ctx, u)
	}
	return nil, fmt.Errorf("unknown scheme %q", u.Scheme)
}

// openS3 opens a bucket whose client logs nothing: by default it writes lines of its own to standard error.
func openS3(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	opener := new(s3blob.URLOpener)
	b, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	var client *s3.Client
	if !b.As(&client) {
		return b, nil
	}
	quiet := s3.New(client.Options(), func(o *s3.Options) { o.Logger = logging.Nop{} })
	if err := b.Close(); err != nil {
		return nil, err
	}
	return s3blob.OpenBucket(ctx, quiet, u.Host, &opener.Options)
}

func openGoogle(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	if u.Query().Get("anonymous") != "" {
		opener := gcsblob.URLOpener{Client: gcp.NewAnonymousHTTPClient(gcp.DefaultTransport())}
		return opener.OpenBucketURL(ctx, u)
	}
	// The bucket asks for new tokens for as long as it is used, which is longer than ctx.
	credentials, err := gcp.DefaultCredentialsWithParams(context.WithoutCancel(ctx), google.CredentialsParams{
		UniverseDomain: u.Query().Get("universe_domain"),
		Scopes:         []string{"https://www.googleapis.com/auth/cloud-platform"},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: find Google credentials: %w", ErrPermission, err)
	}
	source := gcp.CredentialsTokenSource(credentials)
	client, err := gcp.NewHTTPClient(gcp.DefaultTransport(), source)
	if err != nil {
		return nil, err
	}
	opener := gcsblob.URLOpener{Client: client, TokenSource: source}
	return opener.OpenBucketURL(ctx, u)
}

// memory holds the mem:// buckets of this process: the one thing here that is global, as a file system is.
var memory memoryBuckets

type memoryBuckets struct {
	mu struct {
		sync.Mutex
		byName map[string]*blob.Bucket
	}
}

func (m *memoryBuckets) open(name string) *blob.Bucket {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.byName == nil {
		m.mu.byName = map[string]*blob.Bucket{}
	}
	b := m.mu.byName[name]
	if b == nil {
		b = memblob.OpenBucket(nil)
		m.mu.byName[name] = b
	}
	return b
}
