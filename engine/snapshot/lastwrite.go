package snapshot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/storage"
)

// HasRestored tells whether a restore.nonce has taken effect in this chain (P5).
func (b *Base) HasRestored(nonce int64) bool { return slices.Contains(b.RestoreNonces, nonce) }

// SinceLastWrite returns how long ago the job's last claim or checkpoint was written. Both ends are the store's own times: no
// other clock is asked (P4). It writes an object to learn the store's time, and removes it.
func (c *Chain) SinceLastWrite(ctx context.Context) (quiet time.Duration, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("find out when the job last wrote: %w", err)
		}
	}()
	objects, err := c.bucket.List(ctx, "")
	if err != nil {
		return 0, err
	}
	var last time.Time
	for _, o := range objects {
		written := path.Base(o.Key) == metadataName || path.Dir(o.Key) == attemptsFolder
		if written && o.ModTime.After(last) {
			last = o.ModTime
		}
	}
	key := storage.ProbePrefix + rand.Text()
	if err := c.bucket.Create(ctx, key, []byte("what time is it?")); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.bucket.Delete(ctx, key)) }()
	now, err := c.bucket.Attributes(ctx, key)
	if err != nil {
		return 0, err
	}
	return now.ModTime.Sub(last), nil
}
