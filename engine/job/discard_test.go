package job_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

func TestDiscardFencesWhoeverRunsAndLeavesNothing(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	p.Until("checkpoints were complete", jobtest.Checkpoints(2))
	savepoint := p.Final(p.Savepoint("sp", ""))
	foreign := w.Config(2)
	foreign.Owner = "somebody"
	if err := job.Discard(t.Context(), foreign, nil); fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "another owner") {
		t.Errorf("discarded by another owner: %v", err)
	}
	if err := job.Discard(t.Context(), w.Config(2), nil); err != nil {
		t.Fatal(err)
	}
	rows := len(w.Output.Rows())
	w.Input.Open(jobtest.All)
	o := p.Until("it was fenced", func(o rest.Job) bool { return o.State == rest.Failed })
	if o.FailureKind != rest.FailedFenced {
		t.Errorf("discarded, the job is %+v", o)
	}
	if n := len(w.Output.Rows()); n != rows {
		t.Errorf("%d rows were committed after the job was discarded", n-rows)
	}
	p.Killed()
	for range 2 { // also what the zombie left
		if err := job.Discard(t.Context(), w.Config(2), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range jobtest.Listing(t, w.Dir) {
		if strings.Contains(f, "/counts/") && !strings.HasPrefix(filepath.Base(f), ".") {
			t.Errorf("%s is left", f)
		}
	}
	if _, err := snapshot.OpenSnapshot(t.Context(), savepoint.Path); err != nil {
		t.Errorf("the savepoint is gone: %v", err)
	}
	for range 2 {
		if err := job.Dispose(t.Context(), w.Config(2), savepoint.Path); err != nil {
			t.Errorf("dispose: %v", err)
		}
	}
	if _, err := os.Stat(strings.TrimPrefix(savepoint.Path, "file://")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the savepoint's folder: %v", err)
	}
}

func TestOnlySavepointsAreDisposedOf(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	p.Until("checkpoints were complete", jobtest.Checkpoints(2))
	p.Terminated()
	before := jobtest.Listing(t, w.Dir)
	paths := []string{w.Dir, filepath.Join(w.Dir, "counts"), "ftp://x/savepoint-1", "/"}
	for _, f := range before {
		if filepath.Base(f) == "_metadata" {
			paths = append(paths, filepath.Dir(f))
		}
	}
	for _, path := range paths {
		if err := job.Dispose(t.Context(), w.Config(2), path); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%s: %v", path, err)
		}
	}
	if diff := cmp.Diff(before, jobtest.Listing(t, w.Dir)); diff != "" {
		t.Errorf("something was deleted:\n%s", diff)
	}
}

func TestASavepointOfAnotherJobIsNeitherReturnedNorDisposedOf(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	// The savepoint of job "counts-a" under id "b" lies where that of job "counts" under id "a-b" would.
	p := w.Pod(t, func(c *job.Config) { c.Job = "counts-a" })
	w.Activated(p, "a1", 0, 2)
	p.Until("it had read", jobtest.Read(400))
	theirs := p.Final(p.Savepoint("b", ""))
	if theirs.Status != rest.Done {
		t.Fatalf("the savepoint became %+v, %v", theirs, theirs.Error)
	}
	mine := w.Pod(t, func(c *job.Config) { c.Revision = "2" })
	q := w.Activation("a1", 0, 2)
	q.Revision = "2"
	if op := mine.Final(mine.Activate(q)); op.Status != rest.Done {
		t.Fatalf("the activation became %+v, %v", op, op.Error)
	}
	mine.Until("it ran", jobtest.In(rest.Running))
	op := mine.Final(mine.Stop("a-b", "", false))
	if op.Status != rest.Undone || op.Error.Code != rest.Conflict || !strings.Contains(op.Error.Message, `job "counts-a"`) {
		t.Errorf("the stop became %+v, %v", op, op.Error)
	}
	if o := mine.Overview(); o.State != rest.Running {
		t.Errorf("the job is %+v", o)
	}
	if err := job.Dispose(t.Context(), w.Config(2), theirs.Path); fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), `job "counts-a"`) {
		t.Errorf("dispose: %v", err)
	}
	if _, err := snapshot.OpenSnapshot(t.Context(), theirs.Path); err != nil {
		t.Errorf("the savepoint is gone: %v", err)
	}
}

// chainOfAttempts claims attempts of an owner in a folder, with what each started from.
func chainOfAttempts(t *testing.T, url, owner string, attempts int) *snapshot.Chain {
	t.Helper()
	b, err := storage.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	chain := snapshot.NewChain(b.Sub("counts"), "counts", nil)
	for n := range attempts {
		a, err := chain.Claim(t.Context(), int64(n), snapshot.Claimant{Owner: owner})
		if err != nil {
			t.Fatal(err)
		}
		chosen, err := chain.Choose(t.Context(), a, snapshot.Request{})
		if err == nil {
			err = chain.Base(t.Context(), a, chosen, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return chain
}

func TestAChainWhoseNewestClaimIsDamagedIsNotDiscarded(t *testing.T) {
	w := jobtest.NewWorld(t)
	chainOfAttempts(t, w.Dir, "somebody", 2)
	claim := filepath.Join(w.Dir, "counts", "attempts", "2")
	if err := os.WriteFile(claim, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := jobtest.Listing(t, w.Dir)
	err := job.Discard(t.Context(), w.Config(2), nil)
	if fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "counts/attempts/2") {
		t.Errorf("discard: %v", err)
	}
	if diff := cmp.Diff(before, jobtest.Listing(t, w.Dir)); diff != "" {
		t.Errorf("something was deleted:\n%s", diff)
	}
}
