package job_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
)

func TestAPreflightBesideARunningJobChangesNothing(t *testing.T) {
	w := jobtest.NewWorld(t)
	empty, err := job.Preflight(t.Context(), w.Config(2), w.Graph(t, "count"))
	if err != nil || empty.Attempt != 0 || empty.Checkpoint != nil {
		t.Errorf("where there is nothing: %+v, %v", empty, err)
	}
	if left := jobtest.Listing(t, w.Dir); len(left) != 1 {
		t.Errorf("the preflight left %v", left)
	}
	w.Input.Open(400)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	p.Until("checkpoints were complete", jobtest.Checkpoints(2))
	var refused *job.IncompatibleError
	for range 20 {
		chain, err := job.Preflight(t.Context(), w.Config(3), w.Graph(t, "count"))
		if err != nil || chain.Attempt != 1 || chain.Owner != "test" || chain.Checkpoint == nil {
			t.Fatalf("beside the job: %+v, %v", chain, err)
		}
		if _, err := job.Preflight(t.Context(), w.Config(3), w.Graph(t, "another")); !errors.As(err, &refused) || fault.ClassOf(err) != fault.Permanent {
			t.Fatalf("with state that does not fit: %v", err)
		}
	}
	cfg := w.Config(2)
	cfg.Restore.Path, cfg.Restore.Nonce = "/nowhere", 3
	if _, err := job.Preflight(t.Context(), cfg, w.Graph(t, "count")); err == nil || !strings.Contains(err.Error(), "spec.restore.path") {
		t.Errorf("with a restore from nowhere: %v", err)
	}
	w.Input.Open(jobtest.All)
	if o := p.Until("it completed", jobtest.In(rest.Completed)); o.Restarts != 0 || o.FailedCheckpoints != 0 {
		t.Errorf("the job is %+v", o)
	}
	w.Exact(t)
}

func TestAPreflightTellsSettingsThatNoAttemptCanRunWith(t *testing.T) {
	w := jobtest.NewWorld(t)
	for name, change := range map[string]func(*job.Config){
		"parallelism":           func(c *job.Config) { c.Parallelism = 65 },
		"restartInitialDelayMs": func(c *job.Config) { c.Restart.InitialDelay = 0 },
		"restartMaxDelayMs":     func(c *job.Config) { c.Restart.MaxDelay = 0 },
		"savepointStorage":      func(c *job.Config) { c.SavepointStorage = "ftp://x" },
	} {
		cfg := w.Config(2)
		change(&cfg)
		if _, err := job.Preflight(t.Context(), cfg, w.Graph(t, "count")); fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := job.NewHost(cfg, w.Graph(t, "count"), job.HostOptions{}); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("a coordinator with wrong %s: %v", name, err)
		}
	}
}
