package v1alpha1

// The types of conditions. Ready, Progressing and Stalled follow kstatus: a controller that waits for an object needs no
// more than these.
const (
	// Ready: the job is what its spec says (running and checkpointing, suspended, or completed); a savepoint is in storage.
	ConditionReady = "Ready"
	// Progressing: the operator or the job is on its way to Ready, and nobody has to act. kstatus knows it as Reconciling.
	ConditionProgressing = "Progressing"
	// Stalled: nothing goes on until somebody acts; the message says what to do.
	ConditionStalled = "Stalled"
	// CheckpointFresh: the newest complete checkpoint is younger than three intervals and pauses, and what the next may take:
	// half a minute, or four times as long as the last one took; and fewer than three have failed since.
	ConditionCheckpointFresh = "CheckpointFresh"
	// UpgradeSafe: the spec was checked against the newest checkpoint, and fits it.
	ConditionUpgradeSafe = "UpgradeSafe"
	// Paused: the job is stopped because its user wants it so.
	ConditionPaused = "Paused"
)

// Reasons of conditions, of Events and of the attempts in a job's history.
const (
	// Ready=True.
	ReasonRunning   = "Running"
	ReasonSuspended = "Suspended" // desiredState, or stopped by a Savepoint of mode Stop
	ReasonCompleted = "Completed"
	ReasonDrained   = "Drained"

	// Progressing=True, Ready=False.
	ReasonPending         = "Pending"    // something has to appear first: a pod, a node, the coordinator's answer
	ReasonStarting        = "Starting"   // the attempt restores
	ReasonRecovering      = "Recovering" // after a failure or a lost pod
	ReasonFirstCheckpoint = "FirstCheckpoint"
	ReasonPreflight       = "Preflight"
	ReasonStandby         = "Standby"
	ReasonStopping        = "Stopping"
	ReasonActivating      = "Activating"
	ReasonSuspending      = "Suspending"
	ReasonFinishing       = "Finishing"
	ReasonDeleting        = "Deleting"

	// Stalled=True, Ready=False.
	ReasonInvalidSpec       = "InvalidSpec"      // the spec cannot be resolved
	ReasonRecordUnreadable  = "RecordUnreadable" // a ControllerRevision of the job cannot be read
	ReasonPreflightFailed   = "PreflightFailed"  // the new revision does not plan, or its state does not fit; what runs, runs on
	ReasonImagePullFailed   = "ImagePullFailed"
	ReasonPodUnhealthy      = "PodUnhealthy" // the pod cannot be started, or crashes again and again
	ReasonUnreachable       = "Unreachable"  // the coordinator does not answer
	ReasonJobFailed         = "JobFailed"    // the job stopped with a permanent error (P13)
	ReasonStateMissing      = "StateMissing" // there were checkpoints and there are none (P5)
	ReasonFenced            = "Fenced"       // another owner runs the job (P5)
	ReasonStopFailed        = "StopFailed"   // the Savepoint that was to stop the job failed; the job runs on
	ReasonActivationFailed  = "ActivationFailed"
	ReasonWentBack          = "WentBack"          // the change cannot be activated; the job runs on as it did before
	ReasonSavepointNotFound = "SavepointNotFound" // spec.restore.savepointRef
	ReasonTerminated        = "Terminated"        // a completed or drained job never runs again

	// CheckpointFresh.
	ReasonFresh      = "Fresh"
	ReasonStale      = "Stale"
	ReasonNone       = "NoCheckpoint"
	ReasonNotDurable = "NotDurable" // mem:// is gone with the pod
	ReasonNotRunning = "NotRunning"

	// UpgradeSafe.
	ReasonChecked    = "Checked"
	ReasonNotChecked = "NotChecked"

	// Paused=False.
	ReasonNotPaused = "NotPaused"

	// Savepoints.
	ReasonWaitingForJob    = "WaitingForJob"
	ReasonInProgress       = "InProgress"
	ReasonBackoff          = "Backoff"
	ReasonDeadlineExceeded = "DeadlineExceeded"
	ReasonTriesExceeded    = "BackoffLimitExceeded"
	ReasonRefused          = "Refused" // the coordinator says that repeating does not help
	ReasonJobNotFound      = "JobNotFound"
	ReasonStatusLost       = "StatusLost" // it is not known what became of it, and the job has gone on

	// Attempts.
	ReasonStarted      = "Started"
	ReasonRecovered    = "Recovered"
	ReasonUpgraded     = "Upgraded"
	ReasonRescaled     = "Rescaled"
	ReasonReconfigured = "Reconfigured"
	ReasonResumed      = "Resumed"
	ReasonRestored     = "Restored"
)

// Labels and annotations that the operator writes.
const (
	// LabelJob is the StreamJob that an object belongs to.
	LabelJob = "weir.stream/job"
	// LabelRevision is the revision that an object runs or checks.
	LabelRevision = "weir.stream/revision"
	// LabelPurpose says why the operator asked for a Savepoint, or what a Job does: upgrade, rescale, suspend, preflight,
	// discard, dispose.
	LabelPurpose = "weir.stream/purpose"
	// AnnotationGeneration is the generation of the StreamJob that an object was resolved from.
	AnnotationGeneration = "weir.stream/generation"
	// AnnotationAsked is, on a Savepoint that ends the job, of which attempt that was asked.
	AnnotationAsked = "weir.stream/asked"
	// ManagedBy is the value of app.kubernetes.io/managed-by of all that the operator makes.
	ManagedBy = "weir"
)

// Finalizer holds a StreamJob with onDelete: Delete, or a Savepoint with deletionPolicy: Delete, until its storage is
// cleared, for at most five minutes.
const Finalizer = "weir.stream/storage"
