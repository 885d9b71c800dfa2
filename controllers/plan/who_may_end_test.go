package plan

import (
	"testing"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// head is what a coordinator says of storage: the newest checkpoint, 12, of attempt 3, and how it ended the job.
func head(end outcome.Outcome) *rest.Chain {
	return &rest.Chain{Attempt: 3, Owner: "cluster/uid", Revision: "a", Outcome: end, Checkpoint: &rest.Checkpoint{ID: 12}}
}

func TestWhoIsServed(t *testing.T) {
	for _, c := range []struct {
		name                   string
		state                  rest.State
		chain                  *rest.Chain
		continues, stop, drain bool
	}{
		{"a job that runs serves all", rest.Running, nil, true, true, true},
		{"a job that starts serves none yet", rest.Starting, head(outcome.None), false, false, false},
		{"a job that recovers serves none yet", rest.Recovering, nil, false, false, false},
		{"a job that ends serves none any more", rest.Stopping, nil, false, false, false},
		{"a stopped job was stopped", rest.Stopped, head(outcome.Stopped), false, true, false},
		{"a standby of a stopped job says so", rest.Standby, head(outcome.Stopped), false, true, false},
		{"a drained job was drained", rest.Stopped, head(outcome.Drained), true, false, true},
		{"a completed job can be ended no more", rest.Completed, head(outcome.Completed), true, true, true},
		{"a standby of a job that runs elsewhere serves none", rest.Standby, head(outcome.None), false, false, false},
		{"a standby that has not seen storage serves none", rest.Standby, nil, false, false, false},
		{"a failed job has not ended", rest.Failed, head(outcome.Stopped), false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for mode, want := range map[v1alpha1.SavepointMode]bool{v1alpha1.Continue: c.continues, v1alpha1.Stop: c.stop, v1alpha1.Drain: c.drain} {
				if got := Serves(mode, &rest.Job{State: c.state, Chain: c.chain}); got != want {
					t.Errorf("%s: %v, want %v", mode, got, want)
				}
			}
		})
	}
}

func TestTheOperatorsStopComesFirst(t *testing.T) {
	running, stopped := &rest.Job{State: rest.Running, Attempt: 3}, &rest.Job{State: rest.Stopped, Attempt: 3, Chain: head(outcome.Stopped)}
	stop := func(purpose string, phase v1alpha1.SavepointPhase, checkpoint int64) Savepoint {
		return Savepoint{Name: "ours", Purpose: purpose, Mode: v1alpha1.Stop, Phase: phase, Checkpoint: checkpoint}
	}
	for _, c := range []struct {
		name  string
		stop  Savepoint
		mode  v1alpha1.SavepointMode
		job   *rest.Job
		asked bool
		held  bool
	}{
		{"what ends nothing is never held", stop(PurposeUpgrade, "", 0), v1alpha1.Continue, running, false, false},
		{"a stop that is asked for holds a user's", stop(PurposeUpgrade, "", 0), v1alpha1.Stop, running, false, true},
		{"a stop under way holds a user's", stop(PurposeSuspend, v1alpha1.SavepointInProgress, 0), v1alpha1.Drain, running, false, true},
		{"who was asked already is asked again", stop(PurposeUpgrade, "", 0), v1alpha1.Stop, running, true, false},
		{"a stop that failed holds nobody", stop(PurposeUpgrade, v1alpha1.SavepointFailed, 0), v1alpha1.Stop, running, false, false},
		{"a job that runs again is not the stopped one", stop(PurposeUpgrade, v1alpha1.SavepointCompleted, 12), v1alpha1.Stop, running, false, false},
		{"a head is its successor's", stop(PurposeUpgrade, v1alpha1.SavepointCompleted, 12), v1alpha1.Stop, stopped, false, true},
		{"also for who was asked already", stop(PurposeUpgrade, v1alpha1.SavepointCompleted, 12), v1alpha1.Stop, stopped, true, true},
		{"a suspended job has no successor", stop(PurposeSuspend, v1alpha1.SavepointCompleted, 12), v1alpha1.Stop, stopped, false, false},
		{"an earlier stop made another head", stop(PurposeUpgrade, v1alpha1.SavepointCompleted, 11), v1alpha1.Stop, stopped, false, false},
		{"a stop that failed made no head", stop(PurposeUpgrade, v1alpha1.SavepointFailed, 12), v1alpha1.Stop, stopped, false, false},
		{"a stop under way may have made the head", stop(PurposeRescale, v1alpha1.SavepointInProgress, 0), v1alpha1.Stop, stopped, false, true},
		{"a completed job has no successor", stop(PurposeUpgrade, "", 0), v1alpha1.Stop, &rest.Job{State: rest.Completed, Chain: head(outcome.Completed)}, false, false},
		{"a failed job that says nothing of storage", stop(PurposeUpgrade, "", 0), v1alpha1.Stop, &rest.Job{State: rest.Failed}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := ""
			if c.held {
				want = "ours"
			}
			if got := HeldBy([]Savepoint{c.stop}, c.mode, c.job, c.asked); got != want {
				t.Errorf("held by %q, want %q", got, want)
			}
		})
	}
}

// TestWhoseTheEndIs: the newest attempt is 3, its head is checkpoint 12, and one Savepoint may have ended it.
func TestWhoseTheEndIs(t *testing.T) {
	users := func(mode v1alpha1.SavepointMode, phase v1alpha1.SavepointPhase, checkpoint int64) []Savepoint {
		return []Savepoint{{Name: "theirs", Mode: mode, Phase: phase, Checkpoint: checkpoint}}
	}
	ours := func(name, purpose string, phase v1alpha1.SavepointPhase, checkpoint int64) []Savepoint {
		return []Savepoint{{Name: name, Purpose: purpose, Mode: v1alpha1.Stop, Phase: phase, Checkpoint: checkpoint}}
	}
	const third, second = "job-3-g1", "job-2-g1"
	for _, c := range []struct {
		name       string
		end        outcome.Outcome
		savepoints []Savepoint
		// ending is waited for; stoppedBy is the user's stop that the job rests for; again: the operator may begin the next.
		ending, stoppedBy string
		again             bool
	}{
		{"nobody ended it", outcome.Stopped, nil, "", "", false},
		{"the operator did, for a change", outcome.Stopped, ours(third, PurposeUpgrade, v1alpha1.SavepointCompleted, 12), "", "", true},
		{"by a stop of what was stopped already", outcome.Stopped, ours(second, PurposeUpgrade, v1alpha1.SavepointCompleted, 12), "", "", true},
		{"the operator stopped the attempt before", outcome.Stopped, ours(second, PurposeUpgrade, v1alpha1.SavepointCompleted, 11), "", "", false},
		{"the operator did, to suspend it", outcome.Stopped, ours(third, PurposeSuspend, v1alpha1.SavepointCompleted, 12), "", "", false},
		{"the operator is about to", outcome.None, ours(third, PurposeUpgrade, v1alpha1.SavepointInProgress, 0), third, "", false},
		{"the operator did, and its Savepoint failed", outcome.Stopped, ours(third, PurposeUpgrade, v1alpha1.SavepointFailed, 0), "", "", true},
		{"it failed, and a user asks for the end", outcome.Stopped,
			append(ours(third, PurposeUpgrade, v1alpha1.SavepointFailed, 0), users(v1alpha1.Stop, v1alpha1.SavepointPending, 0)...), "theirs", "", false},
		{"the operator did, and a user asks its successor", outcome.Stopped,
			append(ours(third, PurposeUpgrade, v1alpha1.SavepointCompleted, 12), users(v1alpha1.Stop, v1alpha1.SavepointPending, 0)...), "", "", true},
		{"a user did", outcome.Stopped, users(v1alpha1.Stop, v1alpha1.SavepointCompleted, 12), "", "theirs", false},
		{"a user did, of an earlier head", outcome.Stopped, users(v1alpha1.Stop, v1alpha1.SavepointCompleted, 11), "", "", false},
		{"a user did, and is about to hear of it", outcome.Stopped, users(v1alpha1.Stop, v1alpha1.SavepointPending, 0), "theirs", "", false},
		{"a user asks for another end than it had", outcome.Stopped, users(v1alpha1.Drain, v1alpha1.SavepointPending, 0), "", "", false},
		{"a user drained it, and is about to hear of it", outcome.Drained, users(v1alpha1.Drain, v1alpha1.SavepointPending, 0), "theirs", "", false},
		{"a user asks for the end of what goes on", outcome.None, users(v1alpha1.Stop, v1alpha1.SavepointPending, 0), "", "", false},
		{"a user ends it now", outcome.None, users(v1alpha1.Stop, v1alpha1.SavepointInProgress, 0), "theirs", "", false},
		{"a user takes a savepoint of it", outcome.Stopped, users(v1alpha1.Continue, v1alpha1.SavepointInProgress, 0), "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := viewOf(Facts{Owner: "cluster/uid", Job: StreamJob{Name: "job", Generation: 1}, Target: Target{Revision: "a"}, Savepoints: c.savepoints,
				Revisions: []Revision{{Name: "a", Exists: true, Replicas: 1,
					Coordinator: &rest.Job{State: rest.Stopped, Attempt: 3, Chain: head(c.end)}}}})
			name := func(s *Savepoint) string {
				if s == nil {
					return ""
				}
				return s.Name
			}
			if got := name(v.ending()); got != c.ending {
				t.Errorf("ended by %q, want %q", got, c.ending)
			}
			if got := name(v.userStop()); got != c.stoppedBy {
				t.Errorf("stopped by the user's %q, want %q", got, c.stoppedBy)
			}
			if got := v.mayBeginAgain(); got != c.again {
				t.Errorf("the operator may begin again: %v, want %v", got, c.again)
			}
		})
	}
}
