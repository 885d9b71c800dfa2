package storage_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirstream/weir/engine/backoff"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/filedriver"
	"github.com/weirstream/weir/engine/storage/storagetest"
)

// memoryWith returns a memory bucket whose operations meet the faults of a plan, below repetition.
func memoryWith(t *testing.T, plan storagetest.Plan) storage.Bucket {
	t.Helper()
	raw, err := storage.OpenWithoutRetry(t.Context(), "mem://"+uniqueName())
	if err != nil {
		t.Fatal(err)
	}
	return storage.WithRetry(storagetest.Faulty(raw, plan), storage.DefaultRetry)
}

func TestABucketWithFaultsKeepsItsPromises(t *testing.T) {
	quick := storage.Retry{Total: 10 * time.Second, Pauses: backoff.Backoff{First: time.Microsecond, Most: time.Millisecond, Jitter: backoff.UpperHalf}}
	for name, fault := range map[string]storagetest.Fault{
		"lost responses": storagetest.LostResponse, "503": storagetest.Unavailable,
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			plan := func(op storagetest.Operation) storagetest.Fault {
				if op.Name == "write" || random.IntN(3) > 0 {
					return storagetest.NoFault // writing is not repeated
				}
				return fault
			}
			storagetest.Run(t, func(t *testing.T) storage.Bucket {
				raw, err := storage.OpenWithoutRetry(t.Context(), "mem://"+uniqueName())
				if err != nil {
					t.Fatal(err)
				}
				return storage.WithRetry(storagetest.Faulty(raw, plan), quick)
			})
		})
	}
}

func TestACreatorWhoseAnswerWasLostKnowsWhetherItWon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memoryWith(t, storagetest.First(1, "create", storagetest.LostResponse))
		if err := b.Create(t.Context(), "key", []byte("mine")); err != nil {
			t.Fatalf("the winner whose answer was lost got %v", err)
		}
		b = memoryWith(t, func(op storagetest.Operation) storagetest.Fault {
			if op.Name == "create" {
				return storagetest.LostResponse
			}
			return storagetest.NoFault
		})
		if err := b.Create(t.Context(), "key", []byte("theirs")); err != nil {
			t.Fatal(err)
		}
		if err := b.Create(t.Context(), "key", []byte("mine")); !errors.Is(err, storage.ErrExists) {
			t.Fatalf("the loser whose answer was lost got %v, want ErrExists", err)
		}
	})
}

func TestTransientErrorsAreRepeatedForABoundedTime(t *testing.T) {
	always := func(storagetest.Operation) storagetest.Fault { return storagetest.Unavailable }
	synctest.Test(t, func(t *testing.T) {
		b := memoryWith(t, always)
		start := time.Now()
		_, err := b.List(t.Context(), "")
		if !storage.IsTransient(err) || !strings.Contains(err.Error(), "tries") {
			t.Fatalf("got %v, want a transient error that counts the tries", err)
		}
		if took := time.Since(start); took > storage.DefaultRetry.Total || took < storage.DefaultRetry.Total/2 {
			t.Errorf("gave up after %v, of %v", took, storage.DefaultRetry.Total)
		}
	})
}

func TestADoneContextEndsTheRepetition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memoryWith(t, func(storagetest.Operation) storagetest.Fault { return storagetest.Unavailable })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := b.Delete(ctx, "key"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the context's error", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v, want 1s", took)
		}
	})
}

func TestPermanentErrorsAreReturnedAtOnce(t *testing.T) {
	calls := 0
	b := memoryWith(t, func(storagetest.Operation) storagetest.Fault {
		calls++
		return storagetest.Denied
	})
	err := b.Create(t.Context(), "key", nil)
	if !errors.Is(err, storage.ErrPermission) || calls != 1 {
		t.Fatalf("got %v after %d calls, want ErrPermission after 1", err, calls)
	}
	if !strings.Contains(err.Error(), "credentials") {
		t.Errorf("error %q does not say what to do", err)
	}
}

// breaking is a bucket whose readers break after a few bytes.
type breaking struct {
	storage.Bucket
	opened int
}

type breakingReader struct {
	io.ReadCloser
	left int
}

func (r *breakingReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, &storage.Error{Op: "read", Object: "x", Class: storage.ErrTransient}
	}
	n, err := r.ReadCloser.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

func (b *breaking) Reader(ctx context.Context, key string, offset, n int64) (io.ReadCloser, error) {
	if b.opened++; b.opened > len("0123456789") { // a reader that does not go on begins for ever
		return nil, &storage.Error{Op: "read", Object: key, Class: storage.ErrInvalid, Cause: errors.New("it was opened more often than it has bytes")}
	}
	r, err := b.Bucket.Reader(ctx, key, offset, n)
	return &breakingReader{ReadCloser: r, left: 3}, err
}

func TestAReaderResumesWhereTheConnectionBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw, err := storage.OpenWithoutRetry(t.Context(), "mem://"+uniqueName())
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Create(t.Context(), "key", []byte("0123456789")); err != nil {
			t.Fatal(err)
		}
		for _, part := range []struct {
			offset, n int64
			want      string
		}{{0, -1, "0123456789"}, {2, 6, "234567"}} {
			broken := &breaking{Bucket: raw}
			r, err := storage.WithRetry(broken, storage.DefaultRetry).Reader(t.Context(), "key", part.offset, part.n)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || string(got) != part.want {
				t.Errorf("read %q, %v, want %q", got, err, part.want)
			}
			if broken.opened < 2 {
				t.Errorf("opened %d times: the connection did not break", broken.opened)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// unsynced is a folder that shows what was created and cannot make it durable, for the first tries.
type unsynced struct {
	storage.Bucket
	tries, failures int
}

func (u *unsynced) Create(ctx context.Context, key string, body []byte) error {
	err := u.Bucket.Create(ctx, key, body)
	if u.tries++; u.tries <= u.failures {
		return &storage.Error{Op: "create", Object: key, Class: storage.ErrTransient, Cause: filedriver.ErrNotSynced}
	}
	return err
}

func TestWhatCanBeSeenButIsNotDurableIsNotCreated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unsynced{Bucket: memoryWith(t, storagetest.First(0, "", storagetest.NoFault)), failures: 3}
		if err := storage.WithRetry(u, storage.DefaultRetry).Create(t.Context(), "key", []byte("mine")); err != nil || u.tries != 4 {
			t.Errorf("%v after %d tries, want success with the fourth, which was told that it exists", err, u.tries)
		}
		u = &unsynced{Bucket: memoryWith(t, storagetest.First(0, "", storagetest.NoFault)), failures: 1 << 30}
		if err := storage.WithRetry(u, storage.DefaultRetry).Create(t.Context(), "key", []byte("mine")); !storage.IsTransient(err) {
			t.Errorf("what never became durable: %v, want a transient error", err)
		}
	})
}
