package plan

import (
	"fmt"
	"strings"

	"github.com/weirstream/weir/api/v1alpha1"
)

// removesOrphans: objects without an owner have the names that this StreamJob's are to have, and pods of another identity.
// What they hold is in storage, or is made anew.
func removesOrphans(v *view) (Decision, bool) {
	if len(v.Orphans) == 0 || !v.Job.DeletedAt.IsZero() {
		return Decision{}, false
	}
	return v.progress(RemoveOrphans{}, v1alpha1.ReasonPending, fmt.Sprintf("a former StreamJob of this name left %s: they are removed, and made anew",
		strings.Join(v.Orphans, ", ")))
}

// putsBack: a revision has as many pods as resources.Pods says, and they run what its name says, whatever somebody does to the
// objects. A second coordinator would claim the job from the first.
func putsBack(v *view) (Decision, bool) {
	if !v.Job.DeletedAt.IsZero() {
		return Decision{}, false
	}
	for _, r := range v.Revisions {
		if r.Edited != "" {
			return v.progress(PutBack{r.Name}, v1alpha1.ReasonPending, r.Edited+", which only the operator may: it is put back; change the StreamJob instead")
		}
	}
	return Decision{}, false
}
