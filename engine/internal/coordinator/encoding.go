package coordinator

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/snapshot"
)

// enumeratorVersion is the version of the format below. Decoding refuses others, and fields that it does not know: to skip
// one could lose a split.
const enumeratorVersion = 1

// enumerator is a source's state beside its readers', as a snapshot holds it: in protobuf wire format
//
//	message Enumerator {
//	  uint64 version = 1;            // 1; first
//	  bytes  seen = 2;               // the connector's own
//	  bool   done = 3;               // nothing more will be discovered
//	  uint64 next_seq = 4;           // place of the next split found
//	  repeated Bound bounds = 5;
//	  repeated Split queue = 6;      // in the order in which they start
//	  repeated Split assigned = 7;   // id, chain, seq only: spec and position are in the reader's state, unless it is done
//	  sint64 highest = 8;            // highest event time emitted from any split, ms; absent: none, or as in bounds
//	  repeated Split finished = 9;   // id, chain, spec, seq only: of each chain that was read to its end and is to be retired
//	  repeated string spoilt = 10;   // chains of which something was passed over, and something is left
//	}
//	message Bound {
//	  string chain = 1;
//	  sint64 max_time = 2;           // highest event time emitted from the splits of the chain that have started, ms
//	}
//	message Split {
//	  string id = 1;
//	  string chain = 2;
//	  bytes  spec = 3;
//	  uint64 seq = 4;                // place in the order of discovery
//	  bytes  position = 5;           // empty: not begun
//	  sint64 max_time = 6;           // highest event time emitted, ms; the smallest sint64: none
//	}
type enumerator struct {
	seen     []byte
	done     bool
	nextSeq  uint64
	bounds   []bound
	queue    []split
	assigned []reference
	highest  int64 // snapshot.NoTime: none
	finished []connector.Split
	spoilt   []string
}

type bound struct {
	chain   string
	maxTime int64
}

// reference is a split that a reader had: its state is in the reader's part of the snapshot, or it was done.
type reference struct {
	id, chain string
	seq       uint64
}

func (e *enumerator) encode() []byte {
	b := appendUint(nil, 1, enumeratorVersion)
	b = appendBytes(b, 2, e.seen)
	b = appendUint(b, 3, protowire.EncodeBool(e.done))
	b = appendUint(b, 4, e.nextSeq)
	for _, x := range e.bounds {
		m := appendBytes(nil, 1, []byte(x.chain))
		m = appendUint(m, 2, protowire.EncodeZigZag(x.maxTime))
		b = appendBytes(b, 5, m)
	}
	for i := range e.queue {
		s := &e.queue[i]
		m := appendReference(nil, reference{id: s.ID, chain: s.Chain, seq: s.seq})
		m = appendBytes(m, 3, s.Spec)
		m = appendBytes(m, 5, s.position)
		m = appendUint(m, 6, protowire.EncodeZigZag(s.maxTime))
		b = appendBytes(b, 6, m)
	}
	for _, r := range e.assigned {
		b = appendBytes(b, 7, appendReference(nil, r))
	}
	if e.highest != snapshot.NoTime {
		b = appendUint(b, 8, protowire.EncodeZigZag(e.highest))
	}
	return appendRetirement(b, e.finished, e.spoilt)
}

// appendRetirement adds what is known only when a checkpoint is acknowledged to the state of its trigger.
func appendRetirement(b []byte, finished []connector.Split, spoilt []string) []byte {
	for _, p := range finished {
		m := appendReference(nil, reference{id: p.ID, chain: p.Chain})
		b = appendBytes(b, 9, appendBytes(m, 3, p.Spec))
	}
	for _, chain := range spoilt {
		b = appendBytes(b, 10, []byte(chain))
	}
	return b
}

func appendReference(b []byte, r reference) []byte {
	b = appendBytes(b, 1, []byte(r.id))
	b = appendBytes(b, 2, []byte(r.chain))
	return appendUint(b, 4, r.seq)
}

func appendUint(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func appendBytes(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

// decodeEnumerator reads what encode wrote. No bytes are a source that was never asked.
func decodeEnumerator(b []byte) (enumerator, error) {
	e := enumerator{highest: snapshot.NoTime}
	var version uint64
	err := eachField(b, func(f field) error {
		switch {
		case f.number == 1:
			if err := f.toUint(&version); err != nil || version == enumeratorVersion {
				return err
			}
			return fmt.Errorf("its format is version %d; this engine reads version %d", version, enumeratorVersion)
		case version == 0:
			return errors.New("it does not begin with the version of its format")
		}
		return e.decodeField(f)
	})
	if err != nil {
		return enumerator{}, fmt.Errorf("enumerator state: %w", err)
	}
	return e, nil
}

func (e *enumerator) decodeField(f field) error {
	switch f.number {
	case 2:
		return f.toBytes(&e.seen)
	case 3:
		return f.toBool(&e.done)
	case 4:
		return f.toUint(&e.nextSeq)
	case 5:
		x, err := decodeBound(f)
		e.bounds = append(e.bounds, x)
		return err
	case 6:
		s, err := decodeSplit(f)
		e.queue = append(e.queue, s)
		return err
	case 7:
		s, err := decodeSplit(f)
		e.assigned = append(e.assigned, reference{id: s.ID, chain: s.Chain, seq: s.seq})
		return err
	case 8:
		return f.toInt(&e.highest)
	case 9:
		s, err := decodeSplit(f)
		e.finished = append(e.finished, s.Split)
		return err
	case 10:
		var chain string
		err := f.toText(&chain)
		e.spoilt = append(e.spoilt, chain)
		return err
	}
	return f.unknown()
}

func decodeBound(m field) (bound, error) {
	var x bound
	err := m.eachField(func(f field) error {
		switch f.number {
		case 1:
			return f.toText(&x.chain)
		case 2:
			return f.toInt(&x.maxTime)
		}
		return f.unknown()
	})
	return x, err
}

func decodeSplit(m field) (split, error) {
	s := split{maxTime: snapshot.NoTime}
	err := m.eachField(func(f field) error {
		switch f.number {
		case 1:
			return f.toText(&s.ID)
		case 2:
			return f.toText(&s.Chain)
		case 3:
			return f.toBytes(&s.Spec)
		case 4:
			return f.toUint(&s.seq)
		case 5:
			return f.toBytes(&s.position)
		case 6:
			return f.toInt(&s.maxTime)
		}
		return f.unknown()
	})
	if err == nil && s.ID == "" {
		err = errors.New("a split has no id")
	}
	return s, err
}

// field is one field of a message. Its methods store its value, or say why it is not one.
type field struct {
	number protowire.Number
	kind   protowire.Type
	varint uint64
	bytes  []byte
}

func (f field) unknown() error { return fmt.Errorf("field %d is not known", f.number) }

func (f field) is(kind protowire.Type) error {
	if f.kind != kind {
		return fmt.Errorf("field %d has the wrong type", f.number)
	}
	return nil
}

func (f field) toUint(to *uint64) error {
	*to = f.varint
	return f.is(protowire.VarintType)
}

func (f field) toInt(to *int64) error {
	*to = protowire.DecodeZigZag(f.varint)
	return f.is(protowire.VarintType)
}

func (f field) toBool(to *bool) error {
	*to = protowire.DecodeBool(f.varint)
	return f.is(protowire.VarintType)
}

func (f field) toText(to *string) error {
	*to = string(f.bytes)
	return f.is(protowire.BytesType)
}

func (f field) toBytes(to *[]byte) error {
	*to = append([]byte(nil), f.bytes...)
	return f.is(protowire.BytesType)
}

func (f field) eachField(take func(field) error) error {
	if err := f.is(protowire.BytesType); err != nil {
		return err
	}
	return eachField(f.bytes, take)
}

// eachField calls take for each field of a message until one is refused.
func eachField(b []byte, take func(field) error) error {
	for len(b) > 0 {
		number, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return fmt.Errorf("no field begins %d bytes before its end", len(b))
		}
		f := field{number: number, kind: kind}
		var n int
		switch kind {
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(b[size:])
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b[size:])
		default:
			return fmt.Errorf("field %d has an unknown type", number)
		}
		if n < 0 {
			return fmt.Errorf("field %d ends too early", number)
		}
		if err := take(f); err != nil {
			return err
		}
		b = b[size+n:]
	}
	return nil
}
