package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/weirstream/weir/engine/fault"
)

func TestAnErrorTellsPlaceCauseAndRemedyAndKeepsItsClass(t *testing.T) {
	cause := errors.New("bad digit")
	err := fault.Permanentf("a.json:12", "fix the record", "parse delay: %w", cause)
	if got, want := err.Error(), "a.json:12: parse delay: bad digit; fix the record"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wrapped := fmt.Errorf("read split 3: %w", err)
	if fault.ClassOf(wrapped) != fault.Permanent || !errors.Is(wrapped, cause) {
		t.Errorf("class %v, cause found %v", fault.ClassOf(wrapped), errors.Is(wrapped, cause))
	}
	if fault.ClassOf(cause) != fault.Unknown || fault.ClassOf(fault.AsTransient(cause)) != fault.Transient {
		t.Error("unclassified and transient errors are told apart wrongly")
	}
}
