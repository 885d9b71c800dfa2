package job

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"testing"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storagetest"
)

// zombie is a job's folder, and its chain, into which an earlier attempt still writes: late is called before each operation.
func zombie(t *testing.T, late func(b storage.Bucket, op storagetest.Operation)) (storage.Bucket, *snapshot.Chain) {
	t.Helper()
	b, err := storage.Open(t.Context(), "mem://"+rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	chain := snapshot.NewChain(b, "counts", nil)
	a, err := chain.Claim(t.Context(), 0, snapshot.Claimant{Owner: "me"})
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := chain.Choose(t.Context(), a, snapshot.Request{})
	if err = errors.Join(err, chain.Base(t.Context(), a, chosen, 1)); err != nil {
		t.Fatal(err)
	}
	faulty := storagetest.Faulty(b, func(op storagetest.Operation) storagetest.Fault {
		late(b, op)
		return storagetest.NoFault
	})
	return b, snapshot.NewChain(faulty, "counts", nil)
}

func TestWhatAZombieWritesWhileItsJobIsDiscardedIsDiscardedToo(t *testing.T) {
	for name, c := range map[string]struct {
		object string
		times  int
		want   fault.Class
	}{
		"a checkpoint":                    {"chk-7/_metadata", 1, fault.Unknown},
		"what it would start from":        {"attempts/1.base", 1, fault.Unknown},
		"data, several times":             {"chk-7/1.0-aaaaaaaa-0-late", 3, fault.Unknown},
		"a checkpoint, without an end":    {"chk-7/_metadata", 1000, fault.Transient},
		"nothing":                         {"", 0, fault.Unknown},
		"an object that is not the job's": {"README", 1, fault.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			written, objects := 0, 0
			_, chain := zombie(t, func(b storage.Bucket, op storagetest.Operation) {
				// The claim of the erasure goes last: what is written now it has not seen. It is that of attempt 2, and of 1 again
				// when nothing was left of that.
				last := op.Name == "delete" && (op.Key == "attempts/2" || op.Key == "attempts/1" && written > 0)
				if !last || written == c.times {
					return
				}
				written++
				if err := b.Create(t.Context(), c.object, []byte("late")); err != nil {
					t.Error(err)
				}
			})
			err := discardAll(t.Context(), chain, Config{Job: "counts", Owner: "me"}, slog.New(slog.DiscardHandler))
			if got := fault.ClassOf(err); got != c.want || (err == nil) != (c.want == fault.Unknown) {
				t.Fatalf("discard: %v", err)
			}
			left, err := chain.Bucket().List(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range left {
				if l.Key != "README" {
					objects++
				}
			}
			if objects > 0 && c.want == fault.Unknown {
				t.Errorf("left: %v", left)
			}
			if written == 0 && c.times > 0 {
				t.Error("the zombie did not write")
			}
		})
	}
}

func TestAnErasureStopsWhenAnotherAttemptClaims(t *testing.T) {
	others := 0
	folder, chain := zombie(t, func(b storage.Bucket, op storagetest.Operation) {
		if op.Name != "delete" || others > 0 {
			return
		}
		others++
		if _, err := snapshot.NewChain(b, "counts", nil).Claim(t.Context(), 2, snapshot.Claimant{Owner: "somebody"}); err != nil {
			t.Error(err)
		}
	})
	if err := folder.Create(t.Context(), "chk-1/_metadata", []byte("x")); err != nil {
		t.Fatal(err)
	}
	err := discardAll(t.Context(), chain, Config{Job: "counts", Owner: "me"}, slog.New(slog.DiscardHandler))
	if fault.ClassOf(err) != fault.Permanent {
		t.Fatalf("discard: %v", err)
	}
	// What was deleted before it claimed is gone; its claim, and what earlier attempts recorded, are not.
	for _, key := range []string{"attempts/3", "attempts/1", "attempts/1.base"} {
		if _, err := folder.Read(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
}
