package snapshot

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/weirstream/weir/engine/storage"
)

// confirmation is the content of chk-<id>/_confirmed: all output of a checkpoint that ended the job is visible. No later
// metadata will say so, as Metadata.Confirmed does of the others.
type confirmation struct {
	Checkpoint int64  `json:"checkpoint"`
	Attempt    int64  `json:"attempt"` // that completed it
	Nonce      string `json:"nonce"`
}

func (m *Metadata) confirmation() confirmation {
	return confirmation{Checkpoint: m.ID, Attempt: m.Attempt, Nonce: m.Nonce.String()}
}

// Confirm records that all output of the checkpoint is visible, so that what was staged for it may go (P10), and no later
// start makes it visible once more. Every process that has committed it may write that, however often: it says the same.
func (s *Snapshot) Confirm(ctx context.Context) error {
	record, err := encodeRecord(s.Metadata.confirmation())
	if err == nil {
		err = s.bucket.Create(ctx, path.Join(s.folder, confirmedName), record)
	}
	if err != nil {
		return fmt.Errorf("record that checkpoint %d is committed: %w", s.Metadata.ID, err)
	}
	return nil
}

// Confirmed tells whether that is recorded. A record that cannot be read, or is of another checkpoint, records nothing: to
// commit once more is harmless.
func (s *Snapshot) Confirmed(ctx context.Context) (bool, error) {
	text, err := s.bucket.Read(ctx, path.Join(s.folder, confirmedName))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whether checkpoint %d is committed: %w", s.Metadata.ID, err)
	}
	var r confirmation
	readable := decodeRecord(text, &r) == nil
	return readable && r == s.Metadata.confirmation(), nil
}
