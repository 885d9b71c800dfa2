package restore

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/snapshot"
)

// Fate is what becomes of the state of one operator.
type Fate string

// The fates of state.
const (
	Kept        Fate = "Kept"        // the operator goes on with it
	StartsEmpty Fate = "StartsEmpty" // the snapshot has none for the operator
	Dropped     Fate = "Dropped"     // nobody goes on with it, or with output that may not be committed
	Refused     Fate = "Refused"     // it does not fit, and nothing starts
)

// Verdict is what a report comes to.
type Verdict string

// The verdicts, from good to bad.
const (
	Fits                Verdict = "Fits"
	NeedsAcknowledgment Verdict = "NeedsAcknowledgment" // allowNonRestoredState or initEmpty must be set first
	DoesNotFit          Verdict = "DoesNotFit"
)

// Report says what a job would do with the state of a snapshot (P9), operator by operator: what starts empty and what it keeps, in
// the order of the job, then values of standing state, such as aggregates, that start empty or are dropped, then operators that
// are dropped, and what is refused. Operators without state are not in it.
type Report struct {
	Verdict   Verdict          `json:"verdict"`
	Operators []OperatorReport `json:"operators"`
}

// OperatorReport is the fate of the state of one operator, or of several that cannot be told apart.
type OperatorReport struct {
	Fate Fate `json:"fate"`
	// UID is the operator's in the job; of what is dropped, in the snapshot; of a value of its state, with "#" and the value's name.
	// Empty: the job as a whole is refused.
	UID string `json:"uid,omitempty"`
	// Was is the operator's uid in the snapshot, if it had another.
	Was string `json:"was,omitempty"`
	// Reason says why the state is dropped or refused, and Remedy what to do about it.
	Reason string `json:"reason,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// Compare says all that Compatible and MayBegin decide of, not only the first thing that does not fit. Of what the job drops, or lets
// begin empty in standing state, it says so whether or not that is agreed to; the verdict heeds it. A nil snapshot is one that
// holds nothing.
func Compare(m *snapshot.Metadata, g *graph.Graph, cfg config.Config) Report {
	if m == nil {
		m = &snapshot.Metadata{MaxParallelism: cfg.MaxParallelism}
	}
	// Some operators can be told apart only because state may be left behind: what would be said if it may not is the reason.
	without, with := cfg, cfg
	without.Restore.AllowNonRestoredState, with.Restore.AllowNonRestoredState = false, true
	_, reasons := compare(m, g, without)
	a, refused := compare(m, g, with)
	if err := drained(m, g); err != nil {
		refused = append([]*IncompatibleError{err}, refused...)
	}

	r := Report{Verdict: Fits, Operators: []OperatorReport{}}
	r.goOn(a, g, refused)
	for _, v := range a.values {
		fate := Dropped
		if v.added {
			fate = StartsEmpty
		}
		err := v.refusal()
		r.acknowledge(OperatorReport{Fate: fate, UID: v.key(), Reason: err.Reason, Remedy: err.Remedy}, v.agreed(cfg))
	}
	for _, err := range lost(m, a.left) {
		why := err
		for _, reason := range reasons {
			if slices.Contains(strings.Split(reason.UID, ", "), err.UID) {
				why = reason
			}
		}
		r.acknowledge(OperatorReport{Fate: Dropped, UID: err.UID, Reason: why.Reason, Remedy: why.Remedy}, cfg.Restore.AllowNonRestoredState)
	}
	if len(reasons) > 0 && !cfg.Restore.AllowNonRestoredState {
		r.Verdict = NeedsAcknowledgment
	}
	for _, err := range refused {
		r.Verdict = DoesNotFit
		r.Operators = append(r.Operators, OperatorReport{Fate: Refused, UID: err.UID, Reason: err.Reason, Remedy: err.Remedy})
	}
	return r
}

// goOn says which operators go on with their state and which start empty, but of those that are refused.
func (r *Report) goOn(a *Adoption, g *graph.Graph, refused []*IncompatibleError) {
	doubtful := map[string]bool{}
	for _, err := range refused {
		for uid := range strings.SplitSeq(err.UID, ", ") {
			doubtful[uid] = true
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		old := a.of[n.UID]
		switch {
		case doubtful[n.UID]:
		case slices.Contains(a.begin, n):
			r.Operators = append(r.Operators, OperatorReport{Fate: StartsEmpty, UID: n.UID})
		case old != nil && hasState(old):
			o := OperatorReport{Fate: Kept, UID: n.UID}
			if old.UID != n.UID {
				o.Was = old.UID
			}
			r.Operators = append(r.Operators, o)
		}
	}
}

// acknowledge adds what must be agreed to, with its remedy if it is not.
func (r *Report) acknowledge(o OperatorReport, agreed bool) {
	if agreed {
		o.Remedy = ""
	} else {
		r.Verdict = NeedsAcknowledgment
	}
	r.Operators = append(r.Operators, o)
}
