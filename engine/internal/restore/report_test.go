package restore

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// second adds another aggregate of the table's to the job of standing, and to its snapshot.
func second(m *snapshot.Metadata, g *graph.Graph) {
	n := g.Nodes[1]
	n.UID, n.Advisory = "out/aggregate.2", "table \"in\"\nrows \"in\" where late\ngives SUM(n)"
	g.Add(n)
	o := m.Operators[1]
	o.UID, o.Advisory = n.UID, n.Advisory
	m.Operators = append(m.Operators, o)
}

// values gives the aggregate of the job of standing others.
func values(g *graph.Graph, names ...string) {
	n := &g.Nodes[1]
	n.State[0].Value = names
	n.Fingerprint = "key city STRING\nwindow TUMBLE(ts, 1 h)"
	for _, name := range names {
		n.Fingerprint += "\naggregate " + name
	}
	n.Convert = func([]string) (state.Conversion, error) { return state.Conversion{}, nil }
}

// TestAReportSaysAllAndAgreesWithTheStart compares edits with the report, a line an operator, and with what a start says: it
// starts without more words exactly if the report says that it fits, and with them if not more than those are missing.
func TestAReportSaysAllAndAgreesWithTheStart(t *testing.T) {
	op := func() (operator.Operator, error) { return nil, nil }
	rename := func(_ *snapshot.Metadata, g *graph.Graph) {
		g.Nodes[1].UID, g.Nodes[1].Path = "totals/aggregate.1", "totals/aggregate"
	}
	for _, c := range []struct {
		name    string
		edit    func(*snapshot.Metadata, *graph.Graph)
		verdict Verdict
		want    []string
	}{
		{"nothing", func(*snapshot.Metadata, *graph.Graph) {}, Fits, []string{"Kept source/in", "Kept out/aggregate.1"}},
		{"an operator more", func(_ *snapshot.Metadata, g *graph.Graph) {
			g.Add(graph.Node{UID: "new", Operator: op, State: g.Nodes[1].State})
			g.Add(graph.Node{UID: "stateless", Operator: op})
		}, Fits, []string{"Kept source/in", "Kept out/aggregate.1", "StartsEmpty new"}},
		{"an operator of another name", rename, NeedsAcknowledgment,
			[]string{"Kept source/in", "StartsEmpty totals/aggregate.1", "Dropped out/aggregate.1 no longer has this operator"}},
		{"an operator and a sink of another name", func(m *snapshot.Metadata, g *graph.Graph) {
			rename(m, g)
			g.Nodes[2].UID = "sink/totals"
		}, NeedsAcknowledgment, []string{"Kept source/in", "StartsEmpty totals/aggregate.1",
			"Dropped out/aggregate.1 no longer has this operator", "Dropped sink/out may not be committed"}},
		{"two that have changed places", func(m *snapshot.Metadata, g *graph.Graph) {
			second(m, g)
			g.Nodes[1].Advisory, g.Nodes[3].Advisory = g.Nodes[3].Advisory, g.Nodes[1].Advisory
		}, Fits, []string{"Kept source/in", "Kept out/aggregate.1 was out/aggregate.2", "Kept out/aggregate.2 was out/aggregate.1"}},
		{"one of two that places tell apart has another filter", func(m *snapshot.Metadata, g *graph.Graph) {
			second(m, g)
			g.Nodes[1].Advisory = strings.Replace(g.Nodes[1].Advisory, "rows \"in\"", "rows \"in\" where early", 1)
		}, NeedsAcknowledgment, []string{"Kept source/in", "StartsEmpty out/aggregate.1", "Kept out/aggregate.2",
			"Dropped out/aggregate.1 moves no state, and one has changed"}},
		{"another key, another topic and more key groups", func(m *snapshot.Metadata, g *graph.Graph) {
			m.MaxParallelism, m.Operators[0].MaxParallelism, m.Operators[1].MaxParallelism = 16, 16, 16
			g.Nodes[0].Fingerprint, g.Nodes[1].Fingerprint = "connector kafka\ntopic other", "key state STRING"
		}, DoesNotFit, []string{"Refused it has 16 key groups", "Refused source/in its definition has changed", "Refused out/aggregate.1 its definition has changed"}},
		{"another key, and an operator of another name", func(m *snapshot.Metadata, g *graph.Graph) {
			second(m, g)
			g.Nodes[0].Fingerprint = "connector kafka\ntopic other"
			g.Nodes[3].UID, g.Nodes[3].Path = "n", "n/aggregate"
		}, DoesNotFit, []string{"Kept out/aggregate.1", "StartsEmpty n", "Dropped out/aggregate.2 no longer has", "Refused source/in its definition"}},
		{"an aggregate more", func(_ *snapshot.Metadata, g *graph.Graph) { values(g, "SUM(n INT)", "COUNT(*)") }, NeedsAcknowledgment,
			[]string{"Kept source/in", "Kept out/aggregate.1", "StartsEmpty out/aggregate.1#COUNT(*) COUNT(*) is new"}},
		{"an aggregate for another", func(_ *snapshot.Metadata, g *graph.Graph) { values(g, "COUNT(*)") }, NeedsAcknowledgment,
			[]string{"Kept source/in", "Kept out/aggregate.1", "StartsEmpty out/aggregate.1#COUNT(*) COUNT(*) is new",
				"Dropped out/aggregate.1#SUM(n no longer has SUM(n INT)"}},
		{"an aggregate more, and another window", func(_ *snapshot.Metadata, g *graph.Graph) {
			values(g, "SUM(n INT)", "COUNT(*)")
			g.Nodes[1].Fingerprint = strings.Replace(g.Nodes[1].Fingerprint, "1 h", "2 h", 1)
		}, DoesNotFit, []string{"Kept source/in", "Refused out/aggregate.1 its definition has changed: was \"window TUMBLE(ts, 1 h)\""}},
		{"what was drained", func(m *snapshot.Metadata, g *graph.Graph) {
			m.Outcome = outcome.Drained
			g.Nodes[0].Source.Event = &graph.EventTime{}
		}, DoesNotFit, []string{"Kept source/in", "Refused out/aggregate.1 the job was drained"}},
		{"nothing to restore", func(m *snapshot.Metadata, _ *graph.Graph) { *m = snapshot.Metadata{MaxParallelism: 8} }, Fits,
			[]string{"StartsEmpty source/in", "StartsEmpty out/aggregate.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, g := standing()
			c.edit(m, g)
			verdicts := map[bool]Verdict{}
			for _, allowed := range []bool{false, true} {
				cfg := config.Config{Job: "j", MaxParallelism: 8}
				cfg.Restore.AllowNonRestoredState = allowed
				if allowed {
					cfg.Restore.InitEmpty = config.NamesOf("out/aggregate.1#COUNT(*)")
				}
				r := Compare(m, g, cfg)
				verdicts[allowed] = r.Verdict
				if len(r.Operators) != len(c.want) {
					t.Fatalf("%d lines, want %d: %+v", len(r.Operators), len(c.want), r.Operators)
				}
				for i, o := range r.Operators {
					line := strings.Join(strings.Fields(fmt.Sprintf("%s %s", o.Fate, o.UID)), " ")
					if o.Was != "" {
						line += " was " + o.Was
					}
					line += " " + o.Reason
					head, reason, _ := cut(c.want[i])
					if !strings.HasPrefix(line, head+" ") || !strings.Contains(line, reason) {
						t.Errorf("line %d is %q, want %q", i, line, c.want[i])
					}
					if hint := o.Remedy != ""; hint != (o.Fate == Refused || o.Reason != "" && !allowed) {
						t.Errorf("line %d, agreed to %v: remedy %q", i, allowed, o.Remedy)
					}
				}
				_, err := Compatible(m, g, cfg)
				if err == nil {
					err = MayBegin(m, g)
				}
				if (err == nil) != (r.Verdict == Fits) {
					t.Errorf("the report comes to %s, and a start, agreed to %v, to: %v", r.Verdict, allowed, err)
				}
				if err != nil && fault.ClassOf(err) != fault.Permanent {
					t.Errorf("a start says %v, which is not permanent", err)
				}
			}
			want := map[bool]Verdict{false: c.verdict, true: c.verdict}
			if c.verdict == NeedsAcknowledgment {
				want[true] = Fits
			}
			if diff := cmp.Diff(want, verdicts); diff != "" {
				t.Errorf("verdicts by what is agreed to, want -, got +:\n%s", diff)
			}
		})
	}
}

// TestAReportOfNothingIsAListAllTheSame, for scripts that go through it.
func TestAReportOfNothingIsAListAllTheSame(t *testing.T) {
	text, err := json.Marshal(Compare(nil, &graph.Graph{}, config.Config{MaxParallelism: 8}))
	if want := `{"verdict":"Fits","operators":[]}`; err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
}

// cut splits a line into the fate, uid and former uid, and words of the reason.
func cut(line string) (head, reason string, found bool) {
	f := strings.Fields(line)
	n := min(2, len(f))
	switch {
	case len(f) > 3 && f[2] == "was":
		n = 4
	case f[0] == string(Refused) && !strings.Contains(f[1], "/"):
		n = 1
	}
	return strings.Join(f[:n], " "), strings.Join(f[n:], " "), n < len(f)
}
