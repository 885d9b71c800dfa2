package kafka

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/types"
)

// encoder makes records of rows. The memory of records is the client's until brokers have them, so each batch has its own.
type encoder struct {
	format    *RecordFormat
	value     *side
	key       *side // nil: records have no key
	timestamp int   // column; negative: the client says when a record is written
}

// side is the key or the value.
type side struct {
	fields  []Field
	encoder codec.Encoder
	framing codec.Framing
	columns *batch.Columns
	size    int // of the last batch
}

func newEncoder(f *RecordFormat, s types.Schema) *encoder {
	e := &encoder{format: f, timestamp: -1}
	if len(f.Values) > 0 {
		write := f.Write
		if write == nil {
			write = f.Value
		}
		e.value = newSide(write, f.Values, s)
	}
	if f.Key != nil && len(f.Keys) > 0 {
		e.key = newSide(f.Key, f.Keys, s)
	}
	for _, m := range f.Metadata {
		if m.Key == MetadataTimestamp {
			e.timestamp = m.Column
		}
	}
	return e
}

func newSide(f codec.WriteFormat, fields []Field, s types.Schema) *side {
	schema := schemaOf(s, fields)
	framing := codec.Framing(codec.Lines{})
	if read, ok := f.(codec.Format); ok {
		framing = read.Framing()
	}
	return &side{fields: fields, encoder: f.Encoder(schema), framing: framing, columns: &batch.Columns{Schema: schema.Layout(), Cols: make([]batch.Vector, len(schema))}}
}

// encode makes a record of each row. Kinds are those of the rows; nil: all are inserts.
func (e *encoder) encode(rows *batch.Columns, kinds []batch.RowKind) ([]kgo.Record, error) {
	records := make([]kgo.Record, rows.N)
	if e.value != nil {
		if err := e.value.encode(rows, kinds, func(i int, b []byte) { records[i].Value = b }); err != nil {
			return nil, err
		}
	}
	if e.key != nil {
		if err := e.key.encode(rows, nil, func(i int, b []byte) { records[i].Key = b }); err != nil {
			return nil, err
		}
	}
	if e.timestamp >= 0 {
		times := rows.Cols[e.timestamp].(*batch.Fixed[int64])
		for i := range records {
			if !times.Null(i) {
				records[i].Timestamp = time.UnixMilli(times.V[i])
			}
		}
	}
	return records, nil
}

// encode writes all rows at once and cuts them where the format ends records.
func (s *side) encode(rows *batch.Columns, kinds []batch.RowKind, set func(i int, b []byte)) error {
	for i, f := range s.fields {
		s.columns.Cols[i] = rows.Cols[f.Column]
	}
	s.columns.N = rows.N
	buf, err := s.append(make([]byte, 0, s.size+s.size/8), kinds)
	if err != nil {
		return err
	}
	s.size = len(buf)
	for i := range rows.N {
		n, _ := s.framing.Next(buf, true)
		if n == 0 {
			return fmt.Errorf("the format wrote %d records for %d rows", i, rows.N)
		}
		content := s.framing.Content(buf[:n])
		set(i, content[:len(content):len(content)])
		buf = buf[n:]
	}
	if len(buf) > 0 {
		return fmt.Errorf("the format wrote more than %d records for %d rows", rows.N, rows.N)
	}
	return nil
}

// append writes the rows, with their kinds if the format has any. Nobody writes changes to a sink that does not take them.
func (s *side) append(buf []byte, kinds []batch.RowKind) ([]byte, error) {
	if e, ok := s.encoder.(codec.ChangelogEncoder); ok {
		return e.AppendChanges(buf, s.columns, kinds)
	}
	if slices.ContainsFunc(kinds, func(k batch.RowKind) bool { return k != batch.Insert }) {
		return nil, errChanges
	}
	return s.encoder.Append(buf, s.columns)
}

var errChanges = &codec.Error{
	Reason: "the query updates rows that were written before, and a topic of this format only takes new ones",
	Remedy: "write them with a format of changes, such as 'debezium-json', or aggregate over windows",
}

// refused gives the error of a row that a format cannot write its class and place.
func (e *encoder) refused(topic string, err error) error {
	out := &fault.Error{Class: fault.Permanent, Place: "kafka topic " + topic, Err: err}
	var bad *codec.Error
	if errors.As(err, &bad) {
		out.Remedy = bad.Remedy
	}
	return out
}
