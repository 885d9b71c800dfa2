package executortest

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// The uids of the test job: feed -> key -> count -> sink, with a keyed exchange before count.
const (
	feedUID  = "feed"
	keyUID   = "key"
	countUID = "count"
	sinkUID  = "sink"
)

// Specs of splits, beside the number of rows that a split has.
const (
	silent = "silent" // no row ever comes, and no end
	bad    = "bad"    // one row that the operator refuses
)

// job is what the suite runs: rows of one key are counted, and each checkpoint commits the count. Its parts wait where a test
// says so, for as long as their context lives.
type job struct {
	own map[string]int // parallelism of operators that have one of their own

	opening chan struct{} // readers are made when it is closed
	writing chan struct{} // rows are written when it is closed
	open    atomic.Int64  // readers, operators and writers that are not closed
	mu      struct {
		sync.Mutex
		told []string // what readers and operators were told to be complete
	}
}

func (j *job) note(format string, args ...any) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.told = append(j.mu.told, fmt.Sprintf(format, args...))
	return nil
}

// told returns what readers and operators were told, sorted.
func (j *job) told() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(slices.Values(j.mu.told))
}

// newJob returns a job that waits nowhere.
func newJob() *job {
	j := &job{opening: make(chan struct{}), writing: make(chan struct{})}
	close(j.opening)
	close(j.writing)
	return j
}

func (j *job) graph() *graph.Graph {
	g := &graph.Graph{}
	from := g.Add(graph.Node{UID: feedUID, Source: &graph.Source{Source: &feed{j}}})
	keyed := g.Add(graph.Node{UID: keyUID, Inputs: []graph.Edge{{From: from}},
		Operator: func() (operator.Operator, error) { return &key{}, nil }})
	counted := g.Add(graph.Node{UID: countUID, Inputs: []graph.Edge{{From: keyed, Kind: graph.Keyed}},
		State: []state.Descriptor{countState}, Fingerprint: countUID,
		Operator: func() (operator.Operator, error) { return &count{job: j}, nil }})
	g.Add(graph.Node{UID: sinkUID, Inputs: []graph.Edge{{From: counted}}, Sink: &sink{j}})
	for i := range g.Nodes {
		g.Nodes[i].Parallelism = j.own[g.Nodes[i].UID]
	}
	return g
}

// wait ends with the context or when what it waits for is there.
func wait(ctx context.Context, there <-chan struct{}) error {
	select {
	case <-there:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// feed is the source.
type feed struct{ job *job }

func (f *feed) Bounded() bool               { return true }
func (f *feed) Order() connector.SplitOrder { return connector.OrderNone }
func (f *feed) Payload() batch.Payload      { return &batch.Rows[int64]{} }

func (f *feed) Enumerator(context.Context) (connector.Enumerator, error) {
	return nil, fmt.Errorf("the suite assigns the splits")
}

func (f *feed) Reader(ctx context.Context, _ connector.ReaderContext) (connector.Reader, error) {
	if err := wait(ctx, f.job.opening); err != nil {
		return nil, err
	}
	f.job.open.Add(1)
	return &feedReader{job: f.job, never: make(chan struct{})}, nil
}

type feedReader struct {
	job    *job
	never  chan struct{}
	splits []connector.Split
}

func (r *feedReader) Add(s connector.Split, _ []byte) error {
	r.splits = append(r.splits, s)
	return nil
}

// Next gives all rows of the first split that has any.
func (r *feedReader) Next(_ context.Context, into *batch.Batch) (connector.Progress, error) {
	rows := into.Data.(*batch.Rows[int64])
	for i, s := range r.splits {
		switch spec := string(s.Spec); spec {
		case silent:
			continue
		case bad:
			rows.V = append(rows.V, -1)
		default:
			n, err := strconv.Atoi(spec)
			if err != nil {
				return connector.Progress{}, err
			}
			for row := range n {
				rows.V = append(rows.V, int64(row))
			}
		}
		r.splits = append(r.splits[:i:i], r.splits[i+1:]...)
		return connector.Progress{Split: s.ID, Done: true}, nil
	}
	return connector.Progress{Wait: r.never}, nil
}

func (r *feedReader) CheckpointComplete(checkpoint int64, splits []connector.CompleteSplit) error {
	open, ended := []string{}, []string{}
	for _, s := range splits {
		if s.Ended {
			ended = append(ended, s.ID)
		} else {
			open = append(open, s.ID)
		}
	}
	return r.job.note("feed: %d with %q open, %q ended", checkpoint, open, ended)
}

func (r *feedReader) Close() error {
	r.job.open.Add(-1)
	return nil
}

// key gives all rows one key.
type key struct {
	operator.Stateless
	out batch.Batch
}

func (o *key) Process(_ int, b *batch.Batch, out operator.Output) error {
	keys, hash := o.out.Keys, o.out.Hash[:0]
	keys.Reset()
	for range b.Len() {
		keys.AppendString("key")
		hash = append(hash, xxh3.HashString("key"))
	}
	o.out = batch.Batch{Data: b.Data, Keys: keys, Hash: hash}
	return out.Emit(&o.out)
}

// count numbers the rows.
type count struct {
	operator.Stateless
	job   *job
	table state.Table
	cells [][]byte
	rows  batch.Rows[int64]
}

var countState = state.Descriptor{Name: "n", Kind: state.Value, Key: []string{"key"}, Value: []string{"n"}, CellBytes: 8}

func (o *count) Open(ctx operator.Context) (err error) {
	o.job.open.Add(1)
	o.table, err = ctx.Table(countState)
	return err
}

func (o *count) Process(_ int, b *batch.Batch, out operator.Output) error {
	o.rows.V = append(o.rows.V[:0], b.Data.(*batch.Rows[int64]).V...)
	for len(o.cells) < len(o.rows.V) {
		o.cells = append(o.cells, nil)
	}
	for from := 0; from < len(o.rows.V); {
		end := o.table.Resolve(b, from, o.cells)
		for i := from; i < end; i++ {
			if o.rows.V[i] < 0 {
				return fault.Permanentf("row 0", "mend it", "it is bad")
			}
			n := binary.LittleEndian.Uint64(o.cells[i]) + 1
			binary.LittleEndian.PutUint64(o.cells[i], n)
			o.rows.V[i] = int64(n)
		}
		from = end
	}
	return out.Emit(&batch.Batch{Data: &o.rows})
}

func (o *count) CheckpointComplete(checkpoint int64) error {
	return o.job.note("count: %d", checkpoint)
}

func (o *count) Close() error {
	o.job.open.Add(-1)
	return nil
}

// sink commits the count that it was told last.
type sink struct{ job *job }

func (s *sink) Rewinds() bool { return false }

func (s *sink) Committer(context.Context, connector.CommitterContext) (connector.Committer, error) {
	return nil, nil
}

func (s *sink) Writer(context.Context, connector.WriterContext) (connector.Writer, error) {
	s.job.open.Add(1)
	return &sinkWriter{job: s.job}, nil
}

type sinkWriter struct {
	job  *job
	last int64 // 0: no row has come
}

func (w *sinkWriter) Write(ctx context.Context, b *batch.Batch) error {
	rows := b.Data.(*batch.Rows[int64]).V
	w.last = rows[len(rows)-1]
	return wait(ctx, w.job.writing)
}

func (w *sinkWriter) Prepare(context.Context, int64) ([][]byte, error) {
	if w.last == 0 {
		return nil, nil
	}
	return [][]byte{strconv.AppendInt(nil, w.last, 10)}, nil
}

func (w *sinkWriter) Close() error {
	w.job.open.Add(-1)
	return nil
}
