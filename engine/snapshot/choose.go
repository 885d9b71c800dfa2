package snapshot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// Request says what the user wants to start from. The zero value is: go on where the job was.
type Request struct {
	// Path is the snapshot to restore: -s or restore.path. It takes effect if the job has not run yet, or if Nonce is
	// new; otherwise it is ignored with a note (P5).
	Path string
	// Nonce is restore.nonce; 0: none.
	Nonce int64
	// ExpectState refuses an empty start: the job's status has had a recovery point.
	ExpectState bool
	// AllowRepeatedOutput and SinksCanRewind permit a restore that goes behind committed output (P2).
	AllowRepeatedOutput bool
	SinksCanRewind      bool
	// VerifyWhenRead leaves it to the reader of the chosen data files to verify them, where that costs nothing but another
	// attempt if they are damaged. Without it, and wherever else, Choose reads every byte of them.
	VerifyWhenRead bool
	// Holder pins a checkpoint of another folder that is chosen, under this name (Chain.HoldAs); empty: it is not pinned.
	Holder string
}

// Chosen is what an attempt goes on from.
type Chosen struct {
	Snapshot *Snapshot // nil: empty. A snapshot from elsewhere is closed by the caller
	From     string    // its path, or "empty"; for messages and status
	Notes    []string  // one line each for the user: what was ignored, passed over and why that is allowed
	Passed   []int64   // checkpoints that were passed over as damaged
	// Unverified: the data files are verified when they are read. If they are damaged then, and the attempt comes to no
	// checkpoint, the next one verifies before it chooses.
	Unverified bool
	// Newest: no checkpoint is above Snapshot, which is one of this folder, so that no earlier attempt can delete a run that it names:
	// the next checkpoint may name them, too.
	Newest   bool
	Void     []int64 // checkpoints that are no part of the job's history
	NextID   int64   // of the first checkpoint to take
	Parent   int64   // Metadata.Parent of that checkpoint: the snapshot's id if it is of this chain, else 0
	Retained []int64 // what stays of this chain so far: with Retain it gives Metadata.Retained
	// Outcome is how the job ended with the snapshot, as Head has it; None: it goes on from there, or begins anew.
	Outcome outcome.Outcome
	// Hold is what keeps a checkpoint of another folder from being swept there; nil: nothing does. The caller releases it when it has a
	// complete checkpoint of its own, or leaves it to the attempt that follows.
	Hold *Hold
	// Parallelism is that of the attempt before, 0 if there was none: a coordinator that restarts by itself keeps it.
	Parallelism int

	base Base
}

// RestoreNonces returns all values of restore.nonce that have taken effect, that of this attempt included (P5).
func (c *Chosen) RestoreNonces() []int64 { return c.base.RestoreNonces }

// Repeats tells that the user has accepted that output which is visible beyond the snapshot is written again (P2).
func (c *Chosen) Repeats() bool { return c.base.Repeats }

// Choose finds what attempt a goes on from. Every byte of the chosen snapshot has been verified, unless it is Unverified, as
// the request allows. Errors that need the user are *RepeatError (P2), *DamagedError, *VoidError and *StateMissingError (P5).
// It changes nothing.
func (c *Chain) Choose(ctx context.Context, a Attempt, r Request) (Chosen, error) {
	s, err := c.survey(ctx, a.N)
	if err != nil {
		return Chosen{}, fmt.Errorf("choose what to restore: %w", err)
	}
	return chooser{c: c, s: s, r: r, line: s.lineage(c.Path)}.chosen(ctx)
}

// Foresee finds what the next attempt would go on from, before any is claimed: whoever is to stop what runs, or to claim,
// asks first. Data files are not verified, which may take as long as a restore: that is left to Choose. A job may run
// meanwhile; what it commits from now on is not foreseen.
func (c *Chain) Foresee(ctx context.Context, r Request) (Chosen, error) {
	s, err := c.survey(ctx, math.MaxInt64)
	if err != nil {
		return Chosen{}, fmt.Errorf("foresee what to restore: %w", err)
	}
	return chooser{c: c, s: s, r: r, line: s.lineage(c.Path), unverified: true}.chosen(ctx)
}

// chosen makes the decision, and says what else follows from it.
func (ch chooser) chosen(ctx context.Context) (Chosen, error) {
	s, r := ch.s, ch.r
	chosen, err := ch.choose(ctx)
	if err != nil {
		return Chosen{}, errors.Join(fmt.Errorf("choose what to restore: %w", err), ch.hold.Release(ctx))
	}
	chosen.Hold = ch.hold
	if ch.unpinned != "" {
		chosen.Notes = append(chosen.Notes, ch.unpinned)
	}
	chosen.Newest = s.newest(chosen.base.Checkpoint)
	chosen.Void = ch.void()
	chosen.NextID = s.highest + 1
	if chosen.Snapshot != nil {
		// Also above the ids of a snapshot from elsewhere: names of output carry the id (P10).
		chosen.NextID = max(chosen.NextID, chosen.Snapshot.Metadata.ID+1)
	}
	last := s.bases[s.last()]
	chosen.base.Repeats = r.AllowRepeatedOutput || last.Repeats && last.sameStart(chosen.base)
	chosen.Parallelism = last.Parallelism
	chosen.base.RestoreNonces = last.RestoreNonces
	if r.Nonce != 0 && !slices.Contains(last.RestoreNonces, r.Nonce) {
		chosen.base.RestoreNonces = append(slices.Clone(last.RestoreNonces), r.Nonce)
	}
	return chosen, nil
}

// Head is what a job would go on from, seen without claiming.
type Head struct {
	Newest   Attempt   // N is 0 if there is none
	Began    Attempt   // the newest that did something; N is 0 if none did
	Base     *Base     // of Began; nil if there is none, or it cannot be read
	Snapshot *Snapshot // newest checkpoint of the history whose metadata is readable; nil: none
	// Outcome is how the job ended with Snapshot; None if it did not, and if an attempt has begun since (P3): the metadata
	// says Stopped for as long as that attempt has no checkpoint of its own, and so long the job runs all the same.
	Outcome outcome.Outcome
	// Empty says that no attempt did anything, whatever was claimed, and that there is no checkpoint: the job never ran.
	Empty bool
}

// Head looks at the end of the chain: whether the newest attempt is one's own revision, and whether the head has an
// outcome, decides whether a coordinator claims by itself (P3). Data files are not verified. It changes nothing.
func (c *Chain) Head(ctx context.Context) (Head, error) {
	newest, err := c.Newest(ctx)
	if err != nil {
		return Head{}, err
	}
	s, err := c.survey(ctx, newest.N+1)
	if err != nil {
		return Head{}, fmt.Errorf("look at the chain: %w", err)
	}
	head := Head{Newest: newest, Empty: s.last() == 0 && len(s.complete)+len(s.damaged) == 0}
	if base, ok := s.bases[s.last()]; ok {
		head.Base = &base
	}
	switch last := s.last(); last {
	case 0:
	case newest.N:
		head.Began = newest
	default:
		if head.Began, err = c.readAttempt(ctx, last); err != nil {
			return Head{}, fmt.Errorf("look at the chain: %w", err)
		}
	}
	for _, candidate := range s.lineage(c.Path) {
		if candidate.snapshot != nil {
			head.Snapshot, head.Outcome = candidate.snapshot, s.outcome(candidate.snapshot.Metadata)
			break
		}
	}
	return head, nil
}

// chooser is one decision.
type chooser struct {
	c    *Chain
	s    *survey
	r    Request
	line []candidate
	// unverified: what the metadata says is believed, as where nothing is restored yet.
	unverified bool
	hold       *Hold  // of the checkpoint of another folder that is looked at
	unpinned   string // why that has none, though it should
}

func (ch *chooser) choose(ctx context.Context) (Chosen, error) {
	hasRun := ch.s.last() > 0
	if corrupt := ch.s.unread[ch.s.last()]; corrupt != nil && ch.r.Nonce != 0 {
		return Chosen{}, fmt.Errorf("whether restore.nonce %d has taken effect is not known: %w", ch.r.Nonce, corrupt)
	}
	newNonce := ch.r.Nonce != 0 && !slices.Contains(ch.s.bases[ch.s.last()].RestoreNonces, ch.r.Nonce)
	switch {
	case ch.r.Path != "" && (!hasRun || newNonce):
		return ch.requested(ctx)
	case !hasRun:
		return ch.empty()
	}
	chosen, err := ch.newestIntact(ctx)
	if err == nil && ch.r.Path != "" {
		chosen.Notes = append([]string{fmt.Sprintf("restoring from %s is ignored: the job has run before and goes on from %s "+
			"(a new restore.nonce restores it once)", ch.r.Path, chosen.From)}, chosen.Notes...)
	}
	return chosen, err
}

// empty allows an empty start only where nothing says that there was state (P5).
func (ch *chooser) empty() (Chosen, error) {
	missing := &StateMissingError{Folder: ch.c.bucket.String()}
	switch {
	case len(ch.s.complete)+len(ch.s.damaged) > 0:
		missing.Found = fmt.Sprintf("there is checkpoint %d, but no record of the attempts", ch.s.highest)
		return Chosen{}, missing
	case ch.r.ExpectState:
		missing.Found = "the job has had checkpoints, but there are none here"
		return Chosen{}, missing
	}
	return Chosen{From: "empty", base: Base{Empty: true}}, nil
}

// whenRead finds the checkpoint whose data files need not be verified before they are read; false: there is none. It is the
// newest of the attempt that was last, with nothing above that cannot be read.
//
// An attempt that came to no checkpoint may have ended because of what it was to restore: what follows it verifies, and finds
// the newest intact checkpoint. So a damaged one costs an attempt and never more: nothing is swept before an attempt has a
// complete checkpoint, for which all subtasks have read what they restore to its end. How a job ended is not gone behind
// unseen, and is no recovery: there is time to verify.
func (ch *chooser) whenRead() (candidate, bool) {
	if !ch.r.VerifyWhenRead || len(ch.line) == 0 {
		return candidate{}, false
	}
	newest := ch.line[0]
	if newest.id == 0 || newest.snapshot == nil {
		return candidate{}, false
	}
	for id := range ch.s.damaged {
		if id > newest.id {
			return candidate{}, false
		}
	}
	m := newest.snapshot.Metadata
	return newest, m.Attempt == ch.s.last() && m.Outcome == outcome.None
}

// newestIntact takes the newest intact candidate. Passing over a damaged one is subject to P2.
func (ch *chooser) newestIntact(ctx context.Context) (Chosen, error) {
	if newest, ok := ch.whenRead(); ok {
		chosen := chosenFrom(newest, newest.snapshot)
		chosen.Unverified = true
		return chosen, nil
	}
	var damage []*CorruptError
	var passed []int64
	chosen, older := Chosen{}, int64(0)
	for _, candidate := range ch.line {
		snapshot, corrupt, err := ch.inspect(ctx, candidate)
		if errors.Is(err, storage.ErrNotFound) && candidate.id == 0 {
			corrupt, err = &CorruptError{Object: candidate.base.Path, Reason: "the snapshot is missing"}, nil
		}
		if err != nil {
			return Chosen{}, err
		}
		if corrupt != nil {
			damage, passed = append(damage, corrupt), append(passed, candidate.id)
			continue
		}
		chosen, older = chosenFrom(candidate, snapshot), candidate.id
		if candidate.id != 0 {
			chosen.Outcome = ch.s.outcome(snapshot.Metadata)
		}
		break
	}
	// Metadata that cannot be read may be that of a newer checkpoint of the history.
	for id, corrupt := range ch.s.damaged {
		if id > older && !slices.Contains(passed, id) {
			damage, passed = append(damage, corrupt), append(passed, id)
		}
	}
	if len(damage) == 0 && chosen.From != "" {
		return chosen, nil
	}
	if chosen.Snapshot == nil {
		return Chosen{}, &DamagedError{Damage: damage} // empty is not what an older state is
	}
	slices.SortFunc(passed, func(a, b int64) int { return int(b - a) })
	chosen.Passed = passed
	if beyond := ch.s.beyond(older, ch.line); beyond != "" {
		if !ch.allowed() {
			return Chosen{}, &RepeatError{Damage: damage, Newest: passed[0], Older: chosen.From, Beyond: beyond}
		}
		chosen.Notes = append(chosen.Notes, "output may be written again: "+beyond)
	}
	chosen.Notes = append(chosen.Notes, fmt.Sprintf("going back to %s: %s", chosen.From, listDamage(damage)))
	return chosen, nil
}

func (ch *chooser) allowed() bool { return ch.r.AllowRepeatedOutput || ch.r.SinksCanRewind }

func chosenFrom(from candidate, snapshot *Snapshot) Chosen {
	chosen := Chosen{Snapshot: snapshot, From: "empty"}
	if snapshot != nil {
		chosen.From = snapshot.Path()
	}
	if from.id == 0 {
		chosen.base = Base{Path: from.base.Path, Empty: from.base.Empty}
	} else {
		chosen.base = Base{Checkpoint: from.id, CheckpointAttempt: snapshot.Metadata.Attempt}
		chosen.Parent, chosen.Retained = from.id, snapshot.Metadata.Retained
	}
	return chosen
}

// inspect verifies a candidate; what is wrong with it is returned apart from what went wrong with looking.
func (ch *chooser) inspect(ctx context.Context, from candidate) (*Snapshot, *CorruptError, error) {
	switch {
	case from.damage != nil:
		return nil, from.damage, nil
	case from.id == 0 && from.base.Empty:
		return nil, nil, nil
	case from.id == 0:
		return ch.openElsewhere(ctx, from.base.Path)
	}
	corrupt, err := ch.intact(ctx, from.snapshot)
	return from.snapshot, corrupt, err
}

// intact verifies the data files of a snapshot, unless it is only looked at.
func (ch *chooser) intact(ctx context.Context, s *Snapshot) (*CorruptError, error) {
	if ch.unverified {
		return nil, nil
	}
	return intact(ctx, s)
}

// openElsewhere opens and verifies a snapshot outside of the job's folder.
func (ch *chooser) openElsewhere(ctx context.Context, path string) (*Snapshot, *CorruptError, error) {
	snapshot, err := OpenSnapshot(ctx, path)
	var corrupt *CorruptError
	switch {
	case errors.As(err, &corrupt):
		return nil, corrupt, nil
	case err != nil:
		return nil, nil, err
	}
	err = ch.pin(ctx, snapshot)
	if err == nil {
		corrupt, err = ch.intact(ctx, snapshot)
	}
	if corrupt != nil || err != nil {
		return nil, corrupt, errors.Join(err, snapshot.Close())
	}
	return snapshot, nil, nil
}

// pin keeps a checkpoint from its own job until this one has a checkpoint, too (P6). Where that cannot be, it is restored all the same:
// what is deleted meanwhile is missed, and said.
func (ch *chooser) pin(ctx context.Context, s *Snapshot) (err error) {
	if ch.r.Holder == "" || s.Metadata.Savepoint {
		return nil
	}
	ch.hold, err = s.Chain().HoldAs(ctx, ch.r.Holder, s.Metadata.ID, "the restore of job "+ch.c.job)
	var swept *SweptError
	if errors.Is(err, storage.ErrPermission) || errors.As(err, &swept) {
		ch.unpinned = fmt.Sprintf("its job may delete what this one is restored from before there is a checkpoint: %v", err)
		return nil
	}
	return err
}

// requested takes what the user named: intact, not void, and behind committed output only if that is allowed (P2).
func (ch *chooser) requested(ctx context.Context) (Chosen, error) {
	place, err := storageurl.InheritQuery(ch.r.Path, ch.c.bucket.String())
	if err == nil {
		place, err = snapshotPlace(place)
	}
	if err != nil {
		return Chosen{}, err
	}
	from := candidate{base: Base{Path: place}}
	if id, ok := ch.own(place); ok {
		if from, err = ch.inHistory(id); err != nil {
			return Chosen{}, err
		}
	}
	snapshot, corrupt, err := ch.inspect(ctx, from)
	if err != nil {
		return Chosen{}, err
	}
	if corrupt != nil {
		return Chosen{}, corrupt
	}
	chosen := chosenFrom(from, snapshot)
	if beyond := ch.beyondRequested(snapshot); beyond != "" {
		if !ch.allowed() {
			newest := int64(0)
			if len(ch.line) > 0 {
				newest = ch.line[0].id
			}
			err := &RepeatError{Newest: newest, Older: chosen.From, Beyond: beyond}
			return Chosen{}, errors.Join(err, snapshot.Close())
		}
		chosen.Notes = append(chosen.Notes, "output may be written again: "+beyond)
	}
	return chosen, nil
}

// own tells whether a place is a checkpoint of this job's folder.
func (ch *chooser) own(place string) (id int64, ok bool) {
	folder, _, _ := strings.Cut(ch.c.bucket.String(), "?")
	at, _, _ := strings.Cut(place, "?")
	name, ok := strings.CutPrefix(at, strings.TrimSuffix(folder, "/")+"/")
	if !ok {
		return 0, false
	}
	return parseCheckpoint(name)
}

// inHistory returns the candidate of an own checkpoint, or a *VoidError.
func (ch *chooser) inHistory(id int64) (candidate, error) {
	for _, candidate := range ch.line {
		if candidate.id == id {
			return candidate, nil
		}
	}
	if corrupt := ch.s.damaged[id]; corrupt != nil {
		return candidate{}, corrupt
	}
	snapshot := ch.s.complete[id]
	if snapshot == nil {
		return candidate{}, fmt.Errorf("there is no checkpoint %s", ch.c.Path(id))
	}
	if len(ch.line) == 0 {
		return candidate{id: id, snapshot: snapshot}, nil // the records of the attempts are lost: the user decides
	}
	return candidate{}, &VoidError{Path: ch.c.Path(id), Attempt: snapshot.Metadata.Attempt}
}

// beyondRequested says what output the job has committed beyond a requested snapshot; "" means none.
func (ch *chooser) beyondRequested(snapshot *Snapshot) string {
	if len(ch.line) == 0 || ch.line[0].id == 0 {
		return ch.s.beyond(0, ch.line)
	}
	m, newest := snapshot.Metadata, ch.line[0].id
	own := m.Job == ch.c.job && m.ID <= newest
	if same := ch.s.complete[m.ID]; own && same != nil {
		own = same.Metadata.Nonce == m.Nonce
	}
	if !own {
		return fmt.Sprintf("what this job has committed up to checkpoint %d, of which checkpoint %d of job %q knows nothing",
			newest, m.ID, m.Job)
	}
	return ch.s.beyond(m.ID, ch.line)
}

// void returns the readable checkpoints outside of the history, ascending. Where there is no history nothing is known.
func (ch *chooser) void() []int64 {
	var void []int64
	if len(ch.line) == 0 {
		return nil
	}
	for id := range ch.s.complete {
		if !slices.ContainsFunc(ch.line, func(c candidate) bool { return c.id == id }) {
			void = append(void, id)
		}
	}
	slices.Sort(void)
	return void
}
