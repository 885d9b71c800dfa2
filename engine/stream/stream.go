// Package stream is the Go SDK: typed streams, keyed streams and process functions. A program describes its job with
// package-level generic functions over [Stream] and [Keyed], and hands it to package job to be run:
//
//	j := stream.New()
//	words := stream.From(j, "words", source)
//	byWord := stream.KeyBy(words, func(w *Word) string { return w.Text })
//	counts := stream.Process(byWord, "count", countWords)
//	stream.To(counts, "counts", sink)
//
// Every source, process function and sink is given a uid: it names the operator's part of a snapshot, so it must stay
// the same from one version of the program to the next. Functions are called by one goroutine for each subtask, with
// rows that they may read but not keep.
//
// Below the types is the same graph of operators that SQL is planned into; the package adds no machinery of its own.
package stream

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
)

// Graph is a job's description, ready to be run by package job.
type Graph = graph.Graph

// Job collects the streams of one job.
type Job struct {
	graph graph.Graph
	errs  []error
	names map[string]int
	sides map[sideOf]batch.Payload // what rows side outputs have
	rows  map[sideOf]rowType       // of the outputs that somebody reads

	serializers map[reflect.Type]batch.Codec // that the program declares
}

// New returns an empty job.
func New() *Job {
	return &Job{
		names: map[string]int{}, sides: map[sideOf]batch.Payload{}, rows: map[sideOf]rowType{}, serializers: map[reflect.Type]batch.Codec{},
	}
}

// Graph returns the job's description, or all that is wrong with it.
func (j *Job) Graph() (*Graph, error) {
	if len(j.errs) > 0 {
		return nil, errors.Join(j.errs...)
	}
	if err := j.graph.Check(); err != nil {
		return nil, err
	}
	if err := j.encodeRows(); err != nil {
		return nil, err
	}
	return &j.graph, nil
}

// add adds a node. One that its only rows come forward to has the parallelism of where they come from.
func (j *Job) add(n graph.Node) int {
	if len(n.Inputs) > 0 && n.Inputs[0].Same {
		n.Follows = true
	}
	return j.graph.Add(n)
}

func (j *Job) fail(uid string, err error) {
	j.errs = append(j.errs, fmt.Errorf("operator %s: %w", uid, err))
}

// derived names a stateless operator after the one that it reads; it has no state, so nothing depends on the name.
func (j *Job) derived(from int, kind string) string {
	base := j.graph.Nodes[from].UID + "/" + kind
	j.names[base]++
	return fmt.Sprintf("%s.%d", base, j.names[base])
}

// Stream is a stream of rows of type T.
type Stream[T any] struct {
	job  *Job
	node int
	side string     // the side output of the node that the rows come from; empty: its main output
	way  graph.Edge // how they go to whoever reads them; only what kind of edge it is
}

// edge brings the rows of the stream to a node.
func (s Stream[T]) edge() graph.Edge {
	reads[T](s.job, sideOf{s.node, s.side})
	return graph.Edge{From: s.node, Output: s.side, Kind: s.way.Kind, Same: s.way.Same}
}

// Keyed is a stream of rows of type T that is divided by a key of type K.
type Keyed[K, T any] struct {
	job  *Job
	node int
}

// Parallelism sets the number of subtasks of the operator or source that the stream comes from; without it, it has that of the job.
// It may change from one version of the program to the next, and a change of the job's parallelism leaves it as it is.
//
// Where it differs from that of the operator before, rows change subtasks. To fewer subtasks all rows of one go on to one, in order; among
// more they are dealt out in turn, and between those there is no order. To a function behind a KeyBy each row comes by its key,
// whatever the two numbers are.
func (s Stream[T]) Parallelism(subtasks int) Stream[T] {
	s.job.setParallelism(s.node, subtasks)
	return s
}

// Sink is the end of a stream.
type Sink struct {
	job  *Job
	node int
}

// Parallelism sets the number of subtasks of the sink, as that of a stream is set.
func (s Sink) Parallelism(subtasks int) Sink {
	s.job.setParallelism(s.node, subtasks)
	return s
}

func (j *Job) setParallelism(node, subtasks int) {
	n := &j.graph.Nodes[node]
	if subtasks < 1 {
		j.fail(n.UID, fmt.Errorf("its parallelism is %d, which is not positive", subtasks))
		return
	}
	n.Parallelism = subtasks
}

// SourceOption says how a source is read.
type SourceOption func(*graph.Source)

// RowsPerSecond limits how fast the whole job reads the source, over all subtasks; 0: as fast as it can.
func RowsPerSecond(rows float64) SourceOption {
	return func(s *graph.Source) { s.RowsPerSecond = rows }
}

// From reads a source whose readers fill batch.Rows[T].
func From[T any](j *Job, uid string, src connector.Source, options ...SourceOption) Stream[T] {
	return from[T](j, uid, &graph.Source{Source: src}, options)
}

// FromEvents is From with event time: at returns a row's event time in ms since the epoch, and the watermark of each
// split stays delayMS behind the highest one read from it.
func FromEvents[T any](j *Job, uid string, src connector.Source, at func(*T) int64, delayMS int64, options ...SourceOption) Stream[T] {
	return from[T](j, uid, &graph.Source{Source: src, Event: &graph.EventTime{
		DelayMS:    delayMS,
		Timestamps: func() (operator.Operator, error) { return &timeOp[T]{at: at}, nil },
	}}, options)
}

func from[T any](j *Job, uid string, src *graph.Source, options []SourceOption) Stream[T] {
	for _, o := range options {
		o(src)
	}
	if _, ok := src.Payload().(*batch.Rows[T]); !ok {
		var zero T
		j.fail(uid, fmt.Errorf("the source reads %T, not rows of %T", src.Payload(), zero))
	}
	node := graph.Node{UID: uid, Name: "source", Source: src}
	if s, ok := src.Source.(connector.Identified); ok {
		node.Fingerprint = s.Identity()
	}
	return Stream[T]{job: j, node: j.add(node)}
}

// Map turns each row into one of another type. f writes its result to out, which is zeroed.
func Map[I, O any](s Stream[I], f func(in *I, out *O)) Stream[O] {
	return Stream[O]{job: s.job, node: s.job.add(graph.Node{
		UID: s.job.derived(s.node, "map"), Name: "map", Inputs: []graph.Edge{s.edge()},
		Operator: func() (operator.Operator, error) { return &mapOp[I, O]{f: f}, nil },
	})}
}

// FlatMap turns each row into any number of rows of another type: f calls emit for each, which have the event time of row.
func FlatMap[I, O any](s Stream[I], f func(row *I, emit func(O))) Stream[O] {
	return Stream[O]{job: s.job, node: s.job.add(graph.Node{
		UID: s.job.derived(s.node, "flatmap"), Name: "flatMap", Inputs: []graph.Edge{s.edge()},
		Operator: func() (operator.Operator, error) {
			o := &flatMapOp[I, O]{f: f}
			o.emit = func(row O) { o.rows.V = append(o.rows.V, row) }
			return o, nil
		},
	})}
}

// Filter keeps the rows for which f is true.
func Filter[T any](s Stream[T], f func(*T) bool) Stream[T] {
	return Stream[T]{job: s.job, node: s.job.add(graph.Node{
		UID: s.job.derived(s.node, "filter"), Name: "filter", Inputs: []graph.Edge{s.edge()},
		Operator: func() (operator.Operator, error) { return &filterOp[T]{f: f}, nil },
	})}
}

// KeyBy divides the stream by a key. K is a string, an integer or a bool, or a named type of one; for other keys, use
// KeyByEncoded.
func KeyBy[K, T any](s Stream[T], key func(*T) K) Keyed[K, T] {
	encoder, err := keyEncoder(key)
	if err != nil {
		s.job.fail(s.job.graph.Nodes[s.node].UID, err)
	}
	return keyBy[K](s, encoder)
}

// KeyByEncoded divides the stream by a key of any type, such as one of several fields. encode appends the key's canonical
// encoding: equal keys have equal encodings in every version of the program, and different keys different ones, so a text
// that another field follows needs its length before it.
func KeyByEncoded[K, T any](s Stream[T], encode func(dst []byte, row *T) []byte) Keyed[K, T] {
	return keyBy[K](s, func() encodeKeys[T] {
		return func(keys *batch.Bytes, rows []T) {
			for i := range rows {
				keys.Buf = encode(keys.Buf, &rows[i])
				keys.Seal()
			}
		}
	})
}

func keyBy[K, T any](s Stream[T], encoder func() encodeKeys[T]) Keyed[K, T] {
	return Keyed[K, T]{s.job, s.job.add(graph.Node{
		UID: s.job.derived(s.node, "key"), Name: "keyBy", Inputs: []graph.Edge{s.edge()}, Follows: true,
		Operator: func() (operator.Operator, error) { return &keyOp[T]{encode: encoder()}, nil },
	})}
}

// Union joins streams of one type into one; the order between them is not defined.
func Union[T any](uid string, first Stream[T], rest ...Stream[T]) Stream[T] {
	in := []graph.Edge{first.edge()}
	for _, s := range rest {
		if s.job != first.job {
			first.job.fail(uid, fmt.Errorf("the streams belong to different jobs"))
		}
		in = append(in, s.edge())
	}
	return Stream[T]{job: first.job, node: first.job.add(graph.Node{
		UID: uid, Name: "union", Inputs: in,
		Operator: func() (operator.Operator, error) { return passOp{}, nil },
	})}
}

// To writes the stream to a sink that takes batch.Rows[T].
func To[T any](s Stream[T], uid string, sink connector.Sink) Sink {
	return Sink{s.job, s.job.add(graph.Node{UID: uid, Name: "sink", Inputs: []graph.Edge{s.edge()}, Sink: sink})}
}
