package coordinators

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weirstream/weir/engine/rest"
)

// activationWait is how long a coordinator is given to say what became of an activation, within Timeout. What takes longer
// is seen at the next look.
const activationWait = time.Second

// Reply is what a coordinator said to a request. Exactly one of its fields is set.
type Reply struct {
	// Operation is what has become of the request so far.
	Operation *rest.Operation
	// Refused is why the coordinator did not take it.
	Refused *rest.Error
	// Silence is why nobody said anything: whether the request was taken is not known, and the same id asks again.
	Silence error
}

func replyOf(op rest.Operation, err error) Reply {
	if refused := refusal(err); refused != nil {
		return Reply{Refused: refused}
	}
	if err != nil {
		return Reply{Silence: err}
	}
	return Reply{Operation: &op}
}

// Forgotten tells that a coordinator knows of no such request: it was forgotten with its process (P3).
func (r Reply) Forgotten() bool { return r.Refused != nil && r.Refused.Code == rest.NotFound }

// Why is why an operation came to nothing, never nil.
func Why(op *rest.Operation) *rest.Error {
	if op.Error == nil {
		return &rest.Error{Code: rest.Internal, Message: "the coordinator does not say why"}
	}
	return op.Error
}

// Permanent tells whether repeating what was refused, or failed, changes nothing. A conflict is one with the job's state,
// which passes, or says that storage refuses; with the job running it is the latter.
func Permanent(why *rest.Error, running bool) bool {
	switch why.Code {
	case rest.BadRequest, rest.TooLarge, rest.UnsupportedMedia, rest.MethodNotAllowed:
		return true
	case rest.Conflict:
		return running
	}
	return false
}

// Activate has the coordinator in a pod begin an attempt; begun: it was asked for that already, and is asked only what has
// become of it.
func (d *Directory) Activate(ctx context.Context, pod *corev1.Pod, jobUID types.UID, request rest.ActivateRequest, begun bool) Reply {
	return d.request(pod, jobUID, func(c *rest.Client) (rest.Operation, error) {
		if begun {
			return c.Operation(ctx, request.ID, 0)
		}
		op, err := c.Activate(ctx, request)
		if err != nil || op.Status.Final() {
			return op, err
		}
		return c.Operation(ctx, request.ID, activationWait)
	})
}

// Savepoint has the coordinator in a pod make one.
func (d *Directory) Savepoint(ctx context.Context, pod *corev1.Pod, jobUID types.UID, request rest.SavepointRequest) Reply {
	return d.request(pod, jobUID, func(c *rest.Client) (rest.Operation, error) { return c.Savepoint(ctx, request) })
}

// Stop has the coordinator in a pod end its job with a savepoint.
func (d *Directory) Stop(ctx context.Context, pod *corev1.Pod, jobUID types.UID, request rest.StopRequest) Reply {
	return d.request(pod, jobUID, func(c *rest.Client) (rest.Operation, error) { return c.Stop(ctx, request) })
}

func (d *Directory) request(pod *corev1.Pod, jobUID types.UID, send func(*rest.Client) (rest.Operation, error)) Reply {
	c, err := d.client(pod, jobUID)
	if err != nil {
		return Reply{Silence: err}
	}
	return replyOf(send(c))
}
