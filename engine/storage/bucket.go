package storage

import (
	"context"
	"io"
	"strings"
	"time"
)

// Bucket is a place for objects. All methods are safe for concurrent use. Keys are relative to the URL that the bucket
// was opened with; "/" parts them into what listings show as folders.
type Bucket interface {
	// String returns the bucket's URL without credentials: fit for messages, and for Open if the environment supplies
	// the credentials.
	String() string

	// Create writes a small object that must not exist. Exactly one of any number of callers with different bodies
	// gets nil; the others get ErrExists. Finding its own body under the key counts as success, because it is what a
	// lost answer leaves: a caller that must know that it was the one puts a nonce into the body (P1).
	Create(ctx context.Context, key string, body []byte) error

	// Read returns a whole object.
	Read(ctx context.Context, key string) ([]byte, error)

	// Reader returns n bytes of an object from offset on; n < 0: the rest. The caller closes it.
	Reader(ctx context.Context, key string, offset, n int64) (io.ReadCloser, error)

	// Writer starts an object of any size, which replaces one of the same key when it is closed. Whoever writes needs
	// a key that no one else uses, or uses for the same content: writes are not repeated after an error. ctx covers the
	// writing until Close.
	Writer(ctx context.Context, key string) (Writer, error)

	// Attributes returns what is known of an object without reading it.
	Attributes(ctx context.Context, key string) (Object, error)

	// List returns all objects whose key begins with prefix, in the order of their keys.
	List(ctx context.Context, prefix string) ([]Object, error)

	// ListFolder returns the objects and folders directly below folder, which is "" or ends with "/". Keys are whole
	// keys, those of folders end with "/".
	ListFolder(ctx context.Context, folder string) ([]Object, error)

	// Publish makes the object staged visible as final, whole and durable, unless final is there already: with the
	// size and checksum of want it is done, with other content ErrExists. The staged object may be deleted afterwards,
	// and is not deleted here (P10). Both must be in this bucket. On file:// it is a link, on the others a copy made by
	// the store.
	Publish(ctx context.Context, staged, final string, want Content) error

	// Delete removes an object. It is no error if there is none.
	Delete(ctx context.Context, key string) error

	// Sub returns the bucket whose keys are those of this one below prefix + "/". It shares the connection: closing
	// it does nothing.
	Sub(prefix string) Bucket

	// Close releases what Open acquired.
	Close() error
}

// Writer writes one object. One goroutine uses it. Exactly one of Close and Abort ends it; further calls do nothing.
type Writer interface {
	io.Writer
	// Close returns when the object is durable and visible, or an error when it is not known to be.
	Close() error
	// Abort ends the writing without leaving an object.
	Abort() error
}

// Object is one entry of a listing.
type Object struct {
	Key     string
	Size    int64     // bytes
	ModTime time.Time // by the store's clock
	Version string    // differs whenever the content does, as far as the store can tell; equal in lists and attributes
	Folder  bool      // stands for the keys below Key; the other fields are zero
}

// Content identifies an object's content.
type Content struct {
	Size   int64  // bytes
	CRC32C uint32 // Castagnoli, of all bytes
}

// joinKey puts a folder before a key.
func joinKey(folder, key string) string {
	if folder == "" {
		return key
	}
	return strings.TrimSuffix(folder, "/") + "/" + key
}
