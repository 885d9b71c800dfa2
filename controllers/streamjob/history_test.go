package streamjob

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/engine/rest"
)

func TestAnAttemptsReasonAndTheEndOfTheOneBefore(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name            string
		previous        v1alpha1.AttemptStatus
		stop            *plan.Savepoint
		revision        string
		reason, outcome string
	}{
		{"its pod was lost", v1alpha1.AttemptStatus{Revision: "a"}, nil, "a", v1alpha1.ReasonRecovered, "Lost"},
		{"it was upgraded", v1alpha1.AttemptStatus{Revision: "a", Outcome: "Stopped"}, &plan.Savepoint{Name: "job-4-g2", Purpose: plan.PurposeUpgrade}, "b", v1alpha1.ReasonUpgraded, "Stopped"},
		{"it was rescaled, and nobody saw it stopped", v1alpha1.AttemptStatus{Revision: "a"}, &plan.Savepoint{Name: "job-4-g2", Purpose: plan.PurposeRescale}, "a", v1alpha1.ReasonRescaled, "Stopped"},
		{"it was suspended", v1alpha1.AttemptStatus{Revision: "a", Outcome: "Stopped"}, &plan.Savepoint{Name: "job-4-g2", Purpose: plan.PurposeSuspend}, "a", v1alpha1.ReasonResumed, "Stopped"},
		{"its user stopped it", v1alpha1.AttemptStatus{Revision: "a", Outcome: "Stopped"}, &plan.Savepoint{Name: "mine"}, "a", v1alpha1.ReasonResumed, "Stopped"},
		{"an earlier one was rescaled, and this one lost", v1alpha1.AttemptStatus{Revision: "a"}, &plan.Savepoint{Name: "job-3-g2", Purpose: plan.PurposeRescale}, "a", v1alpha1.ReasonRecovered, "Lost"},
		{"it failed, and its successor is another revision", v1alpha1.AttemptStatus{Revision: "a", Outcome: "Failed"}, nil, "b", v1alpha1.ReasonUpgraded, "Failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scope{job: &v1alpha1.StreamJob{ObjectMeta: metav1.ObjectMeta{Name: "job"}}, facts: plan.Facts{Now: now}}
			if c.stop != nil {
				c.stop.Phase = v1alpha1.SavepointCompleted
				s.facts.Savepoints = []plan.Savepoint{*c.stop}
			}
			c.previous.Attempt = 4
			status := v1alpha1.StreamJobStatus{History: []v1alpha1.AttemptStatus{c.previous}}
			r := &plan.Revision{Name: c.revision, Coordinator: &rest.Job{State: rest.Running, Attempt: 5, Parallelism: 2, RestoredFrom: "chk-7"}}
			for range 2 { // seen twice, it is there once
				keepHistory(s, &status, r)
			}
			if len(status.History) != 2 {
				t.Fatalf("history is %+v", status.History)
			}
			top, before := status.History[0], status.History[1]
			if top.Attempt != 5 || top.Reason != c.reason || top.Outcome != "" || top.RestoredFrom != "chk-7" || before.Outcome != c.outcome {
				t.Errorf("history is %+v", status.History)
			}
		})
	}
}

func TestOnlyNumbersMayWait(t *testing.T) {
	before := v1alpha1.StreamJobStatus{Phase: v1alpha1.PhaseRunning, Attempt: 1, RecordsIn: 1,
		LastCheckpoint: &v1alpha1.CheckpointStatus{ID: 1}, RecoveryPoint: &v1alpha1.RecoveryPoint{CheckpointID: 1},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Running"}}}
	for _, c := range []struct {
		name   string
		change func(*v1alpha1.StreamJobStatus)
		want   bool
	}{
		{"a newer checkpoint", func(s *v1alpha1.StreamJobStatus) { s.LastCheckpoint.ID, s.RecoveryPoint.CheckpointID = 2, 2 }, true},
		{"more records", func(s *v1alpha1.StreamJobStatus) { s.RecordsIn = 9 }, true},
		{"the first recovery point lost", func(s *v1alpha1.StreamJobStatus) { s.RecoveryPoint = nil }, false},
		{"another attempt", func(s *v1alpha1.StreamJobStatus) { s.Attempt = 2 }, false},
		{"another phase", func(s *v1alpha1.StreamJobStatus) { s.Phase = v1alpha1.PhaseRecovering }, false},
		{"a condition that changed", func(s *v1alpha1.StreamJobStatus) { s.Conditions[0].Status = metav1.ConditionFalse }, false},
		{"a condition about a newer generation", func(s *v1alpha1.StreamJobStatus) { s.Conditions[0].ObservedGeneration = 2 }, false},
		{"another wording", func(s *v1alpha1.StreamJobStatus) { s.Conditions[0].Message = "2 of 9 MiB" }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := before.DeepCopy()
			c.change(after)
			if got := onlyNumbers(&before, after); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
