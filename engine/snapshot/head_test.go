package snapshot_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storagetest"
)

// busyChain is the folder of a job that publishes a checkpoint and sweeps the one before, so many times, whenever the metadata of
// the newest is about to be read. It returns how another process sees it.
func busyChain(t *testing.T, times int) *snapshot.Chain {
	t.Helper()
	b, err := storage.Open(t.Context(), "mem://"+rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	own := snapshot.NewChain(b, "job", nil)
	a, err := own.Claim(t.Context(), 0, snapshot.Claimant{Owner: "me"})
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := own.Choose(t.Context(), a, snapshot.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Base(t.Context(), a, chosen, 1); err != nil {
		t.Fatal(err)
	}
	newest := int64(0)
	publish := func() {
		newest++
		if err := own.Publish(t.Context(), a, &snapshot.Metadata{ID: newest, MaxParallelism: 1}); err != nil {
			t.Error(err)
		}
	}
	publish()
	return snapshot.NewChain(storagetest.Faulty(b, func(op storagetest.Operation) storagetest.Fault {
		if times > 0 && op.Name == "read" && op.Key == fmt.Sprintf("chk-%d/_metadata", newest) {
			times--
			old := newest
			publish()
			if err := b.Delete(t.Context(), fmt.Sprintf("chk-%d/_metadata", old)); err != nil {
				t.Error(err)
			}
		}
		return storagetest.NoFault
	}), "job", nil)
}

func TestTheHeadOfAChainIsFoundThoughWhatWasListedIsSweptMeanwhile(t *testing.T) {
	head, err := busyChain(t, 3).Head(t.Context())
	if err != nil || head.Snapshot == nil || head.Snapshot.Metadata.ID != 4 {
		t.Errorf("the head is %+v, %v; want checkpoint 4", head, err)
	}
	if _, err := busyChain(t, 100).Head(t.Context()); err == nil || !strings.Contains(err.Error(), "swept before they could be read") {
		t.Errorf("of a chain that changes faster than it can be read: %v", err)
	}
}

func TestACheckpointThatIsBeingWrittenIsNoReasonToLookAgain(t *testing.T) {
	b, err := storage.Open(t.Context(), "mem://"+rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	c := snapshot.NewChain(b, "job", nil)
	if _, err := c.Claim(t.Context(), 0, snapshot.Claimant{Owner: "me"}); err != nil {
		t.Fatal(err)
	}
	if err := b.Create(t.Context(), "chk-1/data", []byte("state")); err != nil {
		t.Fatal(err)
	}
	head, err := c.Head(t.Context())
	if err != nil || head.Snapshot != nil || head.Newest.N != 1 {
		t.Errorf("the head is %+v, %v; want none", head, err)
	}
}
