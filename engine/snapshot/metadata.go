package snapshot

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/engine/outcome"
)

// Format is the version of the format that this engine writes. It reads this one and all earlier ones.
const Format = 2

// NoTime is the event time or watermark of what has none yet.
const NoTime = math.MinInt64

// Nonce tells one attempt from all others.
type Nonce [16]byte

func (n Nonce) String() string { return fmt.Sprintf("%x", n[:]) }

// Metadata is one snapshot: everything about it but the content of its data files.
type Metadata struct {
	Format    int // set by Decode
	Savepoint bool
	Job       string
	ID        int64 // of the checkpoint, from 1
	Parent    int64 // the complete checkpoint of this chain before it; 0: none
	Attempt   int64
	Restart   int64
	Nonce     Nonce
	Outcome   outcome.Outcome // why this checkpoint is the last of its run; None: it is not (P3)
	Retained  []int64         // ids that stay once this one is complete, itself included
	// Confirmed is the newest checkpoint whose commits, and all before, are known to be done: its staged objects may go (P10).
	Confirmed int64
	// Uncommitted is the output of complete checkpoints before this one whose commits were not known to be done, oldest
	// first: an attempt that goes on from here makes sure of them, in this order, before this one's own.
	Uncommitted    []Uncommitted
	Time           time.Time // millisecond precision, UTC; for people
	Engine         string    // version of the engine
	Revision       string
	Parallelism    int
	MaxParallelism int
	Operators      []OperatorState // stateless ones too
}

// Uncommitted is the output of a complete checkpoint that may not be visible.
type Uncommitted struct {
	Checkpoint int64
	Sinks      []SinkCommittables
}

// SinkCommittables are the committables of one sink.
type SinkCommittables struct {
	UID          string
	Committables [][]byte
}

// OperatorState is the state of one operator.
type OperatorState struct {
	UID, Name      string
	Fingerprint    string // readable: what the state means (P9)
	Advisory       string // readable: which rows are in the state (P9); empty before format 2
	Connector      string // of a source: whose positions these are; empty: that of a Go program
	Parallelism    int
	MaxParallelism int
	Schemas        []StateSchema
	Enumerator     []byte // of a source
	Subtasks       []SubtaskState
}

// StateSchema describes one state of an operator in words that are compared on restore.
type StateSchema struct {
	Name        string
	Kind        string   // value, list, map, timers, ...
	KeyFields   []string // "name TYPE"
	ValueFields []string
}

// SubtaskState is what one subtask contributed.
type SubtaskState struct {
	Index        int
	Splits       []SplitState
	Files        []GroupFile
	Committables [][]byte
	Extra        []byte // of the operator alone
}

// SplitState is a source's split with the position of the last batch emitted.
type SplitState struct {
	ID       string
	Spec     []byte
	Position []byte
	MaxTime  int64 // highest event time emitted, ms; NoTime: none
	Done     bool
}

// GroupFile is one data file: blocks of keyed state. It is never written twice.
//
// The files of a subtask are in the order in which they were written, and so is what they hold of a key group: blocks of changes
// are applied to what the files before hold, and a whole block takes the place of all that they hold of its group, of whatever state.
type GroupFile struct {
	Path   string // relative to the snapshot's folder
	Size   int64
	CRC32C uint32 // of all its bytes
	// Checkpoint is the one that wrote a run: a file in the job's folder of shared ones. 0: the file is the snapshot's alone.
	Checkpoint int64
	Blocks     []Block // only the ones that are part of the snapshot
}

// Block is the part of a data file that holds one state of one key group, or what has changed in several.
type Block struct {
	Group int
	// End is the key group after the last of which the block holds changes, from Group on; 0: it is the whole state of Group.
	End          int
	State        string
	Offset, Size int64
	CRC32C       uint32
	Watermark    int64 // highest watermark acted on, ms (P4); NoTime: none
}

// Operator returns the state of the operator with this uid, or nil.
func (m *Metadata) Operator(uid string) *OperatorState {
	for i := range m.Operators {
		if m.Operators[i].UID == uid {
			return &m.Operators[i]
		}
	}
	return nil
}

// Files returns the data files of all operators.
func (m *Metadata) Files() []GroupFile {
	var files []GroupFile
	for _, o := range m.Operators {
		for _, s := range o.Subtasks {
			files = append(files, s.Files...)
		}
	}
	return files
}

// StateSize returns the size of all data files in bytes.
func (m *Metadata) StateSize() int64 {
	var n int64
	for _, o := range m.Operators {
		for i := range o.Subtasks {
			n += o.Subtasks[i].size()
		}
	}
	return n
}

func (s *SubtaskState) size() int64 {
	var n int64
	for _, f := range s.Files {
		n += f.Size
	}
	return n
}

// WrittenSize returns the size in bytes of the data files that were written for this snapshot: not of the runs of earlier
// checkpoints that it shares.
func (m *Metadata) WrittenSize() int64 {
	var n int64
	for _, f := range m.Files() {
		if f.Checkpoint == 0 || f.Checkpoint == m.ID {
			n += f.Size
		}
	}
	return n
}

// RunKeys returns the keys, in the job's folder, of the runs that the snapshot names, each once, in order.
func (m *Metadata) RunKeys() []string {
	var keys []string
	for _, f := range m.Files() {
		if key := f.RunKey(); key != "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// RunKey returns the key of a run in the job's folder; empty: the file is none.
func (f GroupFile) RunKey() string {
	name, shared := strings.CutPrefix(f.Path, sharedPath)
	if !shared {
		return ""
	}
	return sharedFolder + "/" + name
}

// Output returns the committables of this checkpoint itself, by operator, of those that have any.
func (m *Metadata) Output() []SinkCommittables {
	var output []SinkCommittables
	for _, o := range m.Operators {
		var list [][]byte
		for _, s := range o.Subtasks {
			list = append(list, s.Committables...)
		}
		if len(list) > 0 {
			output = append(output, SinkCommittables{UID: o.UID, Committables: list})
		}
	}
	return output
}

// ToCommit returns the committables of a sink that a restore of this checkpoint makes sure of: those of checkpoints before
// it, and its own. A nil m has none.
func (m *Metadata) ToCommit(uid string) [][]byte {
	if m == nil {
		return nil
	}
	var list [][]byte
	add := func(sinks []SinkCommittables) {
		for _, s := range sinks {
			if s.UID == uid {
				list = append(list, s.Committables...)
			}
		}
	}
	for _, earlier := range m.Uncommitted {
		add(earlier.Sinks)
	}
	add(m.Output())
	return list
}
