package coordinator

import (
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/snapshot"
)

// split is a split and how far it was read before this execution.
type split struct {
	connector.Split
	seq      uint64 // place in the order of discovery, in which splits start
	position []byte
	maxTime  int64 // highest event time known to be emitted; snapshot.NoTime: none was

	// Of an assigned split.
	subtask int
	before  int64 // the bound of its chain when it was assigned
	since   int64 // the first checkpoint whose trigger comes after it
	idle    bool
}

// begun tells whether something of the split was read before.
func (s *split) begun() bool { return len(s.position) > 0 || s.maxTime != snapshot.NoTime }

// source is the enumerator's part of a source: what is known, what waits, and who reads what.
type source struct {
	cfg         Source
	parallelism int

	// queue holds the splits that no reader has, in the order in which they start.
	queue    []split
	assigned map[string]split
	nextSeq  uint64
	// bounds holds for each chain the highest event time known to be emitted from its splits that have started; for a
	// split of the chain that has not, it is the predecessor's watermark plus the delay (P4). It only rises.
	bounds map[string]int64

	seen []byte
	// freshFrom is the place from which on no split that waits has been read in part.
	freshFrom uint64

	done       bool // nothing more will be discovered
	more       bool // more is there already, and comes with the next discoveries
	discovered bool // a discovery has finished in this execution, or none is needed
	underWay   bool // a Discover is not answered
	stale      bool // its answer continues what an earlier execution had seen
	discoverAt time.Duration
	discovery  retry

	// waits holds the subtasks that have asked for a split and got none, in that order.
	waits     []int
	noMore    bool // NoMoreSplits was sent
	boundSent message.WatermarkBound
	finished  map[int]bool // subtasks that have Ended

	// highest is the highest event time known to be emitted from any split: where event time stays when all are finished.
	highest int64
	// told holds, for each subtask, the event time that it was told to follow last.
	told map[int]int64

	retirement retirement
}

// chainOf names the chain that a split belongs to: all splits are one with OrderPath; those without a name are alone.
func (s *source) chainOf(p connector.Split) string {
	switch {
	case s.cfg.Order == connector.OrderPath:
		return ""
	case p.Chain == "":
		return p.ID
	}
	return p.Chain
}

// restoreSources takes the splits of all sources back to the newest complete checkpoint.
func (c *Coordinator) restoreSources() error {
	for _, s := range c.sources {
		var state *snapshot.OperatorState
		if c.chain.head != nil {
			state = c.chain.head.Operator(s.cfg.UID)
		}
		if err := s.restore(state); err != nil {
			return fmt.Errorf("restore the splits of source %s: %w", s.cfg.UID, err)
		}
		s.discoverAt = c.now
	}
	return nil
}

// restore makes the queue of a snapshot's splits: those that readers had go on in the order in which they were found.
func (s *source) restore(state *snapshot.OperatorState) error {
	*s = source{
		cfg:         s.cfg,
		parallelism: s.parallelism,
		assigned:    map[string]split{},
		bounds:      map[string]int64{},
		stale:       s.underWay,
		underWay:    s.underWay,
		boundSent:   message.WatermarkBound{MaxTime: snapshot.NoTime}, // what a subtask takes for granted
		finished:    map[int]bool{},
		highest:     snapshot.NoTime,
		told:        map[int]int64{},
		retirement:  retirement{underWay: s.retirement.underWay, chains: map[string]*chainRead{}},
	}
	if state == nil {
		return nil
	}
	e, err := decodeEnumerator(state.Enumerator)
	if err != nil {
		return err
	}
	s.seen, s.nextSeq = e.seen, e.nextSeq
	s.done = e.done && s.cfg.Bounded // a source that is unbounded now has more to find than it had
	s.discovered = s.done
	s.queue = e.queue
	s.highest = e.highest
	for _, b := range e.bounds {
		s.bounds[b.chain] = b.maxTime
		s.highest = max(s.highest, b.maxTime)
	}
	if err := s.takeBack(state, e.assigned); err != nil {
		return err
	}
	slices.SortStableFunc(s.queue, func(a, b split) int { return cmp.Compare(a.seq, b.seq) })
	s.freshFrom = 0
	for _, p := range s.queue {
		if p.begun() {
			s.freshFrom = p.seq + 1
		}
	}
	s.restoreRetirement(&e)
	return nil
}

// takeBack queues what the readers had.
func (s *source) takeBack(state *snapshot.OperatorState, assigned []reference) error {
	known := map[string]reference{}
	for _, r := range assigned {
		known[r.id] = r
	}
	queued := map[string]bool{}
	for _, p := range s.queue {
		if queued[p.ID] {
			return fmt.Errorf("split %q is there twice", p.ID)
		}
		queued[p.ID] = true
	}
	for _, subtask := range state.Subtasks {
		for _, p := range subtask.Splits {
			r, ok := known[p.ID]
			if !ok || queued[p.ID] {
				return fmt.Errorf("split %q of subtask %d was assigned to nobody, or is there twice", p.ID, subtask.Index)
			}
			queued[p.ID] = true
			back := split{
				Split:    connector.Split{ID: p.ID, Chain: r.chain, Spec: p.Spec},
				seq:      r.seq,
				position: p.Position,
				maxTime:  p.MaxTime,
			}
			if p.Done {
				s.emitted(back.Split, p.MaxTime)
				continue
			}
			s.queue = append(s.queue, back)
		}
	}
	return nil
}

// snapshot is the enumerator's state of the checkpoint whose trigger is sent in this Step (P4).
func (s *source) snapshot() []byte {
	s.forgetChains()
	e := enumerator{seen: s.seen, done: s.done, nextSeq: s.nextSeq, highest: s.highest, queue: s.queue}
	for chain, maxTime := range s.bounds {
		e.bounds = append(e.bounds, bound{chain: chain, maxTime: maxTime})
	}
	slices.SortFunc(e.bounds, func(a, b bound) int { return cmp.Compare(a.chain, b.chain) })
	for _, p := range s.assigned {
		e.assigned = append(e.assigned, reference{id: p.ID, chain: p.Chain, seq: p.seq})
	}
	slices.SortFunc(e.assigned, func(a, b reference) int { return cmp.Compare(a.seq, b.seq) })
	return e.encode()
}

// forgetChains drops the chains of which nothing is left, so that a folder that is monitored for years needs no memory
// for each file. The one chain of OrderPath stays: what is found next continues it.
func (s *source) forgetChains() {
	if s.cfg.Order == connector.OrderPath {
		return
	}
	live := map[string]bool{}
	for i := range s.queue {
		live[s.chainOf(s.queue[i].Split)] = true
	}
	for _, p := range s.assigned {
		live[s.chainOf(p.Split)] = true
	}
	for chain := range s.bounds {
		if !live[chain] {
			delete(s.bounds, chain)
		}
	}
}

// emitted notes how far a split that has started was emitted.
func (s *source) emitted(p connector.Split, maxTime int64) {
	s.highest = max(s.highest, maxTime)
	chain := s.chainOf(p)
	if known, ok := s.bounds[chain]; maxTime != snapshot.NoTime && (!ok || maxTime > known) {
		s.bounds[chain] = maxTime
	}
}

// advanceDiscovery asks the enumerators that are due.
func (c *Coordinator) advanceDiscovery() {
	if p := c.execution.phase; p != deploying && p != running {
		return
	}
	for _, s := range c.sources {
		if !s.done && !s.underWay && !s.crowded() && c.reached(s.discoverAt) {
			s.underWay = true
			c.emit(Discover{Source: s.cfg.UID, Seen: s.seen})
		}
	}
}

// crowded tells that so many splits wait already that looking for more serves nobody, and would pile up without a bound
// where an unbounded source is slower than what it finds.
func (s *source) crowded() bool { return len(s.queue) > crowd*s.parallelism }

// crowd is how many splits may wait for each subtask before discovery pauses.
const crowd = 16

func (c *Coordinator) source(uid string) *source {
	for _, s := range c.sources {
		if s.cfg.UID == uid {
			return s
		}
	}
	return nil
}

func (c *Coordinator) discovered(e Discovered) {
	s := c.source(e.Source)
	if s == nil || !s.underWay {
		return
	}
	s.underWay = false
	if s.stale { // it continued what the execution before had seen, of which this one has forgotten the newest part
		s.stale = false
		return
	}
	s.discovery = retry{}
	s.discovered = true
	s.seen, s.done, s.more = e.Discovery.Seen, e.Discovery.Done, e.Discovery.More
	s.discoverAt = c.now + e.Discovery.Next
	held := s.held()
	for _, p := range e.Discovery.Splits {
		if held[p.ID] {
			c.logf(slog.LevelWarn, "source %s found split %q a second time; it is read once", e.Source, p.ID)
			continue
		}
		held[p.ID] = true
		s.found(p)
	}
	c.assignWaiting(s)
}

// found queues a split behind all that were found before.
func (s *source) found(p connector.Split) {
	s.queue = append(s.queue, split{Split: p, seq: s.nextSeq, maxTime: snapshot.NoTime})
	s.nextSeq++
	s.opened(p)
}

// held are the splits that wait or are being read.
func (s *source) held() map[string]bool {
	held := make(map[string]bool, len(s.assigned)+len(s.queue))
	for id := range s.assigned {
		held[id] = true
	}
	for _, p := range s.queue {
		held[p.ID] = true
	}
	return held
}

func (c *Coordinator) discoverFailed(e DiscoverFailed) {
	s := c.source(e.Source)
	if s == nil || !s.underWay || c.fenced(e.Err) {
		return
	}
	s.underWay, s.stale = false, false
	err := fmt.Errorf("find the splits of source %s: %w", e.Source, e.Err)
	if s.discovery.failed(c.now, err, c.cfg.Random()) {
		c.stopTasks(err)
		c.fail(err)
		return
	}
	s.discoverAt = s.discovery.at
	c.logf(slog.LevelWarn, "%v; trying again", err)
}

// sourceReported takes what only source subtasks say.
func (c *Coordinator) sourceReported(r message.Report) {
	switch r := r.(type) {
	case message.SplitWanted:
		c.withSource(r.Subtask, func(s *source) { s.wanted(r.Index) })
	case message.SplitProgress:
		c.withSplit(r.Subtask, r.Split, func(s *source, p split) {
			s.emitted(p.Split, r.MaxTime)
			p.maxTime = max(p.maxTime, r.MaxTime)
			s.assigned[p.ID] = p
		})
	case message.SplitIdle:
		c.withSplit(r.Subtask, r.Split, func(s *source, p split) {
			p.idle = r.Idle
			s.assigned[p.ID] = p
		})
	case message.SplitDone:
		c.withSplit(r.Subtask, r.Split, func(s *source, p split) {
			s.emitted(p.Split, r.MaxTime)
			delete(s.assigned, p.ID)
			s.closed(p, r.PassedOver)
			s.wanted(r.Index)
		})
	case message.Ended:
		c.withSource(r.Subtask, func(s *source) { s.finished[r.Index] = true })
	}
}

func (c *Coordinator) withSource(t message.Subtask, f func(*source)) {
	if !c.known(t) {
		return
	}
	s := c.source(t.Task)
	if s == nil {
		c.taskFailed(fmt.Errorf("subtask %s/%d speaks as a source, but is none", t.Task, t.Index))
		return
	}
	f(s)
	c.assignWaiting(s)
}

func (c *Coordinator) withSplit(t message.Subtask, id string, f func(*source, split)) {
	c.withSource(t, func(s *source) {
		p, ok := s.assigned[id]
		if !ok {
			c.taskFailed(fmt.Errorf("subtask %s/%d speaks of split %q, which was not assigned", t.Task, t.Index, id))
			return
		}
		f(s, p)
	})
}

func (s *source) wanted(subtask int) {
	if !slices.Contains(s.waits, subtask) {
		s.waits = append(s.waits, subtask)
	}
}

// assignWaiting gives waiting subtasks what there is, and then tells all what may have changed. In its queue a subtask finds an
// Assign before the WatermarkBound that no longer counts that split, so that its watermark never runs ahead of the split.
func (c *Coordinator) assignWaiting(s *source) {
	if p := c.execution.phase; p != deploying && p != running {
		return
	}
	for len(s.queue) > 0 {
		to, ok := s.reader()
		if !ok {
			break
		}
		c.assign(s, to)
	}
	if maxTime, ok := s.watermarkBound(); ok {
		bound := message.WatermarkBound{MaxTime: maxTime, Watched: len(s.waits) > 0 && len(s.assigned) > 0 && !s.done}
		if bound != s.boundSent {
			s.boundSent = bound
			c.sendAll(s, bound)
		}
		c.lead(s)
	}
	if s.done && len(s.queue) == 0 && !s.noMore {
		s.noMore = true
		c.sendAll(s, message.NoMoreSplits{})
	}
}

// reader is the subtask that gets the next split, if one gets it now.
func (s *source) reader() (subtask int, ok bool) {
	if s.cfg.Assignment == connector.Pull {
		if len(s.waits) == 0 {
			return 0, false
		}
		return s.waits[0], true
	}
	has := make([]int, s.parallelism)
	for _, p := range s.assigned {
		has[p.subtask]++
	}
	return slices.Index(has, slices.Min(has)), true
}

// assign gives the first split of the queue to a subtask.
func (c *Coordinator) assign(s *source, to int) {
	p := s.queue[0]
	s.queue = s.queue[1:]
	p.subtask, p.before, p.since, p.idle = to, s.boundOf(s.chainOf(p.Split)), c.chain.nextID, false
	s.assigned[p.ID] = p
	s.waits = slices.DeleteFunc(s.waits, func(subtask int) bool { return subtask == to })
	delete(s.told, to)
	c.send(s, to, message.Assign{Split: p.Split, Position: p.position, MaxTime: p.maxTime})
}

// lead tells the subtasks without a split how far the source has got, so that they hold nothing back: which windows have fired
// depends neither on the parallelism nor on who reads which split (P4).
func (c *Coordinator) lead(s *source) {
	if s.done && len(s.queue) == 0 {
		return // they end
	}
	reached := s.reached()
	for _, subtask := range s.waits {
		if told, ok := s.told[subtask]; reached != snapshot.NoTime && (!ok || reached > told) {
			s.told[subtask] = reached
			c.send(s, subtask, message.Follow{MaxTime: reached})
		}
	}
}

// reached is the event time that the source has got to: the least over the splits that are being read, one that has emitted
// nothing counting as its predecessor left it, one that is idle not counting unless all are. When none is left it is the
// highest of all that was read. Splits that wait bound it by a WatermarkBound.
func (s *source) reached() int64 {
	if len(s.assigned) == 0 {
		return s.highest
	}
	lowest, active := int64(math.MaxInt64), int64(math.MaxInt64)
	for _, p := range s.assigned {
		at := p.maxTime
		if at == snapshot.NoTime {
			at = p.before
		}
		lowest = min(lowest, at)
		if !p.idle {
			active = min(active, at)
		}
	}
	if active == math.MaxInt64 {
		return lowest
	}
	return active
}

// watermarkBound is the bound that the splits that have not started put on the watermark (P4); false: it is not known before the
// first discovery, and the subtasks hold everything back by themselves. It is lifted when nothing waits; what is found
// later brings back the bound of its predecessor. Else it only rises, as the bounds of the chains do.
func (s *source) watermarkBound() (hold int64, ok bool) {
	if !s.discovered {
		return 0, false
	}
	hold = math.MaxInt64
	last := map[string]int64{} // by chain: the bound after the splits so far
	for i := range s.queue {
		p := &s.queue[i]
		chain := s.chainOf(p.Split)
		before, known := last[chain]
		if !known {
			before = s.boundOf(chain)
		}
		own := before // a fresh split holds at its predecessor
		if p.begun() {
			own = p.maxTime
		}
		hold = min(hold, own)
		if hold == snapshot.NoTime {
			return hold, true
		}
		last[chain] = max(before, own)
		if s.cfg.Order == connector.OrderPath && !p.begun() && p.seq >= s.freshFrom {
			break // those after it hold at what it holds at, or above
		}
	}
	if s.cfg.Bounded && !s.done || s.more { // there is more that is not known yet
		if s.cfg.Order == connector.OrderNone {
			return snapshot.NoTime, true
		}
		hold = min(hold, s.boundOf(""))
	}
	return hold, true
}

func (s *source) boundOf(chain string) int64 {
	if b, ok := s.bounds[chain]; ok {
		return b
	}
	return snapshot.NoTime
}

// inputEnded tells whether every source subtask has emitted all of its input.
func (c *Coordinator) inputEnded() bool {
	for _, s := range c.sources {
		if len(s.finished) < s.parallelism {
			return false
		}
	}
	return true
}

func (c *Coordinator) send(s *source, subtask int, m message.Command) {
	to := message.Subtask{Task: s.cfg.UID, Index: subtask}
	c.emit(SendCommand{message.Order{Execution: c.execution.name, To: to, Command: m}})
}

func (c *Coordinator) sendAll(s *source, m message.Command) {
	for i := range s.parallelism {
		c.send(s, i, m)
	}
}
