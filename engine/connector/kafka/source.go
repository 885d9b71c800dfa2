package kafka

import (
	"context"
	"log/slog"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/types"
)

// Place is where in a partition something begins or ends.
type Place string

// The places.
const (
	Earliest Place = "earliest-offset"
	Latest   Place = "latest-offset"
	// Group is the committed offset of the consumer group.
	Group     Place = "group-offsets"
	Timestamp Place = "timestamp"
	Specific  Place = "specific-offsets"
	// Unbounded is nowhere: the end of what is read for ever.
	Unbounded Place = "unbounded"
)

// Range is where reading begins, or ends.
type Range struct {
	Place Place
	// Millis is the time of Timestamp, in ms since 1970.
	Millis int64
	// Offsets are those of Specific, by partition.
	Offsets map[int32]int64
}

// SourceConfig says what a source reads.
type SourceConfig struct {
	Connection Connection
	// Topics are read, or if it is not nil those that Pattern matches as a whole.
	Topics  []string
	Pattern *regexp.Regexp
	// Record says what becomes of a record, and Schema into which columns.
	Record RecordFormat
	Schema types.Schema
	// Start is where partitions are read from that are there at first, and Stop where they end.
	Start, Stop Range
	// GroupID is told how far complete checkpoints are, and has the offsets of Group; empty: there is none.
	GroupID string
	// OffsetReset is where a partition begins that the group has no offset of: Earliest, Latest; empty: that is an error.
	OffsetReset Place
	// Discovery is how often partitions and topics are looked for that are new; 0: never again.
	Discovery time.Duration
	// Uncommitted reads records of open and aborted transactions too.
	Uncommitted bool
	Fetch       FetchConfig
	// Log is told what people should know and no error says; nil: nobody is.
	Log *slog.Logger
}

// FetchConfig are the sizes of fetches, in bytes, with Kafka's defaults where 0.
type FetchConfig struct {
	MaxWait                     time.Duration
	MinBytes, MaxBytes, PerPart int32
}

// Source is a connector.Source of topics. It is safe for concurrent use.
type Source struct {
	config SourceConfig
	behind atomic.Int64 // records between what the readers of this process have handed out and the ends of their partitions
}

// NewSource returns a source. It asks no broker.
func NewSource(c SourceConfig) *Source {
	f := &c.Fetch
	if f.MaxWait == 0 {
		f.MaxWait = 500 * time.Millisecond
	}
	if f.MinBytes == 0 {
		f.MinBytes = 1
	}
	if f.MaxBytes == 0 {
		f.MaxBytes = 50 << 20
	}
	if f.PerPart == 0 {
		f.PerPart = 1 << 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Source{config: c}
}

// Bounded says that there is an end.
func (s *Source) Bounded() bool { return s.config.Stop.Place != Unbounded }

// Order is OrderNone: partitions are read side by side.
func (s *Source) Order() connector.SplitOrder { return connector.OrderNone }

// Assignment is Spread: partitions have no end, and those that have one are read side by side as well.
func (s *Source) Assignment() connector.Assignment { return connector.Spread }

// Payload is empty columns of the schema.
func (s *Source) Payload() batch.Payload { return batch.NewColumns(s.config.Schema.Layout()) }

// Lag is how many offsets are between what was read and the ends of the partitions, as far as brokers have told the readers of this process.
func (s *Source) Lag() int64 { return s.behind.Load() }

// isolation is the isolation level of requests.
func (s *Source) isolation() int8 {
	if s.config.Uncommitted {
		return 0
	}
	return 1
}

// Enumerator finds the partitions.
func (s *Source) Enumerator(context.Context) (connector.Enumerator, error) {
	cl, err := s.config.Connection.client()
	if err != nil {
		return nil, s.config.Connection.refused(err)
	}
	return &enumerator{source: s, client: cl}, nil
}

// Reader reads partitions.
func (s *Source) Reader(_ context.Context, c connector.ReaderContext) (connector.Reader, error) {
	cl, err := s.config.Connection.client()
	if err != nil {
		return nil, s.config.Connection.refused(err)
	}
	return newReader(s, cl, c.BatchRows), nil
}
