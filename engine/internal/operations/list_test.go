package operations_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

func request(id string, kind rest.OperationKind) operations.Request {
	return operations.Request{Request: rest.Request{ID: id, Kind: kind}}
}

// TestWhatAnAttemptHadWhenItEndedIsFinalOrHandedOn: of what lay in its mailbox a savepoint and a stop make sense to what
// follows it, if anything does; what its coordinator knew of is final in any case.
func TestWhatAnAttemptHadWhenItEndedIsFinalOrHandedOn(t *testing.T) {
	for _, handsOn := range []bool{false, true} {
		list := operations.New(handsOn)
		asked := []operations.Request{
			request("savepoint", rest.SavepointOperation), request("stop", rest.StopOperation),
			request("checkpoint", rest.CheckpointOperation), request("cancel", rest.CancelOperation),
		}
		for _, r := range asked {
			if _, isNew, err := list.Begin(r, operations.Mailed); err != nil || !isNew {
				t.Fatalf("%s: new %v, error %v", r.ID, isNew, err)
			}
		}
		known := request("known", rest.SavepointOperation)
		if _, _, err := list.Begin(known, operations.Stepped); err != nil {
			t.Fatal(err)
		}
		waiting := request("waiting", rest.SavepointOperation)
		if _, _, err := list.Begin(waiting, operations.Nobody); err != nil {
			t.Fatal(err)
		}
		list.End(&coordinator.Exit{Outcome: outcome.Stopped, Err: errors.New("why")})
		want := map[string]rest.Status{
			"savepoint": rest.Undone, "stop": rest.Undone, "checkpoint": rest.Undone, "cancel": rest.Done, "known": rest.Undone, "waiting": rest.InProgress,
		}
		var handedOn []string
		if handsOn {
			want["savepoint"], want["stop"] = rest.InProgress, rest.InProgress
			handedOn = []string{"savepoint", "stop"}
		}
		var untaken []string
		for _, r := range list.Untaken() {
			untaken = append(untaken, r.ID)
		}
		if !slices.Equal(untaken, handedOn) {
			t.Errorf("hands on %v: handed on are %q, want %q", handsOn, untaken, handedOn)
		}
		for _, r := range append(asked, known, waiting) {
			if op, ok, err := list.Repeated(r.Request); err != nil || op.Status != want[r.ID] || ok != (op.Status != rest.Undone) {
				t.Errorf("hands on %v: %s is %+v, %v, %v; want status %s", handsOn, r.ID, op, ok, err, want[r.ID])
			}
		}
	}
}
