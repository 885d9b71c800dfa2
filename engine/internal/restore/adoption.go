package restore

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/snapshot"
)

// Adoption says which operator of a job goes on with the state of which operator of a snapshot (P9).
//
// A uid that the text names in whole finds its state by itself. One that ends in a place among others, the second INSERT
// into a table or a branch of a UNION ALL, does not: a place is another's after the next edit. Where a path has several
// such operators, before or after, their state is found by the rows that are in it, whatever their order; and where the
// rows do not tell them apart either, the job is refused, because a guess would hand one query the counts of another.
type Adoption struct {
	of    map[string]*snapshot.OperatorState // by the uid in the job
	left  []*snapshot.OperatorState          // that nobody goes on with
	begin []*graph.Node                      // that had no part in the snapshot
	// refused are the groups of which it cannot be said who goes on with what; their nodes are in none of the above.
	refused []*IncompatibleError
	// values are those that standing state has more or fewer of.
	values []value
}

// adopt matches the operators of a snapshot with those of a job. Names come first, because they leave no doubt: what they
// take is no candidate for those that are told apart by their place. Then each group of these is matched by itself, and
// what is left over on either side is noted: state that nobody goes on with, and operators that begin empty.
func adopt(m *snapshot.Metadata, g *graph.Graph, cfg config.Config) *Adoption {
	a := &Adoption{of: map[string]*snapshot.OperatorState{}}
	groups, taken := map[string]*candidates{}, map[*snapshot.OperatorState]bool{}
	// The job's side: a uid that is a name takes its state at once; one that ends in a place joins the group of its path.
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Path != "" {
			of(groups, n.Path).nodes = append(of(groups, n.Path).nodes, n)
		} else if old := m.Operator(n.UID); old != nil {
			a.of[n.UID], taken[old] = old, true
		}
	}
	// The snapshot's side: states of such a path join its group. What has no keyed state has no rows to be told by.
	for i := range m.Operators {
		old := &m.Operators[i]
		c := groups[graph.Path(old.UID)]
		switch {
		case taken[old] && c != nil:
			c.named = true // the text names one of them, so that the others are not alone
		case taken[old]:
		case c != nil && len(old.Schemas) > 0:
			c.states = append(c.states, old)
		default:
			a.left = append(a.left, old)
		}
	}
	// In the order of the paths, so that of several refusals the same one is always told.
	unknown := map[*graph.Node]bool{}
	for _, path := range slices.Sorted(maps.Keys(groups)) {
		c := groups[path]
		c.sameText = m.Revision == cfg.Revision && m.Revision != ""
		if err := c.match(a, cfg.Restore.AllowNonRestoredState); err != nil {
			a.refused = append(a.refused, err)
			for _, n := range c.nodes {
				unknown[n] = true
			}
		}
	}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; a.of[n.UID] == nil && !unknown[n] && (n.Source != nil || len(n.States()) > 0) {
			a.begin = append(a.begin, n)
		}
	}
	return a
}

func of(groups map[string]*candidates, path string) *candidates {
	if groups[path] == nil {
		groups[path] = &candidates{}
	}
	return groups[path]
}

// candidates are what a snapshot and a job have under one path.
type candidates struct {
	states   []*snapshot.OperatorState
	nodes    []*graph.Node
	named    bool // the job has given one of the snapshot's a name
	sameText bool // the snapshot is of the same revision
}

// match pairs the candidates, and adds what is left to the adoption. The surest reason comes first: there is but one on
// each side; the text is the same; meaning and rows are the same; the rows are the same and nobody else's.
func (c *candidates) match(a *Adoption, allowNonRestored bool) *IncompatibleError {
	switch {
	case len(c.states) == 1 && len(c.nodes) == 1 && !c.named: // whether it means the same is compared later
		c.pair(a, func(*snapshot.OperatorState, *graph.Node) bool { return true })
	case len(c.states) == 0:
	case slices.ContainsFunc(c.states, func(o *snapshot.OperatorState) bool { return o.Advisory == "" }):
		if !c.unchanged() {
			return c.refuse("the snapshot, of an earlier version, does not say which of them has which rows")
		}
		c.pair(a, func(o *snapshot.OperatorState, n *graph.Node) bool { return o.UID == n.UID })
	default:
		c.pair(a, func(o *snapshot.OperatorState, n *graph.Node) bool {
			return o.Fingerprint == n.Fingerprint && o.Advisory == n.Advisory
		})
		if c.pairOfRows(a); c.alike() {
			return c.refuse("several of them have the same rows, and what is made of the results has changed")
		}
		if len(c.states) > 0 && len(c.nodes) > 0 && !allowNonRestored {
			return c.refuse(c.changed())
		}
	}
	a.left = append(a.left, c.states...)
	return nil
}

// unchanged tells whether an old snapshot was taken by this very text: by its revision, or because each operator is
// where it was and no two of them could be taken for each other.
func (c *candidates) unchanged() bool {
	if len(c.states) != len(c.nodes) || c.named {
		return false
	}
	seen := map[string]bool{}
	for _, o := range c.states {
		i := slices.IndexFunc(c.nodes, func(n *graph.Node) bool { return n.UID == o.UID })
		if i < 0 || c.nodes[i].Fingerprint != o.Fingerprint || seen[o.Fingerprint] && !c.sameText {
			return false
		}
		seen[o.Fingerprint] = true
	}
	return true
}

// pair takes out what belongs together. Those that have kept their uid come first: of queries that are equal in all
// respects it does not matter which is which.
func (c *candidates) pair(a *Adoption, same func(*snapshot.OperatorState, *graph.Node) bool) {
	for _, sameUID := range [...]bool{true, false} {
		c.nodes = slices.DeleteFunc(c.nodes, func(n *graph.Node) bool {
			i := slices.IndexFunc(c.states, func(o *snapshot.OperatorState) bool {
				return same(o, n) && (!sameUID || o.UID == n.UID)
			})
			if i < 0 {
				return false
			}
			a.of[n.UID] = c.states[i]
			c.states = slices.Delete(c.states, i, i+1)
			return true
		})
	}
}

// pairOfRows pairs those whose rows nobody else has: only the select list or HAVING has changed.
func (c *candidates) pairOfRows(a *Adoption) {
	states, nodes := map[string]int{}, map[string]int{}
	for _, o := range c.states {
		states[rowsOf(o.Fingerprint, o.Advisory)]++
	}
	for _, n := range c.nodes {
		nodes[rowsOf(n.Fingerprint, n.Advisory)]++
	}
	c.pair(a, func(o *snapshot.OperatorState, n *graph.Node) bool {
		rows := rowsOf(o.Fingerprint, o.Advisory)
		return rows == rowsOf(n.Fingerprint, n.Advisory) && states[rows] == 1 && nodes[rows] == 1
	})
}

// alike tells whether candidates are left that hold the same rows.
func (c *candidates) alike() bool {
	return slices.ContainsFunc(c.states, func(o *snapshot.OperatorState) bool {
		return slices.ContainsFunc(c.nodes, func(n *graph.Node) bool {
			return rowsOf(o.Fingerprint, o.Advisory) == rowsOf(n.Fingerprint, n.Advisory)
		})
	})
}

// changed says what is known of the change.
func (c *candidates) changed() string {
	const some = "the sources, filters or definitions of some have changed"
	if len(c.states) != 1 || len(c.nodes) != 1 {
		return some
	}
	o, n := c.states[0], c.nodes[0]
	return "one has changed: " + difference(rowsOf(o.Fingerprint, o.Advisory), rowsOf(n.Fingerprint, n.Advisory))
}

// rowsOf is what a state is and which rows are in it, without what is made of the results.
func rowsOf(fingerprint, advisory string) string {
	var lines []string
	for line := range strings.Lines(advisory) {
		if !strings.HasPrefix(line, "gives ") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return fingerprint + "\n" + strings.Join(lines, "\n")
}

// refuse names the states that cannot be told apart and how the text can say whose they are.
func (c *candidates) refuse(reason string) *IncompatibleError {
	uids := make([]string, len(c.states))
	for i, o := range c.states {
		uids[i] = o.UID
	}
	return &IncompatibleError{
		UID:    strings.Join(uids, ", "),
		Reason: "several stateful queries are told apart by their place in the text alone, which moves no state, and " + reason,
		Remedy: fmt.Sprintf("name the queries: SELECT /*+ UID('%s') */ goes on with that state, another name begins empty; "+
			"or take the old text back, and give each query a view or alias before it is edited", uids[0]),
	}
}

// exchanged finds a query that goes on under a name with the state of one query, though its rows are those of another in
// the snapshot that nobody else goes on with: two names, sinks or views have changed places. A changed filter is none.
func (a *Adoption) exchanged(m *snapshot.Metadata, g *graph.Graph) *IncompatibleError {
	at := map[*snapshot.OperatorState]bool{} // whose rows are still those of the query that has it
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if old := a.of[n.UID]; old != nil {
			at[old] = rowsOf(old.Fingerprint, old.Advisory) == rowsOf(n.Fingerprint, n.Advisory)
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		old := a.of[n.UID]
		if old == nil || old.Advisory == "" || n.Advisory == "" || at[old] {
			continue
		}
		rows := rowsOf(n.Fingerprint, n.Advisory)
		for k := range m.Operators {
			other := &m.Operators[k]
			if other != old && !at[other] && other.Advisory != "" && rowsOf(other.Fingerprint, other.Advisory) == rows {
				return &IncompatibleError{
					UID:    n.UID,
					Reason: "the query has the rows of " + other.UID + " now, as if both had changed places",
					Remedy: fmt.Sprintf("SELECT /*+ UID('%s') */ goes on with the state of those rows, another name begins empty; or take the old text back", other.UID),
				}
			}
		}
	}
	return nil
}

// Metadata is the snapshot as the job sees it: its operators have the uids of the job.
func (a *Adoption) Metadata(m *snapshot.Metadata, g *graph.Graph) *snapshot.Metadata {
	out := *m
	out.Operators = nil
	used := map[string]bool{}
	for i := range g.Nodes {
		uid := g.Nodes[i].UID
		used[uid] = true
		if old := a.of[uid]; old != nil {
			o := *old
			o.UID = uid
			out.Operators = append(out.Operators, o)
		}
	}
	for _, old := range a.left {
		if !used[old.UID] { // else another has its uid now, and must not find its state
			out.Operators = append(out.Operators, *old)
		}
	}
	return &out
}

// Notes tell the user what became of the state, as far as it is not what was to be expected.
func (a *Adoption) Notes(allowNonRestored bool) []string {
	var restored, moved, left, begin []string
	for uid, old := range a.of {
		if old.UID != uid {
			moved = append(moved, fmt.Sprintf("%s (was %s)", uid, old.UID))
		} else if hasState(old) {
			restored = append(restored, uid)
		}
	}
	for _, old := range a.left {
		if hasState(old) {
			left = append(left, old.UID)
		}
	}
	for _, n := range a.begin {
		begin = append(begin, n.UID)
	}
	var out []string
	add := func(what string, uids []string) {
		if len(uids) > 0 {
			slices.Sort(uids)
			out = append(out, what+": "+strings.Join(uids, ", "))
		}
	}
	if allowNonRestored {
		add("operators that go on with their state", restored)
	}
	add("operators that go on with their state, under another uid", moved)
	add("operators whose state is left behind", left)
	add("operators that begin empty", begin)
	var added, gone []string
	for _, v := range a.values {
		if v.added {
			added = append(added, v.key())
		} else {
			gone = append(gone, v.key())
		}
	}
	add("aggregates that begin empty in standing state", added)
	add("aggregates left behind of standing state", gone)
	return out
}
