package controllertest

import (
	"errors"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// The model is what controllers are judged by, so it is judged itself: it keeps P1 and P3, and sees what breaks them.

const (
	me, other = "cluster/me", "cluster/other"
	rev       = "0123456789"
	places    = "s3://b/savepoints"
)

func start(b *Bucket, pod string) *coordinator { return launch(b, pod, me, rev, places, func() {}) }

func activate(c *coordinator, expected int64, empty bool) error {
	_, err := c.activate(rest.ActivateRequest{ID: c.pod, ExpectedAttempt: expected, Revision: rev, AllowEmpty: empty,
		Settings: rest.Settings{Parallelism: 1, SavepointStorage: places}})
	return err
}

// running is a job with some checkpoints.
func running(t *testing.T) (*Bucket, *coordinator) {
	t.Helper()
	b := newBucket("default.flights")
	c := start(b, "a")
	if err := activate(c, 0, true); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c.step()
	}
	if len(b.Checkpoints()) == 0 {
		t.Fatal("no checkpoint was completed")
	}
	return b, c
}

func stop(c *coordinator, id string) (rest.Operation, error) {
	op, err := c.begin(operation{request: "Stop", state: rest.Operation{ID: id, Kind: rest.StopOperation}})
	if err != nil {
		return op, err
	}
	c.step()
	return c.find(id)
}

func conflicts(t *testing.T, err error) {
	t.Helper()
	var e *rest.Error
	if !errors.As(err, &e) || e.Code != rest.Conflict {
		t.Errorf("error: %v; want a conflict", err)
	}
}

func TestAnEmptyJobStartsOnlyIfThatIsAllowed(t *testing.T) {
	b := newBucket("default.flights")
	c := start(b, "a")
	conflicts(t, activate(c, 0, false))
	if c.job().State != rest.Standby {
		t.Errorf("state: %s", c.job().State)
	}
}

func TestAnActivationNamesTheNewestAttempt(t *testing.T) {
	b, c := running(t)
	if _, err := stop(c, "s"); err != nil {
		t.Fatal(err)
	}
	next := start(b, "b")
	conflicts(t, activate(next, 0, false))
	if err := activate(next, 1, false); err != nil {
		t.Error(err)
	}
	if v := b.Violations(); len(v) != 0 {
		t.Errorf("violations: %q", v)
	}
}

func TestAnActivationBesideARunningAttemptIsWrittenDown(t *testing.T) {
	b, first := running(t)
	second := launch(b, "b", me, "9876543210", places, func() {})
	if _, err := second.activate(rest.ActivateRequest{ID: "x", ExpectedAttempt: 1, Revision: "9876543210"}); err != nil {
		t.Fatal(err)
	}
	if v := b.Violations(); len(v) != 1 || !strings.Contains(v[0], "had not been stopped") {
		t.Errorf("violations: %q", v)
	}
	before := len(b.Checkpoints())
	first.step()
	if got := first.job(); len(b.Checkpoints()) != before || got.FailureKind != rest.FailedFenced {
		t.Errorf("the fenced attempt published, or does not know: %+v", got)
	}
}

func TestAPodThatRestartsClaimsOnlyItsOwnRunningJob(t *testing.T) {
	b, c := running(t)
	c.terminate(false)
	if again := start(b, "a"); again.job().Attempt != 2 {
		t.Errorf("attempt: %d", again.job().Attempt)
	} else if again.step(); again.job().State != rest.Running {
		t.Errorf("state: %s", again.job().State)
	} else if _, err := stop(again, "s"); err != nil {
		t.Error(err)
	} else {
		again.terminate(true)
	}
	if stopped := start(b, "a"); stopped.job().State != rest.Standby || stopped.job().Chain.Outcome != outcome.Stopped {
		t.Errorf("a stopped job runs again by itself: %+v", stopped.job())
	}
	if stranger := launch(b, "c", other, rev, places, func() {}); stranger.job().State != rest.Standby {
		t.Errorf("another owner's pod claimed the job: %+v", stranger.job())
	}
}

func TestAStopUnderOneIDStopsOnce(t *testing.T) {
	b, c := running(t)
	first, err := stop(c, "s")
	if err != nil || first.Status != rest.Done {
		t.Fatalf("operation %+v, error %v", first, err)
	}
	c.terminate(true)
	again, err := stop(start(b, "a"), "s")
	if err != nil || again.Path != first.Path || again.CheckpointID != first.CheckpointID {
		t.Errorf("first %+v, then %+v, error %v", first, again, err)
	}
}

func TestASavepointUnderOneIDIsWrittenOnce(t *testing.T) {
	b, c := running(t)
	take := func(c *coordinator, target string) rest.Operation {
		op, err := c.begin(operation{request: "Savepoint " + target, target: target, state: rest.Operation{ID: "sp", Kind: rest.SavepointOperation}})
		if err != nil {
			t.Fatal(err)
		}
		c.step()
		if op, err = c.find(op.ID); err != nil {
			t.Fatal(err)
		}
		return op
	}
	first := take(c, "")
	if again := take(c, ""); again.Path != first.Path || first.Status != rest.Done {
		t.Errorf("first %+v, then %+v", first, again)
	}
	c.terminate(false)
	c = start(b, "a")
	c.step()
	if again := take(c, ""); again.Path != first.Path {
		t.Errorf("first %+v, then %+v", first, again)
	}
	if v := b.Violations(); len(v) != 0 || len(b.Savepoints()) != 1 {
		t.Errorf("violations %q, savepoints %v", v, b.Savepoints())
	}
	c.terminate(false)
	c = start(b, "a")
	c.step()
	take(c, "s3://b/elsewhere")
	if v := b.Violations(); len(v) != 1 {
		t.Errorf("the same savepoint in two places was not seen: %q", v)
	}
}

func TestADisposalOfWhatIsNoSavepointIsWrittenDown(t *testing.T) {
	b, _ := running(t)
	if b.dispose(b.Checkpoints()[0].Path) || len(b.Violations()) != 1 {
		t.Errorf("violations: %q", b.Violations())
	}
}
