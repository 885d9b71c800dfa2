package savepoint

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/weirstream/weir/api/v1alpha1"
)

// unfinishedOf is the index of Savepoints that are neither Completed nor Failed, by the name of their job.
const unfinishedOf = "savepoint.unfinishedOf"

// SetupWithManager adds the controller to a manager. It looks at a Savepoint when that changes, when its job's life or pods
// do, and as often as Pace says.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.Savepoint{}, unfinishedOf, unfinished); err != nil {
		return fmt.Errorf("index Savepoints by job: %w", err)
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named("savepoint").
		For(&v1alpha1.Savepoint{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: matters})).
		Owns(&batchv1.Job{}).
		Watches(&v1alpha1.StreamJob{}, handler.EnqueueRequestsFromMapFunc(r.ofJob), builder.WithPredicates(predicate.Funcs{UpdateFunc: jobMatters})).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.ofPod), builder.WithPredicates(predicate.Funcs{UpdateFunc: podMatters})).
		Complete(r)
	if err != nil {
		return fmt.Errorf("add the Savepoint controller: %w", err)
	}
	return nil
}

func unfinished(o client.Object) []string {
	s, ok := o.(*v1alpha1.Savepoint)
	if !ok || s.Status.Phase == v1alpha1.SavepointCompleted || s.Status.Phase == v1alpha1.SavepointFailed {
		return nil
	}
	return []string{s.Spec.JobRef.Name}
}

// matters leaves out the updates by which nothing is to be done: those that only tell progress come from here.
func matters(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Savepoint)
	after, ok2 := e.ObjectNew.(*v1alpha1.Savepoint)
	return !ok || !ok2 || before.Status.Phase != after.Status.Phase || before.Generation != after.Generation ||
		before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() || !slices.Equal(before.Finalizers, after.Finalizers)
}

func jobMatters(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.StreamJob)
	after, ok2 := e.ObjectNew.(*v1alpha1.StreamJob)
	return !ok || !ok2 || before.Generation != after.Generation || before.Status.Phase != after.Status.Phase ||
		before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero()
}

func podMatters(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*corev1.Pod)
	after, ok2 := e.ObjectNew.(*corev1.Pod)
	return !ok || !ok2 || before.Status.PodIP != after.Status.PodIP || ready(before) != ready(after)
}

func ready(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// ofJob are a StreamJob's Savepoints that wait for something.
func (r *Reconciler) ofJob(ctx context.Context, o client.Object) []reconcile.Request {
	return r.waitingFor(ctx, o.GetNamespace(), o.GetName())
}

// ofPod are those of the StreamJob that a pod belongs to.
func (r *Reconciler) ofPod(ctx context.Context, o client.Object) []reconcile.Request {
	job := o.GetLabels()[v1alpha1.LabelJob]
	if job == "" {
		return nil
	}
	return r.waitingFor(ctx, o.GetNamespace(), job)
}

func (r *Reconciler) waitingFor(ctx context.Context, namespace, job string) []reconcile.Request {
	var list v1alpha1.SavepointList
	if err := r.Client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{unfinishedOf: job}); err != nil {
		// Each of them is looked at by its own requeue, somewhat later.
		log.FromContext(ctx).Error(err, "the Savepoints of a StreamJob cannot be listed", "streamjob", job)
		return nil
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}
