package snapshot_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/snapshot"
)

// wholeOfTests stands for who knows what is in runs.
func wholeOfTests(ctx context.Context, _ *snapshot.Snapshot, s snapshot.SubtaskState, to snapshot.WholeWriter) error {
	for _, f := range s.Files {
		if err := to.Block(ctx, 0, "s", snapshot.NoTime, []byte(filepath.Base(f.Path))); err != nil {
			return err
		}
	}
	to.Progress(1, 1)
	return nil
}

// filesOf are the files of a savepoint by name.
func filesOf(t *testing.T, s *snapshot.Snapshot) map[string]string {
	t.Helper()
	files := map[string]string{}
	names := []string{"_metadata"}
	for _, f := range s.Metadata.Files() {
		names = append(names, f.Path)
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(s.Path()[len("file://"):], name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	return files
}

// TestExportsOfOneCheckpointAreTheSameAndOfTwoShareNoName, so that two under one id never write different content under one name.
func TestExportsOfOneCheckpointAreTheSameAndOfTwoShareNoName(t *testing.T) {
	dir, _ := sharing(t)
	var exports []map[string]string
	for _, checkpoint := range []string{"chk-1", "chk-2", "chk-2"} {
		from, err := snapshot.OpenSnapshot(t.Context(), filepath.Join(dir, checkpoint))
		if err != nil {
			t.Fatal(err)
		}
		s, err := snapshot.Export(t.Context(), from, openBucket(t, t.TempDir()), "sp", wholeOfTests, nil)
		if err != nil {
			t.Fatal(err)
		}
		exports = append(exports, filesOf(t, s))
		if err := from.Close(); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(exports[1], exports[2]); diff != "" || len(exports[1]) != 2 {
		t.Errorf("%d files, and another export differs:\n%s", len(exports[1]), diff)
	}
	for name := range exports[0] {
		if _, both := exports[1][name]; both && name != "_metadata" {
			t.Errorf("savepoints of two checkpoints have a file %s", name)
		}
	}
}

// TestOutputIsSettledWhenTheChainSaysSo: a later checkpoint, also one that is void, or the record of the end.
func TestOutputIsSettledWhenTheChainSaysSo(t *testing.T) {
	chain := snapshot.NewChain(openBucket(t, t.TempDir()), "job", nil)
	a, err := chain.Claim(t.Context(), 0, snapshot.Claimant{Owner: "test"})
	if err == nil {
		var chosen snapshot.Chosen
		if chosen, err = chain.Choose(t.Context(), a, snapshot.Request{}); err == nil {
			err = chain.Base(t.Context(), a, chosen, 1)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	output := []snapshot.OperatorState{{UID: "out", Subtasks: []snapshot.SubtaskState{{Committables: [][]byte{{1}}}}}}
	var all []*snapshot.Metadata
	publish := func(m snapshot.Metadata) {
		t.Helper()
		m.ID, m.Operators = int64(len(all)+1), output
		for id := range m.ID {
			m.Retained = append(m.Retained, id+1)
		}
		if err := chain.Publish(t.Context(), a, &m); err != nil {
			t.Fatal(err)
		}
		all = append(all, &m)
	}
	unsettled := func(i int) (checkpoints []int64) {
		t.Helper()
		waits, err := chain.Unsettled(t.Context(), all[i])
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range waits {
			checkpoints = append(checkpoints, u.Checkpoint)
		}
		return checkpoints
	}
	expect := func(want ...[]int64) {
		t.Helper()
		for i := range want {
			if diff := cmp.Diff(want[i], unsettled(i)); diff != "" {
				t.Errorf("of checkpoint %d: %s", i+1, diff)
			}
		}
	}
	publish(snapshot.Metadata{})
	expect([]int64{1})
	publish(snapshot.Metadata{Parent: 1, Uncommitted: []snapshot.Uncommitted{{Checkpoint: 1, Sinks: all[0].Output()}}})
	expect([]int64{1}, []int64{1, 2})
	publish(snapshot.Metadata{Parent: 2, Confirmed: 1, Uncommitted: []snapshot.Uncommitted{{Checkpoint: 2, Sinks: all[0].Output()}}})
	expect(nil, []int64{2}, []int64{2, 3})
	if err := chain.Snapshot(all[2]).Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(nil, []int64{2}, nil)

	back, err := chain.Claim(t.Context(), a.N, snapshot.Claimant{Owner: "test"})
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := chain.Choose(t.Context(), back, snapshot.Request{Path: chain.Path(1), Nonce: 1, AllowRepeatedOutput: true})
	if err == nil {
		err = chain.Base(t.Context(), back, chosen, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	expect(nil)
	var void *snapshot.VoidError
	if _, err := chain.Unsettled(t.Context(), all[1]); !errors.As(err, &void) {
		t.Errorf("of a void checkpoint: %v", err)
	}
}
