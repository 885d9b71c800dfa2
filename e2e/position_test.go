package e2e

import (
	"bytes"
	"encoding/binary"
	"path"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/engine/snapshot"
)

// positions returns how many records of each file a snapshot has behind it. Each file is one split. That of a file that
// is being read is in the state of a reader, that of one that nobody reads is in the queue of the enumerator; any other
// is finished.
func positions(t *testing.T, m *snapshot.Metadata, files []flights.File) []int {
	t.Helper()
	source := m.Operator("source/flights")
	if source == nil {
		t.Fatalf("checkpoint %d has no source/flights", m.ID)
	}
	open := queued(t, source.Enumerator)
	for _, subtask := range source.Subtasks {
		for _, split := range subtask.Splits {
			open[split.ID] = split.Position
		}
	}
	offsets := map[string]uint64{}
	for id, position := range open {
		key, _, _ := strings.Cut(id, ",")
		name := path.Base(key)
		if !slices.ContainsFunc(files, func(f flights.File) bool { return f.Name == name }) {
			t.Fatalf("split %s is of no file of the input", id)
		}
		offset, n := binary.Uvarint(position)
		if n <= 0 && len(position) > 0 {
			t.Fatalf("position %x of %s does not begin with an offset", position, id)
		}
		offsets[name] = offset // no position: not begun
	}
	read := make([]int, len(files))
	for i, f := range files {
		if offset, unfinished := offsets[f.Name]; unfinished {
			read[i] = bytes.Count(f.Content[:offset], []byte("\n"))
		} else {
			read[i] = f.Records
		}
	}
	return read
}

// finished says whether a snapshot knows as many files as these, and has all of them behind it.
func finished(t *testing.T, m *snapshot.Metadata, files []flights.File) bool {
	t.Helper()
	known := 0
	eachBytes(t, m.Operator("source/flights").Enumerator, func(field protowire.Number, seen []byte) {
		if field != 2 || len(seen) == 0 {
			return
		}
		// What package filesystem has seen: format, number of refused files, number of files, ...
		_, n := binary.Uvarint(seen[1:])
		if n <= 0 {
			t.Fatalf("enumerator state %x is malformed", seen)
		}
		count, _ := binary.Uvarint(seen[1+n:])
		known = int(count)
	})
	if known < len(files) {
		return false
	}
	for i, read := range positions(t, m, files) {
		if read < files[i].Records {
			return false
		}
	}
	return true
}

// queued reads the ids and positions of the splits in the queue of an enumerator's state: in protobuf wire format, field 6,
// in it 1 and 5 (see package coordinator).
func queued(t *testing.T, enumerator []byte) map[string][]byte {
	t.Helper()
	queue := map[string][]byte{}
	eachBytes(t, enumerator, func(field protowire.Number, split []byte) {
		if field != 6 {
			return
		}
		var id string
		var position []byte
		eachBytes(t, split, func(field protowire.Number, value []byte) {
			switch field {
			case 1:
				id = string(value)
			case 5:
				position = value
			}
		})
		queue[id] = position
	})
	return queue
}

// eachBytes calls f for the fields of a message that have a length.
func eachBytes(t *testing.T, message []byte, f func(field protowire.Number, value []byte)) {
	t.Helper()
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(field, kind, message); n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			f(field, value)
		}
		message = message[n:]
	}
}

func sum(numbers []int) int {
	total := 0
	for _, n := range numbers {
		total += n
	}
	return total
}
