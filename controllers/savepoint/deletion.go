package savepoint

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/rest"
)

// removal is what to do about a Savepoint that is being deleted and is to be removed from storage.
type removal struct {
	// dispose is the path whose disposal is asked for now; empty: it is not.
	dispose string
	// release lets the object go.
	release bool
	// left says what stays in storage and why; empty: nothing does. Only with release.
	left string
	// message says what is waited for. Without release.
	message string
	requeue time.Duration
}

// decideRemoval is what follows from the facts about a Savepoint that is being deleted with deletionPolicy Delete. It ends
// with release after pace.Patience, whatever is gone: bucket, job, credentials or coordinator.
func decideRemoval(f *facts) removal {
	path := f.savepoint.Status.Path
	op := f.operation()
	if path == "" && op != nil && op.Status == rest.Done {
		path = op.Path
	}
	if path == "" {
		return removeUnknown(f, op)
	}
	if !isSavepointFolder(path) {
		return removal{release: true} // a stop without a place for savepoints: the checkpoint is the job's
	}
	switch {
	case f.disposal.state == disposed:
		return removal{release: true}
	case f.disposal.state == disposeFailed:
		return removal{release: true, left: fmt.Sprintf("%s could not be removed: %s", path, f.disposal.message)}
	case f.job == nil:
		return removal{release: true, left: fmt.Sprintf("%s is left: with StreamJob %s the identity is gone that could remove it", path, f.savepoint.Spec.JobRef.Name)}
	case f.impatient():
		return removal{release: true, left: fmt.Sprintf("%s may be left: it was not removed within %v%s", path, f.pace.Patience, because(f.disposal.message))}
	case f.disposal.state == disposing:
		return f.wait("removing " + path + " from storage")
	case f.disposal.state == cannotDispose:
		return f.wait(fmt.Sprintf("%s cannot be removed from storage yet%s", path, because(f.disposal.message)))
	}
	r := f.wait("removing " + path + " from storage")
	r.dispose = path
	return r
}

// removeUnknown is for a savepoint that was not done when it was deleted. What is under way is waited for: then there is a
// path. What failed left nothing, and what was never asked for is nowhere.
func removeUnknown(f *facts, op *rest.Operation) removal {
	asked := f.savepoint.Status.StartedAt != nil || op != nil
	unknown := op == nil && asked
	silent := f.silent()
	switch {
	case !asked && !silent, op != nil && op.Status == rest.Undone:
		return removal{release: true}
	case f.job == nil, f.impatient(), unknown && !silent:
		return removal{release: true, left: fmt.Sprintf("the work was not finished: a folder %s may be left in %s", f.folder(), f.place())}
	case silent:
		return f.wait("asking the coordinator whether there is anything to remove from storage")
	}
	return f.wait("waiting for the savepoint to be complete, in order to remove it")
}

// isSavepointFolder tells a savepoint's own folder from a checkpoint of the chain, by the name that engines give it.
func isSavepointFolder(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	return strings.HasPrefix(path[strings.LastIndexByte(path, '/')+1:], "savepoint-")
}

// folder is the name of the savepoint's folder, see the layout of storage in package snapshot.
func (f *facts) folder() string {
	id := f.savepoint.Namespace + "." + f.savepoint.Spec.JobRef.Name
	if f.job != nil && f.job.Spec.JobID != nil {
		id = *f.job.Spec.JobID
	}
	return "savepoint-" + id + "-" + string(f.savepoint.UID)
}

// place is where the savepoint's folder is, as far as it is known here.
func (f *facts) place() string {
	if s := f.savepoint.Spec.Storage; s != nil {
		return *s
	}
	for _, c := range f.coordinators {
		if c.Job != nil && c.Job.Settings != nil && c.Job.Settings.SavepointStorage != "" {
			return c.Job.Settings.SavepointStorage
		}
	}
	return "the job's spec.savepoint.storage"
}

func (f *facts) impatient() bool {
	return !f.now.Before(f.savepoint.DeletionTimestamp.Add(f.pace.Patience))
}

func (f *facts) wait(message string) removal {
	left := f.savepoint.DeletionTimestamp.Add(f.pace.Patience).Sub(f.now)
	return removal{message: message, requeue: max(min(f.pace.Waiting, left), time.Millisecond)}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// deleting is the decision that a removal shows itself as.
func (r removal) deleting(f *facts) decision {
	return decision{phase: v1alpha1.SavepointDeleting, reason: v1alpha1.ReasonDeleting, message: r.message,
		failures: f.savepoint.Status.Failures}
}
