package restore

import (
	"cmp"
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
	NeedsAcknowledgment Verdict = "NeedsAcknowledgment" // something is dropped, and allowNonRestoredState is not set
	DoesNotFit          Verdict = "DoesNotFit"
)

// Report says what a job would do with the state of a snapshot (P9), operator by operator: what starts empty, what it keeps, in
// the order of the job, then what it drops and what is refused. Operators without state are not in it.
type Report struct {
	Verdict   Verdict          `json:"verdict"`
	Operators []OperatorReport `json:"operators"`
}

// OperatorReport is the fate of the state of one operator, or of several that cannot be told apart.
type OperatorReport struct {
	Fate Fate `json:"fate"`
	// UID is the operator's in the job; of what is dropped, in the snapshot. Empty: the job as a whole is refused.
	UID string `json:"uid,omitempty"`
	// Was is the operator's uid in the snapshot, if it had another.
	Was string `json:"was,omitempty"`
	// Reason says why the state is dropped or refused, and Remedy what to do about it.
	Reason string `json:"reason,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// Compare says all that Compatible and MayBegin decide of, not only the first thing that does not fit. Of what the job drops it
// says so whether or not that is agreed to; the verdict heeds it. A nil snapshot is one that holds nothing.
func Compare(m *snapshot.Metadata, g *graph.Graph, cfg config.Config) Report {
	if m == nil {
		m = &snapshot.Metadata{MaxParallelism: cfg.MaxParallelism}
	}
	agreed := cfg.Restore.AllowNonRestoredState
	cfg.Restore.AllowNonRestoredState = false
	_, strict := compare(m, g, cfg)
	cfg.Restore.AllowNonRestoredState = true
	a, refused := compare(m, g, cfg)
	if err := drained(m, g); err != nil {
		refused = append([]*IncompatibleError{err}, refused...)
	}

	var r Report
	doubtful := map[string]bool{} // refused, so that nothing is said to be kept
	for _, err := range refused {
		for uid := range strings.SplitSeq(err.UID, ", ") {
			doubtful[uid] = true
		}
	}
	began := map[*graph.Node]bool{}
	for _, n := range a.begin {
		began[n] = true
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		old := a.of[n.UID]
		switch {
		case doubtful[n.UID]:
		case began[n]:
			r.Operators = append(r.Operators, OperatorReport{Fate: StartsEmpty, UID: n.UID})
		case old != nil && hasState(old):
			o := OperatorReport{Fate: Kept, UID: n.UID}
			if old.UID != n.UID {
				o.Was = old.UID
			}
			r.Operators = append(r.Operators, o)
		}
	}
	dropped := lost(m, a.left)
	slices.SortFunc(dropped, func(x, y *IncompatibleError) int { return cmp.Compare(x.UID, y.UID) })
	for _, err := range dropped {
		why := err
		for _, s := range strict { // a group that was matched only because its state may be left behind says why
			if slices.Contains(strings.Split(s.UID, ", "), err.UID) {
				why = s
			}
		}
		o := OperatorReport{Fate: Dropped, UID: err.UID, Reason: why.Reason}
		if !agreed {
			o.Remedy = why.Remedy
		}
		r.Operators = append(r.Operators, o)
	}
	for _, err := range refused {
		r.Operators = append(r.Operators, OperatorReport{Fate: Refused, UID: err.UID, Reason: err.Reason, Remedy: err.Remedy})
	}
	switch {
	case len(refused) > 0:
		r.Verdict = DoesNotFit
	case !agreed && (len(dropped) > 0 || len(strict) > 0):
		r.Verdict = NeedsAcknowledgment
	default:
		r.Verdict = Fits
	}
	return r
}
