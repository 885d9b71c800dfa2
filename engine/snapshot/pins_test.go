package snapshot_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/snapshot"
)

// pinning is a job with two checkpoints, 1 and 2, and an attempt that goes on from there.
type pinning struct {
	t       *testing.T
	dir     string
	chain   *snapshot.Chain
	attempt snapshot.Attempt
	newest  *snapshot.Metadata
}

func newPinning(t *testing.T) *pinning {
	p := &pinning{t: t}
	p.dir, p.newest = sharing(t)
	p.chain = snapshot.NewChain(openBucket(t, p.dir), "job", nil)
	var err error
	if p.attempt, err = p.chain.Claim(t.Context(), 1, snapshot.Claimant{Owner: "test"}); err != nil {
		t.Fatal(err)
	}
	return p
}

// publish adds a checkpoint that retains only some others.
func (p *pinning) publish(retained ...int64) {
	p.t.Helper()
	id := p.newest.ID + 1
	p.newest = &snapshot.Metadata{ID: id, Retained: append(retained, id), Parallelism: 1, MaxParallelism: 8}
	if err := p.chain.Publish(p.t.Context(), p.attempt, p.newest); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pinning) sweep() {
	p.t.Helper()
	if err := p.chain.Sweep(p.t.Context(), p.attempt, p.newest); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pinning) hold(checkpoint int64) *snapshot.Hold {
	p.t.Helper()
	h, err := p.chain.Hold(p.t.Context(), checkpoint, "a test")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(h.Leave)
	return h
}

// left are the checkpoints and pins that are there.
func (p *pinning) left() string {
	p.t.Helper()
	var names []string
	for _, pattern := range []string{"chk-*/_metadata", "pins/*"} {
		found, err := filepath.Glob(filepath.Join(p.dir, pattern))
		if err != nil {
			p.t.Fatal(err)
		}
		for _, f := range found {
			names = append(names, strings.SplitN(strings.TrimPrefix(f, p.dir+"/"), "/", 2)[0])
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (p *pinning) expect(want string) {
	p.t.Helper()
	if got := p.left(); got != want {
		p.t.Errorf("left are %q, want %q", got, want)
	}
}

// aged makes all pins so old, for the store.
func (p *pinning) aged(age time.Duration) {
	p.t.Helper()
	found, err := filepath.Glob(filepath.Join(p.dir, "pins/*"))
	if err != nil || len(found) == 0 {
		p.t.Fatalf("%v, %v", found, err)
	}
	for _, f := range found {
		then := time.Now().Add(-age)
		if err := os.Chtimes(f, then, then); err != nil {
			p.t.Fatal(err)
		}
	}
}

func TestACheckpointThatIsPinnedStaysUntilItIsReleased(t *testing.T) {
	p := newPinning(t)
	first, again := p.hold(1), p.hold(1)
	p.publish()
	p.sweep()
	p.expect("chk-1 chk-3 pins pins")
	if report, err := snapshot.Verify(t.Context(), filepath.Join(p.dir, "chk-1")); err != nil || !report.OK() {
		t.Errorf("%v, %v", report, err)
	}
	for range 2 {
		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.publish()
	p.sweep()
	p.expect("chk-1 chk-4 pins")
	if err := again.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.sweep()
	p.expect("chk-4")
}

// TestWhatMayBeSweptIsNotPinned: whoever comes too late is told so, and leaves no pin.
func TestWhatMayBeSweptIsNotPinned(t *testing.T) {
	p := newPinning(t)
	held := p.hold(2)
	p.publish()
	for _, id := range []int64{1, 2, 7} {
		var swept *snapshot.SweptError
		if _, err := p.chain.Hold(t.Context(), id, "a test"); !errors.As(err, &swept) || (swept.By == 3) != (id < 7) {
			t.Errorf("checkpoint %d: %v", id, err)
		}
	}
	p.expect("chk-1 chk-2 chk-3 pins")
	p.sweep()
	p.expect("chk-2 chk-3 pins")
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestACheckpointIsPinnedWithItsRunsThoughItIsVoid: who pins it before the later attempt has a checkpoint cannot know that it is, and
// the sweep of that one is of an earlier number.
func TestACheckpointIsPinnedWithItsRunsThoughItIsVoid(t *testing.T) {
	p := newPinning(t)
	zombie := p.attempt
	var err error
	if p.attempt, err = p.chain.Claim(t.Context(), zombie.N, snapshot.Claimant{Owner: "test"}); err != nil {
		t.Fatal(err)
	}
	run := writeRun(t, p.chain.Files(zombie, 0, 5), 0, "void")
	void := &snapshot.Metadata{ID: 5, Retained: []int64{1, 2, 5}, Parallelism: 1, MaxParallelism: 8,
		Operators: []snapshot.OperatorState{{UID: "op", Parallelism: 1, MaxParallelism: 8, Subtasks: []snapshot.SubtaskState{{Files: []snapshot.GroupFile{run}}}}}}
	var fenced *snapshot.FencedError
	if err := p.chain.Publish(t.Context(), zombie, void); !errors.As(err, &fenced) {
		t.Fatalf("the zombie published: %v", err)
	}
	p.hold(5)
	p.publish(1, 2)
	p.sweep()
	p.expect("chk-1 chk-2 chk-3 chk-5 pins")
	if report, err := snapshot.Verify(t.Context(), filepath.Join(p.dir, "chk-5")); err != nil || !report.OK() {
		t.Errorf("%v, %v", report, err)
	}
	var swept *snapshot.SweptError
	if _, err := p.chain.Hold(t.Context(), 5, "a test"); !errors.As(err, &swept) || swept.By != 3 {
		t.Errorf("when the later attempt has a checkpoint: %v", err)
	}
}

// TestTheNextAttemptTakesAPinOver of a checkpoint that nothing else retains any more.
func TestTheNextAttemptTakesAPinOver(t *testing.T) {
	p := newPinning(t)
	first, err := p.chain.HoldAs(t.Context(), "restore", 1, "a test")
	if err != nil {
		t.Fatal(err)
	}
	first.Leave()
	p.publish()
	p.sweep()
	p.aged(2 * snapshot.PinForReading)
	p.sweep()
	p.expect("chk-1 chk-3 pins")
	second, err := p.chain.HoldAs(t.Context(), "restore", 1, "a test")
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.sweep()
	p.expect("chk-3")
	var swept *snapshot.SweptError
	if _, err := p.chain.HoldAs(t.Context(), "restore", 1, "a test"); !errors.As(err, &swept) || swept.By != 0 {
		t.Errorf("when it is gone: %v", err)
	}
}

// TestAPinOfADeadHolderExpires by the store's own times; one that cannot be read keeps everything, and expires, too.
func TestAPinOfADeadHolderExpires(t *testing.T) {
	p := newPinning(t)
	p.hold(1).Leave()
	p.publish()
	p.aged(snapshot.PinForReading / 2)
	p.sweep()
	p.expect("chk-1 chk-3 pins")
	if u, err := p.chain.Usage(t.Context()); err != nil || len(u.Pins) != 1 || u.Pins[0].Purpose != "a test" || u.Pins[0].Checkpoint != 1 {
		t.Errorf("%+v, %v", u.Pins, err)
	}
	p.aged(2 * snapshot.PinForReading)
	if u, err := p.chain.Usage(t.Context()); err != nil || len(u.Pins) != 0 {
		t.Errorf("%+v, %v", u.Pins, err)
	}
	p.sweep()
	p.expect("chk-3")

	pins := filepath.Join(p.dir, "pins")
	if err := errors.Join(os.MkdirAll(pins, 0o700), os.WriteFile(filepath.Join(pins, "damaged"), []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	p.publish()
	p.sweep()
	p.expect("chk-3 chk-4 pins")
	p.aged(2 * snapshot.PinForRestore)
	p.sweep()
	p.expect("chk-4")
}

func TestErasingAJobLeavesNoPin(t *testing.T) {
	p := newPinning(t)
	p.hold(1).Leave()
	if err := p.chain.Erase(t.Context(), p.attempt); err != nil {
		t.Fatal(err)
	}
	if own, others, err := p.chain.Holds(t.Context()); err != nil || len(own)+len(others) > 0 {
		t.Errorf("left: %v, %v; %v", own, others, err)
	}
}
