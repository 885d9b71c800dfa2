package streamjob

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/weirstream/weir/api/v1alpha1"
)

const (
	// concurrency is how many jobs are worked on at a time; most of that time goes into asking coordinators.
	concurrency = 8
	// After an error a job is looked at again soon, then less and less often.
	firstPause, longestPause = 200 * time.Millisecond, 30 * time.Second
	// savepointsOf is the index of Savepoints by the name of their job.
	savepointsOf = "streamjob.savepointsOf"
)

// SetupWithManager adds the controller to a manager. It looks at a StreamJob when its spec, or something that belongs to it,
// changes, and as often as Pace says.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.Savepoint{}, savepointsOf, jobOfSavepoint); err != nil {
		return fmt.Errorf("index Savepoints by job: %w", err)
	}
	recover := true
	err := ctrl.NewControllerManagedBy(mgr).
		Named("streamjob").
		For(&v1alpha1.StreamJob{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: jobMatters})).
		Owns(&appsv1.StatefulSet{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: specMatters})).
		Owns(&corev1.ConfigMap{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: contentMatters})).
		Owns(&corev1.Service{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: contentMatters})).
		Owns(&appsv1.ControllerRevision{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: ignored})).
		Owns(&batchv1.Job{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(byLabel), builder.WithPredicates(predicate.Funcs{UpdateFunc: podMatters})).
		Watches(&v1alpha1.Savepoint{}, handler.EnqueueRequestsFromMapFunc(bySavepoint), builder.WithPredicates(predicate.Funcs{UpdateFunc: savepointMatters})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: concurrency,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstPause, longestPause),
			RecoverPanic:            &recover,
		}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("add the StreamJob controller: %w", err)
	}
	return nil
}

func jobOfSavepoint(o client.Object) []string {
	if s, ok := o.(*v1alpha1.Savepoint); ok {
		return []string{s.Spec.JobRef.Name}
	}
	return nil
}

// jobMatters leaves out the statuses that come from here.
func jobMatters(e event.UpdateEvent) bool {
	return specMatters(e) || !equality.Semantic.DeepEqual(e.ObjectOld.GetFinalizers(), e.ObjectNew.GetFinalizers())
}

// specMatters leaves out statuses: the pods tell more.
func specMatters(e event.UpdateEvent) bool {
	return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() || e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
}

// contentMatters: somebody may have changed what the operator wrote.
func contentMatters(e event.UpdateEvent) bool {
	return e.ObjectOld.GetResourceVersion() != e.ObjectNew.GetResourceVersion()
}

// ignored: updates of these come from here. That somebody deletes one does not.
func ignored(event.UpdateEvent) bool { return false }

func podMatters(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*corev1.Pod)
	after, ok2 := e.ObjectNew.(*corev1.Pod)
	return !ok || !ok2 || !equality.Semantic.DeepEqual(before.Status, after.Status) ||
		before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero()
}

func savepointMatters(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Savepoint)
	after, ok2 := e.ObjectNew.(*v1alpha1.Savepoint)
	return !ok || !ok2 || before.Status.Phase != after.Status.Phase || before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero()
}

// byLabel is the StreamJob that a pod belongs to.
func byLabel(_ context.Context, o client.Object) []reconcile.Request {
	return requestFor(o.GetNamespace(), o.GetLabels()[v1alpha1.LabelJob])
}

// bySavepoint is the StreamJob that a Savepoint is of.
func bySavepoint(_ context.Context, o client.Object) []reconcile.Request {
	s, ok := o.(*v1alpha1.Savepoint)
	if !ok {
		return nil
	}
	return requestFor(s.Namespace, s.Spec.JobRef.Name)
}

func requestFor(namespace, job string) []reconcile.Request {
	if job == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: job}}}
}
