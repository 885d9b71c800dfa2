package savepoint

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/coordinators"
)

// Reconciler looks after Savepoints. All fields must be set.
type Reconciler struct {
	Client       client.Client
	Recorder     events.EventRecorder
	Coordinators *coordinators.Directory
	// ClusterID is the UID of the namespace kube-system, see the owner of an attempt.
	ClusterID string
	Now       func() time.Time
	// Random returns a number in [0,1).
	Random func() float64
	Pace   Pace

	// written is when a status was last written, by client.ObjectKey: only for how often progress is told (P12). A new
	// operator may tell it once more.
	written sync.Map
}

// +kubebuilder:rbac:groups=weir.stream,resources=savepoints,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=weir.stream,resources=savepoints/status,verbs=patch
// +kubebuilder:rbac:groups=weir.stream,resources=savepoints/finalizers,verbs=update
// +kubebuilder:rbac:groups=weir.stream,resources=streamjobs,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods;configmaps,verbs=get;list;watch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile does the next thing for a Savepoint. A view that turns out to be old is no error: the next pass has a newer one.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	result, err := r.pass(ctx, request)
	if apierrors.IsConflict(err) {
		log.FromContext(ctx).V(1).Info("the view was old", "reason", err.Error())
		return ctrl.Result{RequeueAfter: r.Pace.Busy}, nil
	}
	return result, err
}

func (r *Reconciler) pass(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := &v1alpha1.Savepoint{}
	if err := r.Client.Get(ctx, request.NamespacedName, s); err != nil {
		r.written.Delete(request.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	switch {
	case !s.DeletionTimestamp.IsZero():
		return r.remove(ctx, s)
	case s.Status.Phase == v1alpha1.SavepointCompleted || s.Status.Phase == v1alpha1.SavepointFailed:
		r.written.Delete(request.NamespacedName)
		return ctrl.Result{}, nil
	case removed(s) && !controllerutil.ContainsFinalizer(s, v1alpha1.Finalizer):
		// Before anything is asked for: what is in storage must not be forgotten.
		add := func(s *v1alpha1.Savepoint) { controllerutil.AddFinalizer(s, v1alpha1.Finalizer) }
		return ctrl.Result{}, client.IgnoreNotFound(r.change(ctx, s, add))
	}
	return r.advance(ctx, s)
}

// removed tells whether the savepoint is to be removed from storage with its object.
func removed(s *v1alpha1.Savepoint) bool {
	return s.Spec.DeletionPolicy != nil && *s.Spec.DeletionPolicy == v1alpha1.Delete
}

// advance brings a savepoint nearer to its end.
func (r *Reconciler) advance(ctx context.Context, s *v1alpha1.Savepoint) (ctrl.Result, error) {
	f, err := r.observe(ctx, s)
	if err != nil {
		return ctrl.Result{}, err
	}
	d := decide(f)
	if d.record != nil {
		// Before it is asked: whoever sees an older status is refused here, and one that is lost is not begun again.
		if err := r.change(ctx, s, d.record.writeTo); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	if d.ask != "" {
		if f.answer, err = r.request(ctx, f, d.ask); err != nil {
			return ctrl.Result{}, err
		}
		d = decide(f)
	}
	if err := r.report(ctx, f, d); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: d.requeue}, nil
}

// remove clears storage, if that is asked for, and lets the object go.
func (r *Reconciler) remove(ctx context.Context, s *v1alpha1.Savepoint) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(s, v1alpha1.Finalizer) {
		return ctrl.Result{}, nil
	}
	f, err := r.observe(ctx, s)
	if err != nil {
		return ctrl.Result{}, err
	}
	if f.disposal, err = r.observeDisposal(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	d := decideRemoval(f)
	if d.dispose != "" {
		if f.disposal, err = r.dispose(ctx, f, d.dispose); err != nil {
			return ctrl.Result{}, err
		}
		d.message = decideRemoval(f).message
	}
	if d.release {
		return ctrl.Result{}, r.release(ctx, f, d)
	}
	if err := r.report(ctx, f, d.deleting(f)); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: d.requeue}, nil
}

// release takes the finalizer away and says what is left.
func (r *Reconciler) release(ctx context.Context, f *facts, d removal) error {
	remove := func(s *v1alpha1.Savepoint) { controllerutil.RemoveFinalizer(s, v1alpha1.Finalizer) }
	if err := r.change(ctx, f.savepoint, remove); err != nil {
		return client.IgnoreNotFound(err)
	}
	switch {
	case d.left != "":
		r.Recorder.Eventf(f.savepoint, nil, corev1.EventTypeWarning, v1alpha1.ReasonDeleting, "Release", "%s", d.left)
	case f.disposal.state == disposed:
		r.Recorder.Eventf(f.savepoint, nil, corev1.EventTypeNormal, v1alpha1.ReasonDeleting, "Release", "the savepoint is removed from storage")
	}
	return nil
}

// change writes what a function makes of an object's metadata, over the object that was read.
func (r *Reconciler) change(ctx context.Context, s *v1alpha1.Savepoint, change func(*v1alpha1.Savepoint)) error {
	before := s.DeepCopy()
	change(s)
	if err := r.Client.Patch(ctx, s, overwrite(before)); err != nil {
		return fmt.Errorf("write the metadata of Savepoint %s: %w", s.Name, err)
	}
	return nil
}

// report writes the status, and an Event if it says something new.
func (r *Reconciler) report(ctx context.Context, f *facts, d decision) error {
	s := f.savepoint.DeepCopy()
	before := &f.savepoint.Status
	s.Status = statusAfter(f, d)
	key := client.ObjectKeyFromObject(s)
	if onlyProgress(before, &s.Status) {
		last, _ := r.written.Load(key)
		if at, ok := last.(time.Time); before.Progress == s.Status.Progress || ok && f.now.Before(at.Add(r.Pace.Progress)) {
			return nil
		}
	}
	if err := r.Client.Status().Patch(ctx, s, overwrite(f.savepoint)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("write the status of Savepoint %s: %w", s.Name, err))
	}
	r.written.Store(key, f.now)
	if before.Phase != s.Status.Phase || f.saidLast() != d.message {
		kind := corev1.EventTypeNormal
		if d.phase == v1alpha1.SavepointFailed || d.reason == v1alpha1.ReasonBackoff {
			kind = corev1.EventTypeWarning
		}
		r.Recorder.Eventf(s, nil, kind, d.reason, string(d.phase), "%s", d.message)
	}
	return nil
}

// overwrite is a patch from what was read: if somebody, or an earlier self, has written since, it is refused, and the next
// pass decides by what is there then.
func overwrite(read client.Object) client.Patch {
	return client.MergeFromWithOptions(read, client.MergeFromWithOptimisticLock{})
}
