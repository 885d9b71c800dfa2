package attempt

import (
	"sync"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/rest"
)

// Handle is an attempt that runs or has ended, as it is watched and asked. Its methods may be called from any goroutine.
type Handle struct{ d *driver }

// Number is the attempt's number in the chain (P1).
func (h *Handle) Number() int64 { return h.d.began.attempt.N }

// Config is what the attempt runs with: what the host was told of the job, with the settings of the activation.
func (h *Handle) Config() config.Config { return h.d.cfg }

// Ending tells that the attempt will end, whatever it is asked; it may be so before Over is. It is true before anybody can
// learn in another way that the attempt is about to end.
func (h *Handle) Ending() bool { return h.d.ending.Load() }

// ask runs f where it may read what the loop owns: in the loop, or after its end.
func (h *Handle) ask(f func(d *driver)) {
	if h.Over() { // nobody takes from the mailbox any more
		f(h.d)
		return
	}
	answered := make(chan struct{})
	var once sync.Once
	h.d.box.put(func() { once.Do(func() { f(h.d); close(answered) }) })
	select {
	case <-answered:
	case <-h.d.done:
		// Entries that were taken with the last one are not run.
		once.Do(func() { f(h.d); close(answered) })
	}
}

// Overview describes the job as a whole.
func (h *Handle) Overview() (o rest.Job) {
	h.ask(func(d *driver) { o = d.overview() })
	return o
}

// Operators describes the operators and their subtasks, in the order of the graph.
func (h *Handle) Operators() (list []rest.Operator) {
	h.ask(func(d *driver) {
		bySubtask := map[string][]rest.Subtask{}
		for _, m := range d.executor.Metrics() {
			bySubtask[m.UID] = append(bySubtask[m.UID], rest.Subtask{
				Index: m.Subtask, RecordsIn: m.RecordsIn, RecordsOut: m.RecordsOut, RecordsLate: m.Late, RecordsSkipped: m.Skipped,
				WatermarkMs: shownWatermark(m.Watermark),
			})
		}
		subtasks := d.graph.Parallelism(d.cfg.Parallelism)
		for i := range d.graph.Nodes {
			n := &d.graph.Nodes[i]
			list = append(list, rest.Operator{UID: n.UID, Name: n.Name, Parallelism: subtasks[i], Subtasks: bySubtask[n.UID]})
		}
	})
	return list
}

// Checkpoints lists the newest checkpoints, newest first.
func (h *Handle) Checkpoints() (list []rest.Checkpoint) {
	h.ask(func(d *driver) { list = d.checkpoints(d.coordinator.Status()) })
	return list
}

// Ask takes a request, or says what became of it before.
func (h *Handle) Ask(r operations.Request) (rest.Operation, error) {
	if h.Over() {
		return rest.Operation{}, &rest.Error{Code: rest.Unavailable, Message: "the job has ended"}
	}
	op, isNew, err := h.d.operations.Begin(r, operations.Mailed)
	if err == nil && isNew {
		h.Give(r)
	}
	return op, err
}

// Give mails a request that is noted among the operations already, as mailed.
func (h *Handle) Give(r operations.Request) {
	h.d.box.put(func() {
		h.d.operations.Give(r.ID, operations.Stepped)
		h.d.step(coordinator.Requested{Request: r.Resolved()})
	})
	if h.Over() { // it may have ended before it could take the request
		h.d.operations.EndOf(r.ID, h.d.exit)
	}
}

// Over tells that the loop has ended: what the attempt was asked for is final, or left for the process to hand on.
func (h *Handle) Over() bool {
	select {
	case <-h.d.done:
		return true
	default:
		return false
	}
}
