package task_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/executor"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/internal/task"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// row is what the test jobs move.
type row struct {
	Key  string
	At   int64 // number in its split, or what an operator makes of it
	Time int64
}

// numbers is a source: split i has the rows 0, 1, 2, ... with keys that depend on both.
type numbers struct {
	splits, rows, keys int
	rate               float64
	batchRows          func() int // rows of the next batch; nil: as many as are wanted
}

func (n *numbers) Bounded() bool               { return true }
func (n *numbers) Order() connector.SplitOrder { return connector.OrderNone }
func (n *numbers) Payload() batch.Payload      { return &batch.Rows[row]{} }

func (n *numbers) Enumerator(context.Context) (connector.Enumerator, error) {
	return nil, fmt.Errorf("the harness assigns the splits")
}

func (n *numbers) Reader(_ context.Context, c connector.ReaderContext) (connector.Reader, error) {
	return &numbersReader{source: n, rows: c.BatchRows}, nil
}

// row is row i of a split. Its event time is in order, but for a little disorder.
func (n *numbers) row(split string, i int) row {
	h := xxh3.HashString(fmt.Sprintf("%s/%d", split, i))
	return row{Key: fmt.Sprintf("key-%d", h%uint64(n.keys)), At: int64(i), Time: int64(i) - int64(h>>40%5)}
}

// names are the splits.
func (n *numbers) names() []string {
	var names []string
	for i := range n.splits {
		names = append(names, fmt.Sprintf("split-%d", i))
	}
	return names
}

type openSplit struct {
	id string
	at int
}

// numbersReader reads its splits in turn.
type numbersReader struct {
	source   *numbers
	rows     int // of a batch
	open     []openSplit
	position []byte
}

func (r *numbersReader) Add(s connector.Split, position []byte) error {
	at := uint64(0)
	if len(position) > 0 {
		at = binary.LittleEndian.Uint64(position)
	}
	r.open = append(r.open, openSplit{s.ID, int(at)})
	return nil
}

func (r *numbersReader) Next(_ context.Context, into *batch.Batch) (connector.Progress, error) {
	if len(r.open) == 0 {
		return connector.Progress{}, nil
	}
	s := r.open[0]
	r.open = r.open[1:]
	n := r.rows
	if r.source.batchRows != nil {
		n = r.source.batchRows()
	}
	rows := into.Data.(*batch.Rows[row])
	for range min(n, r.source.rows-s.at) {
		rows.V = append(rows.V, r.source.row(s.id, s.at))
		into.Time = append(into.Time, rows.V[len(rows.V)-1].Time)
		s.at++
	}
	r.position = binary.LittleEndian.AppendUint64(r.position[:0], uint64(s.at))
	done := s.at == r.source.rows
	if !done {
		r.open = append(r.open, s)
	}
	return connector.Progress{Split: s.id, Position: r.position, Done: done}, nil
}

func (r *numbersReader) Close() error { return nil }

// keyBy encodes and hashes the key.
type keyBy struct {
	operator.Stateless
	out batch.Batch
}

func (o *keyBy) Process(_ int, b *batch.Batch, out operator.Output) error {
	keys, hash := o.out.Keys, o.out.Hash[:0]
	keys.Reset()
	for _, r := range b.Data.(*batch.Rows[row]).V {
		keys.AppendString(r.Key)
		hash = append(hash, xxh3.Hash(keys.At(keys.Len()-1)))
	}
	o.out = batch.Batch{Data: b.Data, Time: b.Time, Keys: keys, Hash: hash}
	return out.Emit(&o.out)
}

// count numbers the rows of each key.
type count struct {
	operator.Stateless
	table state.Table
	cells [][]byte
	rows  batch.Rows[row]
	out   batch.Batch
}

var countState = state.Descriptor{Name: "n", Kind: state.Value, Key: []string{"key"}, Value: []string{"n"}, CellBytes: 8}

func (o *count) Open(ctx operator.Context) (err error) {
	o.table, err = ctx.Table(countState)
	return err
}

func (o *count) Process(_ int, b *batch.Batch, out operator.Output) error {
	in := b.Data.(*batch.Rows[row]).V
	o.rows.V = append(o.rows.V[:0], in...)
	for len(o.cells) < len(in) {
		o.cells = append(o.cells, nil)
	}
	for from := 0; from < len(in); {
		end := o.table.Resolve(b, from, o.cells)
		for i := from; i < end; i++ {
			n := binary.LittleEndian.Uint64(o.cells[i]) + 1
			binary.LittleEndian.PutUint64(o.cells[i], n)
			o.rows.V[i].At = int64(n)
		}
		from = end
	}
	o.out = batch.Batch{Data: &o.rows, Time: b.Time}
	return out.Emit(&o.out)
}

// collected is a sink whose committables are the rows themselves.
type collected struct {
	hold  chan struct{} // not nil: writers wait here
	fail  func(checkpoint int64) error
	mu    sync.Mutex
	seen  int        // rows written
	grown *sync.Cond // on mu
}

func newCollected() *collected {
	c := &collected{}
	c.grown = sync.NewCond(&c.mu)
	return c
}

func (c *collected) Rewinds() bool { return false }
func (c *collected) Committer(context.Context, connector.CommitterContext) (connector.Committer, error) {
	return nil, nil
}
func (c *collected) Writer(context.Context, connector.WriterContext) (connector.Writer, error) {
	return &collectedWriter{sink: c}, nil
}

type collectedWriter struct {
	sink *collected
	rows []row
}

func (w *collectedWriter) Write(ctx context.Context, b *batch.Batch) error {
	if w.sink.hold != nil {
		select {
		case <-w.sink.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.rows = append(w.rows, b.Data.(*batch.Rows[row]).V...)
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	w.sink.seen += b.Len()
	w.sink.grown.Broadcast()
	return nil
}

func (w *collectedWriter) Prepare(_ context.Context, checkpoint int64) ([][]byte, error) {
	if w.sink.fail != nil {
		if err := w.sink.fail(checkpoint); err != nil {
			return nil, err
		}
	}
	if len(w.rows) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(w.rows)
	w.rows = nil
	return [][]byte{text}, err
}

func (w *collectedWriter) Close() error { return nil }

// countGraph is source -> keyBy -> count -> sink.
func countGraph(src connector.Source, sink connector.Sink) *graph.Graph {
	g := &graph.Graph{}
	in := &graph.Source{Source: src}
	if n, ok := src.(*numbers); ok {
		in.RowsPerSecond = n.rate
	}
	from := g.Add(graph.Node{UID: "numbers", Name: "source", Source: in})
	keyed := g.Add(graph.Node{UID: "key", Name: "keyBy", Inputs: []graph.Edge{{From: from}},
		Operator: func() (operator.Operator, error) { return &keyBy{}, nil }})
	counted := g.Add(graph.Node{UID: "count", Name: "count", Inputs: []graph.Edge{{From: keyed, Kind: graph.Keyed}},
		State: []state.Descriptor{countState}, Fingerprint: "count",
		Operator: func() (operator.Operator, error) { return &count{}, nil }})
	g.Add(graph.Node{UID: "sink", Name: "sink", Inputs: []graph.Edge{{From: counted}}, Sink: sink})
	return g
}

// driver is a coordinator reduced to what the tests need: it assigns splits, takes checkpoints one at a time and commits
// those that are complete. The test's goroutine calls all its methods.
type driver struct {
	t     *testing.T
	store *backendtest.Store
	graph *graph.Graph
	cfg   task.Config

	exec        *task.Executor
	name        message.Execution
	parallelism int
	mailbox     chan message.Report

	unassigned []snapshot.SplitState // with the position of those that were read in part
	ended      int
	acks       map[int64]map[string]message.Ack
	declined   map[int64]message.Decline
	failed     []message.Failed
	running    int

	enumerated map[int64][]snapshot.SplitState // unassigned at the trigger, by checkpoint
	nextID     int64
	newest     *snapshot.Snapshot
	newestLeft []snapshot.SplitState
	committed  []row
}

func newDriver(t *testing.T, store *backendtest.Store, g *graph.Graph, splits []string) *driver {
	d := &driver{t: t, store: store, graph: g, nextID: 1, enumerated: map[int64][]snapshot.SplitState{}}
	for _, id := range splits {
		d.newestLeft = append(d.newestLeft, snapshot.SplitState{ID: id, MaxTime: snapshot.NoTime})
	}
	return d
}

// start runs the graph from the newest complete checkpoint.
func (d *driver) start(parallelism int) {
	d.t.Helper()
	d.name = message.Execution{Attempt: 1, Restart: d.name.Restart + 1}
	d.parallelism, d.ended, d.running, d.failed = parallelism, 0, 0, nil
	d.acks, d.declined = map[int64]map[string]message.Ack{}, map[int64]message.Decline{}
	d.unassigned = slices.Clone(d.newestLeft)
	d.mailbox = make(chan message.Report, 1<<16)
	mailbox := d.mailbox
	d.cfg.Graph, d.cfg.Job = d.graph, "job"
	d.cfg.Parallelism, d.cfg.MaxParallelism = parallelism, 32
	d.cfg.Files = func(_ message.Execution, id int64) backend.Files { return d.store.Files(id) }
	d.cfg.Events = func(e message.Event) { mailbox <- e.Report }
	d.cfg.Blocks = func(*snapshot.Metadata) (backend.Blocks, error) { return d.newest, nil }
	if d.cfg.Logger == nil {
		d.cfg.Logger = slog.New(slog.DiscardHandler)
	}
	deployment := executor.Deployment{Execution: d.name}
	if d.newest != nil {
		deployment.From, deployment.Continues = d.newest.Metadata, d.cfg.Incremental
		for _, s := range d.newest.Metadata.Operator("numbers").Subtasks {
			d.unassigned = append(d.unassigned, s.Splits...)
		}
	}
	exec, err := task.NewExecutor(d.t.Context(), d.cfg)
	if err != nil {
		d.t.Fatal(err)
	}
	d.exec = exec
	d.t.Cleanup(exec.Close)
	exec.Deploy(deployment)
}

func (d *driver) stop() { d.exec.Close() }

func (d *driver) abort(checkpoint int64) { d.exec.Abort(d.name, checkpoint) }

func (d *driver) command(subtask int, c message.Command) {
	d.exec.Command(message.Order{Execution: d.name, To: message.Subtask{Task: "numbers", Index: subtask}, Command: c})
}

func (d *driver) all(c message.Command) {
	d.t.Helper()
	for i := range d.readers() {
		d.command(i, c)
	}
}

// next handles one report and returns it.
func (d *driver) next() message.Report {
	d.t.Helper()
	var r message.Report
	select {
	case r = <-d.mailbox:
	case <-d.t.Context().Done():
		d.t.Fatal("the test ended while it waited for a report")
	}
	switch r := r.(type) {
	case message.Running:
		d.running++
	case message.SplitWanted:
		d.assign(r.Index)
	case message.SplitDone:
		d.assign(r.Index)
	case message.Ended:
		d.ended++
	case message.Ack:
		if d.acks[r.Checkpoint] == nil {
			d.acks[r.Checkpoint] = map[string]message.Ack{}
		}
		d.acks[r.Checkpoint][fmt.Sprint(r.Subtask)] = r
	case message.Decline:
		d.declined[r.Checkpoint] = r
	case message.Failed:
		d.failed = append(d.failed, r)
	}
	return r
}

func (d *driver) assign(subtask int) {
	if len(d.unassigned) == 0 {
		d.command(subtask, message.NoMoreSplits{})
		return
	}
	s := d.unassigned[0]
	d.unassigned = d.unassigned[1:]
	d.command(subtask, message.Assign{
		Split: connector.Split{ID: s.ID, Chain: s.ID, Spec: s.Spec}, Position: s.Position, MaxTime: s.MaxTime,
	})
	if len(d.unassigned) == 0 {
		d.all(message.WatermarkBound{MaxTime: math.MaxInt64})
	}
}

// until handles reports until the condition holds; a subtask that fails ends the test.
func (d *driver) until(condition func() bool) {
	d.t.Helper()
	for !condition() {
		d.next()
		for _, f := range d.failed {
			d.t.Fatalf("subtask %v failed: %v", f.Subtask, f.Err)
		}
	}
}

func (d *driver) trigger(mode message.Mode) int64 {
	id := d.nextID
	d.nextID++
	d.enumerated[id] = slices.Clone(d.unassigned)
	d.all(message.Trigger{ID: id, Mode: mode})
	return id
}

// subtasks are those of all tasks.
func (d *driver) subtasks() int {
	n := 0
	for _, t := range task.Plan(d.graph, d.parallelism) {
		n += t.Parallelism
	}
	return n
}

// readers are the subtasks of the source.
func (d *driver) readers() int { return d.graph.Parallelism(d.parallelism)[0] }

// checkpoint takes a checkpoint, completes it and commits its output.
func (d *driver) checkpoint(mode message.Mode) {
	d.t.Helper()
	id := d.trigger(mode)
	d.until(func() bool { return len(d.acks[id]) == d.subtasks() })
	d.complete(id)
}

func (d *driver) complete(id int64) {
	d.t.Helper()
	m := &snapshot.Metadata{ID: id, Parallelism: d.parallelism, MaxParallelism: d.cfg.MaxParallelism}
	subtasks := d.graph.Parallelism(d.parallelism)
	for i, n := range d.graph.Nodes {
		o := snapshot.OperatorState{UID: n.UID, Name: n.Name, Parallelism: subtasks[i], MaxParallelism: d.cfg.MaxParallelism}
		for _, a := range d.acks[id] {
			for _, st := range a.States {
				if st.UID == n.UID {
					o.Subtasks = append(o.Subtasks, st.State)
				}
			}
		}
		if len(o.Subtasks) != subtasks[i] {
			d.t.Fatalf("operator %s acknowledged %d subtasks of %d", n.UID, len(o.Subtasks), subtasks[i])
		}
		m.Operators = append(m.Operators, o)
	}
	d.newest, d.newestLeft = d.store.Publish(m), d.enumerated[id]
	d.exec.Complete(d.name, id)
	for _, s := range m.Operator("sink").Subtasks {
		for _, c := range s.Committables {
			var rows []row
			if err := json.Unmarshal(c, &rows); err != nil {
				d.t.Fatal(err)
			}
			d.committed = append(d.committed, rows...)
		}
	}
}

// finish runs to the end of the input and takes the final checkpoint.
func (d *driver) finish() {
	d.t.Helper()
	d.until(func() bool { return d.ended == d.readers() })
	d.checkpoint(message.Continue)
	d.stop()
}

// checkCounts compares the committed rows with a plain loop over the input: for each key the numbers from 1 to the
// number of its rows, each once.
func (d *driver) checkCounts(n *numbers) {
	d.t.Helper()
	want, got := map[string]int64{}, map[row]int{}
	for _, split := range n.names() {
		for i := range n.rows {
			want[n.row(split, i).Key]++
		}
	}
	for _, r := range d.committed {
		got[row{Key: r.Key, At: r.At}]++
	}
	total := 0
	for key, n := range want {
		for i := range n {
			if times := got[row{Key: key, At: i + 1}]; times != 1 {
				d.t.Fatalf("row %d of %s was committed %d times", i+1, key, times)
			}
			total++
		}
	}
	if total != len(d.committed) {
		d.t.Fatalf("%d rows were committed, want %d", len(d.committed), total)
	}
}

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }
