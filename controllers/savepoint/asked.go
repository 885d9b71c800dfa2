package savepoint

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/engine/rest"
)

// asked is what is written on a Savepoint that ends the job, before it is asked for: a status may be lost or old, and the
// job that went on meanwhile must not be ended again (P3). It is the value of v1alpha1.AnnotationAsked, as JSON.
type asked struct {
	// Savepoint is the UID of the object: a copy of it under another name has asked for nothing.
	Savepoint types.UID `json:"savepoint"`
	// Attempt is the one that was asked last.
	Attempt int64 `json:"attempt"`
	// Generation is the StreamJob's when an attempt was first asked: a newer one is not held by the stop.
	Generation int64 `json:"generation"`
}

// readAsked reads what was written; false: nothing was, or by no operator.
func readAsked(s *v1alpha1.Savepoint) (asked, bool) {
	var a asked
	if err := json.Unmarshal([]byte(s.Annotations[v1alpha1.AnnotationAsked]), &a); err != nil {
		return asked{}, false
	}
	return a, a.Savepoint == s.UID && a.Attempt > 0
}

// writeTo notes it on the object.
func (a asked) writeTo(s *v1alpha1.Savepoint) {
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	s.Annotations[v1alpha1.AnnotationAsked] = fmt.Sprintf(`{"savepoint":%q,"attempt":%d,"generation":%d}`, a.Savepoint, a.Attempt, a.Generation)
}

// lost tells whether an attempt was asked before that which runs at a coordinator, and nobody knows what came of it.
func (f *facts) lost(c *coordinators.Answer) bool {
	was, known := readAsked(f.savepoint)
	return known && f.mode() != v1alpha1.Continue && f.savepoint.Status.StartedAt == nil &&
		c.Job.State == rest.Running && was.Attempt != c.Attempt()
}

// record is what has to be written before a coordinator is asked; nil: nothing.
func (f *facts) record(c *coordinators.Answer) *asked {
	a, known := readAsked(f.savepoint)
	switch {
	case f.mode() == v1alpha1.Continue, known && (a.Attempt == c.Attempt() || c.Job.State != rest.Running):
		return nil
	case !known:
		a = asked{Savepoint: f.savepoint.UID, Generation: f.job.Generation}
	}
	a.Attempt = c.Attempt()
	return &a
}
