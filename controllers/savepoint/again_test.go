package savepoint_test

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/controllers/savepoint"
)

// refusing is a client whose next change of a status comes too late.
type refusing struct {
	client.Client
	refuse bool
}

func (c *refusing) Status() client.SubResourceWriter {
	return &refusingStatus{c.Client.Status(), c}
}

type refusingStatus struct {
	client.SubResourceWriter
	of *refusing
}

func (w *refusingStatus) Patch(ctx context.Context, o client.Object, p client.Patch, options ...client.SubResourcePatchOption) error {
	if w.of.refuse {
		w.of.refuse = false
		return apierrors.NewConflict(schema.GroupResource{Resource: "savepoints"}, o.GetName(), errors.New("somebody else was quicker"))
	}
	return w.SubResourceWriter.Patch(ctx, o, p, options...)
}

// TestAPassThatLeavesSomethingToDoAsksForAnother makes each pass by itself, with no controller around it that would be told of
// changes: what nobody tells of is only found by looking again.
func TestAPassThatLeavesSomethingToDoAsksForAnother(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	directory, err := coordinators.NewDirectory(w.Key)
	if err != nil {
		t.Fatal(err)
	}
	c := &refusing{Client: w.Client}
	r := &savepoint.Reconciler{Client: c, Recorder: events.NewFakeRecorder(100), Coordinators: directory, ClusterID: w.ClusterID,
		Now: time.Now, Random: func() float64 { return 0 }, Pace: quick()}
	s := newSavepoint(w, "now", v1alpha1.Continue, v1alpha1.Delete)
	pass := func(what string, phase v1alpha1.SavepointPhase) {
		t.Helper()
		key := client.ObjectKeyFromObject(s)
		result, err := r.Reconcile(w.Context(), ctrl.Request{NamespacedName: key})
		if err == nil {
			err = w.Client.Get(w.Context(), key, s)
		}
		if err != nil || s.Status.Phase != phase || result.RequeueAfter <= 0 {
			t.Fatalf("%s: the Savepoint is %q, want %q; the next pass is in %v (%v)", what, s.Status.Phase, phase, result.RequeueAfter, err)
		}
	}

	create(t, w, s)
	if _, err := r.Reconcile(w.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(s)}); err != nil { // adds the finalizer
		t.Fatal(err)
	}
	pass("without a StreamJob", v1alpha1.SavepointPending)
	w.StartJob(w.StreamJob("flights"))
	bucket(w).Behave(func(b *controllertest.Behaviour) { b.HoldOperations = true })
	c.refuse = true
	pass("with an old view", v1alpha1.SavepointPending)
	pass("while the coordinator works on it", v1alpha1.SavepointInProgress)
	bucket(w).Behave(func(b *controllertest.Behaviour) { b.Silent = true })
	pass("while the coordinator does not answer", v1alpha1.SavepointInProgress)
	remove(t, w, s)
	pass("once it is deleted", v1alpha1.SavepointDeleting)
	bucket(w).Behave(func(b *controllertest.Behaviour) { b.Silent = false })
	pass("while what was begun goes on", v1alpha1.SavepointDeleting)
}
