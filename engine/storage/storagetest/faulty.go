package storagetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"

	"github.com/weirstream/weir/engine/storage"
)

// Fault is what a Faulty bucket does with one operation.
type Fault uint8

const (
	// NoFault does the operation.
	NoFault Fault = iota
	// LostResponse does the operation and reports a transient error, as when the connection breaks before the answer.
	LostResponse
	// Unavailable does nothing and reports a transient error, as a store does with 503.
	Unavailable
	// Denied does nothing and reports a permanent error, as a store does with 403.
	Denied
)

// Operation is one call that a plan decides on.
type Operation struct {
	Name string // create, read, write, stat, list, publish, delete
	Key  string // whole key in the wrapped bucket; of a listing the prefix
}

// Plan decides what happens to an operation. Calls come one at a time.
type Plan func(Operation) Fault

// Faulty returns b with the faults of a plan. It is below repetition if it is wrapped by storage.WithRetry.
func Faulty(b storage.Bucket, plan Plan) storage.Bucket {
	return &faulty{Bucket: b, plan: &sharedPlan{plan: plan}}
}

// Every returns a plan that meets each k-th operation of a name with a fault; name "" is any.
func Every(k int, name string, fault Fault) Plan {
	seen := 0
	return func(op Operation) Fault {
		if name != "" && op.Name != name {
			return NoFault
		}
		if seen++; seen%k == 0 {
			return fault
		}
		return NoFault
	}
}

// First returns a plan that meets the first n operations of a name with a fault; name "" is any.
func First(n int, name string, fault Fault) Plan {
	return func(op Operation) Fault {
		if n == 0 || (name != "" && op.Name != name) {
			return NoFault
		}
		n--
		return fault
	}
}

// sharedPlan lets sub-buckets share one plan.
type sharedPlan struct {
	mu   sync.Mutex // guards calls of plan
	plan Plan
}

type faulty struct {
	storage.Bucket
	plan   *sharedPlan
	prefix string
}

// do asks the plan, and does the operation unless it says otherwise.
func (f *faulty) do(name, key string, operation func() error) error {
	full := path.Join(f.prefix, key)
	f.plan.mu.Lock()
	fault := f.plan.plan(Operation{Name: name, Key: full})
	f.plan.mu.Unlock()
	failed := &storage.Error{Op: name, Object: f.Bucket.Sub(key).String(), Class: storage.ErrTransient}
	switch fault {
	case LostResponse:
		// Whatever the answer was, it does not arrive.
		if err := operation(); err != nil {
			failed.Cause = fmt.Errorf("injected: the response was lost, and was: %v", err)
		} else {
			failed.Cause = errors.New("injected: the response was lost")
		}
		return failed
	case Unavailable:
		failed.Cause = errors.New("injected: 503 Service Unavailable")
		return failed
	case Denied:
		failed.Class, failed.Cause = storage.ErrPermission, errors.New("injected: 403 Forbidden")
		return failed
	}
	return operation()
}

func (f *faulty) Create(ctx context.Context, key string, body []byte) error {
	return f.do("create", key, func() error { return f.Bucket.Create(ctx, key, body) })
}

func (f *faulty) Read(ctx context.Context, key string) (body []byte, err error) {
	err = f.do("read", key, func() error {
		body, err = f.Bucket.Read(ctx, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return body, nil
}

func (f *faulty) Reader(ctx context.Context, key string, offset, n int64) (r io.ReadCloser, err error) {
	err = f.do("read", key, func() error {
		r, err = f.Bucket.Reader(ctx, key, offset, n)
		return err
	})
	if err != nil && r != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, err
}

// faultyWriter meets its fault at Close, where an object appears.
type faultyWriter struct {
	storage.Writer
	f   *faulty
	key string
}

func (w *faultyWriter) Close() error {
	closed := false
	err := w.f.do("write", w.key, func() error {
		closed = true
		return w.Writer.Close()
	})
	if !closed {
		return errors.Join(err, w.Writer.Abort())
	}
	return err
}

func (f *faulty) Writer(ctx context.Context, key string) (storage.Writer, error) {
	w, err := f.Bucket.Writer(ctx, key)
	if err != nil {
		return nil, err
	}
	return &faultyWriter{Writer: w, f: f, key: key}, nil
}

func (f *faulty) Attributes(ctx context.Context, key string) (o storage.Object, err error) {
	err = f.do("stat", key, func() error {
		o, err = f.Bucket.Attributes(ctx, key)
		return err
	})
	return o, err
}

func (f *faulty) List(ctx context.Context, prefix string) (list []storage.Object, err error) {
	err = f.do("list", prefix, func() error {
		list, err = f.Bucket.List(ctx, prefix)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (f *faulty) ListFolder(ctx context.Context, folder string) (list []storage.Object, err error) {
	err = f.do("list", folder, func() error {
		list, err = f.Bucket.ListFolder(ctx, folder)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (f *faulty) Publish(ctx context.Context, staged, final string, want storage.Content) error {
	return f.do("publish", final, func() error { return f.Bucket.Publish(ctx, staged, final, want) })
}

func (f *faulty) Delete(ctx context.Context, key string) error {
	return f.do("delete", key, func() error { return f.Bucket.Delete(ctx, key) })
}

func (f *faulty) Sub(prefix string) storage.Bucket {
	return &faulty{Bucket: f.Bucket.Sub(prefix), plan: f.plan, prefix: path.Join(f.prefix, prefix)}
}
