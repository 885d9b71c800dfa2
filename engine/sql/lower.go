package sql

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/sql/catalog"
	"github.com/weirstream/weir/engine/sql/exec"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/sql/physical"
	"github.com/weirstream/weir/engine/state"
)

// lower makes the graph of a physical plan: connectors are opened, operators get their factories.
func (c Compiler) lower(p *physical.Plan) (*graph.Graph, error) {
	g := &graph.Graph{}
	index := make(map[*physical.Node]int, len(p.Nodes))
	codecs := map[*physical.Node]batch.Codec{}
	for _, n := range p.Nodes {
		node := graph.Node{UID: n.UID, Name: n.Name}
		for _, in := range n.Inputs {
			edge := graph.Edge{From: index[in.From], Kind: graph.Forward, Input: in.Input, Codec: codecs[in.From]}
			if in.Keyed {
				edge.Kind = graph.Keyed
			}
			node.Inputs = append(node.Inputs, edge)
		}
		if err := c.fill(&node, n.Op); err != nil {
			return nil, err
		}
		if schema := schemaOf(&node, n.Op); schema != nil {
			codecs[n] = batch.ColumnCodec(schema)
		}
		index[n] = g.Add(node)
	}
	return g, nil
}

// fill sets what a node is: a source, an operator or a sink.
func (c Compiler) fill(node *graph.Node, op physical.Op) (err error) {
	switch op := op.(type) {
	case *physical.Source:
		name, _ := op.Table.Option(optionConnector)
		node.Fingerprint = c.Connectors.Identity(name, op.Table.Option)
		node.Source, node.Parallelism, err = c.source(op.Table)
	case *physical.Sink:
		node.Sink, node.Parallelism, err = c.sink(op)
	case *physical.Computed:
		node.Operator = c.sourceColumns(op.Table, false)
	case *physical.Calc:
		node.Operator = exec.Calc(op.Spec)
	case *physical.Assign:
		node.Operator, node.DecidesLate = exec.Assign(op.Spec), !op.Spec.KeepLate
	case *physical.KeyBy:
		node.Operator, node.Follows = exec.KeyBy(op.Spec), true
	case *physical.Aggregate:
		node.Operator = exec.Aggregate(op.Spec)
		node.State = []state.Descriptor{op.Spec.Descriptor()}
		node.Convert = op.Spec.Convert
		node.Fingerprint, node.Advisory = op.Of.Fingerprint(), op.Of.Advisory
		if !op.Of.Named {
			node.Path = graph.Path(op.Of.UID)
		}
	case *physical.Group:
		node.Operator = exec.Group(op.Spec)
		node.State = op.Spec.States()
		node.Convert = op.Spec.Convert()
		node.Fingerprint, node.Advisory = op.Of.Fingerprint(), op.Of.Advisory
		if !op.Of.Named {
			node.Path = graph.Path(op.Of.UID)
		}
	case *physical.Join:
		node.Operator = exec.Join(op.Spec)
		node.State = op.Spec.States()
		node.Fingerprint, node.Advisory = op.Of.Fingerprint(), op.Of.Advisory
		if !op.Of.Named {
			node.Path = graph.Path(op.Of.UID)
		}
	case *physical.TopN:
		node.Operator = exec.TopN(op.Spec)
		node.State = []state.Descriptor{op.Spec.Descriptor()}
		node.Fingerprint, node.Advisory = op.Of.Fingerprint(op.Spec.Retracts), op.Of.Advisory
		if !op.Of.Named {
			node.Path = graph.Path(op.Of.UID)
		}
	default:
		panic(fmt.Sprintf("a physical plan with a %T", op))
	}
	return err
}

// schemaOf returns the columns that a node gives; nil: it is a sink.
func schemaOf(node *graph.Node, op physical.Op) *batch.Schema {
	switch op := op.(type) {
	case *physical.Source:
		if node.Source.Event != nil {
			return op.Table.Schema().Layout() // its stage adds the computed columns
		}
		return node.Source.Payload().(*batch.Columns).Schema
	case *physical.Computed:
		return op.Table.Schema().Layout()
	case *physical.Calc:
		return op.Spec.Schema
	case *physical.Assign:
		return op.Spec.Schema
	case *physical.KeyBy:
		return op.Spec.Schema
	case *physical.Aggregate:
		return op.Spec.Schema
	case *physical.Group:
		return op.Spec.Schema
	case *physical.Join:
		return op.Spec.Schema
	case *physical.TopN:
		return op.Spec.Schema
	}
	return nil
}

func (c Compiler) source(t *catalog.Table) (source *graph.Source, parallelism int, err error) {
	name, spec, err := c.spec(t)
	if err != nil {
		return nil, 0, err
	}
	idle, err := spec.Options.Duration(optionIdle, 0)
	if err != nil {
		return nil, 0, err
	}
	onNull, err := spec.Options.OneOf(exec.OptionOnNull, "fail", "skip")
	if err != nil {
		return nil, 0, err
	}
	if parallelism, err = readParallelism(spec.Options, optionScanParallelism); err != nil {
		return nil, 0, err
	}
	spec.Options.Allow(optionSinkParallelism)
	s, rate, err := c.Connectors.Source(name, spec)
	if err != nil {
		return nil, 0, err
	}
	if err := spec.Options.Check(); err != nil {
		return nil, 0, err
	}
	source = &graph.Source{Source: s, Connector: name, RowsPerSecond: rate}
	if t.RowTime >= 0 {
		source.Event = &graph.EventTime{Timestamps: c.sourceColumns(t, onNull == "skip"), DelayMS: t.DelayMS, Idle: idle.Round(time.Millisecond)}
	}
	return source, parallelism, nil
}

// sourceColumns makes the operator that adds the computed columns of a table, and sets event time.
func (c Compiler) sourceColumns(t *catalog.Table, skipNull bool) operator.Factory {
	return exec.SourceColumns(exec.SourceColumnsSpec{
		File: c.File, Computed: t.Computed, Schema: t.Schema().Layout(), RowTime: t.RowTime, SkipNull: skipNull, Table: t.Name, Place: c.at(t.WatermarkAt),
	})
}

func (c Compiler) sink(op *physical.Sink) (s connector.Sink, parallelism int, err error) {
	t := op.Table
	name, spec, err := c.spec(t)
	if err != nil {
		return nil, 0, err
	}
	if parallelism, err = readParallelism(spec.Options, optionSinkParallelism); err != nil {
		return nil, 0, err
	}
	spec.Options.Allow(optionIdle, exec.OptionOnNull, optionScanParallelism)
	if s, err = c.Connectors.Sink(name, spec); err != nil {
		return nil, 0, err
	}
	if err := spec.Options.Check(); err != nil {
		return nil, 0, err
	}
	if takes, ok := s.(connector.ChangelogSink); op.Changes != logical.Inserts && !(ok && takes.TakesChanges()) {
		return nil, 0, parser.Errorf(op.At, "write it with a format of changes, such as 'debezium-json', or to 'print'; or aggregate in windows, whose results never change",
			"the query gives %v of rows that it has given before, and the table %s only takes new ones", op.Changes&^logical.Inserts, t.Name)
	}
	return s, parallelism, nil
}
