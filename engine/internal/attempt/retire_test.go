package attempt

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// countingRetirer says that all is done, and counts how often it was asked.
type countingRetirer struct {
	connector.Enumerator
	asked int
}

func (r *countingRetirer) Retire(_ context.Context, splits []connector.Split) (done []string, err error) {
	r.asked++
	for _, s := range splits {
		done = append(done, s.ID)
	}
	return done, nil
}

// TestAJobThatWasReplacedRemovesNothing: a later attempt may go on from an earlier checkpoint, and read the files again (P1).
func TestAJobThatWasReplacedRemovesNothing(t *testing.T) {
	b, err := storage.Open(t.Context(), "mem://"+rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	chain := snapshot.NewChain(b, "counts", nil)
	own, err := chain.Claim(t.Context(), 0, snapshot.Claimant{Owner: "me"})
	if err != nil {
		t.Fatal(err)
	}
	source := &countingRetirer{}
	d := &driver{
		folder: &jobfolder.Folder{Chain: chain}, began: &began{attempt: own}, process: Process{AtStep: func(Step) {}},
		sources: map[string]connector.Enumerator{"in": source},
	}
	e := coordinator.Retire{Source: "in", Splits: []connector.Split{{ID: "a"}}}
	if done, err := d.retireFenced(t.Context(), e); err != nil || len(done) != 1 || source.asked != 1 {
		t.Fatalf("alone: done %q, error %v, asked %d times", done, err, source.asked)
	}
	if _, err := chain.Claim(t.Context(), own.N, snapshot.Claimant{Owner: "another"}); err != nil {
		t.Fatal(err)
	}
	done, err := d.retireFenced(t.Context(), e)
	var fenced *snapshot.FencedError
	if !errors.As(err, &fenced) || len(done) != 0 || source.asked != 1 {
		t.Errorf("replaced: done %q, error %v, asked %d times", done, err, source.asked)
	}
}

// TestAJobThatRemovesWhatItHasReadDoesNotGoBackByItself: what a damaged checkpoint had behind it may be gone, and no output
// of it says so (P2).
func TestAJobThatRemovesWhatItHasReadDoesNotGoBackByItself(t *testing.T) {
	keeps := struct{ connector.Enumerator }{}
	for _, c := range []struct {
		name    string
		source  connector.Enumerator
		passed  []int64
		allowed bool
		refused bool
	}{
		{"the newest checkpoint is whole", &countingRetirer{}, nil, false, false},
		{"files stay", keeps, []int64{4, 5}, false, false},
		{"files go", &countingRetirer{}, []int64{4, 5}, false, true},
		{"files go, and it is allowed", &countingRetirer{}, []int64{4, 5}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &began{chosen: snapshot.Chosen{From: "chk-3", Passed: c.passed}}
			b.cfg.Restore.AllowRepeatedOutput = c.allowed
			err := (&driver{began: b, sources: map[string]connector.Enumerator{"in": c.source}}).refuseLostInput()
			if !c.refused && err != nil || c.refused && (fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "checkpoint 5")) {
				t.Errorf("%v", err)
			}
		})
	}
}
