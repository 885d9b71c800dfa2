package task

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/snapshot"
)

// none is the event time or watermark before the first.
const none = math.MinInt64

// splits are those that a source subtask reads, and its event time by the rules of P4:
//
//   - The watermark of a split is the highest event time read from it minus the delay.
//   - That of the subtask is the minimum over its unfinished splits that are not idle (P15). Without a split it holds nothing
//     back: it follows the source, as far as the coordinator tells; when the last split is finished it stays where it is.
//   - It does not exceed what the coordinator's bound allows, and it never goes back.
type splits struct {
	delayMS    int64
	active     []*split
	bound      int64 // highest event time that splits yet to start allow for; none: hold back entirely; MaxInt64: no bound
	watched    bool  // others follow these splits
	follow     int64 // event time that the source has got to, for a subtask without a split
	lastLowest int64 // the minimum when the last split finished
	emitted    int64
}

type split struct {
	connector.Split
	position []byte    // after the last batch that was emitted
	maxTime  int64     // highest event time emitted
	told     int64     // maxTime that the coordinator knows of
	since    time.Time // when its last rows came, or it was assigned
	idle     bool
}

func newSplits(delayMS int64) *splits {
	return &splits{delayMS: delayMS, bound: none, follow: none, lastLowest: none, emitted: none}
}

func (s *splits) assign(a message.Assign) error {
	if s.find(a.Split.ID) != nil {
		return fmt.Errorf("split %s was assigned twice", a.Split.ID)
	}
	s.active = append(s.active, &split{
		Split: a.Split, position: bytes.Clone(a.Position), maxTime: a.MaxTime, told: a.MaxTime,
	})
	return nil
}

func (s *splits) find(id string) *split {
	for _, sp := range s.active {
		if sp.ID == id {
			return sp
		}
	}
	return nil
}

// finish takes out a split that was read to its end.
func (s *splits) finish(done *split) {
	s.lastLowest = s.lowest()
	s.active = slices.DeleteFunc(s.active, func(sp *split) bool { return sp == done })
}

// lowest is the minimum over the unfinished splits that are not idle; if all are idle, over all.
func (s *splits) lowest() int64 {
	if len(s.active) == 0 {
		return max(s.lastLowest, s.behind(s.follow))
	}
	lowest, active := int64(math.MaxInt64), int64(math.MaxInt64)
	for _, sp := range s.active {
		at := s.behind(sp.maxTime)
		lowest = min(lowest, at)
		if !sp.idle {
			active = min(active, at)
		}
	}
	if active == math.MaxInt64 {
		return lowest
	}
	return active
}

// behind is the watermark that an event time stands for.
func (s *splits) behind(ms int64) int64 {
	if ms < none+s.delayMS {
		return none
	}
	return ms - s.delayMS
}

// advance returns the watermark of the subtask if it is higher than what was returned before.
func (s *splits) advance() (ms int64, higher bool) {
	ms = s.lowest()
	if s.bound != math.MaxInt64 {
		ms = min(ms, s.behind(s.bound))
	}
	return ms, s.raise(ms)
}

// raise records that a watermark is emitted, and says whether it is higher than the last.
func (s *splits) raise(ms int64) bool {
	if ms <= s.emitted {
		return false
	}
	s.emitted = ms
	return true
}

// mark appends the watermark of the split just before each row, and takes the rows' times into account.
func (s *splits) mark(sp *split, dst, times []int64) []int64 {
	highest := sp.maxTime
	mark := s.behind(highest)
	for _, t := range times {
		dst = append(dst, mark)
		if t > highest {
			highest = t
			mark = s.behind(t)
		}
	}
	sp.maxTime = highest
	return dst
}

// at is where a split is by now.
func (sp *split) at(ended bool) connector.CompleteSplit {
	return connector.CompleteSplit{OpenSplit: connector.OpenSplit{Split: sp.Split, Position: bytes.Clone(sp.position)}, Ended: ended}
}

// snapshot is what a checkpoint keeps of the splits.
func (s *splits) snapshot() []snapshot.SplitState {
	states := make([]snapshot.SplitState, len(s.active))
	for i, sp := range s.active {
		states[i] = snapshot.SplitState{ID: sp.ID, Spec: sp.Spec, Position: bytes.Clone(sp.position), MaxTime: sp.maxTime}
	}
	return states
}

// emptyLike returns the batch that a reader fills.
func emptyLike(p batch.Payload) *batch.Batch { return batch.Of(p.New()) }
