package kafka

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/types"
)

// RecordFormat says what of a record is which column. Each column of the schema is in one of the three.
type RecordFormat struct {
	// Value is the format of values, and Values are its columns. In a value that has no columns nothing is read. Write is the format
	// that a sink has in its place; nil: it is the same.
	Value  codec.Format
	Write  codec.WriteFormat
	Values []Field
	// Key is the format of keys, nil: keys have no columns that are only theirs and are not read. Keys are its columns.
	Key  codec.Format
	Keys []Field
	// Metadata are the columns that are taken from what Kafka knows of a record.
	Metadata []MetadataField
}

// Field is a column, and what the format calls it.
type Field struct {
	Column int
	Name   string
}

// MetadataField is a column of metadata.
type MetadataField struct {
	Column int
	Key    MetadataKey
}

// MetadataKey is what Kafka knows of a record.
type MetadataKey string

// The metadata, with the types that Flink gives them. Headers have a type that no column can have yet.
const (
	MetadataTopic         MetadataKey = "topic"
	MetadataPartition     MetadataKey = "partition"
	MetadataOffset        MetadataKey = "offset"
	MetadataTimestamp     MetadataKey = "timestamp"
	MetadataTimestampType MetadataKey = "timestamp-type"
	MetadataLeaderEpoch   MetadataKey = "leader-epoch"
)

// MetadataTypes are the types of the columns of metadata.
var MetadataTypes = map[MetadataKey]types.Type{
	MetadataTopic:         types.String(),
	MetadataPartition:     types.Int(),
	MetadataOffset:        types.BigInt(),
	MetadataTimestamp:     types.Timestamp(3),
	MetadataTimestampType: types.String(),
	MetadataLeaderEpoch:   types.Int(),
}

// schemaOf are columns with the names that a format has for them.
func schemaOf(s types.Schema, fields []Field) types.Schema {
	out := make(types.Schema, len(fields))
	for i, f := range fields {
		out[i] = types.Field{Name: f.Name, Type: s[f.Column].Type}
	}
	return out
}

// decoder makes rows of records.
type decoder struct {
	format  *RecordFormat
	value   codec.Decoder // nil: values have no columns
	framing codec.Framing
	values  *batch.Columns // the columns of the value among those of the batch

	key        codec.Decoder // nil: keys are not read
	keyFraming codec.Framing
	keys       *batch.Columns // one row: the key of the record

	passed   int64 // records without a row that are no error
	reported int64
	zeros    []int32
}

func newDecoder(f *RecordFormat, s types.Schema) *decoder {
	d := &decoder{format: f}
	if len(f.Values) > 0 {
		schema := schemaOf(s, f.Values)
		d.value, d.framing = f.Value.Decoder(schema), f.Value.Framing()
		d.values = &batch.Columns{Schema: schema.Layout(), Cols: make([]batch.Vector, len(schema))}
	}
	if f.Key != nil && len(f.Keys) > 0 {
		schema := schemaOf(s, f.Keys)
		d.key, d.keyFraming = f.Key.Decoder(schema), f.Key.Framing()
		d.keys = batch.NewColumns(schema.Layout())
	}
	return d
}

// into has the following records appended to columns.
func (d *decoder) into(columns *batch.Columns) {
	if d.value != nil {
		for i, f := range d.format.Values {
			d.values.Cols[i] = columns.Cols[f.Column]
		}
		d.values.N = columns.N
		d.value.Into(d.values)
	}
	if d.key != nil {
		d.key.Into(d.keys)
	}
}

// decode appends the rows of a record. A record without a value has none, unless no column is of the value.
func (d *decoder) decode(columns *batch.Columns, r *kgo.Record) error {
	rows := 1
	if d.key != nil {
		d.keys.Reset()
		if r.Key == nil {
			for _, c := range d.keys.Cols {
				c.AppendNull()
			}
		} else if has, err := d.key.Decode(d.keyFraming.Content(r.Key)); err != nil {
			return &keyError{err}
		} else if !has {
			d.passed++
			return nil
		}
	}
	if d.value != nil {
		if r.Value == nil {
			d.passed++
			return nil
		}
		if _, err := d.value.Decode(d.framing.Content(r.Value)); err != nil {
			return err
		}
		rows = d.values.N - columns.N
	}
	if d.key != nil && rows > 0 {
		for len(d.zeros) < rows {
			d.zeros = append(d.zeros, 0)
		}
		for i, f := range d.format.Keys {
			columns.Cols[f.Column].AppendSelected(d.keys.Cols[i], d.zeros[:rows])
		}
	}
	for _, m := range d.format.Metadata {
		appendMetadata(columns.Cols[m.Column], m.Key, r, rows)
	}
	columns.N += rows
	return nil
}

// keyError is an error of a record's key.
type keyError struct{ error }

func (e *keyError) Unwrap() error { return e.error }

// newlySkipped is how many records had no row since it was last asked: those that the formats were told to skip, and those without a
// value.
func (d *decoder) newlySkipped() int64 {
	n := d.passed
	if d.value != nil {
		n += d.value.Skipped()
	}
	n -= d.reported
	d.reported += n
	return n
}

func appendMetadata(c batch.Vector, key MetadataKey, r *kgo.Record, rows int) {
	for range rows {
		switch key {
		case MetadataTopic:
			c.(*batch.Strings).AppendString(r.Topic)
		case MetadataPartition:
			c.(*batch.Fixed[int32]).Append(r.Partition)
		case MetadataOffset:
			c.(*batch.Fixed[int64]).Append(r.Offset)
		case MetadataTimestamp:
			c.(*batch.Fixed[int64]).Append(r.Timestamp.UnixMilli())
		case MetadataLeaderEpoch:
			c.(*batch.Fixed[int32]).Append(r.LeaderEpoch)
		case MetadataTimestampType:
			name := "NoTimestampType"
			switch r.Attrs.TimestampType() {
			case 0:
				name = "CreateTime"
			case 1:
				name = "LogAppendTime"
			}
			c.(*batch.Strings).AppendString(name)
		}
	}
}

// malformed gives the error of a record its place.
func (r *reader) malformed(p *partition, rec *kgo.Record, err error) error {
	part := ""
	var key *keyError
	if errors.As(err, &key) {
		part = ", key"
	}
	out := &fault.Error{Class: fault.Permanent, Place: place(p, rec.Offset) + part, Err: err}
	var bad *codec.Error
	if errors.As(err, &bad) {
		out.Place += fmt.Sprintf(", byte %d", bad.At)
		out.Remedy = bad.Remedy
	}
	return out
}
