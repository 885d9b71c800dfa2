package snapshot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/storage"
)

// parallelReads bounds the requests that one step has in flight.
const parallelReads = 8

// survey is what a job's folder holds, as far as recovery needs it.
type survey struct {
	bases    map[int64]Base          // by attempt; attempts that did nothing have none
	unread   map[int64]*CorruptError // by attempt: there is a base, which cannot be read
	complete map[int64]*Snapshot     // by checkpoint id: its _metadata is there and readable
	damaged  map[int64]*CorruptError // by checkpoint id: its _metadata is there and is not
	highest  int64                   // highest checkpoint id of which anything was seen
}

// surveys is how often a folder is looked at until what was listed can be read.
const surveys = 5

// survey reads all records and all metadata below attempt number before. A job that runs there may have swept all that was listed
// by the time that it is read: then the look is repeated, because a job with checkpoints would be taken for one without.
func (c *Chain) survey(ctx context.Context, before int64) (*survey, error) {
	for range surveys {
		listed, err := c.list(ctx)
		if err != nil {
			return nil, err
		}
		s, err := c.surveyListed(ctx, listed, before)
		if err != nil {
			return nil, err
		}
		if len(s.complete)+len(s.damaged) > 0 || len(listed.checkpoints) == 0 {
			return s, nil
		}
		now, err := c.list(ctx)
		if err != nil {
			return nil, err
		}
		if isSubset(listed.checkpoints, now.checkpoints) {
			return s, nil // their folders are still there: they are not complete
		}
	}
	return nil, fmt.Errorf("the checkpoints of the job that runs here were swept before they could be read, %d times", surveys)
}

// isSubset says whether all of some ids are among others, which are in ascending order.
func isSubset(ids, of []int64) bool {
	for _, id := range ids {
		if _, found := slices.BinarySearch(of, id); !found {
			return false
		}
	}
	return true
}

// surveyListed reads what was listed. What is gone is left out.
func (c *Chain) surveyListed(ctx context.Context, listed chainFolder, before int64) (*survey, error) {
	s := &survey{bases: map[int64]Base{}, unread: map[int64]*CorruptError{}, complete: map[int64]*Snapshot{}, damaged: map[int64]*CorruptError{}}
	if err := c.readBases(ctx, s, listed, before); err != nil {
		return nil, err
	}
	found, damage, err := c.loadAll(ctx, listed.checkpoints)
	if err != nil {
		return nil, err
	}
	for i, id := range listed.checkpoints {
		s.highest = max(s.highest, id)
		if found[i] != nil && found[i].Metadata.ID != id {
			damage[i] = &CorruptError{Object: c.Path(id), Reason: fmt.Sprintf("it holds checkpoint %d", found[i].Metadata.ID)}
		}
		if damage[i] != nil {
			s.damaged[id] = damage[i]
		} else if found[i] != nil {
			s.complete[id] = found[i]
		}
	}
	return s, nil
}

// readBases reads what attempts started from.
func (c *Chain) readBases(ctx context.Context, s *survey, listed chainFolder, before int64) error {
	for n := range listed.bases {
		if n >= before {
			continue
		}
		base, err := c.readBase(ctx, n)
		var corrupt *CorruptError
		switch {
		case errors.Is(err, storage.ErrNotFound): // swept meanwhile
		case errors.As(err, &corrupt):
			s.unread[n] = corrupt
		case err != nil:
			return err
		default:
			s.bases[n] = base
			s.highest = max(s.highest, base.Checkpoint)
		}
	}
	return nil
}

// loadAll reads the metadata of checkpoints, several at a time. Of one that has none, or none any more, both results are nil.
func (c *Chain) loadAll(ctx context.Context, ids []int64) (found []*Snapshot, damage []*CorruptError, err error) {
	found, damage = make([]*Snapshot, len(ids)), make([]*CorruptError, len(ids))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for i, id := range ids {
		group.Go(func() error {
			var err error
			found[i], err = Load(groupCtx, c.bucket, checkpointFolder(id))
			if errors.As(err, &damage[i]) || errors.Is(err, storage.ErrNotFound) {
				return nil
			}
			return err
		})
	}
	return found, damage, group.Wait()
}

func (c *Chain) readBase(ctx context.Context, n int64) (Base, error) {
	var base Base
	text, err := c.bucket.Read(ctx, baseKey(n))
	if err != nil {
		return base, fmt.Errorf("read what attempt %d started from: %w", n, err)
	}
	if err := decodeRecord(text, &base); err != nil {
		return base, fmt.Errorf("read what attempt %d started from: %w", n, in(c.bucket.Sub(baseKey(n)).String(), err))
	}
	return base, nil
}

// last returns the highest attempt that did something, or 0.
func (s *survey) last() int64 {
	var last int64
	for n := range s.bases {
		last = max(last, n)
	}
	for n := range s.unread {
		last = max(last, n)
	}
	return last
}

// candidate is one place that a recovery may go on from.
type candidate struct {
	id       int64         // checkpoint of this folder; 0: base is elsewhere, or empty
	snapshot *Snapshot     // nil unless id is readable
	damage   *CorruptError // of the checkpoint, or of the record that would name it
	base     Base          // where id is 0
}

// lineage lists, newest first, the checkpoints that are part of the job's history: from the last attempt down, each
// attempt's own, then exactly what it started from (P1, Choose). A checkpoint that is in none of them is void.
func (s *survey) lineage(path func(id int64) string) []candidate {
	var line []candidate
	attempt, below := s.last(), int64(math.MaxInt64)
	for attempt > 0 {
		base, known := s.bases[attempt]
		for _, id := range s.of(attempt, base.Nonce, below) {
			line = append(line, candidate{id: id, snapshot: s.complete[id]})
		}
		if corrupt := s.unread[attempt]; corrupt != nil {
			return append(line, candidate{damage: corrupt})
		}
		if !known {
			return line // swept: what came before is not retained
		}
		if base.Checkpoint == 0 {
			return append(line, candidate{base: base})
		}
		from := candidate{id: base.Checkpoint, snapshot: s.complete[base.Checkpoint], damage: s.damaged[base.Checkpoint]}
		if from.snapshot == nil && from.damage == nil {
			from.damage = &CorruptError{Object: path(from.id), Reason: fmt.Sprintf(
				"the checkpoint is missing, from which attempt %d started", attempt)}
		}
		line = append(line, from)
		if base.CheckpointAttempt >= attempt {
			return line // no attempt starts from a later one: a record that lies ends the walk
		}
		attempt, below = base.CheckpointAttempt, base.Checkpoint
	}
	return line
}

// outcome returns how the job ended with a checkpoint of the history: not at all if an attempt has begun from there since.
// A job that was completed or drained runs again only for a restore under a new nonce (P5); other attempts that began from
// its last checkpoint did so to confirm its commits, in folders of engines that recorded what those start from.
func (s *survey) outcome(m *Metadata) outcome.Outcome {
	last := s.last()
	if m.Outcome == outcome.None || m.Attempt == last {
		return m.Outcome
	}
	own, known := s.bases[m.Attempt]
	again := !known || len(s.bases[last].RestoreNonces) > len(own.RestoreNonces)
	if m.Outcome == outcome.Stopped || again {
		return outcome.None
	}
	return m.Outcome
}

// of returns the readable checkpoints of an attempt with an id under below, highest first. Where the attempt's nonce is
// known it must be theirs: numbers start again if someone has removed the records of the attempts.
func (s *survey) of(attempt int64, nonce string, below int64) []int64 {
	var ids []int64
	for id, snapshot := range s.complete {
		m := snapshot.Metadata
		if m.Attempt == attempt && id < below && (nonce == "" || nonce == m.Nonce.String()) {
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] > ids[j] })
	return ids
}

// beyond says what output may have been committed after checkpoint older, as far as the metadata tells; "" means none
// was. It follows the parents from the newest readable checkpoint of the line: one that is missing, unreadable or has
// committables counts as committed.
func (s *survey) beyond(older int64, line []candidate) string {
	for id := range s.damaged {
		if id > older {
			return fmt.Sprintf("what checkpoint %d committed, which cannot be read", id)
		}
	}
	if len(line) == 0 || line[0].id == 0 {
		return ""
	}
	for id := line[0].id; id > older; {
		snapshot := s.complete[id]
		if snapshot == nil {
			return fmt.Sprintf("what checkpoint %d committed, which is no longer there", id)
		}
		if len(snapshot.Metadata.Output()) > 0 {
			if newest := line[0].id; newest > older+1 {
				return fmt.Sprintf("what checkpoints %d to %d committed", older+1, newest)
			}
			return fmt.Sprintf("what checkpoint %d committed", id)
		}
		if id = snapshot.Metadata.Parent; id < older {
			return fmt.Sprintf("what was committed after checkpoint %d, from which checkpoint %d does not descend", older, line[0].id)
		}
	}
	return ""
}

// newest tells whether a checkpoint is there, and none above it: not one that is void either, whose attempt may have thought it
// complete, and not one that cannot be read.
func (s *survey) newest(id int64) bool { return id == s.newestID() && s.complete[id] != nil }

// ids returns the ids of all checkpoints that are there, in ascending order.
func (s *survey) ids() []int64 {
	return slices.Sorted(func(yield func(int64) bool) {
		for id := range s.complete {
			if !yield(id) {
				return
			}
		}
		for id := range s.damaged {
			if !yield(id) {
				return
			}
		}
	})
}

// newestID returns the highest of them; 0: there is none.
func (s *survey) newestID() int64 {
	ids := s.ids()
	if len(ids) == 0 {
		return 0
	}
	return ids[len(ids)-1]
}
