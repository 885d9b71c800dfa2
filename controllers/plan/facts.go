package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// Facts is what is wanted of one StreamJob and what was observed of it.
type Facts struct {
	Now time.Time
	Job StreamJob
	// Owner is the owner of this StreamJob's attempts: "<cluster id>/<uid>".
	Owner      string
	Target     Target
	LastStatus LastStatus
	// Revisions are those of which there is a StatefulSet or a ConfigMap, in any order.
	Revisions []Revision
	// Preflight is the check of the target, under its restore nonce.
	Preflight Preflight
	// OldPreflights are the names of the Jobs that checked something else.
	OldPreflights []string
	// Savepoints are the job's that are not final, all that the operator made of its newest attempts, and the completed
	// ones that stopped it.
	Savepoints []Savepoint
	// LivingOwners are the other StreamJobs of this cluster: "namespace/name" by owner.
	LivingOwners map[string]string
	// OwnersUnknown: the operator does not see all namespaces, so that an owner it does not see may live.
	OwnersUnknown bool
	Activation    Activation
	// Orphans are the names of objects that a former StreamJob of this name left without an owner, as `kubectl delete
	// --cascade=orphan` does: "Kind name".
	Orphans []string
	// Unreadable says which record of a revision cannot be read, and why; empty: all can.
	Unreadable string
	// Refused is an action that the API server does not let the operator do; nil: there is none.
	Refused *Refusal
	Discard Discard
}

// Refusal is why an action cannot be done, however often it is tried.
type Refusal struct {
	Action string
	Trouble
}

// StreamJob is what the object itself says, but for what its spec resolves to.
type StreamJob struct {
	Name       string
	Generation int64
	Desired    v1alpha1.DesiredState
	// DeletedAt is the deletion timestamp; zero: it is not being deleted.
	DeletedAt time.Time
	// DeleteStorage: spec.checkpoint.onDelete is Delete.
	DeleteStorage bool
	// Finalizer: the object carries the operator's finalizer.
	Finalizer bool
}

// Target is what the spec resolves to.
type Target struct {
	// Revision is the hash of the revision fields (P8); empty only with a Problem.
	Revision string
	Settings rest.Settings
	// Recorded: the ControllerRevision and the ConfigMap say so for this generation.
	Recorded bool
	// Problem says why the spec cannot be resolved, and what to do; empty: it can.
	Problem string
	// RestoreProblem says why the Savepoint that spec.restore names cannot be restored; empty: it can, or none is named.
	RestoreProblem string
	// TakeOver is spec.restore.takeOver.
	TakeOver bool
	// StopFirst: spec.upgrade.surge is false, so that the old pod goes before the new one comes.
	StopFirst bool
	// Volatile: checkpoint.storage is mem://, which is gone with the pod.
	Volatile bool
	// Fresh is how old the newest complete checkpoint may be.
	Fresh time.Duration
	// Folder is the job's folder in storage, for people.
	Folder string
}

// LastStatus is what the status said before, of which no more is used than what cannot be observed again.
type LastStatus struct {
	// Revision is the one that runs or ran last; empty: none did.
	Revision string
	// Attempt is the newest attempt of this StreamJob; 0: there was none.
	Attempt int64
	// RecoveryPoint: there was a complete checkpoint once.
	RecoveryPoint bool
	// LastCheckpoint is when the newest complete checkpoint was; zero: none is known.
	LastCheckpoint time.Time
	// Checkpoint is its number.
	Checkpoint int64
	Upgrade    *v1alpha1.UpgradeStatus
	// Paused: the job was stopped by its user's Savepoint, at this generation.
	Paused bool
	// Outcome is how the newest attempt ended: Stopped, Completed or Drained, or Fenced, if another owner took over; anything
	// else: it did not end well, or runs.
	Outcome outcome.Outcome
	// Nonce is spec.restore.nonce as it was when the revision's manifest was written last.
	Nonce int64
	// Running is what Ready=True said at this generation of the job that runs; empty: it was not.
	Running string
	// Stalled is what held the job up at this generation; nil: nothing did.
	Stalled *Trouble
	// StalledSince is since when the job is held up, for whatever reasons; zero: it was not.
	StalledSince time.Time
}

// Trouble is what keeps something from going on.
type Trouble struct{ Reason, Message string }

// Revision is what was observed of one revision.
type Revision struct {
	Name string
	// Exists: there is a StatefulSet, which is not being deleted. Without one, Replicas is 0 and only a ConfigMap is there.
	Exists   bool
	Replicas int32
	// Edited says what somebody changed of what the operator made of it; empty: nothing.
	Edited string
	// Pods are those that are there, the coordinator's first.
	Pods []Pod
	// Coordinator is its answer; nil: it did not.
	Coordinator *rest.Job
	// Untrusted: what answers does not prove to be the job's coordinator.
	Untrusted bool
	// SilentSince is since when a running pod does not answer; zero: it does, or it does not run.
	SilentSince time.Time
	// AnsweredAt is when the coordinator in this container answered last; zero: not that anybody knows.
	AnsweredAt time.Time
	// PodlessSince is since when there should be a pod and is none; zero: there is one, or should not be.
	PodlessSince time.Time
}

// CoordinatorPod is the pod that decides whether a revision answers: that of its coordinator, which is the only one for as long
// as resources.Pods is 1. Without Exists there is none.
func (r *Revision) CoordinatorPod() Pod {
	if len(r.Pods) == 0 {
		return Pod{}
	}
	return r.Pods[0]
}

// Pod is what was observed of a pod.
type Pod struct {
	Exists bool
	Name   string
	// Running: its container runs.
	Running bool
	// Trouble is why it does not start: an image that cannot be pulled, a container that crashes again and again.
	Trouble *Trouble
	// Waiting says what a pod waits for that nobody has to do anything about yet, such as a node.
	Waiting string
	// HomelessSince is since when no node takes it; zero: one does, or nobody has tried.
	HomelessSince time.Time
	// ScheduledAt is since when it has a node; zero: it has none.
	ScheduledAt time.Time
	// GoneBy is when its deletion's grace period ends; zero: it is not being deleted.
	GoneBy time.Time
}

// CheckState is how far a preflight is.
type CheckState int

// The states of a preflight.
const (
	NotStarted CheckState = iota
	Checking
	Passed
	Refused
)

// Preflight is the check of the target against the newest checkpoint, by a Job.
type Preflight struct {
	// Name is the Job's; empty if there is none.
	Name  string
	State CheckState
	// Generation is the one of the StreamJob that was checked.
	Generation int64
	// Trouble is why the check's pod does not start, or what it said before its Job tries again.
	Trouble *Trouble
	// Pod is the newest of the check's pods, and PodlessSince since when there should be one and was none.
	Pod          Pod
	PodlessSince time.Time
	// Message says why it was refused, and Remedy what to do.
	Message, Remedy string
	// Permanent: repeating it gives the same answer.
	Permanent  bool
	FinishedAt time.Time
}

// Savepoint is one of the job's, as SavepointOf reads it.
type Savepoint struct {
	Name string
	// Purpose is the operator's; empty: it is a user's.
	Purpose string
	Mode    v1alpha1.SavepointMode
	Phase   v1alpha1.SavepointPhase
	// JobGeneration is the StreamJob's when it was stopped by it.
	JobGeneration int64
	// Checkpoint is the one that it was made of; 0: it is not made.
	Checkpoint int64
	Message    string
}

// SavepointOf is what is known of a StreamJob's Savepoint.
func SavepointOf(p *v1alpha1.Savepoint, job *v1alpha1.StreamJob) Savepoint {
	s := Savepoint{Name: p.Name, Mode: v1alpha1.Continue, Phase: p.Status.Phase, JobGeneration: p.Status.JobGeneration,
		Checkpoint: p.Status.CheckpointID, Message: said(p)}
	if p.Spec.Mode != nil {
		s.Mode = *p.Spec.Mode
	}
	if Made(p, job) {
		s.Purpose = p.Labels[v1alpha1.LabelPurpose]
	}
	return s
}

// Made tells that the operator made a Savepoint for this job.
func Made(p *v1alpha1.Savepoint, job *v1alpha1.StreamJob) bool {
	return p.Labels[v1alpha1.LabelPurpose] != "" && metav1.IsControlledBy(p, job)
}

// said is what a Savepoint tells: how far it is, or why it failed.
func said(p *v1alpha1.Savepoint) string {
	if p.Status.Phase == v1alpha1.SavepointInProgress && p.Status.Progress != "" {
		return p.Status.Progress
	}
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Message
	}
	return ""
}

// Final tells that nothing more becomes of it.
func (s Savepoint) Final() bool {
	return s.Phase == v1alpha1.SavepointCompleted || s.Phase == v1alpha1.SavepointFailed
}

// Activation is what became of the activations of the target that expected the newest attempt at this generation, and
// were refused or failed.
type Activation struct {
	Failures int
	Message  string
	// RetryAt is the earliest time of the next.
	RetryAt time.Time
}

// Discard is the Job that removes the job's folder.
type Discard struct {
	Started, Succeeded, Failed bool
	Message                    string
}
