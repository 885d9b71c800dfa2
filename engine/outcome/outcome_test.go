package outcome_test

import (
	"testing"

	"github.com/weirstream/weir/engine/outcome"
)

func TestOnlyWhatACheckpointCanSayEndsTheChain(t *testing.T) {
	for o, want := range map[outcome.Outcome]struct {
		ends, final bool
		word        string
	}{
		outcome.None:        {false, false, "none"},
		outcome.Completed:   {true, true, "completed"},
		outcome.Stopped:     {true, false, "stopped"},
		outcome.Drained:     {true, true, "drained"},
		outcome.Cancelled:   {false, false, "cancelled"},
		outcome.Interrupted: {false, false, "interrupted"},
		outcome.Fenced:      {false, false, "fenced"},
		outcome.Failed:      {false, false, "failed"},
		outcome.Lost:        {false, false, "lost"},
	} {
		if o.EndsChain() != want.ends || o.Final() != want.final || o.Word() != want.word {
			t.Errorf("%q: ends the chain %v, final %v, %q", o, o.EndsChain(), o.Final(), o.Word())
		}
	}
}
