package coordinator

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/outcome"
)

// Verdict is whether an attempt may begin.
type Verdict uint8

const (
	// Begin: claim the next attempt and run.
	Begin Verdict = iota + 1
	// Finish: the job is over; claim the next attempt only to make sure of its last commits (P3).
	Finish
	// Standby: serve the status and wait for an activation (P3).
	Standby
	// Refuse: another owner may be running the job (P5).
	Refuse
	// Missing: there is nothing to go on from, and nobody has said that there may be nothing (P5).
	Missing
)

func (v Verdict) String() string {
	return [...]string{"nothing", "begin", "finish", "standby", "refuse", "missing"}[v]
}

// Activation asks for an attempt (P3). It is idempotent: only the first of two with the same ExpectedAttempt finds the
// chain as it expects.
type Activation struct {
	// ExpectedAttempt is the newest attempt that there may be.
	ExpectedAttempt int64
	// AllowEmpty says that the job may begin with nothing: there never was a state that could be missing (P5).
	AllowEmpty bool
}

// Chain is what a coordinator sees of the job's folder before it claims anything.
type Chain struct {
	// Newest is the newest attempt that claimed; 0: none. Owner and Revision are whose it is and what it was to run.
	Newest          int64
	Owner, Revision string
	// Began is the newest attempt that others go on from (P1: it has a base); 0: none. A claim after it is one that is about
	// to begin, that only finished, or that died before it did anything. BeganOwner and BeganRevision are as above.
	Began                     int64
	BeganOwner, BeganRevision string
	// Empty says that no attempt has ever begun, whatever was claimed, and that there is no checkpoint.
	Empty bool
	// Outcome is how the job ended; None also if an attempt has begun since, or there is no checkpoint.
	Outcome outcome.Outcome
	// Quiet is how long ago anything was written, by the store's clock.
	Quiet time.Duration
}

// Applicant is the coordinator that would begin the attempt.
type Applicant struct {
	Owner, Revision string
	// TakeOver allows to go on with the chain of another owner.
	TakeOver bool
	// RestoresAgain says that the user asks for a restore that has not been done yet (P5): it begins anew whatever the
	// head's outcome is.
	RestoresAgain bool
	// OnlyFinish says that the attempt is to confirm the commits of a head that ended the job, and to serve savepoints from
	// it, and nothing else (P3).
	OnlyFinish bool
	// Activation is the request to begin; nil: the process started by itself, as a restarted pod does.
	Activation *Activation
}

// QuietPeriod is how long nothing must have been written before another owner may go on with a chain (P5).
const QuietPeriod = 5 * time.Minute

// Admit decides whether an attempt may begin, and says why not.
//
// A coordinator that nobody activated goes on only with what its own revision left running: a pod that is restarted by
// its node must not bring an old revision back, nor a job that was stopped (P3), nor begin where there is nothing. A chain
// of another owner is left alone unless its head has an outcome, it has been quiet, or the user says so (P5).
func Admit(c Chain, a Applicant) (Verdict, string) {
	switch {
	case a.OnlyFinish:
		return a.finish(c)
	case a.Activation == nil:
		return a.withoutActivation(c)
	case a.Activation.ExpectedAttempt != c.Newest:
		return Standby, fmt.Sprintf("the activation expects attempt %d, and the newest is %d: it was carried out before, or comes late",
			a.Activation.ExpectedAttempt, c.Newest)
	case !a.mayOwn(c):
		return Refuse, fmt.Sprintf("the job is run by %s (attempt %d), which wrote %v ago", c.Owner, c.Newest, c.Quiet.Round(time.Second))
	case a.RestoresAgain:
		return Begin, ""
	case c.Outcome.Final():
		return Finish, fmt.Sprintf("the job has %s", c.Outcome.Word())
	case c.Empty && !a.Activation.AllowEmpty:
		return Missing, "there is nothing to go on from, and the activation does not say that there may be nothing"
	}
	return Begin, ""
}

// withoutActivation decides for a process that nobody has activated.
func (a Applicant) withoutActivation(c Chain) (Verdict, string) {
	switch {
	case c.Newest == 0 || c.Empty:
		return Standby, "the job has not begun: it begins when it is activated"
	case c.Owner != a.Owner && c.Outcome == outcome.None:
		return Refuse, fmt.Sprintf("the job is run by %s (attempt %d)", c.Owner, c.Newest)
	case c.Owner != a.Owner:
		return Standby, fmt.Sprintf("attempt %d was that of %s: the job begins here when it is activated", c.Newest, c.Owner)
	case c.Revision != a.Revision:
		return Standby, fmt.Sprintf("attempt %d runs revision %s, this is %s: it begins when it is activated", c.Newest, c.Revision, a.Revision)
	case c.Outcome.Final():
		return Finish, fmt.Sprintf("the job has %s", c.Outcome.Word())
	case c.BeganOwner != a.Owner || c.BeganRevision != a.Revision:
		// What this revision was activated with, a restore above all, has gone with the process that claimed (P5).
		return Standby, fmt.Sprintf("attempt %d was to run revision %s and did not begin: it begins when it is activated", c.Newest, c.Revision)
	case c.Outcome == outcome.Stopped:
		return Standby, "the job was stopped: it goes on when it is activated"
	}
	return Begin, ""
}

// finish decides for an attempt that only finishes.
func (a Applicant) finish(c Chain) (Verdict, string) {
	switch {
	case c.Newest > 0 && c.Owner != a.Owner:
		return Refuse, fmt.Sprintf("the newest attempt, %d, is that of %s", c.Newest, c.Owner)
	case c.Began == 0:
		return Standby, "no attempt runs here, and none ever did"
	case c.Outcome == outcome.None:
		return Standby, fmt.Sprintf("no attempt runs here, and the job is not stopped: attempt %d of revision %s is the newest that ran",
			c.Began, c.BeganRevision)
	case c.Newest > c.Began && c.Revision != a.Revision:
		// It may be about to begin, which may take long, and a claim would end it. It may as well be dead: who can tell is who
		// activated it.
		return Standby, fmt.Sprintf("attempt %d of revision %s has claimed the job, and may be about to begin: ask its coordinator", c.Newest, c.Revision)
	}
	return Finish, fmt.Sprintf("the job has %s", c.Outcome.Word())
}

func (a Applicant) mayOwn(c Chain) bool {
	return c.Newest == 0 || c.Owner == a.Owner || a.TakeOver || c.Outcome != outcome.None || c.Quiet >= QuietPeriod
}
