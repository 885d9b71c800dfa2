package coordinator

import (
	"log/slog"
	"maps"
	"slices"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/outcome"
)

// retirement is what is known of the chains of a source that removes what was read to its end. A chain is retired only when
// a checkpoint that has all of it behind it is complete, and its output is committed: until then a restore reads it again.
type retirement struct {
	// chains are those of which a split waits or is being read; those that were read to their end, until the enumerator says
	// that it is done with them; and those of which something was passed over, until a checkpoint has all of them behind it.
	chains   map[string]*chainRead
	underWay bool // a Retire is not answered
}

// chainRead is how far a chain was read.
type chainRead struct {
	left   int             // splits that wait or are being read
	last   connector.Split // the one that ended last
	since  int64           // the first checkpoint whose trigger comes after the assignments of all that have ended
	spoilt bool            // something of it was passed over: it is never retired
}

// nameOf names the chain that is retired as a whole, whatever the order of splits.
func nameOf(p connector.Split) string {
	if p.Chain == "" {
		return p.ID
	}
	return p.Chain
}

// of returns the chain of a split.
func (r *retirement) of(p connector.Split) *chainRead {
	name := nameOf(p)
	if r.chains[name] == nil {
		r.chains[name] = &chainRead{}
	}
	return r.chains[name]
}

// opened notes that a split waits.
func (s *source) opened(p connector.Split) {
	if s.cfg.Retires {
		s.retirement.of(p).left++
	}
}

// closed notes that a split was read, or that its rest was passed over.
func (s *source) closed(p split, passedOver bool) {
	if !s.cfg.Retires {
		return
	}
	chain := s.retirement.of(p.Split)
	chain.left--
	chain.last = p.Split
	chain.since = max(chain.since, p.since)
	chain.spoilt = chain.spoilt || passedOver
}

// restoreRetirement follows the restored queue, in which all that is left is.
func (s *source) restoreRetirement(e *enumerator) {
	if !s.cfg.Retires {
		return
	}
	for _, p := range e.finished {
		s.retirement.of(p).last = p
	}
	for i := range s.queue {
		s.opened(s.queue[i].Split)
	}
	for _, name := range e.spoilt {
		if chain := s.retirement.chains[name]; chain != nil {
			chain.spoilt = true
		}
	}
}

// reading returns the chains of the splits that readers have.
func (s *source) reading() map[string]string {
	chains := make(map[string]string, len(s.assigned))
	for id, p := range s.assigned {
		chains[id] = nameOf(p.Split)
	}
	return chains
}

// coverRetirement adds to a checkpoint, which all subtasks have acknowledged, the chains that it has behind it. A subtask
// reports the end of a split before it acknowledges a barrier that comes after it, so all of them are known by now. Those
// that ended later are not among them: one of their splits is in the state of a reader, or was assigned after the trigger.
// Which of several splits ended last says nothing, because other subtasks meet the barrier at other times.
func (c *Coordinator) coverRetirement(ck *checkpoint) {
	for _, s := range c.sources {
		if !s.cfg.Retires {
			continue
		}
		left := map[string]bool{} // chains of which something is read after the checkpoint
		for _, subtask := range ck.states[s.cfg.UID] {
			for _, p := range subtask.Splits {
				left[ck.reading[s.cfg.UID][p.ID]] = true
			}
		}
		var covered []connector.Split
		var spoilt []string
		for _, name := range slices.Sorted(maps.Keys(s.retirement.chains)) {
			chain := s.retirement.chains[name]
			behind := chain.left == 0 && chain.since <= ck.id && !left[name]
			switch {
			case behind && chain.spoilt:
				delete(s.retirement.chains, name)
			case behind:
				covered = append(covered, chain.last)
			case chain.spoilt:
				spoilt = append(spoilt, name)
			}
		}
		ck.enumerators[s.cfg.UID] = appendRetirement(ck.enumerators[s.cfg.UID], covered, spoilt)
	}
}

// retire has the sources remove what a complete checkpoint has behind it, now that its output is committed. The list is
// that of the checkpoint, so that a restart goes on with it. One that stands on another job's checkpoint waits for its own.
func (c *Coordinator) retire(k *commit) {
	if c.foreign(k) {
		return
	}
	for _, s := range c.sources {
		state := k.metadata.Operator(s.cfg.UID)
		busy := s.retirement.underWay && k.metadata.Outcome == outcome.None // else no later checkpoint asks
		if !s.cfg.Retires || state == nil || busy {
			continue
		}
		e, err := decodeEnumerator(state.Enumerator)
		if err != nil {
			c.logf(slog.LevelWarn, "source %s: what checkpoint %d has read is not removed: %v", s.cfg.UID, k.checkpoint, err)
			continue
		}
		if len(e.finished) > 0 {
			s.retirement.underWay = true
			c.emit(Retire{Source: s.cfg.UID, Splits: e.finished})
		}
	}
}

// retired forgets the chains that are done with.
func (c *Coordinator) retired(e Retired) {
	s := c.source(e.Source)
	if s == nil {
		return
	}
	s.retirement.underWay = false
	done := make(map[string]bool, len(e.IDs))
	for _, id := range e.IDs {
		done[id] = true
	}
	maps.DeleteFunc(s.retirement.chains, func(_ string, r *chainRead) bool { return r.left == 0 && done[r.last.ID] })
}
