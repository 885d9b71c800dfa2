package graph_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

func TestAStateIsConvertedIfItsValuesOrItsTTLHaveChanged(t *testing.T) {
	hour, day := state.TTL{MS: 3_600_000}, state.TTL{MS: 86_400_000}
	processing, onRead := state.TTL{MS: 3_600_000, Processing: true}, state.TTL{MS: 3_600_000, OnRead: true}
	for _, c := range []struct {
		name    string
		was, is *state.TTL
		values  bool // they have changed
		want    bool
		width   int // of the earlier cells
	}{
		{"nothing", nil, nil, false, false, 0},
		{"nothing, with a TTL", &hour, &hour, false, false, 0},
		{"what counts as an access", &hour, &onRead, false, false, 0},
		{"a TTL is new", nil, &hour, false, true, 12},
		{"a TTL is gone", &hour, nil, false, true, 20},
		{"a longer TTL", &hour, &day, false, true, 20},
		{"another clock", &processing, &hour, false, true, 20},
		{"the values", nil, nil, true, true, 4},
		{"the values of a state with a TTL", &hour, &hour, true, true, 12},
		{"the values, and a new TTL", nil, &hour, true, true, 4},
	} {
		d := state.Descriptor{Name: "s", Kind: state.Value, Value: []string{"now"}, CellBytes: 12}
		old := state.Descriptor{Value: []string{"now"}, TTL: c.was}
		if c.values {
			old.Value = []string{"then"}
		}
		if c.is != nil {
			d = d.Expires(*c.is)
		}
		n := graph.Node{State: []state.Descriptor{d}, Convert: func(values []string) (state.Conversion, error) {
			if !slices.Equal(values, []string{"then"}) {
				t.Errorf("%s: the values were %q", c.name, values)
			}
			return state.Conversion{CellBytes: 4}, nil
		}}
		got, err := n.Conversions(&snapshot.OperatorState{Schemas: []snapshot.StateSchema{{Name: "s", ValueFields: old.Fields()}}})
		if err != nil {
			t.Fatal(err)
		}
		conversion, converts := got["s"]
		if converts != c.want || converts && (conversion.CellBytes != c.width || (conversion.TTL == nil) != (c.was == nil)) || len(got) > 1 {
			t.Errorf("%s: %v, want one: %v of cells of %d bytes", c.name, maps.Clone(got), c.want, c.width)
		}
	}
}
