package kafka

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
)

// noStop is the end of a partition that is read for ever.
const noStop = -1

// topicID tells a topic from one that was made later under the same name; zero: the brokers are too old to say.
type topicID [16]byte

// partitionSplit is a partition and what is read of it, as it is in snapshots. Members are only added.
type partitionSplit struct {
	Format    int     `json:"format"`
	Topic     string  `json:"topic"`
	ID        topicID `json:"id"`
	Partition int32   `json:"partition"`
	// Start is the first offset that is read, and Stop the first that is not; noStop: all are.
	Start int64 `json:"start"`
	Stop  int64 `json:"stop"`
}

const splitFormat = 1

// name is what Kafka's own tools call the partition.
func (p *partitionSplit) name() string { return fmt.Sprintf("%s-%d", p.Topic, p.Partition) }

func (p *partitionSplit) split() (connector.Split, error) {
	p.Format = splitFormat
	spec, err := json.Marshal(p)
	return connector.Split{ID: p.name(), Chain: p.name(), Spec: spec}, err
}

// MarshalText writes an id as hexadecimal digits.
func (t topicID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, t[:]), nil }

// UnmarshalText reads it.
func (t *topicID) UnmarshalText(text []byte) error {
	if n, err := hex.Decode(t[:], text[:min(len(text), 2*len(t))]); n != len(t) || err != nil || len(text) != 2*n {
		return fmt.Errorf("%q is no id of a topic", text)
	}
	return nil
}

func decodeSplit(s connector.Split) (*partitionSplit, error) {
	p := &partitionSplit{}
	d := json.NewDecoder(bytes.NewReader(s.Spec))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, malformed(s.ID, err)
	}
	if p.Format != splitFormat || p.name() != s.ID || p.Start < 0 {
		return nil, malformed(s.ID, errors.New("it is of another format, or of another partition"))
	}
	return p, nil
}

func encodePosition(dst []byte, offset int64) []byte {
	return binary.AppendUvarint(dst, uint64(offset))
}

func (p *partitionSplit) decodePosition(position []byte) (int64, error) {
	offset, n := binary.Uvarint(position)
	if n <= 0 || n != len(position) || int64(offset) < p.Start {
		return 0, malformed(p.name(), fmt.Errorf("its position is %x", position))
	}
	return int64(offset), nil
}

func malformed(split string, err error) error {
	return &fault.Error{Class: fault.Permanent, Place: "split " + split + " of the snapshot", Remedy: "use the version of Weir that wrote the snapshot", Err: fmt.Errorf("it cannot be read: %w", err)}
}
