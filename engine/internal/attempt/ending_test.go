package attempt_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
)

// tallied is a sink that counts what is committed and forgotten.
type tallied struct {
	connector.Sink
	committed, forgotten *atomic.Int64
}

func (c tallied) Committer(ctx context.Context, cc connector.CommitterContext) (connector.Committer, error) {
	committer, err := c.Sink.Committer(ctx, cc)
	return talliedCommitter{committer, c}, err
}

type talliedCommitter struct {
	connector.Committer
	of tallied
}

func (c talliedCommitter) Commit(ctx context.Context, committables [][]byte) error {
	c.of.committed.Add(int64(len(committables)))
	return c.Committer.Commit(ctx, committables)
}

func (c talliedCommitter) Forget(ctx context.Context, committables [][]byte) error {
	c.of.forgotten.Add(int64(len(committables)))
	return c.Committer.Forget(ctx, committables)
}

func TestTheEndOfAJobIsRecordedAndWhatWasStagedGoes(t *testing.T) {
	for name, killed := range map[string]bool{"recorded": false, "killed before the record": true} {
		t.Run(name, func(t *testing.T) {
			w := jobtest.NewWorld(t)
			w.Input.Open(jobtest.All)
			sink := tallied{w.Output, new(atomic.Int64), new(atomic.Int64)}
			cfg := w.Config(2)
			cfg.Interval = time.Hour // all output is the last checkpoint's
			begin := func(at func(context.CancelFunc, job.Step)) (committed, forgotten int64) {
				t.Helper()
				sink.committed.Store(0)
				sink.forgotten.Store(0)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				_, err := job.Run(ctx, cfg, w.GraphTo(t, "count", sink), job.Options{Process: job.Process{AtStep: func(s job.Step) { at(cancel, s) }}})
				if err != nil {
					t.Fatal(err)
				}
				return sink.committed.Load(), sink.forgotten.Load()
			}
			quietly := func(context.CancelFunc, job.Step) {}
			want := int64(2) // one of each subtask
			if killed {
				committed, forgotten := begin(func(cancel context.CancelFunc, s job.Step) {
					if s == attempt.StepUnrecorded {
						cancel()
						runtime.Goexit() // nothing of the commit goes on
					}
				})
				if committed != want || forgotten != 0 {
					t.Fatalf("killed, it has committed %d and forgotten %d, want %d and 0", committed, forgotten, want)
				}
			}
			if committed, forgotten := begin(quietly); committed != want || forgotten != want {
				t.Fatalf("it has committed %d and forgotten %d, want %d of both", committed, forgotten, want)
			}
			if committed, forgotten := begin(quietly); committed != 0 || forgotten != want {
				t.Errorf("begun again it has committed %d and forgotten %d, want 0 and once more %d", committed, forgotten, want)
			}
			w.Exact(t)
		})
	}
}
