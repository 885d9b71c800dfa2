package task

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/message"
)

// maxWriting is how many checkpoints of a subtask are written at a time.
const maxWriting = 2

// part is a subtask's part of one checkpoint, from the barrier to the acknowledgement.
type part struct {
	id     int64
	states []message.OperatorState
	frozen []backend.Frozen // by operator; nil: no keyed state
	stats  message.Stats
}

// parts keeps account of the checkpoints that a subtask takes part in.
type parts struct {
	slots chan struct{} // bounds those that are being written
	mu    struct {
		sync.Mutex
		writing  map[int64]context.CancelFunc
		aborted  map[int64]bool // checkpoints not older than the last barrier
		complete int64          // the newest that is known to be; 0: none
	}
}

func newParts() *parts {
	p := &parts{slots: make(chan struct{}, maxWriting)}
	p.mu.writing = map[int64]context.CancelFunc{}
	p.mu.aborted = map[int64]bool{}
	return p
}

// abort marks a checkpoint as aborted, and ends its writing.
func (p *parts) abort(id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.aborted[id] = true
	if cancel := p.mu.writing[id]; cancel != nil {
		cancel()
	}
}

// complete notes that a checkpoint is complete. The coordinator says it before it triggers a later one, whose barrier may overtake
// the command that tells operators.
func (p *parts) complete(id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.complete = max(p.mu.complete, id)
}

func (p *parts) newestComplete() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.complete
}

func (p *parts) isAborted(id int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.aborted[id]
}

// begin registers the writing of a checkpoint; the context ends when it is aborted.
func (p *parts) begin(ctx context.Context, id int64) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	p.mu.writing[id] = cancel
	if p.mu.aborted[id] {
		cancel()
	}
	return ctx
}

// end says whether the checkpoint still counts.
func (p *parts) end(id int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.writing[id]()
	delete(p.mu.writing, id)
	return !p.mu.aborted[id]
}

// forget drops what is known of aborted checkpoints before a barrier that has come: the coordinator aborts a checkpoint
// before it triggers a later one.
func (p *parts) forget(before int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.mu.aborted, func(id int64, _ bool) bool { return id < before })
}

// snapshot takes the subtask's part of a checkpoint, between two elements of its input.
func (t *subtask) snapshot(id int64, align time.Duration) error {
	if t.parts.isAborted(id) {
		return nil
	}
	if err := t.flush(); err != nil { // what operators keep back is in no snapshot
		return err
	}
	clock := t.exec.cfg.Clock
	begin := clock.Now()
	select {
	case t.parts.slots <- struct{}{}:
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
	p := t.freeze(id)
	if err := t.passOn(p); err != nil {
		p.release()
		<-t.parts.slots
		return err
	}
	t.parts.forget(id)
	p.stats = message.Stats{Align: align, Sync: clock.Now().Sub(begin)}
	ctx := t.parts.begin(t.ctx, id)
	t.exec.goroutines.Go(func() {
		t.write(ctx, p)
		<-t.parts.slots
	})
	return nil
}

// freeze fixes the state of every operator.
func (t *subtask) freeze(id int64) *part {
	p := &part{id: id}
	for _, s := range t.chain {
		st := message.OperatorState{UID: s.uid}
		st.State.Extra = s.freezeItems()
		var frozen backend.Frozen
		if s.backend != nil {
			frozen = s.backend.Freeze(id, t.parts.newestComplete())
		}
		if s.node.Source != nil {
			st.State.Splits = t.input.splitStates()
		}
		p.states, p.frozen = append(p.states, st), append(p.frozen, frozen)
	}
	return p
}

// passOn sends the barrier on, then lets the sinks prepare.
func (t *subtask) passOn(p *part) error {
	for _, o := range t.outputs {
		if err := o.Barrier(p.id); err != nil {
			return err
		}
	}
	for i, s := range t.chain {
		if s.writer == nil {
			continue
		}
		t.current = s
		committables, err := s.writer.Prepare(t.ctx, p.id)
		if err != nil {
			return inOperator(s.uid, err)
		}
		p.states[i].State.Committables = s.prepared.add(p.id, committables, t.parts.isAborted)
	}
	t.current = t.chain[0]
	return nil
}

// prepared is what a sink's writer has prepared for checkpoints that were not followed by another one yet.
type prepared struct {
	checkpoint   int64
	committables [][]byte
}

// add returns what a checkpoint commits: what the writer has prepared for it, behind what it had prepared for the one
// before if that was aborted, whose rows are not written again.
func (p *prepared) add(checkpoint int64, committables [][]byte, aborted func(int64) bool) [][]byte {
	if aborted(p.checkpoint) {
		committables = append(p.committables[:len(p.committables):len(p.committables)], committables...)
	}
	*p = prepared{checkpoint, committables}
	return committables
}

func (p *part) release() {
	for _, f := range p.frozen {
		if f != nil {
			f.Release()
		}
	}
}

// write makes a part durable and reports it. It runs beside the subtask.
func (t *subtask) write(ctx context.Context, p *part) {
	clock := t.exec.cfg.Clock
	begin := clock.Now()
	err := t.writeStates(ctx, p)
	p.release()
	p.stats.Async = clock.Now().Sub(begin)
	counts := t.parts.end(p.id)
	switch {
	case !counts || t.ctx.Err() != nil: // nobody asks for it any more
	case err != nil:
		t.report(message.Decline{Subtask: t.id, Checkpoint: p.id, Err: t.exec.cfg.failure(err)})
	default:
		t.report(message.Ack{Subtask: t.id, Checkpoint: p.id, States: p.states, Stats: p.stats})
	}
}

func (t *subtask) writeStates(ctx context.Context, p *part) error {
	files := t.exec.cfg.Files(t.exec.name, p.id)
	for i, f := range p.frozen {
		if f == nil {
			continue
		}
		written, err := f.Write(ctx, files)
		if err != nil {
			return err
		}
		p.states[i].State.Files = written.Files
	}
	for i := range p.states {
		p.states[i].State.Index = t.index
		extra := int64(len(p.states[i].State.Extra))
		p.stats.FullBytes += extra
		p.stats.Bytes += extra
		for _, f := range p.states[i].State.Files {
			p.stats.FullBytes += f.Size
			if f.Checkpoint == 0 || f.Checkpoint == p.id {
				p.stats.Bytes += f.Size
			}
		}
	}
	return nil
}

// superseded declines a checkpoint whose alignment was given up for a newer one.
func (t *subtask) superseded(id int64) {
	t.report(message.Decline{Subtask: t.id, Checkpoint: id, Err: t.exec.cfg.failure(errSuperseded)})
}

var errSuperseded = errors.New("a newer checkpoint began before all barriers of this one had come")
