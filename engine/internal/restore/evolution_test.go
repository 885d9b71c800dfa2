package restore

import (
	"errors"
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

func TestStatesThatEvolveAreComparedByWhatTheyBecome(t *testing.T) {
	job := func(value string, ttl bool, kind state.Kind) *graph.Graph {
		d := state.Descriptor{Name: "s", Kind: kind, Value: []string{"value " + value}}
		d.Evolve = func(fields []string) (func(dst, earlier []byte) ([]byte, error), error) {
			if slices.Equal(fields, []string{"value old"}) {
				return func(dst, earlier []byte) ([]byte, error) { return append(dst, earlier...), nil }, nil
			}
			return nil, errors.New("it is too odd")
		}
		if ttl {
			d = d.Expires(state.TTL{MS: 5})
		}
		n := graph.Node{
			UID: "p", Operator: func() (operator.Operator, error) { return nil, nil }, Inputs: []graph.Edge{{Kind: graph.Keyed}},
			Fingerprint: "key string\nstate s " + kind.String() + " value " + value,
		}
		if kind.OfOperator() {
			n.OperatorState = []state.Descriptor{d}
		} else {
			n.State = []state.Descriptor{d}
		}
		var sink connector.Sink = struct{ connector.Sink }{}
		return &graph.Graph{Nodes: []graph.Node{{UID: "in", Source: &graph.Source{}}, n, {UID: "out", Inputs: []graph.Edge{{From: 1}}, Sink: sink}}}
	}
	for _, c := range []struct {
		name     string
		was, is  *graph.Graph
		fits     string // the error; empty: it fits
		converts bool
	}{
		{"the same", job("old", false, state.SortedMap), job("old", false, state.SortedMap), "", false},
		{"what can be", job("old", false, state.SortedMap), job("new", false, state.SortedMap), "", true},
		{"with a new TTL", job("old", false, state.SortedMap), job("new", true, state.SortedMap), "", true},
		{"with a TTL that goes", job("old", true, state.SortedMap), job("new", false, state.SortedMap), "", true},
		{"an operator state", job("old", false, state.Broadcast), job("new", false, state.Broadcast), "", false},
		{"what cannot be", job("odd", false, state.SortedMap), job("new", false, state.SortedMap),
			"the state of operator p does not fit the job: its state s holds value odd, and should now hold value new: it is too odd", false},
		{"an operator state that cannot be", job("odd", false, state.OperatorList), job("new", false, state.OperatorList),
			"its state s holds value odd, and should now hold value new: it is too odd", false},
		{"another kind", job("old", false, state.OperatorList), job("new", false, state.Broadcast), "its definition has changed", false},
	} {
		n := &c.was.Nodes[1]
		m := &snapshot.Metadata{Job: "j", ID: 1, MaxParallelism: 8, Operators: []snapshot.OperatorState{
			{UID: n.UID, Fingerprint: n.Fingerprint, MaxParallelism: 8, Schemas: Schemas(n), Subtasks: []snapshot.SubtaskState{{}}},
		}}
		cfg := config.Config{MaxParallelism: 8}
		_, err := Compatible(m, c.is, cfg)
		refusedAsSaid(t, c.name, err, c.fits)
		verdict := Fits
		if c.fits != "" {
			verdict = DoesNotFit
		}
		if r := Compare(m, c.is, cfg); r.Verdict != verdict {
			t.Errorf("%s: the report comes to %s, want %s", c.name, r.Verdict, verdict)
		}
		if c.fits != "" {
			continue
		}
		conversions, err := c.is.Nodes[1].Conversions(&m.Operators[0])
		if err != nil || (conversions["s"].Value != nil) != c.converts {
			t.Errorf("%s: %v, %v, want one: %v", c.name, conversions, err, c.converts)
		}
	}
}
