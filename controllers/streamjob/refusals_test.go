package streamjob

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
)

func TestARefusalIsToldWhenRepeatingDoesNotHelp(t *testing.T) {
	sets := schema.GroupResource{Group: "apps", Resource: "statefulsets"}
	forbidden := apierrors.NewForbidden(sets, "flights", errors.New("exceeded quota"))
	for _, c := range []struct {
		name   string
		errs   []error
		reason string // empty: nothing is told
	}{
		{"twice", []error{forbidden, forbidden}, ""},
		{"three times", []error{forbidden, forbidden, forbidden}, v1alpha1.ReasonPodUnhealthy},
		{"with success between", []error{forbidden, forbidden, nil, forbidden}, ""},
		{"each time for another reason", []error{forbidden, apierrors.NewBadRequest("a"), apierrors.NewBadRequest("b")}, ""},
		{"what the API server calls a bad request", []error{apierrors.NewBadRequest("a"), apierrors.NewBadRequest("a"), apierrors.NewBadRequest("a")}, v1alpha1.ReasonInvalidSpec},
		{"conflicts", []error{apierrors.NewConflict(sets, "flights", nil), apierrors.NewConflict(sets, "flights", nil), apierrors.NewConflict(sets, "flights", nil)}, ""},
		{"a coordinator that is away", []error{errors.New("refused"), errors.New("refused"), errors.New("refused")}, ""},
		{"a name that is taken, once", []error{&takenError{"Service", "flights-weir"}}, v1alpha1.ReasonInvalidSpec},
		{"the name of a stop", []error{&takenError{v1alpha1.SavepointKind, "flights-1-g2"}}, v1alpha1.ReasonStopFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r refusals
			action := plan.StartRevision{Revision: "a"}
			for _, err := range c.errs {
				r.note(action, 1, err)
			}
			got := r.told(1)
			if (got == nil) != (c.reason == "") {
				t.Fatalf("told %+v", got)
			}
			if got == nil {
				return
			}
			if got.Reason != c.reason || got.Action != action.String() || !strings.Contains(got.Message, "; ") && !strings.Contains(got.Message, ": ") {
				t.Errorf("told %+v", got)
			}
			if r.told(2) != nil {
				t.Error("it is told of another generation")
			}
		})
	}
}
