package physical

import (
	"strings"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/exec"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/types"
)

var matches = map[logical.JoinKind]exec.Match{logical.SemiJoin: exec.Matching, logical.AntiJoin: exec.Unmatching}

// join builds a join: each stream of a side is keyed, and one node takes them all. Of a side whose rows are given only in pairs those with
// NULL in their key go no further.
func (b *builder) join(j *logical.Join) ([]*Node, error) {
	spec := exec.JoinSpec{File: b.file, Condition: j.Condition, Match: matches[j.Kind], KeyNames: j.KeyNames(), Schema: schemaOf(j.Columns())}
	node := &Node{UID: j.UID, Name: strings.ToLower(j.Kind.String()) + " join"}
	for i, side := range [...]logical.JoinSide{j.Left, j.Right} {
		streams, err := b.streams(side.Input, false)
		if err != nil {
			return nil, err
		}
		outer := j.Outer(i == 1)
		spec.Sides[i] = exec.JoinSide{Outer: outer, Names: side.RowNames(), Schema: schemaOf(side.Rows())}
		keyBy := exec.KeyBySpec{Keys: side.Keys, Schema: spec.Sides[i].Schema, Nulls: exec.DropNulls}
		if outer || i == 0 && j.Kind == logical.AntiJoin {
			keyBy.Nulls = exec.SpreadNulls
		}
		for c := range side.Columns {
			keyBy.Out = append(keyBy.Out, c)
		}
		for _, n := range b.chain(j.Block, "key", "key by", streams, &KeyBy{keyBy}) {
			node.Inputs = append(node.Inputs, Edge{From: n, Keyed: true, Input: i})
		}
	}
	node.Op = &Join{spec, j}
	return []*Node{b.add(node)}, nil
}

// schemaOf has the columns of a relation.
func schemaOf(columns []logical.Column) *batch.Schema {
	s := &batch.Schema{}
	for _, c := range columns {
		s.Fields = append(s.Fields, batch.Field{Name: c.Name, Layout: types.MustLayout(c.Type)})
	}
	return s
}
