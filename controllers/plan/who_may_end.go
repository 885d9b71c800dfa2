package plan

import (
	"slices"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// This file says who may end a job, for both controllers. The operator ends it by a Savepoint of its own, users end it by
// theirs, and both may be on their way at the same time. The rules:
//
//   - A running attempt can be ended by anybody. A job that has ended grants every request for the end that it had.
//   - While the operator stops a job, no user's Savepoint ends it; and a head by which the operator stopped it is the
//     successor's to go on from, so that a user's Savepoint ends the successor. A suspended job has none.
//   - A user's Savepoint that ended a job, or may have, is waited for before the operator does anything about the job.
//   - The operator begins the next attempt only of what it stopped for that.

// Serves tells whether a coordinator can do what a Savepoint of a mode asks for. A start, a recovery or a stop is waited for:
// what comes of it decides.
func Serves(mode v1alpha1.SavepointMode, j *rest.Job) bool {
	if j.State == rest.Running {
		return true
	}
	if j.Chain == nil || j.State != rest.Stopped && j.State != rest.Completed && j.State != rest.Standby {
		return false
	}
	return endedAs(mode, j.Chain.Outcome)
}

// endedAs tells whether a job that ended so answers a Savepoint of a mode from its last checkpoint (P3). One of mode Continue
// is not made of a stopped job: that may be on its way to its next attempt, which does it without disturbing the handover.
func endedAs(mode v1alpha1.SavepointMode, end outcome.Outcome) bool {
	if mode == v1alpha1.Stop {
		return end == outcome.Stopped || end == outcome.Completed
	}
	return end.Final()
}

// HeldBy is the name of the operator's Savepoint that comes before a user's of a mode at a coordinator; empty: none does.
// Stops are the operator's; asked tells that this attempt was asked for the user's Savepoint before, and may do it already.
func HeldBy(stops []Savepoint, mode v1alpha1.SavepointMode, j *rest.Job, asked bool) string {
	if mode == v1alpha1.Continue {
		return ""
	}
	for _, s := range stops {
		switch {
		case j.State == rest.Running:
			if !s.Final() && !asked {
				return s.Name
			}
		case j.Chain == nil || j.Chain.Outcome != outcome.Stopped:
		case !s.Final(), s.Phase == v1alpha1.SavepointCompleted && s.forSuccessor() && j.Chain.Checkpoint != nil && s.madeOf(j.Chain.Checkpoint.ID):
			return s.Name
		}
	}
	return ""
}

// ending is the Savepoint that ends the job, or is about to say that it did; nil: there is none. A user's that stopped the
// job is waited for before it says so; of a job that the operator stopped for a change, the next attempt is asked.
func (v *view) ending() *Savepoint {
	asks := v.userAsks()
	if v.stoppedForChange() {
		asks = nil
	}
	for i := range v.Savepoints {
		if s := &v.Savepoints[i]; s.ours() && !s.Final() || s.ends() && s.Phase == v1alpha1.SavepointInProgress || s == asks {
			return s
		}
	}
	return nil
}

// mayBeginAgain: the operator ended the newest attempt for what was to follow it, and nobody else ends it or has.
func (v *view) mayBeginAgain() bool {
	stops := slices.ContainsFunc(v.Savepoints, func(s Savepoint) bool { return s.ours() && !s.Final() })
	return !stops && v.inProgress() == nil && v.userStop() == nil && v.stoppedForChange()
}

// userStop finds the user's Savepoint of mode Stop that ended the newest attempt, of several that of the newest generation;
// nil: none did.
func (v *view) userStop() *Savepoint {
	var found *Savepoint
	for i := range v.Savepoints {
		s := &v.Savepoints[i]
		ended := s.Purpose == "" && s.Mode == v1alpha1.Stop && s.Phase == v1alpha1.SavepointCompleted && s.madeOf(v.head())
		if ended && (found == nil || s.JobGeneration > found.JobGeneration) {
			found = s
		}
	}
	return found
}

// userAsks finds a user's Savepoint that ended the job, or may have, and is about to be answered by the coordinator at rest;
// nil: there is none.
func (v *view) userAsks() *Savepoint {
	end := v.outcome()
	if end == outcome.None || v.foreign() || !v.anyAnswers() {
		return nil
	}
	i := slices.IndexFunc(v.Savepoints, func(s Savepoint) bool {
		return s.Purpose == "" && s.ends() && !s.Final() && endedAs(s.Mode, end)
	})
	if i < 0 {
		return nil
	}
	return &v.Savepoints[i]
}

// stoppedForChange: the newest attempt was ended by the operator, for what is to follow it. A stop that failed may have
// ended it all the same, unless a user asks for one.
func (v *view) stoppedForChange() bool {
	return slices.ContainsFunc(v.Savepoints, func(s Savepoint) bool {
		if !s.forSuccessor() || !s.Final() {
			return false
		}
		if s.madeOf(v.head()) { // a stop of what is stopped makes an attempt that only ends it (P3)
			return true
		}
		return StoppedAttempt(v.Job.Name, s.Name) == v.newest && (s.Phase == v1alpha1.SavepointCompleted || v.userAsks() == nil)
	})
}

// ours: the operator made it.
func (s Savepoint) ours() bool { return s.Purpose != "" }

// ends: it ends the job that it is made of.
func (s Savepoint) ends() bool { return s.Mode == v1alpha1.Stop || s.Mode == v1alpha1.Drain }

// forSuccessor: the operator made it for an attempt that is to follow.
func (s Savepoint) forSuccessor() bool { return s.ours() && s.Purpose != PurposeSuspend }

// madeOf: it was made of this checkpoint.
func (s Savepoint) madeOf(checkpoint int64) bool {
	return s.Checkpoint != 0 && s.Checkpoint == checkpoint
}
