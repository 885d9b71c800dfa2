package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// StreamJobStatus is what the operator last saw of a job. What decides is in conditions and numbers; phase is for people.
type StreamJobStatus struct {
	// observedGeneration is the generation of the spec that the rest of the status is about.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Ready, Progressing, Stalled, CheckpointFresh, UpgradeSafe and Paused.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// phase is a word for people; nothing should decide by it.
	//
	// +optional
	Phase Phase `json:"phase,omitempty"`

	// revision is the one that runs, or ran last: the hash of what the job does (P8).
	//
	// +optional
	Revision string `json:"revision,omitempty"`

	// attempt is the job's newest activation, from 1.
	//
	// +optional
	Attempt int64 `json:"attempt,omitempty"`

	// restarts counts the recoveries within the attempt.
	//
	// +optional
	Restarts int64 `json:"restarts,omitempty"`

	// restoredFrom is the path of the snapshot that the attempt started from; empty: it started empty.
	//
	// +optional
	RestoredFrom string `json:"restoredFrom,omitempty"`

	// lastCheckpoint is the newest complete one.
	//
	// +optional
	LastCheckpoint *CheckpointStatus `json:"lastCheckpoint,omitempty"`

	// recoveryPoint is what the job would start from now. Once there is one, the job never starts empty by itself (P5).
	//
	// +optional
	RecoveryPoint *RecoveryPoint `json:"recoveryPoint,omitempty"`

	// recordsIn counts what the sources emitted since the attempt began.
	//
	// +optional
	RecordsIn int64 `json:"recordsIn,omitempty"`

	// recordsOut counts what the sinks took since the attempt began.
	//
	// +optional
	RecordsOut int64 `json:"recordsOut,omitempty"`

	// recordsLate counts what came too late for its window since the attempt began.
	//
	// +optional
	RecordsLate int64 `json:"recordsLate,omitempty"`

	// parallelism is the number of subtasks of each operator that has none of its own; 0: nothing runs.
	//
	// +optional
	Parallelism int32 `json:"parallelism"`

	// workers is the number of pods that process records.
	//
	// +optional
	Workers int32 `json:"workers"`

	// selector finds the job's pods. The scale subresource does not have it: that counts subtasks, and an autoscaler that
	// divides by the pods it finds would take a busy job for an idle one.
	//
	// +optional
	Selector string `json:"selector,omitempty"`

	// upgrade is the change that is under way.
	//
	// +optional
	Upgrade *UpgradeStatus `json:"upgrade,omitempty"`

	// history are the last ten attempts, newest first.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	History []AttemptStatus `json:"history,omitempty"`
}

// Phase is a word for what a job is doing.
type Phase string

// The phases of a job.
const (
	PhasePending    Phase = "Pending"    // nothing of it runs yet
	PhaseStarting   Phase = "Starting"   // a pod starts or restores
	PhaseRunning    Phase = "Running"    // it processes records
	PhaseRecovering Phase = "Recovering" // its pod or a subtask was lost; it starts from its newest checkpoint
	PhaseUpgrading  Phase = "Upgrading"  // another revision, parallelism or setting takes over
	PhaseSuspended  Phase = "Suspended"  // stopped, without pods; it can resume
	PhaseCompleted  Phase = "Completed"  // its bounded input is processed, or it was drained; it is over
	PhaseStalled    Phase = "Stalled"    // somebody has to act; the conditions say what to do
	PhaseDeleting   Phase = "Deleting"   // what it leaves behind is removed
)

// CheckpointStatus describes a complete checkpoint.
type CheckpointStatus struct {
	// id counts the job's checkpoints, from 1.
	ID int64 `json:"id"`

	// path is the URL of its folder.
	Path string `json:"path"`

	// time is when it was complete.
	Time metav1.Time `json:"time"`

	// size is what was written for it, in bytes.
	Size int64 `json:"size"`

	// duration is from its trigger to its completion.
	Duration metav1.Duration `json:"duration"`
}

// RecoveryPoint is the snapshot that a job would start from.
type RecoveryPoint struct {
	// path is the URL of its folder.
	Path string `json:"path"`

	// checkpointID is the checkpoint's.
	CheckpointID int64 `json:"checkpointID"`

	// time is when it was complete.
	Time metav1.Time `json:"time"`
}

// UpgradeStatus is a change that is under way: of the revision, or of what an attempt was activated with.
type UpgradeStatus struct {
	// to is the revision that is to run.
	To string `json:"to"`

	// step is Preflight, Standby, Stopping or Activating.
	Step UpgradeStep `json:"step"`

	// savepoint is the Savepoint that stops what runs; empty: it is not asked for yet, or nothing runs.
	//
	// +optional
	Savepoint string `json:"savepoint,omitempty"`

	// startedAt is when the change was seen.
	StartedAt metav1.Time `json:"startedAt"`
}

// UpgradeStep is how far an upgrade is.
type UpgradeStep string

// The steps of an upgrade, in their order. Up to and including Standby, what runs is untouched.
const (
	StepPreflight  UpgradeStep = "Preflight"  // a Job of the new revision checks the text against the newest checkpoint
	StepStandby    UpgradeStep = "Standby"    // the new revision's pod starts and waits
	StepStopping   UpgradeStep = "Stopping"   // a Savepoint stops the running attempt
	StepActivating UpgradeStep = "Activating" // the new attempt starts from there
)

// AttemptStatus is one activation of the job, for those who ask later what happened.
type AttemptStatus struct {
	// attempt is its number.
	Attempt int64 `json:"attempt"`

	// revision is what it ran.
	Revision string `json:"revision"`

	// parallelism is what it ran with.
	Parallelism int32 `json:"parallelism"`

	// restoredFrom is what it started from; empty: it started empty.
	//
	// +optional
	RestoredFrom string `json:"restoredFrom,omitempty"`

	// reason is why it was begun: Started, Recovered, Upgraded, Rescaled, Reconfigured, Resumed or Restored.
	//
	// +optional
	Reason string `json:"reason,omitempty"`

	// startedAt is when it was begun.
	StartedAt metav1.Time `json:"startedAt"`

	// outcome is how it ended, such as Stopped or Lost; empty: it runs.
	//
	// +optional
	Outcome string `json:"outcome,omitempty"`
}
