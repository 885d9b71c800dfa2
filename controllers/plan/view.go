package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// view is the facts with what follows from them.
type view struct {
	Facts
	// live is the revision whose coordinator runs or ran the newest attempt of this owner; nil: none answers so.
	live *Revision
	// target is the target revision's StatefulSet and pod; nil: there is none, or it has no pod.
	target *Revision
	// chain is the newest that a coordinator without an attempt of its own saw of storage; nil: none told.
	chain *rest.Chain
	// newest is the newest attempt that anybody knows of.
	newest int64
}

// viewOf derives a view. Of two answers of different age, that with the higher attempt holds.
func viewOf(f Facts) *view {
	v := &view{Facts: f}
	v.Revisions = slices.Clone(f.Revisions)
	slices.SortFunc(v.Revisions, func(a, b Revision) int { return strings.Compare(a.Name, b.Name) })
	for i := range v.Revisions {
		r := &v.Revisions[i]
		if r.Name == f.Target.Revision && r.Exists && r.Replicas > 0 {
			v.target = r
		}
		if c := r.chain(); c != nil && (v.chain == nil || c.Attempt > v.chain.Attempt || c.Attempt == v.chain.Attempt && c.Outcome != outcome.None) {
			v.chain = c
		}
		if r.hasAttempt() && (v.live == nil || r.Coordinator.Attempt > v.live.Coordinator.Attempt) {
			v.live = r
		}
	}
	if f.Target.Volatile {
		v.lookInMemory()
	}
	if v.chain != nil {
		v.newest = v.chain.Attempt
	}
	if !f.Target.Volatile && v.overtaken() {
		v.live = nil // superseded, and about to find out
	}
	if v.live != nil {
		v.newest = max(v.newest, v.live.Coordinator.Attempt)
	}
	return v
}

// overtaken: a later attempt, of another owner or revision, has what the live one had. Of a job at rest it has that only if
// it has begun: one that was claimed and failed has changed nothing.
func (v *view) overtaken() bool {
	if v.live == nil || v.chain == nil || v.chain.Attempt <= v.live.Coordinator.Attempt || v.chain.Owner == v.Owner && v.chain.Revision == v.live.Name {
		return false
	}
	return v.chain.Owner != v.Owner || v.live.executes() || v.chain.Began == 0 || v.chain.Began > v.live.Coordinator.Attempt
}

// lookInMemory: each pod of a job with mem:// has a chain of its own, of which that of the pod that executes counts, or
// else that of the target's, once it ran.
func (v *view) lookInMemory() {
	for i := range v.Revisions {
		if r := &v.Revisions[i]; r.hasAttempt() && !v.live.executes() && (r.executes() || r == v.target) {
			v.live = r
		}
	}
	switch {
	case v.live != nil:
		v.chain = v.live.chain()
	case v.target != nil:
		v.chain = v.target.chain()
	}
}

// Live is the revision whose coordinator runs or ran the newest attempt; nil: none answers so.
func Live(f Facts) *Revision { return viewOf(f).live }

// hasAttempt: it runs or ran an attempt, and was not superseded.
func (r *Revision) hasAttempt() bool {
	c := r.Coordinator
	return c != nil && c.Attempt > 0 && c.State != rest.Standby && !(c.State == rest.Failed && c.FailureKind == rest.FailedFenced)
}

// chain is what its coordinator sees of storage.
func (r *Revision) chain() *rest.Chain {
	if r.Coordinator == nil || r.executes() {
		return nil
	}
	return r.Coordinator.Chain
}

// executes: an attempt of it is not over.
func (r *Revision) executes() bool {
	return r != nil && r.Coordinator != nil && r.Coordinator.State.Executes()
}

// in: its coordinator says one of these.
func (r *Revision) in(states ...rest.State) bool {
	return r != nil && r.Coordinator != nil && slices.Contains(states, r.Coordinator.State)
}

// mayExecute: its container runs, perhaps an attempt that nobody can see now.
func (r *Revision) mayExecute() bool {
	return r.executes() || r.Coordinator == nil && r.CoordinatorPod().Running
}

// since is how long ago something was; 0: it was not.
func (v *view) since(at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(0, v.Now.Sub(at))
}

// repeatDue tells that what ended at a time is to be repeated: after half of the time for which the job had been held up then.
func (v *view) repeatDue(ended time.Time) bool {
	held := time.Duration(0)
	if since := v.LastStatus.StalledSince; !since.IsZero() {
		held = ended.Sub(since)
	}
	return !v.Now.Before(ended.Add(min(max(held/2, repeatAfter), repeatMost)))
}

// setName is that of a revision's StatefulSet.
func (v *view) setName(r *Revision) string { return resources.Name(v.Job.Name, r.Name) }

// outcome is how the chain ended, as its newest checkpoint says; empty: it goes on, or nobody knows.
func (v *view) outcome() outcome.Outcome {
	switch {
	case v.live.in(rest.Completed):
		if c := v.live.Coordinator.Chain; c != nil && c.Outcome != outcome.None {
			return c.Outcome
		}
		return outcome.Completed
	case v.live != nil && v.live.executes():
		return ""
	case v.chain != nil && v.chain.Attempt == v.newest:
		return v.chain.Outcome
	default:
		return ""
	}
}

// changes: the live attempt, or the one that was last, is not what the spec asks for.
func (v *view) changes() bool { return v.changesRevision() || v.changesSettings() || v.restores() }

func (v *view) changesRevision() bool {
	if v.live != nil {
		return v.live.Name != v.Target.Revision
	}
	return v.LastStatus.Revision != "" && v.LastStatus.Revision != v.Target.Revision
}

// changesSettings: the live attempt was activated with others. What it was to restore does not matter any more.
func (v *view) changesSettings() bool {
	if v.live == nil || v.live.Coordinator.Settings == nil {
		return false
	}
	has, wants := *v.live.Coordinator.Settings, v.Target.Settings
	has.Restore, wants.Restore = rest.Restore{}, rest.Restore{}
	return has != wants
}

// restores: spec.restore has a nonce that has not taken effect (P5).
func (v *view) restores() bool {
	nonce := v.Target.Settings.Restore.Nonce
	switch {
	case nonce == 0:
		return false
	case v.live != nil && v.live.Coordinator.Settings != nil && v.live.Coordinator.Settings.Restore.Nonce == nonce:
		return false
	case v.live != nil && slices.Contains(v.live.Coordinator.RestoreNonces, nonce), v.chain != nil && slices.Contains(v.chain.RestoreNonces, nonce):
		return false
	default:
		return v.live != nil || v.chain != nil || v.LastStatus.Attempt == 0
	}
}

// begins: nothing of this StreamJob ran yet, as far as is known.
func (v *view) begins() bool { return v.live == nil && v.LastStatus.Attempt == 0 }

// purpose of a stop now.
func (v *view) purpose() string {
	switch {
	case v.Job.Desired == v1alpha1.Suspended:
		return PurposeSuspend
	case v.restores():
		return PurposeRestore
	case v.changesRevision():
		return PurposeUpgrade
	case v.live.Coordinator.Settings.Parallelism != v.Target.Settings.Parallelism:
		return PurposeRescale
	default:
		return PurposeReconfigure
	}
}

// The purposes of the operator's Savepoints.
const (
	PurposeSuspend     = "suspend"
	PurposeRestore     = "restore"
	PurposeUpgrade     = "upgrade"
	PurposeRescale     = "rescale"
	PurposeReconfigure = "reconfigure"
)

// stopName is the Savepoint that stops the newest attempt for this generation.
func (v *view) stopName() string {
	return resources.StopSavepointName(v.Job.Name, v.newest, v.Job.Generation)
}

// savepoint finds one by name; nil: there is none.
func (v *view) savepoint(name string) *Savepoint {
	if i := slices.IndexFunc(v.Savepoints, func(s Savepoint) bool { return s.Name == name }); i >= 0 {
		return &v.Savepoints[i]
	}
	return nil
}

// inProgress finds a Savepoint that a coordinator works on; nil: there is none.
func (v *view) inProgress() *Savepoint {
	i := slices.IndexFunc(v.Savepoints, func(s Savepoint) bool { return s.Phase == v1alpha1.SavepointInProgress })
	if i < 0 {
		return nil
	}
	return &v.Savepoints[i]
}

// head is the newest complete checkpoint that is known of; 0: none is.
func (v *view) head() int64 {
	switch {
	case v.chain != nil && v.chain.Attempt == v.newest && v.chain.Checkpoint != nil:
		return v.chain.Checkpoint.ID
	case v.live != nil && v.live.Coordinator.LastCheckpoint != nil:
		return v.live.Coordinator.LastCheckpoint.ID
	default:
		return v.LastStatus.Checkpoint
	}
}

func (v *view) anyAnswers() bool {
	return slices.ContainsFunc(v.Revisions, func(r Revision) bool { return r.Coordinator != nil })
}

// hasPods: there are pods, or there will be.
func (v *view) hasPods() bool {
	return slices.ContainsFunc(v.Revisions, func(r Revision) bool { return r.Replicas > 0 || v.lingers(r) })
}

// lingers: one of its pods is still there, and within its grace period. Later its node is lost, and what runs there is fenced.
func (v *view) lingers(r Revision) bool {
	return slices.ContainsFunc(r.Pods, func(p Pod) bool { return p.GoneBy.IsZero() || v.Now.Before(p.GoneBy.Add(lostAfter)) })
}

// The limits of patience.
const (
	// lostAfter its grace period a pod that is still there is on a lost node.
	lostAfter = 30 * time.Second
	// silentAfter a coordinator that does not answer is somebody's to look after.
	silentAfter = time.Minute
	// missedFor is how long a coordinator that answered may miss answers before anything is made of it.
	missedFor = 15 * time.Second
	// podlessAfter a StatefulSet without a pod is somebody's to look after, and
	podlessAfter = time.Minute
	// checklessAfter so is a Job.
	checklessAfter = 15 * time.Second
	// startsWithin is how long a pod on a node may take to start, its image aside.
	startsWithin = 3 * time.Minute
	// StaleAfter so many checkpoints in a row that failed, the newest complete one is not fresh, whatever its age.
	StaleAfter = 3
	// toldAfter so many activations that failed it is said so.
	toldAfter = 3
	// DeletionLimit is how long a finalizer holds a StreamJob.
	DeletionLimit = 5 * time.Minute
	// podsLimit is how long a deleted job's pods are waited for: their terminations' grace and some.
	podsLimit = 2 * time.Minute
	// homelessAfter a pod that no node takes is somebody's to look after: those who add nodes by themselves have had time.
	homelessAfter = 3 * time.Minute
	// identifiesWithin is how long a pod may take to hear of another identity: its node looks after Secrets every minute or so.
	identifiesWithin = 3 * time.Minute
	// What failed for a reason that may pass, such as storage being away or credentials that are refused, is repeated
	// after repeatAfter, and later less and less often, up to repeatMost.
	repeatAfter, repeatMost = time.Minute, 10 * time.Minute
)
