package restore

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// standing is a job with one of everything, as a graph and as the snapshot that it leaves behind.
func standing() (*snapshot.Metadata, *graph.Graph) {
	g := &graph.Graph{}
	var sink connector.Sink = struct{ connector.Sink }{}
	op := func() (operator.Operator, error) { return nil, nil }
	in := g.Add(graph.Node{UID: "source/in", Source: &graph.Source{}, Fingerprint: "connector kafka\ntopic orders"})
	agg := g.Add(graph.Node{
		UID: "out/aggregate.1", Inputs: []graph.Edge{{From: in, Kind: graph.Keyed}}, Operator: op,
		Path: "out/aggregate", Fingerprint: "key city STRING\nwindow TUMBLE(ts, 1 h)\naggregate SUM(n INT)", Advisory: "table \"in\"\nrows \"in\"\ngives SUM(n)",
		State: []state.Descriptor{{Name: "groups", Kind: state.WindowValue, Key: []string{"city STRING"}, Value: []string{"SUM(n INT)"}, CellBytes: 8}},
	})
	g.Add(graph.Node{UID: "sink/out", Inputs: []graph.Edge{{From: agg}}, Sink: sink})
	m := &snapshot.Metadata{Job: "j", ID: 7, MaxParallelism: 8, Revision: "old"}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		m.Operators = append(m.Operators, snapshot.OperatorState{
			UID: n.UID, Fingerprint: n.Fingerprint, Advisory: n.Advisory, MaxParallelism: 8, Schemas: Schemas(n),
			Subtasks: []snapshot.SubtaskState{{}},
		})
	}
	m.Operators[0].Enumerator = []byte("seen")
	m.Operators[2].Subtasks[0].Committables = [][]byte{[]byte("part-1")}
	return m, g
}

func TestEveryPartOfAnOperatorsMeaningIsCompared(t *testing.T) {
	const (
		source, aggregate, sink = 0, 1, 2
		allow                   = true
	)
	for _, c := range []struct {
		name string
		edit func(*snapshot.Metadata, *graph.Graph)
		want string // empty: it fits
	}{
		{"nothing", func(*snapshot.Metadata, *graph.Graph) {}, ""},
		{"the window's size", func(_ *snapshot.Metadata, g *graph.Graph) {
			g.Nodes[aggregate].Fingerprint = strings.Replace(g.Nodes[aggregate].Fingerprint, "1 h", "2 h", 1)
		}, `operator out/aggregate.1 does not fit the job: its definition has changed: was "window TUMBLE(ts, 1 h)", is now "window TUMBLE(ts, 2 h)"`},
		{"the topic", func(_ *snapshot.Metadata, g *graph.Graph) {
			g.Nodes[source].Fingerprint = "connector kafka\ntopic orders-2"
		},
			`operator source/in does not fit the job: its definition has changed: was "topic orders", is now "topic orders-2"`},
		{"the path of a source without state", func(m *snapshot.Metadata, g *graph.Graph) {
			m.Operators[source].Enumerator, g.Nodes[source].Fingerprint = nil, "connector filesystem\npath /b"
		}, "operator source/in does not fit the job: its definition has changed"},
		{"what a state holds, under one fingerprint", func(_ *snapshot.Metadata, g *graph.Graph) {
			g.Nodes[aggregate].State[0].Value = []string{"SUM(n BIGINT)"}
		},
			"operator out/aggregate.1 does not fit the job: its state was [{groups window-value [city STRING] [SUM(n INT)]}] and is now [{groups window-value [city STRING] [SUM(n BIGINT)]}]"},
		{"the key of a state, under one fingerprint", func(_ *snapshot.Metadata, g *graph.Graph) { g.Nodes[aggregate].State[0].Key = []string{"city INT"} },
			"its state was"},
		{"the kind of a state, under one fingerprint", func(_ *snapshot.Metadata, g *graph.Graph) { g.Nodes[aggregate].State[0].Kind = state.Value },
			"its state was"},
		{"the name of a state, under one fingerprint", func(_ *snapshot.Metadata, g *graph.Graph) { g.Nodes[aggregate].State[0].Name = "sums" },
			"its state was"},
		{"a second state, under one fingerprint", func(_ *snapshot.Metadata, g *graph.Graph) {
			g.Nodes[aggregate].State = append(g.Nodes[aggregate].State, state.Descriptor{Name: "more"})
		}, "its state was"},
		{"no state any more", func(_ *snapshot.Metadata, g *graph.Graph) {
			n := &g.Nodes[aggregate]
			n.State, n.Fingerprint, n.Path = nil, "", ""
		}, "operator out/aggregate.1 does not fit the job: it has no state any more"},
		{"a TTL", func(_ *snapshot.Metadata, g *graph.Graph) {
			n := &g.Nodes[aggregate]
			n.State[0] = n.State[0].Expires(state.TTL{MS: 1000})
		}, ""},
		{"another TTL", func(m *snapshot.Metadata, g *graph.Graph) {
			n := &g.Nodes[aggregate]
			n.State[0] = n.State[0].Expires(state.TTL{MS: 1000})
			m.Operators[aggregate].Schemas[0].ValueFields = []string{"ttl 5 ms of processing time", "SUM(n INT)"}
		}, ""},
		{"what a state with a TTL holds", func(m *snapshot.Metadata, g *graph.Graph) {
			m.Operators[aggregate].Schemas[0].ValueFields = []string{"ttl 5 ms of processing time", "SUM(n BIGINT)"}
		}, "its state was"},
		{"all its tables", func(_ *snapshot.Metadata, g *graph.Graph) {
			g.Nodes[aggregate].Advisory = "table \"other\"\nrows \"other\""
		},
			`its rows came from the tables "in", and all come from others now, "other"`},
		{"one table added", func(_ *snapshot.Metadata, g *graph.Graph) {
			g.Nodes[aggregate].Advisory = "table \"in\"\ntable \"other\"\nrows both"
		}, ""},
		{"the number of key groups", func(m *snapshot.Metadata, _ *graph.Graph) { m.MaxParallelism = 16 }, "it has 16 key groups, spec.maxParallelism is 8"},
		{"the number of key groups of one operator", func(m *snapshot.Metadata, _ *graph.Graph) { m.Operators[aggregate].MaxParallelism = 16 },
			"operator out/aggregate.1 does not fit the job: its keys are in 16 groups, those of its job in 8"},
	} {
		for _, n := range []bool{false, allow} {
			m, g := standing()
			c.edit(m, g)
			_, err := Compatible(m, g, config.Config{MaxParallelism: 8, Settings: config.Settings{Restore: config.Restore{AllowNonRestoredState: n}}})
			refusedAsSaid(t, c.name, err, c.want)
		}
	}
}

func refusedAsSaid(t *testing.T, name string, err error, want string) {
	t.Helper()
	var incompatible *IncompatibleError
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case want == "":
	case err == nil || !strings.Contains(err.Error(), want):
		t.Errorf("%s:\ngot  %v\nwant %s", name, err, want)
	case !errors.As(err, &incompatible) || incompatible.Remedy == "" || fault.ClassOf(err) != fault.Permanent:
		t.Errorf("%s: %v is no permanent refusal with a remedy", name, err)
	}
}

func TestWhatAJobNoLongerHasIsLeftBehindOnlyWhenTheUserSaysSo(t *testing.T) {
	const source, aggregate, sink = 0, 1, 2
	without := func(i int) func(*snapshot.Metadata, *graph.Graph) {
		return func(_ *snapshot.Metadata, g *graph.Graph) { g.Nodes = slices.Delete(g.Nodes, i, i+1) }
	}
	for _, c := range []struct {
		name string
		edit func(*snapshot.Metadata, *graph.Graph)
		want string
	}{
		{"a source that has positions only", without(source), "operator source/in does not fit the job: the job no longer has this operator"},
		{"a source that has read nothing", func(m *snapshot.Metadata, g *graph.Graph) {
			m.Operators[source].Enumerator = nil
			without(source)(m, g)
		}, ""},
		{"an operator with state", without(aggregate), "operator out/aggregate.1 does not fit the job: the job no longer has this operator"},
		{"a sink whose output may not be committed", without(sink), "operator sink/out does not fit the job: the job no longer has this sink, and the output of its last checkpoint may not be committed"},
		{"a sink of a stopped job", func(m *snapshot.Metadata, g *graph.Graph) {
			m.Outcome = outcome.Stopped
			without(sink)(m, g)
		}, ""},
		{"a sink without output", func(m *snapshot.Metadata, g *graph.Graph) {
			m.Operators[sink].Subtasks[0].Committables = nil
			without(sink)(m, g)
		}, ""},
		{"a state under another name", func(_ *snapshot.Metadata, g *graph.Graph) {
			g.Nodes[aggregate].UID, g.Nodes[aggregate].Path = "mine", ""
		},
			"operator out/aggregate.1 does not fit the job: the job no longer has this operator"},
	} {
		m, g := standing()
		c.edit(m, g)
		_, err := Compatible(m, g, config.Config{MaxParallelism: 8})
		refusedAsSaid(t, c.name, err, c.want)
		_, err = Compatible(m, g, config.Config{MaxParallelism: 8, Settings: config.Settings{Restore: config.Restore{AllowNonRestoredState: true}}})
		refusedAsSaid(t, c.name+", with -n", err, "")
	}
}

// TestASnapshotOfAnEarlierVersionIsTakenForTheSameTextOrRefused: it does not say which rows its states hold.
func TestASnapshotOfAnEarlierVersionIsTakenForTheSameTextOrRefused(t *testing.T) {
	const refusal = "of an earlier version, does not say which of them has which rows"
	// two puts a second INSERT of the same table into the snapshot or the job.
	second := func(fingerprint string) func(*snapshot.Metadata, *graph.Graph) {
		return func(m *snapshot.Metadata, g *graph.Graph) {
			if m != nil {
				o := m.Operators[1]
				o.UID, o.Fingerprint = "out.2/aggregate.1", fingerprint
				m.Operators = append(m.Operators, o)
			}
			if g != nil {
				n := g.Nodes[1]
				n.UID, n.Fingerprint = "out.2/aggregate.1", fingerprint
				g.Nodes = append(g.Nodes, n)
			}
		}
	}
	m, _ := standing()
	same := second(m.Operators[1].Fingerprint)
	distinct := second(m.Operators[1].Fingerprint + "\naggregate COUNT(*)")
	for _, c := range []struct {
		name, revision string
		edit           func(*snapshot.Metadata, *graph.Graph)
		want           string
	}{
		{"one query, another text", "new", func(*snapshot.Metadata, *graph.Graph) {}, ""},
		{"two alike, the same text", "old", same, ""},
		{"two alike, another text", "new", same, refusal},
		{"two that mean different things, another text", "new", distinct, ""},
		{"two that mean different things, exchanged", "new", func(m *snapshot.Metadata, g *graph.Graph) {
			distinct(m, g)
			g.Nodes[1].UID, g.Nodes[3].UID = g.Nodes[3].UID, g.Nodes[1].UID
		}, refusal},
		{"one added", "new", func(_ *snapshot.Metadata, g *graph.Graph) { same(nil, g) }, refusal},
		{"one taken away", "new", func(m *snapshot.Metadata, _ *graph.Graph) { same(m, nil) }, refusal},
		{"one taken away, the other named", "new", func(m *snapshot.Metadata, g *graph.Graph) {
			same(m, g)
			g.Nodes[3].Path = ""
			g.Nodes = slices.Delete(g.Nodes, 1, 2)
		}, "out/aggregate.1 does not fit the job: the job no longer has this operator"},
		{"both named", "new", func(m *snapshot.Metadata, g *graph.Graph) {
			same(m, g)
			g.Nodes[1].Path, g.Nodes[3].Path = "", ""
		}, ""},
	} {
		m, g := standing()
		c.edit(m, g)
		for i := range m.Operators {
			m.Operators[i].Advisory = ""
		}
		_, err := Compatible(m, g, config.Config{MaxParallelism: 8, Revision: c.revision})
		refusedAsSaid(t, c.name, err, c.want)
	}
}

func TestAnAdoptedSnapshotHasTheUIDsOfTheJobAndNothingOfWhatWasLeftBehindUnderThem(t *testing.T) {
	m, g := standing()
	second := m.Operators[1]
	second.UID, second.Advisory, second.Name = "out.2/aggregate.1", "table \"in\"\nrows others", "the second"
	m.Operators = append(m.Operators, second)
	g.Nodes[1].Advisory = second.Advisory // the first INSERT was deleted
	a, err := Compatible(m, g, config.Config{MaxParallelism: 8, Settings: config.Settings{Restore: config.Restore{AllowNonRestoredState: true}}})
	if err != nil {
		t.Fatal(err)
	}
	adopted := a.Metadata(m, g)
	if o := adopted.Operator("out/aggregate.1"); o == nil || o.Name != "the second" || adopted.Operator("out.2/aggregate.1") != nil {
		t.Errorf("the adopted snapshot has %+v", adopted.Operators)
	}
	if len(m.Operators) != 4 || m.Operators[1].UID != "out/aggregate.1" {
		t.Errorf("the snapshot itself has become %+v", m.Operators)
	}
}
