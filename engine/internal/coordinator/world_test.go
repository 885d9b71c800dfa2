package coordinator

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/snapshot"
)

// record is one row of the input: the row-th of a split.
type record struct {
	source, split string
	row           int
}

// modelInput is what the sources of a simulated job read.
type modelInput struct {
	sources []Source
	splits  map[string][]connector.Split // by source, in the order of discovery
	rows    map[string]int               // by split id
}

// item is what a channel between a source and a worker carries: a record, or a barrier.
type item struct {
	record  record
	barrier int64
}

// modelReader is a source subtask.
type modelReader struct {
	task     message.Subtask
	commands []message.Command
	splits   []snapshot.SplitState
	asked    bool
	paused   bool
	noMore   bool
	ended    bool
}

// modelWorker is a subtask of the keyed task, with the sink chained to it.
type modelWorker struct {
	task     message.Subtask
	inputs   [][]item // from each source subtask
	barrier  int64    // that is being aligned; 0: none
	arrived  []bool
	seen     map[record]bool // its state: what it has processed
	written  []record        // since the last barrier
	prepared []string        // committables of the newest barrier, and of the aborted ones before it
	of       int64           // that barrier
}

// modelExecution plays the data plane: readers, channels, alignment, two-phase sinks. It breaks the test when a record is
// processed twice in one history of the state.
type modelExecution struct {
	world   *world
	name    message.Execution
	random  *rand.Rand
	report  func(message.Report)
	readers []*modelReader
	workers []*modelWorker
	aborted map[int64]bool

	triggered, told int64 // the last checkpoint that was triggered, and that was told to be complete
}

// stored is what the model keeps beside the metadata, under names that the metadata holds as bytes.
type stored struct {
	states       map[string]map[record]bool
	committables map[string][]record
}

func newExecution(w *world, name message.Execution, from *snapshot.Metadata, report func(message.Report)) *modelExecution {
	x := &modelExecution{world: w, name: name, random: w.random, report: report, aborted: map[int64]bool{}}
	for _, s := range w.input.sources {
		for i := range w.subtasks[s.UID] {
			x.readers = append(x.readers, &modelReader{task: message.Subtask{Task: s.UID, Index: i}})
		}
	}
	for i := range w.subtasks["work"] {
		x.workers = append(x.workers, &modelWorker{
			task:    message.Subtask{Task: "work", Index: i},
			inputs:  make([][]item, len(x.readers)),
			arrived: make([]bool, len(x.readers)),
			seen:    map[record]bool{},
		})
	}
	for r := range w.processed(from) {
		x.owner(r).seen[r] = true
	}
	for _, r := range x.readers {
		report(message.Running{Subtask: r.task})
	}
	for _, k := range x.workers {
		report(message.Running{Subtask: k.task})
	}
	return x
}

func (x *modelExecution) owner(r record) *modelWorker {
	return x.workers[(len(r.split)+int(r.split[len(r.split)-1])+r.row)%len(x.workers)]
}

// pump does one small thing in a random subtask.
func (x *modelExecution) pump() {
	if i := x.random.IntN(len(x.readers) + len(x.workers)); i < len(x.readers) {
		x.pumpReader(i)
	} else {
		x.pumpWorker(x.workers[i-len(x.readers)])
	}
}

func (x *modelExecution) pumpReader(i int) {
	r := x.readers[i]
	switch {
	case len(r.commands) > 0:
		m := r.commands[0]
		r.commands = r.commands[1:]
		x.obey(i, m)
	case r.paused || r.ended:
	case len(r.splits) > 0:
		if !x.full(i) {
			x.read(i)
		}
	case r.noMore:
		r.ended = true
		x.report(message.Ended{Subtask: r.task})
	case !r.asked:
		r.asked = true
		x.report(message.SplitWanted{Subtask: r.task})
	}
}

// full tells whether a reader waits for room in its channels. Without that a worker behind more readers than one would fall back, and
// barriers behind what it has not read yet would come later and later.
func (x *modelExecution) full(reader int) bool {
	const room = 8
	return slices.ContainsFunc(x.workers, func(k *modelWorker) bool { return len(k.inputs[reader]) >= room })
}

func (x *modelExecution) obey(i int, m message.Command) {
	r := x.readers[i]
	switch m := m.(type) {
	case message.Trigger:
		r.paused = r.paused || m.Mode != message.Continue
		x.report(message.Ack{Subtask: r.task, Checkpoint: m.ID, States: []message.OperatorState{{
			UID:   r.task.Task,
			State: snapshot.SubtaskState{Index: r.task.Index, Splits: slices.Clone(r.splits)},
		}}})
		for _, k := range x.workers {
			k.inputs[i] = append(k.inputs[i], item{barrier: m.ID})
		}
	case message.Resume:
		r.paused = false
	case message.Assign:
		r.splits = append(r.splits, snapshot.SplitState{
			ID: m.Split.ID, Spec: m.Split.Spec, Position: m.Position, MaxTime: m.MaxTime,
		})
	case message.NoMoreSplits:
		r.noMore = true
	case message.WatermarkBound, message.Follow: // watermarks are not modelled; what is held is checked where it is decided
	}
}

// read emits the next row of the first split, or ends it.
func (x *modelExecution) read(i int) {
	r := x.readers[i]
	p := &r.splits[0]
	row := rowOf(p.Position)
	if row == x.world.input.rows[p.ID] {
		done := message.SplitDone{Subtask: r.task, Split: p.ID, MaxTime: p.MaxTime}
		r.splits = r.splits[1:]
		x.report(done)
		return
	}
	rec := record{source: r.task.Task, split: p.ID, row: row}
	k := x.owner(rec)
	k.inputs[i] = append(k.inputs[i], item{record: rec})
	p.Position = []byte(strconv.Itoa(row + 1))
	p.MaxTime = max(p.MaxTime, timeOf(rec))
	if x.random.IntN(3) == 0 {
		x.report(message.SplitProgress{Subtask: r.task, Split: p.ID, MaxTime: p.MaxTime})
	}
}

// timeOf is a record's event time.
func timeOf(r record) int64 { return int64(r.row * 10) }

func rowOf(position []byte) int {
	if len(position) == 0 {
		return 0
	}
	row, err := strconv.Atoi(string(position))
	if err != nil {
		panic(err)
	}
	return row
}

// pumpWorker takes an element from a random channel that is not blocked by an alignment.
func (x *modelExecution) pumpWorker(k *modelWorker) {
	i := x.random.IntN(len(k.inputs))
	if len(k.inputs[i]) == 0 || k.barrier != 0 && k.arrived[i] {
		return
	}
	e := k.inputs[i][0]
	k.inputs[i] = k.inputs[i][1:]
	if e.barrier != 0 {
		x.align(k, i, e.barrier)
		return
	}
	if k.seen[e.record] {
		x.world.failf("record %v was processed twice in execution %s", e.record, x.name)
	}
	k.seen[e.record] = true
	k.written = append(k.written, e.record)
}

func (x *modelExecution) align(k *modelWorker, input int, id int64) {
	if x.aborted[id] || id < k.barrier {
		return
	}
	if id > k.barrier {
		k.barrier = id
		clear(k.arrived)
	}
	k.arrived[input] = true
	if slices.Contains(k.arrived, false) {
		return
	}
	k.barrier = 0
	clear(k.arrived)
	x.checkpoint(k, id)
}

// checkpoint freezes a worker's state and prepares its output. What was prepared for a checkpoint that was aborted since
// goes into this one.
func (x *modelExecution) checkpoint(k *modelWorker, id int64) {
	if !x.aborted[k.of] {
		k.prepared = nil
	}
	k.of = id
	if len(k.written) > 0 {
		k.prepared = append(k.prepared, x.world.stage(k.written))
		k.written = nil
	}
	state := snapshot.SubtaskState{Index: k.task.Index, Extra: x.world.keep(k.seen)}
	output := snapshot.SubtaskState{Index: k.task.Index}
	for _, c := range k.prepared {
		output.Committables = append(output.Committables, []byte(c))
	}
	if x.world.faulty(40) {
		x.report(message.Decline{Subtask: k.task, Checkpoint: id, Err: message.FailureOf(x.world.transient("cannot write state"))})
		return
	}
	x.report(message.Ack{Subtask: k.task, Checkpoint: id, States: []message.OperatorState{
		{UID: "work", State: state}, {UID: "sink", State: output},
	}})
}

// abort tells every subtask at once, as the contract of AbortCheckpoint wants it.
func (x *modelExecution) abort(id int64) {
	if x.told >= id {
		x.world.failf("checkpoint %d is aborted, and was told to be complete", id)
	}
	x.aborted[id] = true
	for _, k := range x.workers {
		if k.barrier == id {
			k.barrier = 0
			clear(k.arrived)
		}
	}
}

// told checks what an execution is told to be complete: that it is, that the execution has taken it, and nothing twice.
func (w *world) told(e NotifyComplete) {
	x := w.execution
	switch {
	case w.complete[e.Checkpoint] == nil:
		w.failf("checkpoint %d is told to be complete, and is not", e.Checkpoint)
	case x == nil || x.name != e.Execution || x.triggered != e.Checkpoint:
		w.failf("checkpoint %d is told to an execution that has not taken it, or has taken another since", e.Checkpoint)
	case x.told >= e.Checkpoint:
		w.failf("checkpoint %d is told after %d", e.Checkpoint, x.told)
	default:
		x.told = e.Checkpoint
		w.tally.told++
	}
}

// keep stores a state under a new name.
func (w *world) keep(state map[record]bool) []byte {
	name := fmt.Sprintf("state %d", len(w.stored.states))
	w.stored.states[name] = maps.Clone(state)
	return []byte(name)
}

// stage stores output under a new name.
func (w *world) stage(rows []record) string {
	name := fmt.Sprintf("staged %d", len(w.stored.committables))
	w.stored.committables[name] = rows
	w.stagedBy[name] = w.process
	return name
}

// processed is the state of a snapshot: what had been processed when it was taken.
func (w *world) processed(m *snapshot.Metadata) map[record]bool {
	all := map[record]bool{}
	if m == nil {
		return all
	}
	for _, t := range m.Operator("work").Subtasks {
		for r := range w.stored.states[string(t.Extra)] {
			if all[r] {
				w.failf("record %v is in two subtasks of checkpoint %d", r, m.ID)
			}
			all[r] = true
		}
	}
	return all
}

// sent is an event as it comes out of its encoding.
func (w *world) sent(e message.Event) message.Event {
	if !w.encoded {
		return e
	}
	w.tally.encoded++
	decoded, err := message.DecodeEvent(e.Append(nil))
	if err != nil {
		w.failf("%+v: %v", e, err)
	}
	return decoded
}

// ordered is an order as it comes out of its encoding.
func (w *world) ordered(o message.Order) message.Order {
	if !w.encoded {
		return o
	}
	w.tally.encoded++
	decoded, err := message.DecodeOrder(o.Append(nil))
	if err != nil {
		w.failf("%+v: %v", o, err)
	}
	return decoded
}
