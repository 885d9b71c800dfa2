package stateview

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/sql/exec"
	"github.com/weirstream/weir/engine/state"
	"github.com/weirstream/weir/engine/stream"
)

// words say in JSON what the bytes of a state mean.
type words interface {
	// fits tells whether cells of a width can be those of the state.
	fits(cellBytes int) error
	// say sets all that names an entry, and its value. The bytes may be reused afterwards.
	say(e *Entry, window int64, key, name, value []byte) error
}

// wordsFor returns those for a state: SQL and programs have their own.
func wordsFor(d state.Descriptor, fingerprint string) words {
	if len(d.Key) != 1 || d.Key[0] != "key BYTES" {
		if r, err := exec.NewGroupReader(d); err == nil {
			return groupWords{r, jsonl.Format{}.Encoder(r.Keys), jsonl.Format{}.Encoder(r.Results)}
		}
	}
	return programWords{d.Kind, stream.NewStateReader(d, fingerprint)}
}

// groupWords are those for the groups of an aggregate.
type groupWords struct {
	groups       *exec.GroupReader
	keys, result codec.Encoder
}

func (w groupWords) fits(cellBytes int) error {
	if cellBytes != w.groups.CellBytes() {
		return fmt.Errorf("its cells have %d bytes, and those of its aggregates %d", cellBytes, w.groups.CellBytes())
	}
	return nil
}

func (w groupWords) say(e *Entry, window int64, key, _, value []byte) error {
	columns, err := w.groups.Key(key)
	if err != nil {
		return err
	}
	if e.Key, err = object(w.keys, columns); err != nil {
		return err
	}
	if w.groups.Windowed {
		e.Window = append(sqltime.AppendTimestamp([]byte{'"'}, window, sqltime.SQL), '"')
	}
	e.Value, err = object(w.result, w.groups.Result(value))
	return err
}

// object is a row as a JSON object.
func object(as codec.Encoder, row *batch.Columns) (json.RawMessage, error) {
	line, err := as.Append(nil, row)
	return bytes.TrimSuffix(line, []byte{'\n'}), err
}

// programWords are those for the states of process functions.
type programWords struct {
	kind   state.Kind
	reader *stream.StateReader
}

func (programWords) fits(int) error { return nil }

func (w programWords) say(e *Entry, window int64, key, name, value []byte) error {
	e.Key = w.reader.AppendKey(nil, key)
	if w.kind == state.SortedMap || w.kind.OfOperator() {
		e.Name = w.reader.AppendName(nil, name)
		e.Value = w.reader.AppendValue(nil, value)
		return nil
	}
	if w.kind == state.WindowValue || w.kind == state.Timer {
		e.Window = strconv.AppendInt(nil, window, 10)
	}
	e.Value = w.reader.AppendCell(nil, value)
	return nil
}
