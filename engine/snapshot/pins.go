package snapshot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir/engine/storage"
)

// Pin keeps a checkpoint from being swept while somebody reads it who is not the attempt that sweeps (P6). It is an object under
// pins/, which its holder writes anew as long as it reads. By the store's own times, a holder that is dead holds nothing
// for longer than the pin says.
type Pin struct {
	Name       string `json:"name"` // of the object
	Checkpoint int64  `json:"checkpoint"`
	Purpose    string `json:"purpose"` // for people
	// ForMS is how long after it was last written it counts, in ms.
	ForMS int64 `json:"forMs"`
}

// How long pins count that are written anew every fourth of it. A job that is restored from another's checkpoint may be
// away for some time before it has a checkpoint of its own.
const (
	PinForReading = time.Hour
	PinForRestore = 24 * time.Hour
)

// SweptError says that a checkpoint cannot be pinned: it is gone, or a newer one no longer retains it, so that a sweep may be about to
// delete it.
type SweptError struct {
	Path string
	By   int64 // the newer checkpoint; 0: it is gone
}

func (e *SweptError) Error() string {
	if e.By == 0 {
		return e.Path + " is gone: the job has deleted it"
	}
	return fmt.Sprintf("%s is not retained any more by checkpoint %d, and may be deleted at any moment", e.Path, e.By)
}

// Hold is a pin that is written anew until it is released.
type Hold struct {
	chain *Chain
	pin   Pin
	stop  context.CancelFunc
	done  chan struct{}
	once  sync.Once
	err   error // of the release
}

// Hold pins a checkpoint under a random name, until Release. A checkpoint that is pinned is swept by nobody, and stays as whole as it
// is. One that may be swept already is a *SweptError, and nothing is pinned.
//
// Of a sweep and a pin each writes before it looks: a checkpoint that no longer retains another is published before its sweep lists
// the pins, and here the pin is written before the newer checkpoints are listed. So the sweep finds the pin, or the pin
// that checkpoint.
func (c *Chain) Hold(ctx context.Context, checkpoint int64, purpose string) (*Hold, error) {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("pin checkpoint %d: draw a name: %w", checkpoint, err)
	}
	return c.hold(ctx, Pin{Name: fmt.Sprintf("%x", random), Checkpoint: checkpoint, Purpose: purpose, ForMS: PinForReading.Milliseconds()})
}

// HoldAs is Hold under a name, for a job that is restored: the attempt that follows one which died takes its pin over, also of a
// checkpoint that nothing else retains any more.
func (c *Chain) HoldAs(ctx context.Context, name string, checkpoint int64, purpose string) (*Hold, error) {
	return c.hold(ctx, Pin{Name: name, Checkpoint: checkpoint, Purpose: purpose, ForMS: PinForRestore.Milliseconds()})
}

func (c *Chain) hold(ctx context.Context, p Pin) (*Hold, error) {
	if err := c.pin(ctx, p); err != nil {
		return nil, fmt.Errorf("pin checkpoint %d: %w", p.Checkpoint, err)
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	h := &Hold{chain: c, pin: p, stop: stop, done: make(chan struct{})}
	go h.renew(renewing)
	return h, nil
}

// pin writes a pin, and looks whether it came in time.
func (c *Chain) pin(ctx context.Context, p Pin) error {
	before, err := c.readPin(ctx, pinKey(p.Name))
	var corrupt *CorruptError
	if err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.As(err, &corrupt) {
		return err
	}
	if err := c.writePin(ctx, p); err != nil {
		return err
	}
	swept, err := c.condemned(ctx, p.Checkpoint)
	if swept != nil && swept.By != 0 && before.Checkpoint == p.Checkpoint {
		return err // it is held since before
	}
	if err == nil && swept == nil {
		return nil
	}
	if swept != nil {
		err = errors.Join(swept, err)
	}
	return errors.Join(err, c.bucket.Delete(ctx, pinKey(p.Name)))
}

func (c *Chain) writePin(ctx context.Context, p Pin) error {
	record, err := encodeRecord(p)
	if err != nil {
		return err
	}
	w, err := c.bucket.Writer(ctx, pinKey(p.Name))
	if err != nil {
		return err
	}
	if _, err := w.Write(record); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Close()
}

// condemned tells whether a sweep may be about to delete a checkpoint or runs of it, or has; nil: none is, and none will begin that
// does not see a pin which is there. What does not retain it is a newer checkpoint, or one of a later attempt: then it is void.
func (c *Chain) condemned(ctx context.Context, checkpoint int64) (*SweptError, error) {
	listed, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	found, damage, err := c.loadAll(ctx, listed.checkpoints)
	if err != nil {
		return nil, err
	}
	swept := &SweptError{Path: c.Path(checkpoint)}
	at, ok := slices.BinarySearch(listed.checkpoints, checkpoint)
	if !ok || found[at] == nil {
		return swept, nil // or its metadata is damaged: nothing is known of what it needs
	}
	for i, id := range listed.checkpoints {
		switch {
		case damage[i] != nil && id > checkpoint: // it may retain nothing
		case found[i] == nil || slices.Contains(found[i].Metadata.Retained, checkpoint):
			continue
		case id <= checkpoint && found[i].Metadata.Attempt <= found[at].Metadata.Attempt:
			continue
		}
		swept.By = id
		return swept, nil
	}
	return nil, nil
}

// renew writes the pin anew until the hold ends. One that could not be is tried at the next turn: three may be missed.
func (h *Hold) renew(ctx context.Context) {
	defer close(h.done)
	ticker := time.NewTicker(time.Duration(h.pin.ForMS) * time.Millisecond / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = h.chain.writePin(ctx, h.pin) // what is read is verified: without its pin it is missed, never wrong
		case <-ctx.Done():
			return
		}
	}
}

// Release ends the hold: the checkpoint may be swept again. It may be called again, and of a nil Hold.
func (h *Hold) Release(ctx context.Context) error {
	if h == nil {
		return nil
	}
	h.once.Do(func() {
		h.stop()
		<-h.done
		if err := h.chain.bucket.Delete(ctx, pinKey(h.pin.Name)); err != nil {
			h.err = fmt.Errorf("release checkpoint %d: %w", h.pin.Checkpoint, err)
		}
	})
	return h.err
}

// Leave ends the hold and leaves the pin, for who takes it over.
func (h *Hold) Leave() {
	if h == nil {
		return
	}
	h.stop()
	<-h.done
}

func (c *Chain) readPin(ctx context.Context, key string) (Pin, error) {
	text, err := c.bucket.Read(ctx, key)
	if err != nil {
		return Pin{}, err
	}
	var p Pin
	if err := decodeRecord(text, &p); err != nil {
		return Pin{}, in(c.bucket.Sub(key).String(), err)
	}
	return p, nil
}

// pins are those of a job's folder.
type pins struct {
	held    []Pin
	unread  bool // one cannot be read: it may be of any checkpoint
	expired []storage.Object
}

// hold tells whether a checkpoint is pinned.
func (p *pins) holds(checkpoint int64) bool {
	return p.unread || slices.ContainsFunc(p.held, func(h Pin) bool { return h.Checkpoint == checkpoint })
}

// listPins reads the pins that count. asOf is the newest object of the folder, by the store's own times: what was written longer before
// it than its pin counts has expired. That is later than now, so that no clock and no delay makes it too early.
func (c *Chain) listPins(ctx context.Context, asOf string) (*pins, error) {
	p := &pins{}
	objects, err := c.bucket.List(ctx, pinsFolder+"/")
	if err != nil || len(objects) == 0 {
		return p, err
	}
	now, err := c.bucket.Attributes(ctx, asOf)
	if err != nil && !errors.Is(err, storage.ErrNotFound) { // swept by a later attempt: then none has expired
		return nil, err
	}
	for _, o := range objects {
		pin, err := c.readPin(ctx, o.Key)
		limit := time.Duration(pin.ForMS) * time.Millisecond
		var corrupt *CorruptError
		switch {
		case errors.Is(err, storage.ErrNotFound):
			continue // it was released
		case errors.As(err, &corrupt):
			limit = PinForRestore
		case err != nil:
			return nil, err
		}
		switch {
		case now.ModTime.Sub(o.ModTime) > limit:
			p.expired = append(p.expired, o)
		case corrupt != nil:
			p.unread = true
		default:
			p.held = append(p.held, pin)
		}
	}
	return p, nil
}

// Gone tells whether a snapshot was deleted since it was opened.
func (s *Snapshot) Gone(ctx context.Context) (bool, error) {
	_, err := s.bucket.Attributes(ctx, path.Join(s.folder, metadataName))
	if errors.Is(err, storage.ErrNotFound) {
		return true, nil
	}
	return false, err
}

func pinKey(name string) string { return path.Join(pinsFolder, name) }
