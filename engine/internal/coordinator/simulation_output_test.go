package coordinator

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
)

// mostWaiting is how many complete checkpoints may wait for their commits when another is triggered.
const mostWaiting = 7

// waits notes that a checkpoint is known to be complete.
func (w *world) waits(id int64) {
	w.waiting = append(w.waiting, id)
	w.settleWaiting()
	if len(w.waiting) > mostWaiting {
		w.tally.full++
	}
}

// settleWaiting passes over checkpoints at the head that have nothing to commit, but for the one that ended the job if it names output
// of others: with it the end is recorded. One that ended the job before it went on again is not.
func (w *world) settleWaiting() {
	end := int64(0)
	for _, id := range w.waiting {
		if w.published[id].Outcome != outcome.None {
			end = id
		}
	}
	for len(w.waiting) > 0 && w.waiting[0] != w.recording {
		m := w.published[w.waiting[0]]
		if len(m.Output()) > 0 {
			return
		}
		if m.ID == end && len(m.Uncommitted) > 0 {
			if !w.unread {
				w.recording = m.ID // whatever ends the job meanwhile
			}
			return
		}
		w.waiting = w.waiting[1:]
	}
}

// checkCommitted: all output of the checkpoints up to one is visible.
func (w *world) checkCommitted(upTo int64, what string) {
	for id, m := range w.published {
		for _, s := range m.Output() {
			for _, name := range s.Committables {
				if id <= upTo && !w.committed[string(name)] {
					w.failf("%s, before %s of checkpoint %d is committed", what, name, id)
				}
			}
		}
	}
}

// checkCarried: a checkpoint names, oldest first, all output of those before it that is not committed.
func (w *world) checkCarried(m *snapshot.Metadata) {
	carried := map[string]bool{}
	for _, name := range m.ToCommit("sink") {
		carried[string(name)] = true
	}
	for id, earlier := range w.published {
		for _, name := range earlier.ToCommit("sink") {
			if id < m.ID && !w.committed[string(name)] && !carried[string(name)] {
				w.failf("checkpoint %d does not name %s of checkpoint %d, which is not committed", m.ID, name, id)
			}
		}
	}
}

func (w *world) commit(e Commit) Event {
	w.checkCommitted(e.Checkpoint-1, fmt.Sprintf("checkpoint %d is committed", e.Checkpoint))
	for _, s := range e.Sinks {
		for _, name := range s.Committables {
			if w.faulty(20) {
				return CommitFailed{Checkpoint: e.Checkpoint, Err: w.transient("cannot copy")}
			}
			w.commitOne(string(name))
		}
	}
	return Committed{Checkpoint: e.Checkpoint}
}

func (w *world) commitOne(name string) {
	if w.committed[name] {
		return
	}
	if w.removed[name] {
		w.failf("%s was removed before it was committed", name)
	}
	w.committed[name] = true
	for _, r := range w.stored.committables[name] {
		if w.visible[r] {
			w.failf("%v becomes visible a second time", r)
		}
		w.visible[r] = true
	}
}

// forget: what a complete checkpoint does not record as confirmed must stay (P10).
func (w *world) forget(e Forget) {
	newest := w.complete[slices.Max(slices.Collect(maps.Keys(w.complete)))]
	for _, s := range e.Sinks {
		for _, name := range s.Committables {
			named := slices.ContainsFunc(newest.ToCommit("sink"), func(c []byte) bool { return bytes.Equal(c, name) })
			if !w.committed[string(name)] || named {
				w.failf("%s is forgotten, but not confirmed by checkpoint %d", name, newest.ID)
			}
			w.removed[string(name)] = true
		}
	}
}

func (w *world) sweepStaged(e SweepStaged) {
	live := map[string]bool{}
	for _, s := range e.Live {
		for _, name := range s.Committables {
			live[string(name)] = true
		}
	}
	for name, process := range w.stagedBy {
		if process < w.process && !live[name] {
			w.removed[name] = true
		}
	}
}
