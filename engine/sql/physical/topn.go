package physical

import (
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/exec"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
)

// topN builds the first rows of partitions: each stream is keyed, and one node takes them all.
func (b *builder) topN(t *logical.TopN) ([]*Node, error) {
	if t.Limit == 0 {
		return nil, parser.Unsupported(t.At, "ROW_NUMBER() without a bound (all numbers would change with every row)", "select it AS rn in a subquery, and say WHERE rn <= 10 right around it")
	}
	changes, err := b.flow.Of(t.Input)
	if err != nil {
		return nil, err
	}
	streams, err := b.streams(t.Input, false)
	if err != nil {
		return nil, err
	}
	spec := exec.TopNSpec{
		Columns: t.Columns, Limit: int(t.Limit), Numbered: t.Numbered, Retracts: changes != logical.Inserts,
		KeyNames: t.PartitionNames(), RowNames: logical.Names(t.Rows()), Input: schemaOf(t.Input.Columns), Schema: schemaOf(t.Rows()),
	}
	spec.Schema.Fields = append(spec.Schema.Fields, batch.Field{Name: "ROW_NUMBER()", Layout: batch.Int64})
	for _, o := range t.Order {
		spec.Order = append(spec.Order, exec.TopNColumn(o))
	}
	keyBy := exec.KeyBySpec{Keys: t.Partition, Schema: spec.Input}
	for c := range t.Input.Columns {
		keyBy.Out = append(keyBy.Out, c)
	}
	node := &Node{UID: t.UID, Name: fmt.Sprintf("first %d", t.Limit), Op: &TopN{spec, t}}
	for _, n := range b.chain(t.Block, "key", "key by", streams, &KeyBy{keyBy}) {
		node.Inputs = append(node.Inputs, Edge{From: n, Keyed: true})
	}
	return []*Node{b.add(node)}, nil
}
