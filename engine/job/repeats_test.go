package job_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
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
func (w *world) interrupted(t *testing.T) []string {
	t.Helper()
	w.input.Open(400)
	cfg := w.config(2)
	cfg.Retained = 100
	r := w.start(t, cfg, w.graph(t, "count"))
	r.until(t, "checkpoints were complete", checkpoints(3))
	close(r.interrupt)
	if _, err := r.wait(t); err != nil {
		t.Fatal(err)
	}
	chk, err := filepath.Glob(filepath.Join(w.dir, "counts", "chk-*", "_metadata"))
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
	w := newWorld(t)
	chk := w.interrupted(t)
	newest := int64(len(chk)) // nothing was aborted: ids begin at 1
	begin := func(change func(*job.Config)) (job.Result, error) {
		cfg := w.config(2)
		if change != nil {
			change(&cfg)
		}
		return w.start(t, cfg, w.graphTo(t, "count", visible{w.output, newest})).wait(t)
	}
	for _, missing := range chk[len(chk)-2:] {
		if err := os.Remove(missing); err != nil {
			t.Fatal(err)
		}
	}
	w.input.Open(all)
	_, err := begin(nil)
	if err == nil || !strings.Contains(err.Error(), "were removed") || !strings.Contains(err.Error(), "--allow-repeated-output") || !strings.Contains(err.Error(), "out/part-9") {
		t.Fatalf("without its head the job ended with %v", err)
	}
	if n := len(w.output.Rows()); n != 400 {
		t.Errorf("%d rows are visible after the refusal, want 400", n)
	}
	result, err := begin(func(c *job.Config) { c.Restore.AllowRepeatedOutput = true })
	if err != nil || result.Outcome != outcome.Completed {
		t.Errorf("allowed, it ended with %+v, %v", result, err)
	}
}

func TestWhatMayBeRepeatedIsRememberedUntilTheFirstCheckpoint(t *testing.T) {
	w := newWorld(t)
	chk := w.interrupted(t)
	sink := visible{w.output, int64(len(chk))}
	if err := os.RemoveAll(filepath.Dir(chk[len(chk)-1])); err != nil {
		t.Fatal(err)
	}
	cfg := w.config(2)
	cfg.Restore.AllowRepeatedOutput = true
	cfg.Interval = 1 << 40
	r := w.start(t, cfg, w.graphTo(t, "count", sink))
	if _, err := r.job.Cancel(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.wait(t); err != nil {
		t.Fatal(err)
	}
	w.input.Open(all)
	result, err := w.start(t, w.config(2), w.graphTo(t, "count", sink)).wait(t)
	if err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("after an attempt without a checkpoint the job ended with %+v, %v", result, err)
	}
	if _, err := os.Stat(chk[len(chk)-1]); err == nil {
		t.Error("the id of visible output was used again")
	}
}
