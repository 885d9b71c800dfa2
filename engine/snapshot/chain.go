package snapshot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/storage"
)

// Chain is a job's folder: its attempts and checkpoints. Each method is one step of P1, and may be repeated after an error
// unless it says otherwise. The order of a run is
//
//	Newest -> Claim -> Choose -> Base -> (Files -> Publish -> Sweep)*
//
// A Chain is safe for concurrent use; which steps may overlap is the coordinator's business.
type Chain struct {
	bucket storage.Bucket
	job    string
	random io.Reader
}

// NewChain returns the chain of a job in its own folder: a bucket opened at <checkpoint.storage>/<job id>/. random is
// where nonces and names come from, and safe for concurrent use; nil: crypto/rand.
func NewChain(b storage.Bucket, job string, random io.Reader) *Chain {
	if random == nil {
		random = rand.Reader
	}
	return &Chain{bucket: b, job: job, random: random}
}

// Bucket returns the job's folder.
func (c *Chain) Bucket() storage.Bucket { return c.bucket }

// Path returns the URL of a checkpoint's folder, without credentials.
func (c *Chain) Path(checkpoint int64) string {
	return c.bucket.Sub(checkpointFolder(checkpoint)).String()
}

// Newest returns the highest attempt there is; N is 0 if there is none. A coordinator looks at it to decide whether to
// claim (P3). An attempt whose record is damaged has only a number.
func (c *Chain) Newest(ctx context.Context) (Attempt, error) {
	attempts, _, err := c.listAttempts(ctx)
	if err != nil || len(attempts) == 0 {
		return Attempt{}, err
	}
	return c.readAttempt(ctx, attempts[len(attempts)-1])
}

// Claimed returns the newest attempt whose claim is there, N is 0 if there is none, and the highest number of an attempt of
// which anything is there. Where Newest makes do with a number, a claim that cannot be read is a *CorruptError here.
func (c *Chain) Claimed(ctx context.Context) (claimed Attempt, highest int64, err error) {
	attempts, _, err := c.listAttempts(ctx)
	if err != nil || len(attempts) == 0 {
		return Attempt{}, 0, err
	}
	highest = attempts[len(attempts)-1]
	for _, n := range slices.Backward(attempts) {
		text, err := c.bucket.Read(ctx, attemptKey(n))
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err == nil {
			claimed, err = decodeAttempt(text)
		}
		if err == nil && claimed.N != n {
			err = &CorruptError{Reason: fmt.Sprintf("it is the claim of attempt %d", claimed.N)}
		}
		if err != nil {
			return Attempt{}, 0, fmt.Errorf("read attempt %d: %w", n, in(c.bucket.Sub(attemptKey(n)).String(), err))
		}
		return claimed, highest, nil
	}
	return Attempt{}, highest, nil
}

// readAttempt reads the claim of attempt n. Who claimed is for messages and policies: a claim that cannot be read is
// still one, by someone unknown.
func (c *Chain) readAttempt(ctx context.Context, n int64) (Attempt, error) {
	unknown := Attempt{N: n, Owner: "an unknown owner"}
	text, err := c.bucket.Read(ctx, attemptKey(n))
	if errors.Is(err, storage.ErrNotFound) {
		return unknown, nil
	}
	if err != nil {
		return Attempt{}, fmt.Errorf("read attempt %d: %w", n, err)
	}
	a, err := decodeAttempt(text)
	var corrupt *CorruptError
	if errors.As(err, &corrupt) || a.N != n {
		return unknown, nil
	}
	return a, err
}

// Claimant is who claims.
type Claimant struct {
	Owner    string
	Revision string
}

// Claim makes the attempt that follows attempt number after, which the caller found to be the newest. Of any number of
// claimants after the same attempt one gets it; the others get a *LostError that names the winner. From then on no earlier
// attempt can complete a checkpoint. A claim that failed with another error may have been made; the next is a new one.
func (c *Chain) Claim(ctx context.Context, after int64, who Claimant) (Attempt, error) {
	a := Attempt{N: after + 1, Owner: who.Owner, Revision: who.Revision}
	if _, err := io.ReadFull(c.random, a.Nonce[:]); err != nil {
		return Attempt{}, fmt.Errorf("claim attempt %d: draw a nonce: %w", a.N, err)
	}
	record, err := encodeRecord(attemptRecord{
		Attempt: a.N, Nonce: a.Nonce.String(), Owner: a.Owner, Revision: a.Revision,
	})
	if err != nil {
		return Attempt{}, fmt.Errorf("claim attempt %d: %w", a.N, err)
	}
	err = c.bucket.Create(ctx, attemptKey(a.N), record)
	if errors.Is(err, storage.ErrExists) {
		winner, err := c.readAttempt(ctx, a.N)
		if err != nil {
			return Attempt{}, fmt.Errorf("claim attempt %d: %w", a.N, err)
		}
		return Attempt{}, &LostError{Attempt: winner.N, Owner: winner.Owner}
	}
	if err != nil {
		return Attempt{}, fmt.Errorf("claim attempt %d: %w", a.N, err)
	}
	var fenced *FencedError
	err = c.Check(ctx, a)
	if errors.As(err, &fenced) {
		return Attempt{}, &LostError{Attempt: fenced.Attempt, Owner: fenced.Owner}
	}
	if err != nil {
		return Attempt{}, fmt.Errorf("claim attempt %d: %w", a.N, err)
	}
	return a, nil
}

// Check returns a *FencedError if a later attempt than a has claimed the job, and also if a's own claim is gone: then
// somebody has removed the folder, and another may have claimed it anew.
func (c *Chain) Check(ctx context.Context, a Attempt) error {
	newest, err := c.Newest(ctx)
	if err != nil {
		return err
	}
	// After the folder was removed numbers start again; a claim that cannot be read has no nonce, and is one's own.
	another := newest.Nonce != a.Nonce && newest.Nonce != Nonce{}
	if newest.N != a.N || another {
		return &FencedError{Attempt: newest.N, Owner: newest.Owner, Gone: newest.N < a.N}
	}
	return nil
}

// Base records what attempt a starts from; without it the attempt did nothing. parallelism is that of the run. It must
// succeed before the attempt takes its first checkpoint.
func (c *Chain) Base(ctx context.Context, a Attempt, chosen Chosen, parallelism int) error {
	base := chosen.base
	base.Attempt, base.Nonce, base.Parallelism = a.N, a.Nonce.String(), parallelism
	record, err := encodeRecord(base)
	if err == nil {
		err = c.bucket.Create(ctx, baseKey(a.N), record)
	}
	if err != nil {
		return fmt.Errorf("record what attempt %d starts from: %w", a.N, err)
	}
	return nil
}

// listPause is the time between two listings that decide on a checkpoint, while listing fails.
const listPause = time.Second

// Publish makes a checkpoint of attempt a exist, when all its data is durable, and decides whether it is complete. Attempt
// and nonce of m are set to those of a. It returns
//
//	nil              complete: now, and only now, notify, commit, subsume, delete
//	*FencedError     a later attempt has claimed the job: this one is over
//	*TakenError      the id is used up; the checkpoint failed
//	*UndecidedError  call again with the same m, and do nothing else with the checkpoint meanwhile
//	other            the checkpoint was not written and failed
//
// While the attempts cannot be listed it repeats that until ctx is done.
func (c *Chain) Publish(ctx context.Context, a Attempt, m *Metadata) error {
	m.Attempt, m.Nonce, m.Job, m.Savepoint = a.N, a.Nonce, c.job, false
	err := c.bucket.Create(ctx, checkpointFolder(m.ID)+"/"+metadataName, Encode(m))
	switch {
	case err == nil:
	case errors.Is(err, storage.ErrExists):
		return c.taken(ctx, a, m.ID)
	case storage.IsTransient(err) || ctx.Err() != nil:
		// A request whose answer was lost may still be on its way.
		return &UndecidedError{ID: m.ID, Err: err}
	default:
		return fmt.Errorf("publish checkpoint %d: %w", m.ID, err)
	}
	for {
		err := c.Check(ctx, a)
		var fenced *FencedError
		if err == nil || errors.As(err, &fenced) {
			return err
		}
		if !storage.IsTransient(err) {
			return &UndecidedError{ID: m.ID, Err: err}
		}
		timer := time.NewTimer(listPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return &UndecidedError{ID: m.ID, Err: errors.Join(context.Cause(ctx), err)}
		}
	}
}

// taken explains a checkpoint id that is in use.
func (c *Chain) taken(ctx context.Context, a Attempt, id int64) error {
	s, err := Load(ctx, c.bucket, checkpointFolder(id))
	var corrupt *CorruptError
	switch {
	case errors.As(err, &corrupt):
		return &TakenError{ID: id}
	case err != nil:
		return &UndecidedError{ID: id, Err: err}
	case s.Metadata.Attempt > a.N:
		owner, err := c.readAttempt(ctx, s.Metadata.Attempt)
		if err != nil {
			return &UndecidedError{ID: id, Err: err}
		}
		return &FencedError{Attempt: owner.N, Owner: owner.Owner}
	case s.Metadata.Nonce == a.Nonce:
		return fmt.Errorf("publish checkpoint %d: this attempt has already published another one under this id", id)
	}
	return &TakenError{ID: id, Attempt: s.Metadata.Attempt}
}
