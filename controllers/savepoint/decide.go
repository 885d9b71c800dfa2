package savepoint

import (
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/engine/rest"
)

// decision is what to do about a Savepoint, and what to say.
type decision struct {
	// ask is the pod whose coordinator is asked now; empty: none. Its answer is decided about again; the rest is empty then.
	ask string
	// record is what is written on the object before that; nil: nothing.
	record *asked

	phase   v1alpha1.SavepointPhase
	reason  string
	message string
	// operation is what the coordinator says of the work; nil: it says nothing.
	operation *rest.Operation
	// failures is what the count is from now on, and nextTryAt when it is tried again; zero: at once, or never.
	failures  int32
	nextTryAt time.Time
	// requeue is when to look again; 0: never by itself.
	requeue time.Duration
}

// decide is what follows from the facts about a Savepoint that is not being deleted and not final.
func decide(f *facts) decision {
	if problem := f.savepoint.SpecProblem(); problem != nil {
		return unreadable(f, problem)
	}
	if op := f.operation(); op != nil && op.Status == rest.Done {
		return completed(f, op)
	}
	if f.answer == nil && !f.now.Before(f.deadline()) {
		return overdue(f)
	}
	if f.answer != nil {
		return answered(f)
	}
	waits := f.savepoint.Status.NextTryAt
	switch op := f.operation(); {
	case op != nil && op.Status == rest.InProgress:
		return inProgress(f, op)
	case waits != nil && f.now.Before(waits.Time):
		return backingOff(f, waits.Time)
	case op != nil && waits == nil:
		return failed(f, coordinators.Why(op), f.running())
	}
	// Nothing was asked for, or it failed and its time has come again, or the coordinator has forgotten it (P3).
	if c := f.candidate(); c != nil {
		if f.lost(c) {
			return forgotten(f, c)
		}
		return decision{ask: c.Pod, record: f.record(c)}
	}
	if f.restsAlready() {
		return needless(f)
	}
	if f.savepoint.Status.Phase == v1alpha1.SavepointInProgress && f.silent() {
		return inProgress(f, nil) // as far as anybody knows
	}
	return waiting(f)
}

// unreadable ends what was never begun: a spec is immutable, and what it asks for cannot be known.
func unreadable(f *facts, problem error) decision {
	return decision{phase: v1alpha1.SavepointFailed, reason: v1alpha1.ReasonInvalidSpec, failures: f.savepoint.Status.Failures,
		message: problem.Error() + "; delete this Savepoint and create another one"}
}

// answered follows from the answer to a request that was made in this pass.
func answered(f *facts) decision {
	switch op, refused := f.answer.Operation, f.answer.Refused; {
	case op != nil && op.Status == rest.Done:
		return completed(f, op)
	case op != nil && op.Status == rest.Undone:
		return failed(f, coordinators.Why(op), true)
	case op != nil:
		return inProgress(f, op)
	case refused != nil && coordinators.Permanent(refused, true):
		return failed(f, refused, true)
	}
	d := waiting(f)
	d.message = fmt.Sprintf("the coordinator in pod %s did not take the request, and is asked again", f.answer.pod)
	if f.answer.Refused != nil {
		d.message += ": " + f.answer.Refused.Error()
	}
	return d
}

// silent tells whether a coordinator does not answer.
func (f *facts) silent() bool {
	return slices.ContainsFunc(f.coordinators, func(c coordinators.Answer) bool { return c.Job == nil })
}

// running tells whether an attempt runs.
func (f *facts) running() bool {
	return slices.ContainsFunc(f.coordinators, func(c coordinators.Answer) bool { return c.Job != nil && c.Job.State == rest.Running })
}

func completed(f *facts, op *rest.Operation) decision {
	d := decision{phase: v1alpha1.SavepointCompleted, reason: v1alpha1.ReasonCompleted, operation: op, failures: f.savepoint.Status.Failures}
	d.message = "the savepoint is at " + op.Path
	if !isSavepointFolder(op.Path) {
		d.message = "there is no place for savepoints; the job's last checkpoint is at " + op.Path
	}
	switch f.mode() {
	case v1alpha1.Stop:
		d.message = "the job is stopped; " + d.message
	case v1alpha1.Drain:
		d.reason, d.message = v1alpha1.ReasonDrained, "the job is drained and over; "+d.message
	}
	return d
}

// inProgress looks again after a quarter of the time that it took so far: at once for what takes a second, and not more
// often than needed for what takes an hour.
func inProgress(f *facts, op *rest.Operation) decision {
	since := time.Duration(0)
	if s := f.savepoint.Status.StartedAt; s != nil {
		since = f.now.Sub(s.Time)
	}
	return decision{phase: v1alpha1.SavepointInProgress, reason: v1alpha1.ReasonInProgress,
		message: "the coordinator works on it", operation: op, failures: f.savepoint.Status.Failures,
		requeue: f.untilDeadline(min(max(since/4, f.pace.Busy), f.pace.Waiting))}
}

// forgotten ends the work where a repetition would end a job that may have been ended by it before, and has gone on.
func forgotten(f *facts, c *coordinators.Answer) decision {
	was, _ := readAsked(f.savepoint)
	return decision{phase: v1alpha1.SavepointFailed, reason: v1alpha1.ReasonStatusLost, failures: f.savepoint.Status.Failures,
		message: fmt.Sprintf("attempt %d of the job was asked, and this status, which said what came of it, is lost: attempt %d, which runs now, is left alone; "+
			"if a savepoint was made, it is the folder %s in %s; create another Savepoint to end the job", was.Attempt, c.Attempt(), f.folder(), f.place())}
}

// restsAlready: the job that is to be ended is suspended, was stopped for that, and has no pod. If this waited, it would end
// the job as soon as its user has it run again.
func (f *facts) restsAlready() bool {
	_, asked := readAsked(f.savepoint)
	return f.mode() != v1alpha1.Continue && !asked && f.job != nil && len(f.coordinators) == 0 &&
		f.job.Status.Phase == v1alpha1.PhaseSuspended && f.job.Status.ObservedGeneration == f.job.Generation
}

// needless ends the work where there is nothing to end.
func needless(f *facts) decision {
	name := f.savepoint.Spec.JobRef.Name
	d := decision{phase: v1alpha1.SavepointFailed, reason: v1alpha1.ReasonRefused, failures: f.savepoint.Status.Failures,
		message: fmt.Sprintf("StreamJob %s is stopped already, and has no pod: restore what it was stopped with, which is its status.recoveryPoint", name)}
	if f.mode() == v1alpha1.Drain {
		d.message = fmt.Sprintf("StreamJob %s is stopped, and has no pod that could drain it: have it run, then create another Savepoint", name)
	}
	return d
}

// failed counts a failed try, and ends the work if repeating it does not help or was done often enough.
func failed(f *facts, why *rest.Error, running bool) decision {
	d := decision{phase: v1alpha1.SavepointFailed, failures: f.savepoint.Status.Failures + 1}
	switch {
	case coordinators.Permanent(why, running):
		d.reason, d.message = v1alpha1.ReasonRefused, "the coordinator refuses: "+why.Error()
	case d.failures > f.backoffLimit():
		d.reason = v1alpha1.ReasonTriesExceeded
		d.message = fmt.Sprintf("%d tries failed, the last one with: %v; remove the cause and create another Savepoint", d.failures, why)
	default:
		pause := f.pace.Retry.Pause(int(d.failures), f.jitter)
		d.phase, d.reason = v1alpha1.SavepointPending, v1alpha1.ReasonBackoff
		d.message = fmt.Sprintf("try %d of %d failed and is repeated: %v", d.failures, f.backoffLimit()+1, why)
		d.nextTryAt, d.requeue = f.now.Add(pause), f.untilDeadline(pause)
	}
	return d
}

// backingOff is a look between two tries: what was said stands.
func backingOff(f *facts, until time.Time) decision {
	return decision{phase: v1alpha1.SavepointPending, reason: v1alpha1.ReasonBackoff, message: f.saidLast(),
		failures: f.savepoint.Status.Failures, nextTryAt: until, requeue: f.untilDeadline(until.Sub(f.now))}
}

// waiting says what is missing.
func waiting(f *facts) decision {
	d := decision{phase: v1alpha1.SavepointPending, reason: v1alpha1.ReasonWaitingForJob, message: f.missing(),
		failures: f.savepoint.Status.Failures, requeue: f.untilDeadline(f.pace.Waiting)}
	if f.job == nil {
		d.reason = v1alpha1.ReasonJobNotFound
	}
	return d
}

func (f *facts) missing() string {
	name := f.savepoint.Spec.JobRef.Name
	switch {
	case f.job == nil:
		return fmt.Sprintf("there is no StreamJob %s in this namespace: create it, or delete this Savepoint", name)
	case !f.job.DeletionTimestamp.IsZero():
		return fmt.Sprintf("StreamJob %s is being deleted", name)
	case len(f.coordinators) == 0 && f.job.Spec.DesiredState != nil && *f.job.Spec.DesiredState == v1alpha1.Suspended:
		return fmt.Sprintf("StreamJob %s is suspended and has no pod that could do it: set spec.desiredState to Running, or use the snapshot that it was suspended with, status.recoveryPoint", name)
	case len(f.coordinators) == 0:
		return fmt.Sprintf("StreamJob %s has no pod that runs", name)
	}
	for _, c := range f.coordinators {
		switch {
		case c.Untrusted:
			return fmt.Sprintf("whoever answers in pod %s is not the job's coordinator", c.Pod)
		case c.Job == nil:
			return fmt.Sprintf("the coordinator in pod %s does not answer", c.Pod)
		case c.Ending:
			return fmt.Sprintf("pod %s ends; the next one is asked", c.Pod)
		}
	}
	for i := range f.coordinators {
		if by := f.heldBy(&f.coordinators[i]); by != "" {
			return fmt.Sprintf("Savepoint %s stops StreamJob %s for its next attempt, which is asked then", by, name)
		}
	}
	j := f.coordinators[0].Job
	for _, c := range f.coordinators[1:] {
		if preferred(c.Job, j) {
			j = c.Job
		}
	}
	return fmt.Sprintf("StreamJob %s does not run, but is %s%s", name, j.State, remedy(f.mode(), j))
}

// remedy says what helps a job to run, where that is known.
func remedy(mode v1alpha1.SavepointMode, j *rest.Job) string {
	switch {
	case j.State == rest.Failed && j.Failure != "":
		return ": " + j.Failure
	case j.State == rest.Stopped && mode == v1alpha1.Continue:
		return ": create a Savepoint of mode Stop, which is made of its last checkpoint, or change its spec, and it runs again"
	}
	return ""
}

// overdue ends the work at its deadline: nobody knew of a success on this last look.
func overdue(f *facts) decision {
	d := decision{phase: v1alpha1.SavepointFailed, reason: v1alpha1.ReasonDeadlineExceeded, failures: f.savepoint.Status.Failures,
		message: fmt.Sprintf("it was not done within %v; create another Savepoint, with a longer spec.deadline if it takes longer",
			f.deadline().Sub(f.savepoint.CreationTimestamp.Time))}
	if last := f.saidLast(); last != "" {
		d.message += "; at last: " + last
	}
	return d
}

// saidLast is the message that the status holds.
func (f *facts) saidLast() string {
	for _, c := range f.savepoint.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			return c.Message
		}
	}
	return ""
}

// untilDeadline is d, or what is left until the deadline.
func (f *facts) untilDeadline(d time.Duration) time.Duration {
	return max(min(d, f.deadline().Sub(f.now)), time.Millisecond)
}
