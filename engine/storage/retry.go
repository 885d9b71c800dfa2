package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/weirstream/weir/engine/backoff"
	"github.com/weirstream/weir/engine/storage/filedriver"
)

// Retry says how long a transient error is met with another try.
type Retry struct {
	Total  time.Duration   // of all tries of one operation; the context may end them earlier
	Pauses backoff.Backoff // between them
}

// DefaultRetry outlasts a store's restart, and is well below a checkpoint's timeout.
var DefaultRetry = Retry{
	Total:  30 * time.Second,
	Pauses: backoff.Backoff{First: 50 * time.Millisecond, Most: 2 * time.Second, Jitter: backoff.UpperHalf},
}

// WithRetry returns b with transient errors met by repetition, and with lost answers to Create looked up (P1). Writing
// through Writer is not repeated: its content is gone with the first try.
func WithRetry(b Bucket, r Retry) Bucket { return &retrying{Bucket: b, policy: r} }

type retrying struct {
	Bucket
	policy Retry
}

// repeat calls try until it returns anything but a transient error.
func (r *retrying) repeat(ctx context.Context, try func() error) error {
	deadline := time.Now().Add(r.policy.Total)
	for tries := 1; ; tries++ {
		err := try()
		if err == nil || !IsTransient(err) {
			return err
		}
		wait := r.policy.Pauses.Pause(tries, rand.Float64())
		if time.Now().Add(wait).After(deadline) {
			return withTries(err, tries)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w (while it was repeated: %w)", context.Cause(ctx), err)
		}
	}
}

func (r *retrying) Create(ctx context.Context, key string, body []byte) error {
	return r.repeat(ctx, func() error {
		err := r.Bucket.Create(ctx, key, body)
		if err == nil || (!errors.Is(err, ErrExists) && !IsTransient(err)) {
			return err
		}
		// Either the answer was lost, perhaps of a try that the client's library made by itself, or someone else was
		// first: only the object tells.
		found, readErr := r.Bucket.Read(ctx, key)
		switch {
		case errors.Is(err, filedriver.ErrNotSynced):
			return transient(err, ErrNotFound) // whatever can be seen: try again, until it is durable
		case readErr == nil && bytes.Equal(found, body):
			return nil
		case readErr == nil:
			return asExists(err)
		case errors.Is(readErr, ErrNotFound) && errors.Is(err, ErrExists):
			return transient(err, readErr) // deleted between the two, or a store that is late: try again
		case errors.Is(readErr, ErrNotFound):
			return err // nothing was written
		}
		return transient(err, readErr)
	})
}

// asExists turns a transient error of a Create into what the object has shown.
func asExists(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return &Error{Op: e.Op, Object: e.Object, Class: ErrExists}
	}
	return fmt.Errorf("%w: %w", ErrExists, err)
}

// transient makes a try's outcome one to be repeated, unless looking it up failed for good.
func transient(err, readErr error) error {
	var e *Error
	switch {
	case !errors.Is(readErr, ErrNotFound) && !IsTransient(readErr):
		return readErr
	case !errors.As(err, &e):
		return fmt.Errorf("%w: %w", ErrTransient, err)
	case IsTransient(err):
		return err
	}
	// Its class must not be found: whether it exists is not known.
	return &Error{Op: e.Op, Object: e.Object, Class: ErrTransient, Cause: fmt.Errorf("%v, but it cannot be read", e.Class)}
}

func (r *retrying) Read(ctx context.Context, key string) (body []byte, err error) {
	err = r.repeat(ctx, func() error {
		body, err = r.Bucket.Read(ctx, key)
		return err
	})
	return body, err
}

func (r *retrying) Reader(ctx context.Context, key string, offset, n int64) (io.ReadCloser, error) {
	rr := &resumingReader{r: r, ctx: ctx, key: key, offset: offset, n: n}
	if err := r.repeat(ctx, rr.open); err != nil {
		return nil, err
	}
	return rr, nil
}

// resumingReader opens the object again where a connection broke. Objects do not change while they are read: what may
// change, such as a user's file, is compared by its Version by whoever reads it.
type resumingReader struct {
	r         *retrying
	ctx       context.Context
	key       string
	offset, n int64 // of what is still to be read; n < 0: the rest
	from      io.ReadCloser
}

func (rr *resumingReader) open() (err error) {
	rr.from, err = rr.r.Bucket.Reader(rr.ctx, rr.key, rr.offset, rr.n)
	return err
}

func (rr *resumingReader) Read(p []byte) (n int, err error) {
	if rr.n == 0 {
		return 0, io.EOF
	}
	err = rr.r.repeat(rr.ctx, func() error {
		if rr.from == nil {
			if err := rr.open(); err != nil {
				return err
			}
		}
		var err error
		n, err = rr.from.Read(p)
		if n > 0 && err != io.EOF {
			return nil // an error comes again with the next call
		}
		if err != nil && err != io.EOF && IsTransient(err) {
			broken := rr.from
			rr.from = nil
			return errors.Join(err, broken.Close())
		}
		return err
	})
	rr.offset += int64(n)
	if rr.n > 0 {
		rr.n -= int64(n)
	}
	return n, err
}

func (rr *resumingReader) Close() error {
	if rr.from == nil {
		return nil
	}
	return rr.from.Close()
}

func (r *retrying) Attributes(ctx context.Context, key string) (o Object, err error) {
	err = r.repeat(ctx, func() error {
		o, err = r.Bucket.Attributes(ctx, key)
		return err
	})
	return o, err
}

func (r *retrying) List(ctx context.Context, prefix string) (list []Object, err error) {
	err = r.repeat(ctx, func() error {
		list, err = r.Bucket.List(ctx, prefix)
		return err
	})
	return list, err
}

func (r *retrying) ListFolder(ctx context.Context, folder string) (list []Object, err error) {
	err = r.repeat(ctx, func() error {
		list, err = r.Bucket.ListFolder(ctx, folder)
		return err
	})
	return list, err
}

func (r *retrying) Publish(ctx context.Context, staged, final string, want Content) error {
	return r.repeat(ctx, func() error { return r.Bucket.Publish(ctx, staged, final, want) })
}

func (r *retrying) Delete(ctx context.Context, key string) error {
	return r.repeat(ctx, func() error { return r.Bucket.Delete(ctx, key) })
}

func (r *retrying) Sub(prefix string) Bucket { return WithRetry(r.Bucket.Sub(prefix), r.policy) }
