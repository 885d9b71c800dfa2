package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

func TestCheckNamesTheOperatorAndWhatIsWrong(t *testing.T) {
	source := graph.Node{UID: "in", Source: &graph.Source{}}
	op := func() (operator.Operator, error) { return nil, nil }
	var sink connector.Sink = struct{ connector.Sink }{}
	from := func(i int) []graph.Edge { return []graph.Edge{{From: i}} }
	counted := []state.Descriptor{{Name: "n"}}
	for name, c := range map[string]struct {
		nodes []graph.Node
		want  string
	}{
		"a whole job":                     {[]graph.Node{source, {UID: "out", Inputs: from(0), Sink: sink}}, ""},
		"an empty job":                    {nil, "no operators"},
		"an operator without a uid":       {[]graph.Node{{Name: "x"}}, `operator "x" has no uid`},
		"a uid twice":                     {[]graph.Node{source, {UID: "in", Inputs: from(0), Sink: sink}}, `"in" is used twice`},
		"two kinds at once":               {[]graph.Node{source, {UID: "o", Inputs: from(0), Sink: sink, Operator: op}}, "operator o: it must be exactly one"},
		"a source with an input":          {[]graph.Node{source, {UID: "b", Inputs: from(0), Source: &graph.Source{}}}, "a source has no inputs"},
		"no parallelism":                  {[]graph.Node{{UID: "in", Source: &graph.Source{}, Parallelism: -1}}, "operator in: its parallelism is -1"},
		"a source that follows":           {[]graph.Node{{UID: "in", Source: &graph.Source{}, Follows: true}}, "operator in: a source follows no other"},
		"a negative rate":                 {[]graph.Node{{UID: "in", Source: &graph.Source{RowsPerSecond: -1}}}, "operator in: -1 rows per second is no rate"},
		"an operator without input":       {[]graph.Node{{UID: "o", Operator: op}}, "it has no input"},
		"an edge from nowhere":            {[]graph.Node{source, {UID: "o", Inputs: from(5), Sink: sink}}, "input 5 does not come before it"},
		"a union for each of two inputs":  {[]graph.Node{source, {UID: "o", Inputs: []graph.Edge{{}, {}, {Input: 1}, {Input: 1}}, Sink: sink}}, ""},
		"an input that is left out":       {[]graph.Node{source, {UID: "o", Inputs: []graph.Edge{{}, {Input: 2}}, Sink: sink}}, "an edge of input 2 stands where one of input 1 is due"},
		"no first input":                  {[]graph.Node{source, {UID: "o", Inputs: []graph.Edge{{Input: 1}}, Sink: sink}}, "an edge of input 1 stands where one of input 0 is due"},
		"a negative input":                {[]graph.Node{source, {UID: "o", Inputs: []graph.Edge{{Input: -1}}, Sink: sink}}, "an edge of input -1 stands where one of input 0 is due"},
		"inputs in disorder":              {[]graph.Node{source, {UID: "o", Inputs: []graph.Edge{{}, {Input: 1}, {}}, Sink: sink}}, "an edge of input 0 stands where one of input 2 is due"},
		"an output that is lost":          {[]graph.Node{source, {UID: "o", Inputs: from(0), Operator: op}}, "output of operator o goes nowhere"},
		"a side output":                   {[]graph.Node{source, {UID: "o", Inputs: from(0), Operator: op, Side: []string{"late"}}, {UID: "out", Inputs: []graph.Edge{{From: 1, Output: "late"}}, Sink: sink}}, ""},
		"a side output that is not there": {[]graph.Node{source, {UID: "o", Inputs: from(0), Operator: op}, {UID: "out", Inputs: []graph.Edge{{From: 1, Output: "late"}}, Sink: sink}}, `operator out: operator o has no side output "late"`},
		"a side output of a sink":         {[]graph.Node{source, {UID: "o", Inputs: from(0), Sink: sink, Side: []string{"late"}}}, "only an operator has side outputs"},
		"state without fingerprint":       {[]graph.Node{source, {UID: "o", Inputs: from(0), Operator: op, State: counted}}, "no fingerprint"},
		"state that is not keyed":         {[]graph.Node{source, {UID: "o", Inputs: from(0), Operator: op, State: counted, Fingerprint: "f"}}, "an input is not keyed"},
	} {
		err := (&graph.Graph{Nodes: c.nodes}).Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestTheUIDsThatAnEditTurnsIntoOneAnotherHaveOnePath(t *testing.T) {
	for uid, want := range map[string]string{
		"w/aggregate.1":                        "w/aggregate",
		"w.2/aggregate.1":                      "w/aggregate",
		"w/union.1/aggregate.1":                "w/aggregate",
		"w.12/union.3/union.1/aggregate.1":     "w/aggregate",
		"w/union.2/sub/aggregate.1":            "w/sub/aggregate",
		"v/aggregate.1":                        "v/aggregate",
		"v1.0/union/per.2/aggregate.1":         "v1/union/per.2/aggregate",
		"named-by-a-hint":                      "named-by-a-hint",
		"a table/with a slash.2/aggregate.1":   "a table/with a slash.2/aggregate",
		"w.2/union.1/subquery/union.2/topn.14": "w/subquery/topn",
	} {
		if got := graph.Path(uid); got != want {
			t.Errorf("the path of %s is %s, want %s", uid, got, want)
		}
	}
}

func TestANodeHasItsOwnParallelismOrThatOfItsInputOrOfTheJob(t *testing.T) {
	from := func(i int) []graph.Edge { return []graph.Edge{{From: i}} }
	g := &graph.Graph{Nodes: []graph.Node{
		{Parallelism: 3},
		{Inputs: from(0)},
		{Inputs: from(0), Follows: true},
		{Inputs: from(2), Follows: true},
		{Inputs: from(3), Follows: true, Parallelism: 1},
		{Inputs: from(1), Follows: true},
	}}
	if got, want := g.Parallelism(5), []int{3, 5, 3, 3, 1, 5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMarksGoUpToWhatDecidesByThem(t *testing.T) {
	from := func(nodes ...int) (edges []graph.Edge) {
		for _, n := range nodes {
			edges = append(edges, graph.Edge{From: n, Kind: graph.Keyed})
		}
		return edges
	}
	g := &graph.Graph{Nodes: []graph.Node{
		{},
		{Inputs: from(0)},
		{Inputs: from(0, 1)},
		{Inputs: from(2), DecidesLate: true},
		{Inputs: from(3)},
		{Inputs: from(4), DecidesLate: true},
		{Inputs: from(1)},
		{},
		{Inputs: from(7)},
	}}
	// What decides by split watermarks emits rows that are in time; 6 and what 7 leads to decide nothing.
	if got, want := g.CarrySplitWatermarks(), []bool{true, true, true, true, true, true, false, false, false}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	g.Nodes[5].DecidesLate = false
	if got, want := g.CarrySplitWatermarks(), []bool{true, true, true, true, false, false, false, false, false}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAForwardEdgeLeadsToOneOfFewerSubtasksAndToAllOfMore(t *testing.T) {
	for _, c := range []struct {
		of, ofTo int
		want     []string // by producer
	}{
		{1, 1, []string{"0"}},
		{3, 3, []string{"0", "1", "2"}},
		{4, 2, []string{"0", "1", "0", "1"}},
		{3, 2, []string{"0", "1", "0"}},
		{2, 3, []string{"012", "012"}},
	} {
		for subtask, want := range c.want {
			got := ""
			for to := range c.ofTo {
				if graph.Forwards(subtask, c.of, to, c.ofTo) {
					got += fmt.Sprint(to)
				}
			}
			if got != want {
				t.Errorf("from %d of %d to %d: %s, want %s", subtask, c.of, c.ofTo, got, want)
			}
		}
	}
}
