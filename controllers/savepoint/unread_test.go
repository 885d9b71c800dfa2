package savepoint

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/engine/rest"
)

func TestASpecThatCannotBeReadIsNotBegun(t *testing.T) {
	s := &v1alpha1.Savepoint{}
	if err := json.Unmarshal([]byte(`{"metadata":{"name":"soon"},"spec":{"jobRef":{"name":"flights"},"mode":"Stop","deadline":"soon"}}`), s); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s.CreationTimestamp = metav1.Time{Time: now}
	f := &facts{now: now, savepoint: s, pace: DefaultPace(), job: &v1alpha1.StreamJob{},
		coordinators: []coordinators.Answer{{Pod: "flights-0", Job: &rest.Job{State: rest.Running, Attempt: 1}}}}
	d := decide(f)
	if d.ask != "" || d.record != nil || d.phase != v1alpha1.SavepointFailed || d.reason != v1alpha1.ReasonInvalidSpec ||
		!strings.HasPrefix(d.message, "spec.deadline cannot be read: ") || !strings.Contains(d.message, "; ") {
		t.Errorf("%+v", d)
	}
	s.DeletionTimestamp = &metav1.Time{Time: now}
	f.coordinators = nil
	if r := decideRemoval(f); !r.release {
		t.Errorf("it is not let go: %+v", r)
	}
}

func TestTheStatusSaysTheModeThatTheSpecLeavesOut(t *testing.T) {
	drain := v1alpha1.Drain
	for want, mode := range map[v1alpha1.SavepointMode]*v1alpha1.SavepointMode{v1alpha1.Continue: nil, v1alpha1.Drain: &drain} {
		f := &facts{savepoint: &v1alpha1.Savepoint{Spec: v1alpha1.SavepointSpec{Mode: mode}}, pace: DefaultPace()}
		if got := statusAfter(f, decide(f)).Mode; got != want {
			t.Errorf("%q, want %s", got, want)
		}
	}
}
