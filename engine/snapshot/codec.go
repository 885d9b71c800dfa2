package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirstream/weir/engine/outcome"
)

const (
	metadataMagic  = "WEIRSNAP"
	metadataHeader = 20 // magic, version, length
	checksumSize   = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// outcomes are those that a checkpoint can have, by their numbers in _metadata.
var outcomes = [...]outcome.Outcome{outcome.None, outcome.Stopped, outcome.Drained, outcome.Completed}

func outcomeNumber(o outcome.Outcome) int64 {
	n := slices.Index(outcomes[:], o)
	if n < 0 {
		panic(fmt.Sprintf("snapshot: no checkpoint has the outcome %s", o)) // its writer would take it for one within a run
	}
	return int64(n)
}

// Encode returns the content of _metadata. Equal metadata gives equal bytes.
func Encode(m *Metadata) []byte {
	body := encodeMetadata(m)
	file := make([]byte, 0, metadataHeader+len(body)+checksumSize)
	file = append(file, metadataMagic...)
	file = binary.LittleEndian.AppendUint32(file, Format)
	file = binary.LittleEndian.AppendUint64(file, uint64(len(body)))
	file = append(file, body...)
	return binary.LittleEndian.AppendUint32(file, crc32.Checksum(file, castagnoli))
}

func encodeMetadata(m *Metadata) []byte {
	var w message
	w.bool(1, m.Savepoint)
	w.text(2, m.Job)
	w.int(3, m.ID)
	w.int(4, m.Parent)
	w.int(5, m.Attempt)
	w.int(6, m.Restart)
	w.bytes(7, m.Nonce[:])
	w.int(8, outcomeNumber(m.Outcome))
	for _, id := range m.Retained {
		w.intAlways(9, id)
	}
	w.int(10, m.Confirmed)
	if !m.Time.IsZero() {
		w.int(11, m.Time.UnixMilli())
	}
	w.text(12, m.Engine)
	w.text(13, m.Revision)
	w.int(14, int64(m.Parallelism))
	w.int(15, int64(m.MaxParallelism))
	for i := range m.Operators {
		w.bytesAlways(16, encodeOperator(&m.Operators[i]))
	}
	for _, u := range m.Uncommitted {
		w.bytesAlways(17, encodeUncommitted(u))
	}
	return w
}

func encodeUncommitted(u Uncommitted) []byte {
	var w message
	w.int(1, u.Checkpoint)
	for _, s := range u.Sinks {
		var sink message
		sink.text(1, s.UID)
		for _, c := range s.Committables {
			sink.bytesAlways(2, c)
		}
		w.bytesAlways(2, sink)
	}
	return w
}

func encodeOperator(o *OperatorState) []byte {
	var w message
	w.text(1, o.UID)
	w.text(2, o.Name)
	w.text(3, o.Fingerprint)
	w.int(4, int64(o.Parallelism))
	w.int(5, int64(o.MaxParallelism))
	for _, s := range o.Schemas {
		w.bytesAlways(6, encodeSchema(s))
	}
	w.bytes(7, o.Enumerator)
	for i := range o.Subtasks {
		w.bytesAlways(8, encodeSubtask(&o.Subtasks[i]))
	}
	w.text(9, o.Advisory)
	w.text(10, o.Connector)
	return w
}

func encodeSchema(s StateSchema) []byte {
	var w message
	w.text(1, s.Name)
	w.text(2, s.Kind)
	for _, f := range s.KeyFields {
		w.bytesAlways(3, []byte(f))
	}
	for _, f := range s.ValueFields {
		w.bytesAlways(4, []byte(f))
	}
	return w
}

func encodeSubtask(s *SubtaskState) []byte {
	var w message
	w.int(1, int64(s.Index))
	for _, split := range s.Splits {
		w.bytesAlways(3, encodeSplit(split))
	}
	for _, f := range s.Files {
		w.bytesAlways(4, encodeFile(f))
	}
	for _, c := range s.Committables {
		w.bytesAlways(5, c)
	}
	w.bytes(6, s.Extra)
	return w
}

// AppendSubtask appends what a subtask contributed, as _metadata has it: a subtask that is in another process than who writes
// _metadata sends it.
func AppendSubtask(b []byte, s *SubtaskState) []byte { return append(b, encodeSubtask(s)...) }

// DecodeSubtask reads what AppendSubtask has written for a checkpoint. What is refused in _metadata is refused here, but it is no
// damage to a snapshot: the error is no *CorruptError.
func DecodeSubtask(b []byte, checkpoint int64) (SubtaskState, error) {
	var s SubtaskState
	err := readMessage(b, 0, func(n protowire.Number, v value) error { return decodeSubtask(&s, n, v) })
	if err == nil {
		err = s.check(checkpoint)
	}
	var wrong *CorruptError
	if errors.As(err, &wrong) {
		return SubtaskState{}, fmt.Errorf("the state of a subtask is malformed at byte %d: %s", wrong.Offset, wrong.Reason)
	}
	return s, err
}

func encodeSplit(s SplitState) []byte {
	var w message
	w.text(1, s.ID)
	w.bytes(2, s.Spec)
	w.bytes(3, s.Position)
	w.int(4, s.MaxTime)
	w.bool(5, s.Done)
	return w
}

func encodeFile(f GroupFile) []byte {
	var w message
	w.text(1, f.Path)
	w.int(2, f.Size)
	w.int(3, int64(f.CRC32C))
	w.int(5, f.Checkpoint)
	for _, b := range f.Blocks {
		var block message
		block.int(1, int64(b.Group))
		block.text(2, b.State)
		block.int(3, b.Offset)
		block.int(4, b.Size)
		block.int(5, int64(b.CRC32C))
		block.int(6, b.Watermark)
		block.int(7, int64(b.End))
		w.bytesAlways(4, block)
	}
	return w
}

// Decode reads the content of _metadata. What is wrong with it is a *CorruptError without an object's name.
func Decode(file []byte) (*Metadata, error) {
	if len(file) < metadataHeader+checksumSize {
		return nil, &CorruptError{Offset: int64(len(file)), Reason: "the file ends within its header"}
	}
	if magic := string(file[:8]); magic != metadataMagic {
		return nil, &CorruptError{Offset: 0, Reason: fmt.Sprintf("it begins with %q, not with %q", magic, metadataMagic)}
	}
	length := binary.LittleEndian.Uint64(file[12:])
	if got := uint64(len(file) - metadataHeader - checksumSize); length != got {
		return nil, &CorruptError{Offset: 12, Reason: fmt.Sprintf("the body has %d bytes, not the %d that the header says", got, length)}
	}
	end := len(file) - checksumSize
	if want, got := binary.LittleEndian.Uint32(file[end:]), crc32.Checksum(file[:end], castagnoli); want != got {
		return nil, &CorruptError{Offset: 0, Reason: fmt.Sprintf("its checksum is %08x, not %08x", got, want)}
	}
	version := binary.LittleEndian.Uint32(file[8:])
	if version < 1 || version > Format {
		return nil, fmt.Errorf("a snapshot of format %d: this engine reads formats up to %d, use a newer one", version, Format)
	}
	m := &Metadata{Format: int(version)}
	err := readMessage(file[metadataHeader:end], metadataHeader, func(n protowire.Number, v value) error {
		return decodeMetadata(m, n, v)
	})
	if err != nil {
		return nil, err
	}
	for i := range m.Operators {
		m.Operators[i].nameConnector()
	}
	return m, m.check()
}

// nameConnector names the connector of a source that format 1 has recorded: there the fingerprint alone says it.
func (o *OperatorState) nameConnector() {
	if o.Connector != "" || len(o.Enumerator) == 0 {
		return
	}
	first, _, _ := strings.Cut(o.Fingerprint, "\n")
	if name, named := strings.CutPrefix(first, "connector "); named {
		o.Connector = name
	}
}

func decodeMetadata(m *Metadata, n protowire.Number, v value) error {
	switch n {
	case 1:
		return v.toBool(&m.Savepoint)
	case 2:
		return v.toText(&m.Job)
	case 3:
		return v.toInt64(&m.ID)
	case 4:
		return v.toInt64(&m.Parent)
	case 5:
		return v.toInt64(&m.Attempt)
	case 6:
		return v.toInt64(&m.Restart)
	case 7:
		if len(v.body) != len(m.Nonce) {
			return v.wrong("a nonce has 16 bytes")
		}
		copy(m.Nonce[:], v.body)
		return nil
	case 8:
		var number int
		err := v.toCount(&number)
		if err == nil && number >= len(outcomes) {
			return v.wrong(fmt.Sprintf("outcome %d is unknown", number))
		}
		if err == nil {
			m.Outcome = outcomes[number]
		}
		return err
	case 9:
		return v.appendInt64(&m.Retained)
	case 10:
		return v.toInt64(&m.Confirmed)
	case 11:
		var ms int64
		err := v.toInt64(&ms)
		if ms != 0 {
			m.Time = time.UnixMilli(ms).UTC()
		}
		return err
	case 12:
		return v.toText(&m.Engine)
	case 13:
		return v.toText(&m.Revision)
	case 14:
		return v.toCount(&m.Parallelism)
	case 15:
		return v.toCount(&m.MaxParallelism)
	case 16:
		return appendMessage(v, &m.Operators, decodeOperator)
	case 17:
		return appendMessage(v, &m.Uncommitted, decodeUncommitted)
	}
	return unknownField("Metadata", n, v)
}

func decodeUncommitted(u *Uncommitted, n protowire.Number, v value) error {
	switch n {
	case 1:
		return v.toInt64(&u.Checkpoint)
	case 2:
		return appendMessage(v, &u.Sinks, decodeSink)
	}
	return unknownField("Uncommitted", n, v)
}

func decodeSink(s *SinkCommittables, n protowire.Number, v value) error {
	switch n {
	case 1:
		return v.toText(&s.UID)
	case 2:
		return v.appendBytes(&s.Committables)
	}
	return unknownField("Sink", n, v)
}

func decodeOperator(o *OperatorState, n protowire.Number, v value) error {
	switch n {
	case 1:
		return v.toText(&o.UID)
	case 2:
		return v.toText(&o.Name)
	case 3:
		return v.toText(&o.Fingerprint)
	case 4:
		return v.toCount(&o.Parallelism)
	case 5:
		return v.toCount(&o.MaxParallelism)
	case 6:
		return appendMessage(v, &o.Schemas, decodeSchema)
	case 7:
		return v.toBytes(&o.Enumerator)
	case 8:
		return appendMessage(v, &o.Subtasks, decodeSubtask)
	case 9:
		return v.toText(&o.Advisory)
	case 10:
		return v.toText(&o.Connector)
	}
	return unknownField("Operator", n, v)
}

func decodeSchema(s *StateSchema, n protowire.Number, v value) error {
	switch n {
	case 1:
		return v.toText(&s.Name)
	case 2:
		return v.toText(&s.Kind)
	case 3:
		return v.appendText(&s.KeyFields)
	case 4:
		return v.appendText(&s.ValueFields)
	}
	return unknownField("Schema", n, v)
}

func decodeSubtask(s *SubtaskState, n protowire.Number, v value) error {
	switch n {
	case 1:
		return v.toCount(&s.Index)
	case 2: // of format 1: whether the subtask's input had ended, which its splits say too
		var finished bool
		return v.toBool(&finished)
	case 3:
		return appendMessage(v, &s.Splits, decodeSplit)
	case 4:
		return appendMessage(v, &s.Files, decodeFile)
	case 5:
		return v.appendBytes(&s.Committables)
	case 6:
		return v.toBytes(&s.Extra)
	}
	return unknownField("Subtask", n, v)
}

func decodeSplit(s *SplitState, n protowire.Number, v value) error {
	switch n {
	case 1:
		return v.toText(&s.ID)
	case 2:
		return v.toBytes(&s.Spec)
	case 3:
		return v.toBytes(&s.Position)
	case 4:
		return v.toInt64(&s.MaxTime)
	case 5:
		return v.toBool(&s.Done)
	}
	return unknownField("Split", n, v)
}

func decodeFile(f *GroupFile, n protowire.Number, v value) error {
	switch n {
	case 1:
		return v.toText(&f.Path)
	case 2:
		return v.toInt64(&f.Size)
	case 3:
		return v.toUint32(&f.CRC32C)
	case 4:
		return appendMessage(v, &f.Blocks, decodeBlock)
	case 5:
		return v.toInt64(&f.Checkpoint)
	}
	return unknownField("File", n, v)
}

func decodeBlock(b *Block, n protowire.Number, v value) error {
	switch n {
	case 1:
		return v.toCount(&b.Group)
	case 2:
		return v.toText(&b.State)
	case 3:
		return v.toInt64(&b.Offset)
	case 4:
		return v.toInt64(&b.Size)
	case 5:
		return v.toUint32(&b.CRC32C)
	case 6:
		return v.toInt64(&b.Watermark)
	case 7:
		return v.toCount(&b.End)
	}
	return unknownField("Block", n, v)
}

// check holds what the wire format cannot say: a file with a right checksum may still have been written by something
// that is not this engine, and must not lead a reader outside of the snapshot.
func (m *Metadata) check() error {
	for i, u := range m.Uncommitted {
		if u.Checkpoint >= m.ID || i > 0 && u.Checkpoint <= m.Uncommitted[i-1].Checkpoint {
			return &CorruptError{Offset: metadataHeader, Reason: fmt.Sprintf(
				"what is to be committed of checkpoint %d is not in order, before checkpoint %d", u.Checkpoint, m.ID)}
		}
	}
	for i := range m.Operators {
		for j := range m.Operators[i].Subtasks {
			if err := m.Operators[i].Subtasks[j].check(m.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// check checks what a subtask contributed to a checkpoint.
func (s *SubtaskState) check(checkpoint int64) error {
	for _, f := range s.Files {
		if !relativePath(f.Path) {
			return &CorruptError{Offset: metadataHeader, Reason: fmt.Sprintf("data file %q is not beside its snapshot", f.Path)}
		}
		if run := f.RunKey() != ""; run != (f.Checkpoint != 0) || run && (f.Checkpoint < 0 || f.Checkpoint > checkpoint) {
			return &CorruptError{Offset: metadataHeader, Reason: fmt.Sprintf(
				"data file %s cannot be a run of checkpoint %d in checkpoint %d", f.Path, f.Checkpoint, checkpoint)}
		}
		end := f.Size - dataFooter
		for _, b := range f.Blocks {
			if b.Offset < dataHeader || b.Size < 0 || b.Offset > end || b.Size > end-b.Offset {
				return &CorruptError{Offset: metadataHeader,
					Reason: fmt.Sprintf("block of key group %d is not within data file %s", b.Group, f.Path)}
			}
			if b.End != 0 && b.End <= b.Group {
				return &CorruptError{Offset: metadataHeader,
					Reason: fmt.Sprintf("a block of data file %s is of the key groups from %d to before %d", f.Path, b.Group, b.End)}
			}
		}
	}
	return nil
}

// relativePath tells whether a data file's path stays in the snapshot's folder or the job's folder of shared files.
func relativePath(p string) bool {
	if p == "" || path.IsAbs(p) || path.Clean(p) != p || strings.ContainsRune(p, '\\') {
		return false
	}
	rest, shared := strings.CutPrefix(p, sharedPath)
	if !shared {
		rest = p
	}
	return !strings.Contains(rest, "/") && rest != "." && rest != ".." && rest != metadataName
}
