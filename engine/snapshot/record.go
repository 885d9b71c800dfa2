package snapshot

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// Attempt is one activation of a job, as claimed in storage.
type Attempt struct {
	N        int64 // from 1
	Nonce    Nonce
	Owner    string // who: cluster id and StreamJob UID, or host and process; for messages and for taking over (P5)
	Revision string
}

// attemptRecord is the content of attempts/<n>.
type attemptRecord struct {
	Attempt  int64  `json:"attempt"`
	Nonce    string `json:"nonce"`
	Owner    string `json:"owner"`
	Revision string `json:"revision,omitempty"`
}

// Base is what an attempt started from: the content of attempts/<n>.base. Exactly one of Checkpoint, Path and Empty is set.
type Base struct {
	Attempt           int64  `json:"attempt"`
	Nonce             string `json:"nonce"`                       // the attempt's
	Checkpoint        int64  `json:"checkpoint,omitempty"`        // of this job's own folder
	CheckpointAttempt int64  `json:"checkpointAttempt,omitempty"` // the attempt that completed it
	Path              string `json:"path,omitempty"`              // a snapshot elsewhere
	Empty             bool   `json:"empty,omitempty"`
	// RestoreNonces are all values of restore.nonce that were acted on, by this attempt and all before it: each takes
	// effect once, also when the records of earlier attempts are swept (P5).
	RestoreNonces []int64 `json:"restoreNonces,omitempty"`
	Parallelism   int     `json:"parallelism,omitempty"`
	// Repeats says that output which is visible beyond the snapshot may be written again: the user has accepted that (P2),
	// for this attempt and for those that begin from the same snapshot because this one came to no checkpoint.
	Repeats bool `json:"repeats,omitempty"`
}

// sameStart tells whether two attempts began from the same snapshot.
func (b Base) sameStart(other Base) bool {
	return b.Checkpoint == other.Checkpoint && b.CheckpointAttempt == other.CheckpointAttempt && b.Path == other.Path && b.Empty == other.Empty
}

const recordTrailer = "crc32c "

// encodeRecord returns a value as one line of JSON and a line with its checksum.
func encodeRecord(v any) ([]byte, error) {
	line, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	line = append(line, '\n')
	return fmt.Appendf(line, "%s%08x\n", recordTrailer, crc32.Checksum(line, castagnoli)), nil
}

// decodeRecord reads what encodeRecord wrote. What is wrong with it is a *CorruptError without an object's name.
func decodeRecord(text []byte, v any) error {
	end := bytes.IndexByte(text, '\n') + 1
	if end == 0 {
		return &CorruptError{Offset: int64(len(text)), Reason: "its first line does not end"}
	}
	if want := fmt.Sprintf("%s%08x\n", recordTrailer, crc32.Checksum(text[:end], castagnoli)); string(text[end:]) != want {
		return &CorruptError{Offset: int64(end), Reason: fmt.Sprintf("its last line is %q, not %q", text[end:], want)}
	}
	decoder := json.NewDecoder(bytes.NewReader(text[:end]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return &CorruptError{Offset: decoder.InputOffset(), Reason: err.Error()}
	}
	return nil
}

func decodeAttempt(text []byte) (Attempt, error) {
	var r attemptRecord
	if err := decodeRecord(text, &r); err != nil {
		return Attempt{}, err
	}
	a := Attempt{N: r.Attempt, Owner: r.Owner, Revision: r.Revision}
	nonce, err := hex.DecodeString(r.Nonce)
	if err != nil || len(nonce) != len(a.Nonce) {
		return Attempt{}, &CorruptError{Offset: 0, Reason: fmt.Sprintf("nonce %q is not 32 hex digits", r.Nonce)}
	}
	copy(a.Nonce[:], nonce)
	return a, nil
}
