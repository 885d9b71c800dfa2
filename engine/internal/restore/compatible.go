package restore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// IncompatibleError says that a snapshot's state does not fit the job, before anything is touched (P9).
type IncompatibleError struct {
	UID    string // of the operator; empty: the job as a whole
	Reason string
	Remedy string
}

func (e *IncompatibleError) Error() string {
	if e.UID == "" {
		return fmt.Sprintf("the snapshot does not fit the job: %s; %s", e.Reason, e.Remedy)
	}
	return fmt.Sprintf("the state of operator %s does not fit the job: %s; %s", e.UID, e.Reason, e.Remedy)
}

// Compatible tells whether the job can go on from a snapshot, and how: every operator's state must mean what it meant
// (P9). A new uid starts empty; one that is gone is left behind only if AllowNonRestoredState says so.
func Compatible(m *snapshot.Metadata, g *graph.Graph, cfg config.Config) (*Adoption, error) {
	a, refused := compare(m, g, cfg)
	if len(refused) == 0 {
		if !cfg.Restore.AllowNonRestoredState {
			refused = lost(m, a.left)
		}
		for _, v := range a.values {
			if !v.agreed(cfg) {
				refused = append(refused, v.refusal())
			}
		}
	}
	if len(refused) > 0 {
		return nil, permanent(refused[0])
	}
	return a, nil
}

// compare matches what a snapshot holds with a job, and returns all that does not fit whatever is agreed to, the gravest
// first. What the job leaves behind, and the values that begin empty, are no part of that.
func compare(m *snapshot.Metadata, g *graph.Graph, cfg config.Config) (*Adoption, []*IncompatibleError) {
	var refused []*IncompatibleError
	if m.MaxParallelism != cfg.MaxParallelism {
		refused = append(refused, &IncompatibleError{
			Reason: fmt.Sprintf("it has %d key groups, spec.maxParallelism is %d", m.MaxParallelism, cfg.MaxParallelism),
			Remedy: fmt.Sprintf("set spec.maxParallelism to %d: it cannot change over the life of a job", m.MaxParallelism),
		})
	}
	a := adopt(m, g, cfg)
	refused = append(refused, a.refused...)
	if len(a.refused) == 0 { // else it is not known whose state is whose
		if err := a.exchanged(m, g); err != nil {
			refused = append(refused, err)
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		old := a.of[n.UID]
		if old == nil {
			continue
		}
		if err := sameKeyGroups(old, m); err != nil {
			refused = append(refused, err)
		} else if err := sameMeaning(old, n); err != nil {
			refused = append(refused, err)
		} else if converts(old, n) {
			a.values = append(a.values, changedValues(old, n)...)
		}
	}
	return a, refused
}

// lost is the state and output that a job would leave behind.
func lost(m *snapshot.Metadata, left []*snapshot.OperatorState) []*IncompatibleError {
	var out []*IncompatibleError
	for _, old := range left {
		switch {
		case hasState(old):
			out = append(out, &IncompatibleError{
				UID:    old.UID,
				Reason: "the job no longer has this operator",
				Remedy: "put it back or name it so again, or set spec.upgrade.allowNonRestoredState (-n) to leave its state behind",
			})
		case m.Outcome == outcome.None && len(m.ToCommit(old.UID)) > 0:
			out = append(out, &IncompatibleError{
				UID:    old.UID,
				Reason: "the job no longer has this sink, and the output of its last checkpoint may not be committed",
				Remedy: "put the sink back and stop the job with a savepoint first, or set spec.upgrade.allowNonRestoredState (-n) to give that output up",
			})
		}
	}
	return out
}

// MayBegin tells whether a job may begin from a snapshot that the user names.
func MayBegin(m *snapshot.Metadata, g *graph.Graph) error {
	if err := drained(m, g); err != nil {
		return permanent(err)
	}
	return nil
}

// drained refuses a snapshot that has ended event time: all that came after it would be dropped as late.
func drained(m *snapshot.Metadata, g *graph.Graph) *IncompatibleError {
	hasEventTime := slices.ContainsFunc(g.Nodes, func(n graph.Node) bool { return n.Source != nil && n.Source.Event != nil })
	if m.Outcome != outcome.Drained || !hasEventTime {
		return nil
	}
	for i := range m.Operators {
		if old := &m.Operators[i]; len(old.Schemas) > 0 {
			return &IncompatibleError{
				UID:    old.UID,
				Reason: "the job was drained, which ended its event time: every later record would be late",
				Remedy: "restore a snapshot from before the drain, or stop the job without --drain",
			}
		}
	}
	return nil
}

func permanent(err *IncompatibleError) error { return &fault.Error{Class: fault.Permanent, Err: err} }

func hasState(o *snapshot.OperatorState) bool {
	return len(o.Schemas) > 0 || len(o.Enumerator) > 0
}

// sameKeyGroups refuses an operator whose keys lie in another number of groups than those of its snapshot: no engine of ours writes
// that, and where each key lies would be guessed.
func sameKeyGroups(old *snapshot.OperatorState, m *snapshot.Metadata) *IncompatibleError {
	if len(old.Schemas) == 0 || old.MaxParallelism == m.MaxParallelism {
		return nil
	}
	return &IncompatibleError{
		UID:    old.UID,
		Reason: fmt.Sprintf("its keys are in %d groups, those of its job in %d", old.MaxParallelism, m.MaxParallelism),
		Remedy: "restore another snapshot",
	}
}

// sameMeaning compares what a snapshot says of an operator with what the job now says.
func sameMeaning(old *snapshot.OperatorState, n *graph.Node) *IncompatibleError {
	const remedy = "take the old text back, or give the operator another uid with a hint /*+ UID('...') */ and let it start empty " +
		"(spec.upgrade.allowNonRestoredState leaves the old state behind)"
	old, err := evolved(old, n)
	if err != nil {
		return err
	}
	schemas := Schemas(n)
	if converts(old, n) {
		// Of the values each is compared by itself, by changedValues.
		if was, is := withoutValues(old.Fingerprint, old.Schemas[0]), withoutValues(n.Fingerprint, schemas[0]); was != is {
			return &IncompatibleError{UID: n.UID, Reason: "its definition has changed: " + difference(was, is), Remedy: remedy}
		}
	} else {
		if old.Fingerprint != n.Fingerprint && (old.Fingerprint != "" || len(old.Schemas) > 0) && n.Fingerprint != "" {
			return &IncompatibleError{UID: n.UID, Reason: "its definition has changed: " + difference(old.Fingerprint, n.Fingerprint), Remedy: remedy}
		}
		if !slices.EqualFunc(old.Schemas, schemas, equalSchema) && len(old.Schemas) > 0 && len(schemas) > 0 {
			return &IncompatibleError{UID: n.UID, Reason: fmt.Sprintf("its state was %v and is now %v", old.Schemas, schemas), Remedy: remedy}
		}
	}
	if len(old.Schemas) > 0 && len(schemas) == 0 {
		return &IncompatibleError{UID: n.UID, Reason: "it has no state any more", Remedy: remedy}
	}
	if was, is := tablesOf(old.Advisory), tablesOf(n.Advisory); disjoint(was, is) {
		return &IncompatibleError{UID: n.UID,
			Reason: fmt.Sprintf("its rows came from the tables %s, and all come from others now, %s", strings.Join(was, ", "), strings.Join(is, ", ")),
			Remedy: "give the tables their names back, or give the operator another uid with a hint /*+ UID('...') */ and let it start empty " +
				"(spec.upgrade.allowNonRestoredState leaves the old state behind)"}
	}
	return nil
}

// tablesOf returns the quoted names of the tables that an advisory fingerprint names.
func tablesOf(advisory string) []string {
	var out []string
	for line := range strings.Lines(advisory) {
		if name, ok := strings.CutPrefix(line, "table "); ok {
			out = append(out, strings.TrimSuffix(name, "\n"))
		}
	}
	return out
}

// disjoint tells whether a state holds rows of tables that are all others than those that would be added. A table under
// another name is read from its beginning: what is in the state would be counted again.
func disjoint(was, is []string) bool {
	return len(was) > 0 && len(is) > 0 && !slices.ContainsFunc(was, func(t string) bool { return slices.Contains(is, t) })
}

// equalSchema tells whether a state may be restored as another one. Timers were kept as windows once, which backends still read.
func equalSchema(old, now snapshot.StateSchema) bool {
	old, now = withoutTTL(old), withoutTTL(now)
	sameKind := old.Kind == now.Kind || old.Kind == state.WindowValue.String() && now.Kind == state.Timer.String()
	return old.Name == now.Name && sameKind && slices.Equal(old.KeyFields, now.KeyFields) && slices.Equal(old.ValueFields, now.ValueFields)
}

// Schemas describes a node's states as snapshots do.
func Schemas(n *graph.Node) []snapshot.StateSchema {
	states := n.States()
	out := make([]snapshot.StateSchema, len(states))
	for i, d := range states {
		out[i] = snapshot.StateSchema{Name: d.Name, Kind: d.Kind.String(), KeyFields: d.Key, ValueFields: d.Fields()}
	}
	return out
}

// difference lists the lines of a fingerprint that are only in the old or only in the new one.
func difference(old, now string) string {
	was, is := strings.Split(old, "\n"), strings.Split(now, "\n")
	var out []string
	for _, l := range was {
		if !slices.Contains(is, l) {
			out = append(out, fmt.Sprintf("was %q", l))
		}
	}
	for _, l := range is {
		if !slices.Contains(was, l) {
			out = append(out, fmt.Sprintf("is now %q", l))
		}
	}
	if len(out) == 0 {
		return fmt.Sprintf("was %q, is now %q", old, now)
	}
	return strings.Join(out, ", ")
}
