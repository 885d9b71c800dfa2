package sql

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/backend/heap"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/sql/datetime"
	"github.com/weirstream/weir/engine/state"
	"github.com/weirstream/weir/engine/types"
)

// harness runs a graph in one goroutine: rows of sources in, rows of sinks out.
type harness struct {
	t     testing.TB
	g     *graph.Graph
	nodes []*node
	// restored is what RestoredWatermark answers.
	restored int64
	// heap says that state is kept by the engine's own backend, in one key group, where all keys meet, instead of a plain map.
	heap bool
	// encoded says that rows go through their encoding at every edge, as between processes.
	encoded bool
}

type node struct {
	h         *harness
	index     int
	op        operator.Operator // stage of a source
	table     state.Table
	backend   backend.Backend // of a node with several states, or states of other kinds than cells of windows
	late      int
	skipped   int
	consumers []*consumer
	watermark int64
	sink      *testSink
	// Of a source: the highest event time, of the one split that it has.
	maxTime int64
	stage   *stageOutput
}

type consumer struct {
	to    *node
	input int
	kind  graph.EdgeKind
	codec batch.Codec  // of the rows that come
	copy  *batch.Batch // what a keyed edge hands over, recycled
	all   []int32
}

// testConnectors make sources that the harness feeds and sinks that remember rows.
type testConnectors struct {
	secretSeen string
	rate       float64 // of every source
}

func (c *testConnectors) Source(name string, t table.Spec) (connector.Source, float64, error) {
	if name != "test" {
		return nil, 0, t.Options.Errorf("connector", "write 'test'", "there is no connector %s", name)
	}
	t.Options.Allow("path")
	c.secretSeen = t.Options.String("password", "")
	return testSource{schema: t.Schema}, c.rate, nil
}

func (c *testConnectors) Identity(name string, option func(key string) (string, bool)) string {
	identity := "connector " + name
	if path, set := option("path"); set {
		identity += "\npath " + path
	}
	return identity
}

func (c *testConnectors) Sink(name string, t table.Spec) (connector.Sink, error) {
	t.Options.Allow("path")
	return &testSink{schema: t.Schema, appends: name == "appends"}, nil
}

type testSource struct {
	connector.Source
	schema types.Schema
}

func (s testSource) Payload() batch.Payload { return batch.NewColumns(s.schema.Layout()) }

type testSink struct {
	connector.Sink
	schema types.Schema
	rows   []string
	count  int
	silent bool
	// appends says that the sink takes inserts alone, whose kinds it does not write.
	appends bool
}

func (s *testSink) TakesChanges() bool { return !s.appends }

var kinds = [...]string{batch.Insert: "+I ", batch.UpdateBefore: "-U ", batch.UpdateAfter: "+U ", batch.Delete: "-D "}

func (s *testSink) write(t testing.TB, b *batch.Batch) {
	s.count += b.Len()
	if s.silent {
		return
	}
	c := b.Data.(*batch.Columns)
	if want := s.schema.Layout().Fields; !slices.Equal(c.Schema.Fields, want) {
		t.Fatalf("the sink gets the columns %v, its table has %v", c.Schema.Fields, want)
	}
	for i := range c.N {
		var row []string
		for k, v := range c.Cols {
			row = append(row, show(v, s.schema[k].Type, i))
		}
		kind := ""
		if len(b.Kind) > 0 {
			kind = kinds[b.Kind[i]]
		}
		s.rows = append(s.rows, kind+strings.Join(row, "|"))
	}
}

// show writes a value for people.
func show(v batch.Vector, t types.Type, i int) string {
	if v.Null(i) {
		return "NULL"
	}
	switch v := v.(type) {
	case *batch.Strings:
		return string(v.At(i))
	case *batch.Fixed[int32]:
		if t.Is(types.KindDate) {
			return string(datetime.AppendDate(nil, int64(v.V[i])))
		}
		return strconv.Itoa(int(v.V[i]))
	case *batch.Fixed[int64]:
		if t.Is(types.KindTimestamp) {
			return strings.TrimSuffix(string(datetime.AppendTimestamp(nil, v.V[i])), ".000")
		}
		return strconv.FormatInt(v.V[i], 10)
	case *batch.Fixed[float64]:
		return strconv.FormatFloat(v.V[i], 'g', -1, 64)
	case *batch.Fixed[bool]:
		return strconv.FormatBool(v.V[i])
	}
	return "?"
}

func compile(t testing.TB, script string) *graph.Graph {
	t.Helper()
	g, err := Compile(script, "job.sql", &testConnectors{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func newHarness(t testing.TB, g *graph.Graph) *harness {
	t.Helper()
	_, measured := t.(*testing.B)
	h := &harness{t: t, g: g, restored: math.MinInt64, encoded: !measured}
	for i, n := range g.Nodes {
		node := &node{h: h, index: i, watermark: math.MinInt64, maxTime: math.MinInt64}
		h.nodes = append(h.nodes, node)
		factory := n.Operator
		if n.Source != nil && n.Source.Event != nil {
			factory = n.Source.Event.Timestamps
		}
		if n.Sink != nil {
			node.sink = n.Sink.(*testSink)
		}
		if factory != nil {
			op, err := factory()
			if err != nil {
				t.Fatal(err)
			}
			node.op = op
		}
		for input, e := range n.Inputs {
			from := h.nodes[e.From]
			from.consumers = append(from.consumers, &consumer{to: node, input: input, kind: e.Kind, codec: e.Codec})
		}
	}
	return h
}

// open opens the operators; tables of a former run may be handed over.
func (h *harness) open(from *harness) *harness {
	for i, n := range h.nodes {
		if from != nil {
			n.table, n.backend = from.nodes[i].table, from.nodes[i].backend
		}
		if n.op != nil {
			if err := n.op.Open(testContext{context.Background(), n}); err != nil {
				h.t.Fatal(err)
			}
		}
	}
	return h
}

type testContext struct {
	context.Context
	n *node
}

func (c testContext) UID() string         { return c.n.h.g.Nodes[c.n.index].UID }
func (c testContext) Subtask() (int, int) { return 0, 1 }
func (c testContext) Table(d state.Descriptor) (state.Table, error) {
	if d.Kind == state.Value {
		b, err := c.states()
		if err != nil {
			return nil, err
		}
		return b.Table(d.Name)
	}
	if c.n.table != nil {
		return c.n.table, nil
	}
	if !c.n.h.heap {
		c.n.table = newMemoryTable(d)
		return c.n.table, nil
	}
	b, err := heap.New(backend.Scope{UID: c.UID(), EndGroup: 1, MaxParallelism: 1, States: []state.Descriptor{d}})
	if err != nil {
		return nil, err
	}
	c.n.table, err = b.Table(d.Name)
	return c.n.table, err
}
func (c testContext) Items(d state.Descriptor) (*state.Items, error) {
	return nil, fmt.Errorf("no query has operator state %s", d.Name)
}

func (c testContext) Sorted(d state.Descriptor) (state.Sorted, error) {
	b, err := c.states()
	if err != nil {
		return nil, err
	}
	return b.Sorted(d.Name)
}

// states is the backend of all states of the node.
func (c testContext) states() (backend.Backend, error) {
	if c.n.backend == nil {
		b, err := heap.New(backend.Scope{UID: c.UID(), EndGroup: 1, MaxParallelism: 1, States: c.n.h.g.Nodes[c.n.index].State})
		if err != nil {
			return nil, err
		}
		c.n.backend = b
	}
	return c.n.backend, nil
}

func (c testContext) Timers(state.Descriptor) (state.Timers, error) {
	return nil, fmt.Errorf("no sorted maps here")
}

func (c testContext) ProcessingTime() int64             { return 0 }
func (c testContext) SideOutput(string) operator.Output { return nil }
func (c testContext) RestoredWatermark(uint64) int64    { return c.n.h.restored }
func (c testContext) MaxRestoredWatermark() int64       { return c.n.h.restored }
func (c testContext) Skipped(n int)                     { c.n.skipped += n }
func (c testContext) Late(n int)                        { c.n.late += n }

// Emit hands a batch to the consumers: as it is inside a task, copied over a keyed edge.
func (n *node) Emit(b *batch.Batch) error {
	for _, c := range n.consumers {
		switch {
		case n.h.encoded:
			b = c.decoded(b)
		case c.kind == graph.Keyed:
			b = c.copied(b)
		}
		if c.to.sink != nil {
			c.to.sink.write(n.h.t, b)
			continue
		}
		if err := c.to.op.Process(c.input, b, c.to); err != nil {
			return err
		}
	}
	return nil
}

// decoded is what comes of a batch on its way to another process. Every edge goes that way here, so that every operator's rows do.
func (c *consumer) decoded(b *batch.Batch) *batch.Batch {
	bytes, err := batch.AppendBatch(nil, b, c.codec)
	if err != nil {
		c.to.h.t.Fatalf("rows to %s: %v", c.to.h.g.Nodes[c.to.index].UID, err)
	}
	out := batch.Of(c.codec.New())
	if err := batch.DecodeBatch(bytes, out, c.codec); err != nil {
		c.to.h.t.Fatalf("rows to %s: %v", c.to.h.g.Nodes[c.to.index].UID, err)
	}
	if c.kind == graph.Keyed {
		out.SplitWatermark = nil
	}
	return out
}

func (c *consumer) copied(b *batch.Batch) *batch.Batch {
	if c.copy == nil {
		c.copy = b.New()
	}
	for len(c.all) < b.Len() {
		c.all = append(c.all, int32(len(c.all)))
	}
	c.copy.Reset()
	c.copy.AppendSelected(b, c.all[:b.Len()])
	return c.copy
}

// stageOutput sets the split watermarks of what the stage emits, as the runtime does, and hands it on.
type stageOutput struct {
	n     *node
	delay int64
	mark  []int64
}

func (s *stageOutput) Emit(b *batch.Batch) error {
	s.mark = s.mark[:0]
	for _, t := range b.Time {
		mark := int64(math.MinInt64)
		if s.n.maxTime != math.MinInt64 {
			mark = s.n.maxTime - s.delay
		}
		s.mark = append(s.mark, mark)
		s.n.maxTime = max(s.n.maxTime, t)
	}
	b.SplitWatermark = s.mark
	return s.n.Emit(b)
}

func (h *harness) source(table string) *node {
	for i, n := range h.g.Nodes {
		if n.UID == "source/"+table {
			return h.nodes[i]
		}
	}
	h.t.Fatalf("no source %s", table)
	return nil
}

// feed processes rows of a table: values by column, "NULL" being NULL, in batches of a size.
func (h *harness) feed(table string, size int, rows ...[]string) error {
	n := h.source(table)
	src := h.g.Nodes[n.index].Source
	schema := src.Source.(testSource).schema
	for len(rows) > 0 {
		k := min(size, len(rows))
		c := src.Payload().(*batch.Columns)
		for _, row := range rows[:k] {
			for i, f := range schema {
				appendText(h.t, c.Cols[i], f.Type, row[i])
			}
			c.N++
		}
		if err := h.push(n, batch.Of(c)); err != nil {
			return err
		}
		rows = rows[k:]
	}
	return nil
}

func (h *harness) push(n *node, b *batch.Batch) error {
	src := h.g.Nodes[n.index].Source
	if src.Event == nil {
		return n.Emit(b)
	}
	if n.stage == nil {
		n.stage = &stageOutput{n: n, delay: src.Event.DelayMS}
	}
	if err := n.op.Process(0, b, n.stage); err != nil {
		return err
	}
	if n.maxTime != math.MinInt64 {
		return h.advance(n, n.maxTime-src.Event.DelayMS)
	}
	return nil
}

// advance sets the watermark of a source and passes the minima on.
func (h *harness) advance(source *node, ms int64) error {
	source.watermark = ms
	for i, n := range h.nodes {
		inputs := h.g.Nodes[i].Inputs
		if len(inputs) == 0 {
			continue
		}
		low := int64(math.MaxInt64)
		for _, e := range inputs {
			low = min(low, h.nodes[e.From].watermark)
		}
		if low <= n.watermark {
			continue
		}
		n.watermark = low
		if n.op != nil {
			if _, err := n.op.Watermark(low, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish ends all sources.
func (h *harness) finish() {
	for i, n := range h.nodes {
		if h.g.Nodes[i].Source != nil {
			if err := h.advance(n, math.MaxInt64); err != nil {
				h.t.Fatal(err)
			}
		}
	}
}

func (h *harness) rows(sink string) []string {
	for i, n := range h.g.Nodes {
		if n.UID == "sink/"+sink {
			return h.nodes[i].sink.rows
		}
	}
	h.t.Fatalf("no sink %s", sink)
	return nil
}

func (h *harness) late() int {
	n := 0
	for _, node := range h.nodes {
		n += node.late
	}
	return n
}

func appendText(t testing.TB, v batch.Vector, typ types.Type, s string) {
	t.Helper()
	if s == "NULL" {
		v.AppendNull()
		return
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	switch v := v.(type) {
	case *batch.Strings:
		v.AppendString(s)
	case *batch.Fixed[int32]:
		if typ.Is(types.KindDate) {
			d, ok := datetime.ParseDate([]byte(s))
			if !ok {
				t.Fatalf("no date: %s", s)
			}
			v.Append(int32(d))
			return
		}
		n, err := strconv.ParseInt(s, 10, 32)
		must(err)
		v.Append(int32(n))
	case *batch.Fixed[int64]:
		if typ.Is(types.KindTimestamp) {
			ms, ok := datetime.ParseTimestamp([]byte(s))
			if !ok {
				t.Fatalf("no timestamp: %s", s)
			}
			v.Append(ms)
			return
		}
		n, err := strconv.ParseInt(s, 10, 64)
		must(err)
		v.Append(n)
	case *batch.Fixed[float64]:
		f, err := strconv.ParseFloat(s, 64)
		must(err)
		v.Append(f)
	case *batch.Fixed[bool]:
		v.Append(s == "true")
	}
}

// memoryTable is a plain table of window cells; a lookup of a known key allocates nothing.
type memoryTable struct {
	d       state.Descriptor
	windows map[int64]map[string][]byte
}

func newMemoryTable(d state.Descriptor) *memoryTable {
	return &memoryTable{d: d, windows: map[int64]map[string][]byte{}}
}

func (m *memoryTable) Resolve(b *batch.Batch, from int, cells [][]byte) int {
	// A prefix, as the contract allows: callers must go on.
	end := min(b.Len(), from+100)
	for i := from; i < end; i++ {
		w := m.windows[b.Window[i]]
		if w == nil {
			w = map[string][]byte{}
			m.windows[b.Window[i]] = w
		}
		cell, ok := w[string(b.Keys.At(i))]
		if !ok {
			cell = make([]byte, m.d.CellBytes)
			w[string(b.Keys.At(i))] = cell
		}
		cells[i] = cell
	}
	return end
}

func (m *memoryTable) Lookup(_ uint64, window int64, key []byte) []byte {
	return m.windows[window][string(key)]
}
func (m *memoryTable) Delete(_ uint64, window int64, key []byte) {
	delete(m.windows[window], string(key))
}
func (m *memoryTable) Windows(dst []int64) []int64 {
	for w := range m.windows {
		dst = append(dst, w)
	}
	slices.Sort(dst)
	return dst
}
func (m *memoryTable) Range(window int64, f func(uint64, []byte, []byte) bool) {
	var keys []string
	for k := range m.windows[window] {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if !f(0, []byte(k), m.windows[window][k]) {
			return
		}
	}
}
func (m *memoryTable) DropWindow(window int64) { delete(m.windows, window) }
func (m *memoryTable) Len() (n int) {
	for _, w := range m.windows {
		n += len(w)
	}
	return n
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func rowsOf(format string, n int, args func(i int) []any) [][]string {
	var out [][]string
	for i := range n {
		out = append(out, strings.Split(fmt.Sprintf(format, args(i)...), "|"))
	}
	return out
}
