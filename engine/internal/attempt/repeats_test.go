package attempt_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
)

// visible is a sink of which output is visible up to a checkpoint.
type visible struct {
	connector.Sink
	newest int64
}

func (v visible) NewestVisible(context.Context, string, string) (int64, string, error) {
	return v.newest, "out/part-9", nil
}

// interrupted runs the job until it has some checkpoints, interrupts it, and returns their folders, oldest first.
func interrupted(t *testing.T, w *jobtest.World) []string {
	t.Helper()
	w.Input.Open(400)
	cfg := w.Config(2)
	cfg.Retained = 100
	r := w.Start(t, cfg, w.Graph(t, "count"))
	r.Until(t, "checkpoints were complete", jobtest.Checkpoints(3))
	close(r.Interrupt)
	if _, err := r.Wait(t); err != nil {
		t.Fatal(err)
	}
	chk, err := filepath.Glob(filepath.Join(w.Dir, "counts", "chk-*", "_metadata"))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(chk, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return chk
}

func TestAMissingHeadRepeatsNoOutputThatIsVisible(t *testing.T) {
	w := jobtest.NewWorld(t)
	chk := interrupted(t, w)
	newest := int64(len(chk)) // nothing was aborted: ids begin at 1
	begin := func(change func(*job.Config)) (job.Result, error) {
		cfg := w.Config(2)
		if change != nil {
			change(&cfg)
		}
		return w.Start(t, cfg, w.GraphTo(t, "count", visible{w.Output, newest})).Wait(t)
	}
	for _, missing := range chk[len(chk)-2:] {
		if err := os.Remove(missing); err != nil {
			t.Fatal(err)
		}
	}
	w.Input.Open(jobtest.All)
	_, err := begin(nil)
	if err == nil || !strings.Contains(err.Error(), "were removed") || !strings.Contains(err.Error(), "--allow-repeated-output") || !strings.Contains(err.Error(), "out/part-9") {
		t.Fatalf("without its head the job ended with %v", err)
	}
	if n := len(w.Output.Rows()); n != 400 {
		t.Errorf("%d rows are visible after the refusal, want 400", n)
	}
	result, err := begin(func(c *job.Config) { c.Restore.AllowRepeatedOutput = true })
	if err != nil || result.Outcome != outcome.Completed {
		t.Errorf("allowed, it ended with %+v, %v", result, err)
	}
}

func TestWhatMayBeRepeatedIsRememberedUntilTheFirstCheckpoint(t *testing.T) {
	w := jobtest.NewWorld(t)
	chk := interrupted(t, w)
	sink := visible{w.Output, int64(len(chk))}
	if err := os.RemoveAll(filepath.Dir(chk[len(chk)-1])); err != nil {
		t.Fatal(err)
	}
	cfg := w.Config(2)
	cfg.Restore.AllowRepeatedOutput = true
	cfg.Interval = 1 << 40
	r := w.Start(t, cfg, w.GraphTo(t, "count", sink))
	if _, err := r.Cancel("x"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wait(t); err != nil {
		t.Fatal(err)
	}
	w.Input.Open(jobtest.All)
	result, err := w.Start(t, w.Config(2), w.GraphTo(t, "count", sink)).Wait(t)
	if err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("after an attempt without a checkpoint the job ended with %+v, %v", result, err)
	}
	if _, err := os.Stat(chk[len(chk)-1]); err == nil {
		t.Error("the id of visible output was used again")
	}
}

// TestOutputOfADamagedHeadStaysUnseen: the job was killed before the output of its newest checkpoint was committed, and a data
// file of that is damaged. The refusal names what may repeat, and nothing of it has become visible meanwhile: who accepts
// gets each row once.
func TestOutputOfADamagedHeadStaysUnseen(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Output.FailCommits(errAway)
	w.Whole = true // the checkpoint before the damaged one is intact
	cfg := w.Config(2)
	cfg.Interval = time.Hour // each checkpoint is asked for, and has output
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := make(chan *job.Handle, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := job.Run(ctx, cfg, w.Graph(t, "count"), job.Options{Started: func(j *job.Handle) { started <- j }})
		ended <- err
	}()
	r := &jobtest.Run{Job: <-started}
	for n := range int64(2) {
		w.Input.Open(int(n+1) * 400)
		r.Until(t, "it had read", jobtest.Read((n+1)*400))
		go func() { _, _ = r.Checkpoint(strconv.FormatInt(n, 10)) }() // answered only once the output is committed
		r.Until(t, "the checkpoint was complete", jobtest.Checkpoints(n+1))
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(w.Dir, "counts", "chk-2", "*-*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("data files of the head: %v, %v", files, err)
	}
	if err := os.Truncate(files[0], 1); err != nil {
		t.Fatal(err)
	}
	w.Output.FailCommits(nil)
	_, err = w.Start(t, w.Config(2), w.Graph(t, "count")).Wait(t)
	var repeats *snapshot.RepeatError
	if !errors.As(err, &repeats) {
		t.Fatalf("with a damaged head the job ended with %v", err)
	}
	if n := len(w.Output.Rows()); n != 0 {
		t.Errorf("%d rows of the damaged checkpoint have become visible", n)
	}
	w.Input.Open(jobtest.All)
	cfg = w.Config(2)
	cfg.Restore.AllowRepeatedOutput = true
	if result, err := w.Start(t, cfg, w.Graph(t, "count")).Wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	w.Exact(t)
}
