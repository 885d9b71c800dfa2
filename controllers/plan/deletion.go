package plan

import (
	"fmt"

	"github.com/weirstream/weir/api/v1alpha1"
)

// retained: onDelete: Retain needs no finalizer. Owner references collect the pods, and their last checkpoint stays.
func retained(v *view) (Decision, bool) {
	if v.Job.DeletedAt.IsZero() || v.Job.Finalizer {
		return Decision{}, false
	}
	return v.deleting(Wait{}, "the job's pods end; its checkpoints stay")
}

// finalizerExpires: whatever storage, credentials or nodes do, a deletion ends; and so does one that has nothing to clear.
func finalizerExpires(v *view) (Decision, bool) {
	switch {
	case v.Job.DeletedAt.IsZero():
		return Decision{}, false
	case v.Job.DeleteStorage && len(v.Revisions) == 0 && (v.LastStatus.Attempt > 0 || v.LastStatus.RecoveryPoint) && !v.Target.Volatile:
		// A deletion in the foreground takes the ConfigMaps first, by which a discard would know the folder.
		return v.deleting(RemoveFinalizer{Left: v.Target.Folder},
			fmt.Sprintf("the job's revisions are gone, and nothing is left that could clear its storage; remove %s yourself", v.Target.Folder))
	case !v.Job.DeleteStorage || len(v.Revisions) == 0:
		return v.deleting(RemoveFinalizer{}, "nothing is to be removed from storage")
	case v.Now.Before(v.Job.DeletedAt.Add(DeletionLimit)):
		return Decision{}, false
	default:
		return v.deleting(RemoveFinalizer{Left: v.Target.Folder},
			fmt.Sprintf("storage was not cleared within %s; remove %s yourself", seconds(DeletionLimit), v.Target.Folder))
	}
}

// deletedPods: a pod that still runs would write what is being removed. One on a lost node is not waited for: the discard
// fences it.
func deletedPods(v *view) (Decision, bool) {
	if v.Job.DeletedAt.IsZero() {
		return Decision{}, false
	}
	for _, r := range v.Revisions {
		if r.Replicas > 0 {
			return v.deleting(ScaleDown{r.Name}, "the job's pods end")
		}
	}
	for _, r := range v.Revisions {
		if v.lingers(r) && v.Now.Before(v.Job.DeletedAt.Add(podsLimit)) {
			return v.deleting(Wait{}, "pod "+r.CoordinatorPod().Name+" ends")
		}
	}
	return Decision{}, false
}

// discards runs the Job that removes the folder, with the job's own identity.
func discards(v *view) (Decision, bool) {
	if v.Job.DeletedAt.IsZero() {
		return Decision{}, false
	}
	switch {
	case v.Discard.Succeeded:
		return v.deleting(RemoveFinalizer{}, v.Target.Folder+" is removed")
	case v.Discard.Failed:
		return v.deleting(Wait{}, fmt.Sprintf("%s could not be removed: %s; the object goes %s after its deletion all the same",
			v.Target.Folder, v.Discard.Message, seconds(DeletionLimit)))
	case v.Discard.Started:
		return v.deleting(Wait{}, v.Target.Folder+" is being removed")
	default:
		return v.deleting(StartDiscard{v.manifestRevision()}, v.Target.Folder+" is being removed")
	}
}

// finalizerFollows puts the finalizer on before there is anything to clear, and takes it off when the spec says Retain.
func finalizerFollows(v *view) (Decision, bool) {
	switch {
	case v.Job.DeleteStorage && !v.Job.Finalizer:
		return v.progress(AddFinalizer{}, v1alpha1.ReasonPending, "the job's storage is to be removed with it")
	case !v.Job.DeleteStorage && v.Job.Finalizer:
		return v.progress(RemoveFinalizer{}, v1alpha1.ReasonPending, "the job's storage stays when it is deleted")
	default:
		return Decision{}, false
	}
}

// manifestRevision is a revision whose manifest says where the folder is: all do, the last that ran is surely there.
func (v *view) manifestRevision() string {
	for _, r := range v.Revisions {
		if r.Name == v.LastStatus.Revision {
			return r.Name
		}
	}
	return v.Revisions[0].Name
}

func (v *view) deleting(a Action, message string) (Decision, bool) {
	d := Decision{Action: a, Phase: v1alpha1.PhaseDeleting, Verdict: Progressing, Reason: v1alpha1.ReasonDeleting, Message: message}
	if v.Job.Finalizer {
		d.Requeue = Hurry
	}
	return d, true
}
