package coordinators

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/weirstream/weir/engine/rest"
)

// Answer is what the coordinator in a pod says of itself.
type Answer struct {
	// Pod is the name of the pod.
	Pod string
	// Job is how the job is; nil: no answer came, and nothing else is known.
	Job *rest.Job
	// Untrusted: what answers does not prove to be the job's coordinator.
	Untrusted bool
	// Ending: its pod is being deleted. What it says of what it has done holds; it is asked for nothing new, and what it did not do the
	// next pod may.
	Ending bool
	// Operation is what became of the request that was asked about; nil: the coordinator knows of none, or nobody asked.
	Operation *rest.Operation
}

// Attempt is the newest that the coordinator knows of. Job must be set.
func (a *Answer) Attempt() int64 {
	if a.Job.Chain != nil {
		return max(a.Job.Attempt, a.Job.Chain.Attempt)
	}
	return a.Job.Attempt
}

// Ask asks the coordinator in a pod how its job is, and what became of the request with an id; an empty id asks of none. That
// no answer comes is a fact, not an error: the reason is logged.
func (d *Directory) Ask(ctx context.Context, pod *corev1.Pod, jobUID types.UID, id string) Answer {
	a := Answer{Pod: pod.Name, Ending: !pod.DeletionTimestamp.IsZero()}
	job, op, err := d.question(ctx, pod, jobUID, id)
	if err != nil {
		a.Untrusted = rest.IsUntrusted(err)
		log.FromContext(ctx).V(1).Info("the coordinator does not answer", "pod", pod.Name, "untrusted", a.Untrusted, "reason", err.Error())
		return a
	}
	a.Job, a.Operation = &job, op
	return a
}

// question asks for the job first, so that what became of a request is never older than the state it is read with. A
// coordinator that answers the one question and not the other has not answered.
func (d *Directory) question(ctx context.Context, pod *corev1.Pod, jobUID types.UID, id string) (rest.Job, *rest.Operation, error) {
	c, err := d.client(pod, jobUID)
	if err != nil {
		return rest.Job{}, nil, err
	}
	job, err := c.Job(ctx)
	if err != nil || id == "" {
		return job, nil, err
	}
	op, err := c.Operation(ctx, id, 0)
	switch refused := refusal(err); {
	case err == nil:
		return job, &op, nil
	case refused != nil && refused.Code == rest.NotFound:
		return job, nil, nil
	default:
		return rest.Job{}, nil, err
	}
}

// refusal is what a coordinator said in place of an answer; nil: none said anything.
func refusal(err error) *rest.Error {
	var refused *rest.Error
	if errors.As(err, &refused) {
		return refused
	}
	return nil
}
