package snapshot

import (
	"errors"
	"testing"
)

// TestEveryFlippedBitAndEveryTruncationOfARecordIsDetected damages the records of attempts: who claimed, and what it
// started from, decides what is history. Most damage leaves good JSON.
func TestEveryFlippedBitAndEveryTruncationOfARecordIsDetected(t *testing.T) {
	nonce := Nonce{1, 2, 3}.String()
	for name, c := range map[string]struct{ record, into any }{
		"a claim":   {attemptRecord{Attempt: 7, Nonce: nonce, Owner: "air/flights", Revision: "ab12"}, &attemptRecord{}},
		"its start": {Base{Attempt: 7, Nonce: nonce, Checkpoint: 41, CheckpointAttempt: 6, RestoreNonces: []int64{3}, Parallelism: 2}, &Base{}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := encodeRecord(c.record)
			if err != nil {
				t.Fatal(err)
			}
			refused := func(damaged []byte, what string, at int) {
				t.Helper()
				var corrupt *CorruptError
				if err := decodeRecord(damaged, c.into); !errors.As(err, &corrupt) {
					t.Errorf("%s at byte %d: %v, want a *CorruptError\n%s", what, at, err, damaged)
				}
			}
			for i := range text {
				for bit := range 8 {
					damaged := append([]byte{}, text...)
					damaged[i] ^= 1 << bit
					refused(damaged, "a flipped bit", i)
				}
				refused(text[:i], "the end", i)
			}
			if err := decodeRecord(text, c.into); err != nil {
				t.Errorf("the whole record: %v", err)
			}
		})
	}
}
