package message

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
)

// Failure is an error as it is told to another process: what anybody decides by, and what people read. An error itself stays
// where it came up. A Failure is an error again, with the text and the class of the first, and in it are found a
// *snapshot.FencedError and a *snapshot.CorruptError if they were in the first; nothing else of what the first wrapped is.
type Failure struct {
	// Class is what a job should do about it (P13).
	Class fault.Class
	// Fenced is not nil if a later attempt has claimed the job: then the class does not matter (P1).
	Fenced *snapshot.FencedError
	// Corrupt is not nil if a part of a snapshot is damaged: an attempt that finds that out while it restores has a remedy (P2).
	Corrupt *snapshot.CorruptError
	// Text is all of it, as people read it: operator, places and remedy are in it.
	Text string
	// Operator is the uid of the operator in which it came up; empty: none.
	Operator string
	// Places say where, from the outside in: an object and the offset in it, a line and column of the SQL, an option.
	Places []string
	// Remedy says what the user can do; empty: nothing.
	Remedy string
}

// Located is an error that knows the operator in which it came up.
type Located interface {
	error
	// Operator is a uid.
	Operator() string
}

// FailureOf tells of an error, which is not nil.
func FailureOf(err error) Failure {
	var told Failure
	if errors.As(err, &told) && told.Text == err.Error() {
		return told
	}
	f := Failure{Class: fault.ClassOf(err), Text: err.Error()}
	var located Located
	if errors.As(err, &located) {
		f.Operator = located.Operator()
	}
	if fenced := (*snapshot.FencedError)(nil); errors.As(err, &fenced) {
		f.Fenced = fenced
	}
	if corrupt := (*snapshot.CorruptError)(nil); errors.As(err, &corrupt) {
		f.Corrupt = corrupt
	}
	f.collect(err)
	return f
}

// collect adds the places in an error's chain, and its outermost remedy. Of errors that were joined the first that has a class
// speaks, as for the class.
func (f *Failure) collect(err error) {
	var classified *fault.Error
	if !errors.As(err, &classified) {
		return
	}
	if classified.Place != "" {
		f.Places = append(f.Places, classified.Place)
	}
	if f.Remedy == "" {
		f.Remedy = classified.Remedy
	}
	f.collect(classified.Err)
}

// Error is the text.
func (f Failure) Error() string { return f.Text }

// Unwrap returns what others look for in an error.
func (f Failure) Unwrap() []error {
	wraps := []error{&fault.Error{Class: f.Class, Err: errors.New(f.Text)}}
	if f.Fenced != nil {
		wraps = append(wraps, f.Fenced)
	}
	if f.Corrupt != nil {
		wraps = append(wraps, f.Corrupt)
	}
	return wraps
}

// Append appends the failure in protobuf wire format:
//
//	message Failure {
//	  uint64 class = 1;              // 0 unknown, 1 transient, 2 permanent
//	  Fenced fenced = 2;
//	  bytes  text = 3;               // not always UTF-8, as all others
//	  bytes  operator = 4;
//	  repeated bytes places = 5;
//	  bytes  remedy = 6;
//	  Corrupt corrupt = 7;
//	}
//	message Fenced {
//	  uint64 attempt = 1;
//	  bytes  owner = 2;
//	  bool   gone = 3;
//	}
//	message Corrupt {
//	  bytes  object = 1;
//	  uint64 offset = 2;
//	  bytes  reason = 3;
//	}
//
// What is empty is left out.
func (f Failure) Append(b []byte) []byte {
	b = appendUint(b, 1, uint64(f.Class))
	if f.Fenced != nil {
		m := appendUint(nil, 1, uint64(f.Fenced.Attempt))
		m = appendText(m, 2, f.Fenced.Owner)
		m = appendUint(m, 3, protowire.EncodeBool(f.Fenced.Gone))
		b = protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), m)
	}
	b = appendText(b, 3, f.Text)
	b = appendText(b, 4, f.Operator)
	for _, place := range f.Places {
		b = protowire.AppendString(protowire.AppendTag(b, 5, protowire.BytesType), place)
	}
	b = appendText(b, 6, f.Remedy)
	if f.Corrupt != nil {
		m := appendText(nil, 1, f.Corrupt.Object)
		m = appendUint(m, 2, uint64(f.Corrupt.Offset))
		m = appendText(m, 3, f.Corrupt.Reason)
		b = protowire.AppendBytes(protowire.AppendTag(b, 7, protowire.BytesType), m)
	}
	return b
}

func appendUint(b []byte, n protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func appendText(b []byte, n protowire.Number, v string) []byte {
	if v == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
}

// DecodeFailure reads what Append wrote. Fields that it does not know are skipped; a class that it does not know is an
// error: it may be one that must not be taken for another.
func DecodeFailure(b []byte) (f Failure, err error) {
	err = fields(b, func(n protowire.Number, v uint64, text []byte) error {
		switch n {
		case 1:
			if v > uint64(fault.Permanent) {
				return fmt.Errorf("its class is %d", v)
			}
			f.Class = fault.Class(v)
		case 2:
			f.Fenced, err = decodeFenced(text)
			return err
		case 3:
			f.Text = string(text)
		case 4:
			f.Operator = string(text)
		case 5:
			f.Places = append(f.Places, string(text))
		case 6:
			f.Remedy = string(text)
		case 7:
			f.Corrupt, err = decodeCorrupt(text)
			return err
		}
		return nil
	})
	if err != nil {
		return Failure{}, fmt.Errorf("the message of a failure is malformed: %w", err)
	}
	return f, nil
}

func decodeFenced(b []byte) (*snapshot.FencedError, error) {
	f := &snapshot.FencedError{}
	return f, fields(b, func(n protowire.Number, v uint64, text []byte) error {
		switch n {
		case 1:
			f.Attempt = int64(v)
		case 2:
			f.Owner = string(text)
		case 3:
			f.Gone = v != 0
		}
		return nil
	})
}

func decodeCorrupt(b []byte) (*snapshot.CorruptError, error) {
	c := &snapshot.CorruptError{}
	return c, fields(b, func(n protowire.Number, v uint64, text []byte) error {
		switch n {
		case 1:
			c.Object = string(text)
		case 2:
			c.Offset = int64(v)
		case 3:
			c.Reason = string(text)
		}
		return nil
	})
}

// fields calls each with the number of every field of a message, and its value: as a number, or as bytes, which are nil then.
// The bytes are part of the message. Fields of other types are skipped.
func fields(b []byte, each func(n protowire.Number, v uint64, bytes []byte) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var err error
		switch kind {
		case protowire.VarintType:
			var v uint64
			if v, size = protowire.ConsumeVarint(b); size >= 0 {
				err = each(n, v, nil)
			}
		case protowire.BytesType:
			var v []byte
			if v, size = protowire.ConsumeBytes(b); size >= 0 {
				err = each(n, 0, v)
			}
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		if err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}
