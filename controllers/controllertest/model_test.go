package controllertest

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/rest"
)

// The model is what controllers are judged by, so it is judged itself: it speaks the protocol (TestTheProtocolOfACoordinator),
// and sees what an operator must not do with it.

const (
	me     = "cluster/me"
	rev    = "0123456789"
	places = "s3://b/savepoints"
)

func start(b *Bucket, pod string) *coordinator { return launch(b, pod, me, rev, places, func() {}) }

func activate(t *testing.T, c *coordinator, expected int64) {
	t.Helper()
	settings := smallestSettings()
	settings.SavepointStorage = places
	op, err := c.activate(rest.ActivateRequest{ID: c.pod, ExpectedAttempt: expected, Revision: c.revision, AllowEmpty: expected == 0, Settings: settings})
	if err != nil || op.Status != rest.Done {
		t.Fatalf("the activation became %+v, %v", op, err)
	}
}

// running is a job with some checkpoints.
func running(t *testing.T) (*Bucket, *coordinator) {
	t.Helper()
	b := newBucket("default.flights")
	c := start(b, "a")
	activate(t, c, 0)
	for range 3 {
		c.step()
	}
	if len(b.Checkpoints()) == 0 {
		t.Fatal("no checkpoint was completed")
	}
	return b, c
}

// ask makes a request, and returns what became of it.
func ask(t *testing.T, c *coordinator, op *operation) rest.Operation {
	t.Helper()
	if _, err := c.begin(op); err != nil {
		t.Fatal(err)
	}
	c.step()
	state, err := c.find(t.Context(), op.state.ID)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestAnActivationBesideARunningAttemptIsWrittenDown(t *testing.T) {
	b, first := running(t)
	second := launch(b, "b", me, "9876543210", places, func() {})
	activate(t, second, 1)
	if v := b.Violations(); len(v) != 1 || !strings.Contains(v[0], "had not been stopped") {
		t.Errorf("violations: %q", v)
	}
	before := len(b.Checkpoints())
	first.step()
	if got := first.job(); len(b.Checkpoints()) != before || got.FailureKind != rest.FailedFenced {
		t.Errorf("the fenced attempt published, or does not know: %+v", got)
	}
}

func TestASavepointUnderOneIDIsWrittenOnce(t *testing.T) {
	b, c := running(t)
	first := ask(t, c, newSavepoint("sp", ""))
	for range 2 {
		c.terminate(false)
		c = start(b, "a")
		c.step()
		if again := ask(t, c, newSavepoint("sp", "")); again.Path != first.Path || first.Status != rest.Done {
			t.Errorf("first %+v, then %+v", first, again)
		}
	}
	if v := b.Violations(); len(v) != 0 || len(b.Savepoints()) != 1 {
		t.Errorf("violations %q, savepoints %v", v, b.Savepoints())
	}
	c.terminate(false)
	c = start(b, "a")
	c.step()
	ask(t, c, newSavepoint("sp", "s3://b/elsewhere"))
	if v := b.Violations(); len(v) != 1 {
		t.Errorf("the same savepoint in two places was not seen: %q", v)
	}
}

func TestAJobThatIsStoppedFirstIsNoViolation(t *testing.T) {
	b, c := running(t)
	if op := ask(t, c, newStop("s", "", false)); op.Status != rest.Done {
		t.Fatalf("the stop became %+v", op)
	}
	activate(t, start(b, "b"), 1)
	if v := b.Violations(); len(v) != 0 {
		t.Errorf("violations: %q", v)
	}
}

func TestADisposalOfWhatIsNoSavepointIsWrittenDown(t *testing.T) {
	b, _ := running(t)
	if b.dispose(b.Checkpoints()[0].Path) || len(b.Violations()) != 1 {
		t.Errorf("violations: %q", b.Violations())
	}
}
