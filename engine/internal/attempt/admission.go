package attempt

import (
	"context"
	"fmt"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/snapshot"
)

// Entry is how an attempt comes about (P3, P5). The zero value is a process that nobody has told anything, as a pod that
// its node restarts.
type Entry struct {
	// Commanded: the user began this process to run the job, whatever there is of it.
	Commanded bool
	// Activation: the operator asks for the attempt; nil: it does not.
	Activation *coordinator.Activation
	// OnlyFinish: the job has ended, and its last checkpoint is to be committed and exported.
	OnlyFinish bool
}

// alone tells that nobody decides here and now what the attempt is begun with.
func (e Entry) alone() bool { return !e.Commanded && e.Activation == nil }

// activationAt is the activation that the entry stands for where the newest attempt is this one.
func (e Entry) activationAt(newest int64) *coordinator.Activation {
	if e.Commanded {
		return &coordinator.Activation{ExpectedAttempt: newest, AllowEmpty: true}
	}
	return e.Activation
}

// expectsState tells that there must be something to go on from.
func (e Entry) expectsState() bool {
	return !e.Commanded && (e.Activation == nil || !e.Activation.AllowEmpty)
}

// RefusedError says that an attempt may not begin, before it has claimed anything.
type RefusedError struct {
	Verdict coordinator.Verdict
	Why     string
}

func (e *RefusedError) Error() string { return e.Why }

// admit decides whether the attempt may begin.
func (p prospect) admit(ctx context.Context, head snapshot.Head, again bool) error {
	cfg, e := p.cfg, p.entry
	chain := ChainOf(head)
	if chain.Newest > 0 && chain.Owner != cfg.Owner && !e.alone() {
		var err error
		if chain.Quiet, err = p.folder.Chain.SinceLastWrite(ctx); err != nil {
			return jobfolder.Classify(err)
		}
	}
	verdict, why := coordinator.Admit(chain, coordinator.Applicant{
		Owner: cfg.Owner, Revision: cfg.Revision, TakeOver: cfg.TakeOver, RestoresAgain: again,
		OnlyFinish: e.OnlyFinish, Activation: e.activationAt(chain.Newest),
	})
	refused := &fault.Error{Class: fault.Permanent, Place: p.folder.Bucket().String(), Err: &RefusedError{verdict, why}}
	switch verdict {
	case coordinator.Begin, coordinator.Finish:
		return nil
	case coordinator.Refuse:
		refused.Remedy = fmt.Sprintf("stop it there, wait until it has been quiet for %v, or set spec.restore.takeOver (--take-over)",
			coordinator.QuietPeriod)
	case coordinator.Missing:
		refused.Remedy = "restore a snapshot with spec.restore.path, or check that checkpoint.storage and the job id are those of the job"
	case coordinator.Standby: // the reason says what it waits for
	}
	return refused
}

// ChainOf says of a head what decides on admission.
func ChainOf(head snapshot.Head) coordinator.Chain {
	return coordinator.Chain{
		Newest: head.Newest.N, Owner: head.Newest.Owner, Revision: head.Newest.Revision,
		Began: head.Began.N, BeganOwner: head.Began.Owner, BeganRevision: head.Began.Revision,
		Empty: head.Empty, Outcome: head.Outcome,
	}
}

// restoresAgain tells whether the user asks for a restore that has not been done yet (P5).
func restoresAgain(head snapshot.Head, r config.Restore) bool {
	if r.Path == "" {
		return false
	}
	return head.Base == nil || r.Nonce != 0 && !head.Base.HasRestored(r.Nonce)
}
