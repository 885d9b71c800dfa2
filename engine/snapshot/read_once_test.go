package snapshot_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storagetest"
)

// TestDataFilesAreReadOnceByARestoreThatVerifiesWhenItReads counts who opens data files: a choice that verifies, and whoever
// restores what was chosen.
func TestDataFilesAreReadOnceByARestoreThatVerifiesWhenItReads(t *testing.T) {
	b, err := storage.Open(t.Context(), "mem://"+rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	chain := snapshot.NewChain(storagetest.Faulty(b, func(op storagetest.Operation) storagetest.Fault {
		if op.Name == "read" && strings.HasPrefix(op.Key, "chk-") && !strings.HasSuffix(op.Key, "/_metadata") {
			opened++
		}
		return storagetest.NoFault
	}), "job", nil)
	a, err := chain.Claim(t.Context(), 0, snapshot.Claimant{Owner: "me"})
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := chain.Choose(t.Context(), a, snapshot.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if err := chain.Base(t.Context(), a, chosen, 1); err != nil {
		t.Fatal(err)
	}
	w, err := chain.Files(a, 0, 1).Create(t.Context(), "count", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.BeginBlock(0, "sum", snapshot.NoTime); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("seven")); err != nil {
		t.Fatal(err)
	}
	file, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := chain.Publish(t.Context(), a, &snapshot.Metadata{ID: 1, MaxParallelism: 1, Operators: []snapshot.OperatorState{{
		UID: "count", Name: "count", Parallelism: 1, MaxParallelism: 1,
		Subtasks: []snapshot.SubtaskState{{Files: []snapshot.GroupFile{file}}}}}}); err != nil {
		t.Fatal(err)
	}
	next, err := chain.Claim(t.Context(), a.N, snapshot.Claimant{Owner: "me"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		whenRead bool
		want     int // of the choice
	}{{"verified when it is read", true, 0}, {"verified first", false, 1}} {
		t.Run(c.name, func(t *testing.T) {
			opened = 0
			chosen, err := chain.Choose(t.Context(), next, snapshot.Request{VerifyWhenRead: c.whenRead})
			if err != nil || chosen.Unverified != c.whenRead {
				t.Fatalf("chosen %+v, %v", chosen, err)
			}
			if opened != c.want {
				t.Errorf("the choice has opened %d data files, want %d", opened, c.want)
			}
			f := chosen.Snapshot.Metadata.Files()[0]
			if content, err := chosen.Snapshot.ReadBlock(t.Context(), f, f.Blocks[0]); err != nil || string(content) != "seven" {
				t.Errorf("restored %q, %v", content, err)
			}
			if opened != c.want+1 {
				t.Errorf("with the restore %d data files were opened, want %d", opened, c.want+1)
			}
		})
	}
}

func TestASnapshotHoldsWhatIsInItsFolder(t *testing.T) {
	place := writeExample(t, t.TempDir())
	s, err := snapshot.OpenSnapshot(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for object, want := range map[string]bool{
		s.Path() + "/1.0-abc":                           true,
		s.Path() + "/1.0-abc?endpoint=http://localhost": true,
		s.Path() + "0/1.0-abc":                          false,
		"file:///elsewhere/1.0-abc":                     false,
		"":                                              false,
	} {
		if s.Holds(object) != want {
			t.Errorf("%s holds %s: %v", s.Path(), object, !want)
		}
	}
}
