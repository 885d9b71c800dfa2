package streamjob

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/engine/backoff"
	"github.com/weirstream/weir/manifest"
)

// Reconciler looks after StreamJobs. All fields but Global must be set.
type Reconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads past the cache.
	Live         client.Reader
	Recorder     events.EventRecorder
	Coordinators *coordinators.Directory
	// ClusterID is the UID of the namespace kube-system, by which owners of attempts are told apart.
	ClusterID string
	// EngineImage is for jobs that name none.
	EngineImage string
	// Global is weir.yaml; nil: there is none.
	Global *manifest.File
	// OneNamespace: the operator does not see the StreamJobs of all namespaces.
	OneNamespace bool
	Now          func() time.Time
	Pace         Pace

	memory memory
}

// Pace is how often things are done that no event asks for.
type Pace struct {
	// Poll is the time between two looks at a job that runs.
	Poll time.Duration
	// Hurry is that while something is on its way.
	Hurry time.Duration
	// Progress is the time between two writes of a status that says nothing new but numbers (P12).
	Progress time.Duration
	// Retry is how long to wait after an activation that failed.
	Retry backoff.Backoff
}

// DefaultPace is an operator's.
func DefaultPace() Pace {
	return Pace{Poll: plan.Poll, Hurry: plan.Hurry, Progress: 10 * time.Second,
		Retry: backoff.Backoff{First: 2 * time.Second, Most: time.Minute, Jitter: backoff.Exactly}}
}

// of is the pace that a decision asks for.
func (p Pace) of(d plan.Decision) time.Duration {
	switch d.Requeue {
	case plan.Poll:
		return p.Poll
	case plan.Hurry:
		return p.Hurry
	default:
		return d.Requeue
	}
}

// +kubebuilder:rbac:groups=weir.stream,resources=streamjobs,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=weir.stream,resources=streamjobs/status,verbs=patch
// +kubebuilder:rbac:groups=weir.stream,resources=streamjobs/finalizers,verbs=update

// Reconcile does the next thing for a StreamJob.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s, err := r.observe(ctx, r.cached(), request.NamespacedName)
	if apierrors.IsNotFound(err) {
		r.memory.forget(request.NamespacedName)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	d := plan.Decide(s.facts)
	log.FromContext(ctx).V(1).Info("decided", "rule", d.Rule, "action", d.Action.String(), "reason", d.Reason)
	if err := r.report(ctx, s, d); err != nil {
		return again(err)
	}
	if err := r.carryOut(ctx, s, d); err != nil {
		return again(err)
	}
	if err := r.keepShared(ctx, s); err != nil {
		return again(err)
	}
	return ctrl.Result{RequeueAfter: r.Pace.of(d)}, nil
}

// again makes a conflict what it is: somebody wrote since we read, and the cache is about to tell what.
func again(err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: conflictPause}, nil
	}
	return ctrl.Result{}, err
}

// conflictPause is for the cache to hear of what was written.
const conflictPause = 200 * time.Millisecond

// carryOut acts. What must not be done on stale facts is decided once more, past the cache.
func (r *Reconciler) carryOut(ctx context.Context, s *scope, d plan.Decision) error {
	if _, waits := d.Action.(plan.Wait); waits {
		return nil
	}
	if plan.Guarded(d.Action) {
		fresh, err := r.observe(ctx, r.live(), client.ObjectKeyFromObject(s.job))
		if err != nil {
			return client.IgnoreNotFound(err)
		}
		if second := plan.Decide(fresh.facts); second.Action != d.Action {
			log.FromContext(ctx).V(1).Info("the cache lags behind", "cached", d.Action.String(), "live", second.Action.String())
			return nil
		}
		s = fresh
	}
	done, err := r.act(ctx, s, d.Action)
	s.memory.refusals.note(d.Action, s.job.Generation, err)
	if err != nil {
		return fmt.Errorf("%s: %w", d.Action, err)
	}
	if done != "" {
		r.tell(s.job, d, done)
	}
	return nil
}

// source is where objects are read from.
type source struct {
	client.Reader
	// indexed: Savepoints can be listed by their job.
	indexed bool
}

func (r *Reconciler) cached() source { return source{r.Client, true} }
func (r *Reconciler) live() source   { return source{r.Live, false} }

// owner is whose the attempts of a job are (P1).
func (r *Reconciler) owner(job *v1alpha1.StreamJob) string {
	return r.ClusterID + "/" + string(job.UID)
}
