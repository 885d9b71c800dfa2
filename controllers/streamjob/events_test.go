package streamjob_test

import (
	"context"
	"fmt"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
)

// TestAStepIsOneEvent upgrades a job: whoever reads its Events sees each step once, by what was done.
func TestAStepIsOneEvent(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, _ := start(t, w, asIs)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as("INSERT INTO t SELECT 2") })
	s.ready(v1alpha1.ReasonRunning)
	seen := map[string][]string{}
	w.Eventually("the Events of the upgrade are there", func(ctx context.Context) error {
		var events eventsv1.EventList
		if err := w.Client.List(ctx, &events, client.InNamespace(w.Namespace)); err != nil {
			return err
		}
		clear(seen)
		for _, e := range events.Items {
			if e.Regarding.Kind == v1alpha1.StreamJobKind {
				seen[e.Reason] = append(seen[e.Reason], fmt.Sprintf("%s: %s", e.Action, e.Note))
			}
		}
		if len(seen[v1alpha1.ReasonStopping]) == 0 || len(seen[v1alpha1.ReasonRunning]) < 2 {
			return fmt.Errorf("there are %v", seen)
		}
		return nil
	})
	for _, reason := range []string{v1alpha1.ReasonStopping, v1alpha1.ReasonStandby} {
		if len(seen[reason]) > 1 {
			t.Errorf("%s is told %d times: %q", reason, len(seen[reason]), seen[reason])
		}
	}
	for reason, notes := range seen {
		t.Logf("%s: %q", reason, notes)
	}
}
