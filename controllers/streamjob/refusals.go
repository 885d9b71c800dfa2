package streamjob

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
)

// refusals are the errors, all equal and in a row, with which the API server refuses an action.
type refusals struct {
	action     string
	generation int64
	err        error
	times      int
}

// toldAfter so many of them somebody has to hear of it.
const toldAfter = 3

// note counts what came of an action. What passes by itself, such as a conflict or a coordinator that is away, is no refusal.
func (r *refusals) note(action plan.Action, generation int64, err error) {
	var status *apierrors.StatusError
	var taken *takenError
	if apierrors.IsConflict(err) || !errors.As(err, &status) && !errors.As(err, &taken) {
		*r = refusals{}
		return
	}
	if r.action != action.String() || r.generation != generation || r.err.Error() != err.Error() {
		*r = refusals{action: action.String(), generation: generation, err: err}
	}
	r.times++
}

// told is the refusal that the status is to show; nil: there is none, or not often enough. A name that is taken stays so.
func (r *refusals) told(generation int64) *plan.Refusal {
	var taken *takenError
	isTaken := errors.As(r.err, &taken)
	if r.err == nil || r.generation != generation || r.times < toldAfter && !isTaken {
		return nil
	}
	refusal := &plan.Refusal{Action: r.action}
	switch {
	case isTaken:
		refusal.Reason, refusal.Message = taken.reason(), taken.Error()
	case apierrors.IsInvalid(r.err), apierrors.IsBadRequest(r.err):
		refusal.Reason, refusal.Message = v1alpha1.ReasonInvalidSpec, r.err.Error()+"; change what the spec says of it"
	default:
		refusal.Reason = v1alpha1.ReasonPodUnhealthy
		refusal.Message = r.err.Error() + "; put right what refuses it, such as a quota, an admission webhook or the operator's role: it is tried again"
	}
	return refusal
}

// takenError says that an object which the operator is to write is somebody else's.
type takenError struct{ kind, name string }

func (e *takenError) Error() string {
	if e.kind == v1alpha1.SavepointKind {
		return fmt.Sprintf("Savepoint %s, by which the job is to be stopped, exists and is not this StreamJob's: delete it, or change the spec", e.name)
	}
	return fmt.Sprintf("%s %s exists and is not this StreamJob's: delete it, or give the StreamJob another name", e.kind, e.name)
}

func (e *takenError) reason() string {
	if e.kind == v1alpha1.SavepointKind {
		return v1alpha1.ReasonStopFailed
	}
	return v1alpha1.ReasonInvalidSpec
}

// ours tells whether the object of a name is this StreamJob's, or there is none, by reading it into o past the cache, which
// holds only what bears the operator's labels. What a former StreamJob of the same name left is about to go.
func (r *Reconciler) ours(ctx context.Context, job *v1alpha1.StreamJob, o client.Object, kind, name string) error {
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: job.Namespace, Name: name}, o)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s %s: %w", kind, name, err)
	}
	of := metav1.GetControllerOfNoCopy(o)
	switch {
	case metav1.IsControlledBy(o, job):
		return nil
	case of != nil && of.Kind == v1alpha1.StreamJobKind && of.Name == job.Name:
		return fmt.Errorf("%s %s is still that of a former StreamJob %s", kind, name, job.Name)
	default:
		return &takenError{kind, name}
	}
}
