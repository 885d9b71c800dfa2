package snapshot_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// TestAnAttemptWhoseFolderWasRemovedIsOver holds P1 where the truth itself is taken away: without its claim an attempt
// could not tell a later attempt 1 from none.
func TestAnAttemptWhoseFolderWasRemovedIsOver(t *testing.T) {
	ctx := context.Background()
	b, err := storage.Open(ctx, "mem://"+rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	c := snapshot.NewChain(b, "job", nil)
	a, err := c.Claim(ctx, 0, snapshot.Claimant{Owner: "me"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(ctx, a); err != nil {
		t.Fatalf("before: %v", err)
	}
	objects, err := b.List(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if err := b.Delete(ctx, o.Key); err != nil {
			t.Fatal(err)
		}
	}
	var fenced *snapshot.FencedError
	if err := c.Check(ctx, a); !errors.As(err, &fenced) || !fenced.Gone {
		t.Errorf("after: %v", err)
	}
	if err := c.Publish(ctx, a, &snapshot.Metadata{ID: 1}); !errors.As(err, &fenced) {
		t.Errorf("published: %v", err)
	}
}
