package cluster

import (
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/e2e/cluster/lab"
)

// TestASpecThatCannotRunTouchesNothingThatRuns applies what must be refused before anything is stopped: the pod stays as it
// is, checkpoints go on, and the condition says why, and what to do.
func TestASpecThatCannotRunTouchesNothingThatRuns(t *testing.T) {
	t.Parallel()
	job, feed := running(t, "refused")
	good := job.Declared.DeepCopy()
	pod := job.Pod()
	// query puts a text in the place of another one, pair by pair.
	query := func(pairs ...string) func(*v1alpha1.StreamJob) {
		sql := *good.Spec.SQL
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(sql, pairs[i]) {
				t.Fatalf("the query of the example has no %q any more", pairs[i])
			}
			sql = strings.ReplaceAll(sql, pairs[i], pairs[i+1])
		}
		return func(j *v1alpha1.StreamJob) { j.Spec.SQL = &sql }
	}
	image := "localhost/nothing-is-here:1"
	cases := []struct {
		name    string
		change  func(*v1alpha1.StreamJob)
		reasons []string
		says    []string
	}{
		{
			name: "SQL that does not plan", change: query("MAX(delay)", "MAX(dealy)"),
			reasons: []string{v1alpha1.ReasonInvalidSpec, v1alpha1.ReasonPreflightFailed}, says: []string{"dealy", "delay"},
		},
		{
			name: "a GROUP BY that does not fit the columns", change: query("window_end, origin;", "window_end, destination;"),
			reasons: []string{v1alpha1.ReasonInvalidSpec, v1alpha1.ReasonPreflightFailed}, says: []string{"origin"},
		},
		{
			name:    "another key of the state",
			change:  query("  origin,\n  COUNT", "  destination,\n  COUNT", "window_end, origin;", "window_end, destination;"),
			reasons: []string{v1alpha1.ReasonPreflightFailed}, says: []string{"delays/aggregate.1", "destination"},
		},
		{
			name: "an image that cannot be pulled", change: func(j *v1alpha1.StreamJob) { j.Spec.Image = &image },
			reasons: []string{v1alpha1.ReasonImagePullFailed}, says: []string{image, "spec.image"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			job := job.For(t)
			c.change(job.Declared)
			job.Apply()
			stalled := job.UntilStalled()
			if !slices.Contains(c.reasons, stalled.Reason) {
				t.Errorf("the reason is %s, want %v: %s", stalled.Reason, c.reasons, stalled.Message)
			}
			for _, word := range c.says {
				if !strings.Contains(stalled.Message, word) {
					t.Errorf("the message does not say %q: %s", word, stalled.Message)
				}
			}
			t.Logf("%s: %s", stalled.Reason, stalled.Message)

			job.UntilCheckpoint(job.Seen().Status.LastCheckpoint.ID)
			now := job.Pod()
			if now.UID != pod.UID || lab.Restarts(now) != lab.Restarts(pod) {
				t.Errorf("pod %s with %d restarts runs, and was %s with %d", now.UID, lab.Restarts(now), pod.UID, lab.Restarts(pod))
			}
			job.Declared.Spec = *good.Spec.DeepCopy()
			job.Apply()
			job.UntilReady()
			if now := job.Pod(); now.UID != pod.UID {
				t.Errorf("going back to what runs has replaced pod %s by %s", pod.UID, now.UID)
			}
		})
	}
	if attempts := job.Chain().Attempts(); attempts != 1 {
		t.Errorf("attempt %d runs: something was stopped", attempts)
	}
	feed.Rest()
}
