package streamjob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/rest"
)

// activationID is the same for the same request, however often it is made, and another for another.
func activationID(a plan.Activate, generation int64) (string, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("write the request: %w", err)
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf("activate-%d-g%d-%s", a.ExpectedAttempt+1, generation, hex.EncodeToString(sum[:4])), nil
}

// activation is what is known of the activations of this generation that failed in a row, whether they claimed an attempt
// before or not. That a job runs as the spec says ends them.
func (s *scope) activation() plan.Activation {
	m := &s.memory.activation
	for _, r := range s.facts.Revisions {
		if c := r.Coordinator; c != nil && c.State == rest.Running && r.Name == s.facts.Target.Revision && c.Attempt > m.expected {
			m.Activation = plan.Activation{}
		}
	}
	if m.generation != s.job.Generation {
		return plan.Activation{}
	}
	return m.Activation
}

// activate has the coordinator of a revision begin an attempt. That it is refused, or fails, is a fact for the next pass.
func (r *Reconciler) activate(ctx context.Context, s *scope, a plan.Activate) (string, error) {
	pod := s.podNamed(resources.CoordinatorPod(s.job.Name, a.Revision))
	if pod == nil {
		return "", nil
	}
	id, err := activationID(a, s.job.Generation)
	if err != nil {
		return "", err
	}
	m := &s.memory.activation
	if m.generation != s.job.Generation {
		*m = activation{generation: s.job.Generation}
	}
	m.expected = a.ExpectedAttempt
	if m.id != id {
		m.id, m.pending = id, false
	}
	request := rest.ActivateRequest{ID: id, ExpectedAttempt: a.ExpectedAttempt, Revision: a.Revision,
		AllowEmpty: a.AllowEmpty, TakeOver: a.TakeOver, Settings: a.Settings}
	return r.noteActivation(s, a, r.Coordinators.Activate(ctx, pod, s.job.UID, request, m.pending))
}

// noteActivation takes down what came of it.
func (r *Reconciler) noteActivation(s *scope, a plan.Activate, reply coordinators.Reply) (string, error) {
	m := &s.memory.activation
	op := reply.Operation
	switch {
	case reply.Silence != nil:
		return "", reply.Silence
	case reply.Forgotten():
		m.pending = false
	case reply.Refused != nil:
		r.activationFailed(s, reply.Refused)
	case op.Status == rest.Undone:
		r.activationFailed(s, coordinators.Why(op))
	case op.Status == rest.Done:
		*m = activation{}
		return fmt.Sprintf("activated attempt %d with revision %s", op.Attempt, a.Revision), nil
	default:
		m.pending = true
	}
	return "", nil
}

// activationFailed counts, and puts the next try off.
func (r *Reconciler) activationFailed(s *scope, why *rest.Error) {
	m := &s.memory.activation
	m.pending = false
	m.Failures++
	m.Message = why.Error()
	pause := r.Pace.Retry.Pause(m.Failures, 0)
	if s.foreign() {
		pause = r.Pace.Retry.Most
	}
	m.RetryAt = s.facts.Now.Add(pause)
}

// foreign: another owner had the chain last. Its coordinator may still run, which only time tells (P5).
func (s *scope) foreign() bool {
	for _, revision := range s.facts.Revisions {
		if c := revision.Coordinator; c != nil && c.Chain != nil && c.Chain.Attempt > 0 && c.Chain.Owner != s.facts.Owner {
			return true
		}
	}
	return false
}
