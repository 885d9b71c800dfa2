package attempt_test

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
)

// growing grows the chain at the moment between a job's look at it and its claim.
type growing struct {
	grow func()
	once sync.Once
}

func (g *growing) Read(p []byte) (int, error) {
	g.once.Do(g.grow)
	return rand.Read(p)
}

func TestAChainThatGrewBetweenTheLookAndTheClaimIsComparedAgain(t *testing.T) {
	w := jobtest.NewWorld(t)
	cfg := w.Config(2)
	cfg.Storage, cfg.Interval = "mem://"+rand.Text(), time.Hour // no folder that could be locked, and no checkpoint unasked
	w.Input.Open(400)
	old := w.Start(t, cfg, w.Graph(t, "count"))
	old.Until(t, "it had read", jobtest.Read(400))
	nonce := &growing{grow: func() {
		if _, err := old.Checkpoint("c"); err != nil {
			t.Error(err)
		}
		if op, err := old.Job.Operation(t.Context(), "c"); err != nil || op.Status != rest.Done {
			t.Errorf("the checkpoint became %+v, %v", op, err)
		}
	}}
	started, interrupt := false, make(chan struct{})
	_, err := job.Run(t.Context(), cfg, w.Graph(t, "another"), job.Options{Process: job.Process{Random: nonce, Interrupt: interrupt}, Started: func(*job.Handle) {
		started = true
		close(interrupt)
	}})
	if err == nil || !strings.Contains(err.Error(), "operator count does not fit the job: the job no longer has this operator") || started {
		t.Errorf("started: %v, ended with %v", started, err)
	}
	if rows := len(w.Output.Rows()); rows != 400 {
		t.Errorf("%d rows are visible, want those of the one checkpoint", rows)
	}
}

// plain is a sink that commits nothing: rows are out when they are written.
type plain struct{ connector.Sink }

func (plain) Committer(context.Context, connector.CommitterContext) (connector.Committer, error) {
	return nil, nil
}

func (plain) Writer(context.Context, connector.WriterContext) (connector.Writer, error) {
	return nowhere{}, nil
}

type nowhere struct{}

func (nowhere) Write(context.Context, *batch.Batch) error { return nil }

func (nowhere) Prepare(context.Context, int64) ([][]byte, error) { return nil, nil }

func (nowhere) Close() error { return nil }

func TestOutputIsNotGivenUpWhenASinkThatCommitsNothingTakesItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		allow bool
		end   func(r *jobtest.Run)
		want  string
	}{
		"interrupted":          {false, func(r *jobtest.Run) { close(r.Interrupt) }, "operator out does not fit the job: its connector commits nothing, and the output of its last checkpoint may not be committed"},
		"interrupted, with -n": {true, func(r *jobtest.Run) { close(r.Interrupt) }, ""},
		"stopped": {false, func(r *jobtest.Run) {
			if _, err := r.Stop("s", "", false); err != nil {
				t.Error(err)
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := jobtest.NewWorld(t)
			cfg := w.Config(2)
			cfg.Interval, cfg.Restore.AllowNonRestoredState = time.Hour, c.allow // so that the last checkpoint has output
			w.Input.Open(400)
			r := w.Start(t, cfg, w.Graph(t, "count"))
			r.Until(t, "it had read", jobtest.Read(400))
			c.end(r)
			if _, err := r.Wait(t); err != nil {
				t.Fatal(err)
			}
			visible := len(w.Output.Rows())
			w.Input.Open(jobtest.All)
			heir := w.Start(t, cfg, w.GraphTo(t, "count", plain{enginetest.NewLedger[[2]int]()}))
			_, err := heir.Wait(t)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || heir.Job != nil) {
				t.Errorf("ended with %v, want %q", err, c.want)
			}
			if c.want == "" {
				return
			}
			if n := len(w.Output.Rows()); n != visible {
				t.Errorf("%d rows were visible, now %d", visible, n)
			}
			if _, err := w.Start(t, cfg, w.Graph(t, "count")).Wait(t); err != nil {
				t.Errorf("the old text ended with %v", err)
			}
			w.Exact(t)
		})
	}
}
