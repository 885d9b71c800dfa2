package filesystem

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/types"
)

// DefaultSplitBytes is the size of a split. Splits of one size, whatever the parallelism, make lateness the same in every
// run (P4).
const DefaultSplitBytes = 64 << 20

// SourceConfig says what a source reads.
type SourceConfig struct {
	// Path is a file, a folder or a glob, as a local path or a URL that package storage opens. In a URL '?' begins the
	// query, so it is no wildcard there.
	Path string
	// Format reads the lines, and Schema says into which columns.
	Format codec.Format
	Schema types.Schema
	// Monitor is how often the folder is listed for new files; 0: once, and the source is bounded.
	Monitor time.Duration
	// Order is the order in which splits start (P4).
	Order connector.SplitOrder
	// SplitBytes is the size of a split; 0: DefaultSplitBytes. Where records may span lines, a file is one split.
	SplitBytes int64
	// AfterRead says what becomes of a file when a complete checkpoint has it behind it, and MoveTo is the folder for
	// MoveFiles: in the same store, and outside of what the source reads.
	AfterRead AfterRead
	MoveTo    string
	// ForgetAfter drops files of a monitored folder from the list of those that were found, when they are gone from it and by so
	// much older than the newest; 0: none ever is.
	ForgetAfter time.Duration
	// Log is told of files that are refused; nil: nobody is.
	Log *slog.Logger
}

// Source is a connector.Source of files. It is safe for concurrent use.
type Source struct {
	config   SourceConfig
	location location
	portion  int // splits that are handed out at once
	// Files that were passed over: by the enumerator, restarts included, and by readers in this process.
	refused, passedOver atomic.Int64
}

// NewSource checks the configuration. It does not look at the path.
func NewSource(c SourceConfig) (*Source, error) {
	l, err := parseLocation(c.Path)
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", c.Path, err)
	}
	if c.SplitBytes == 0 {
		c.SplitBytes = DefaultSplitBytes
	}
	if c.SplitBytes < 0 || c.Monitor < 0 || c.ForgetAfter < 0 {
		return nil, fmt.Errorf("path %q: split size, monitor interval and age cannot be negative", c.Path)
	}
	if c.Format != nil && c.Format.Framing().Ends() == nil {
		c.SplitBytes = math.MaxInt64
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Source{config: c, location: l, portion: portionSplits}
	return s, s.checkMove()
}

// Bounded says that the folder is not monitored.
func (s *Source) Bounded() bool { return s.config.Monitor == 0 }

// Order is that of the configuration.
func (s *Source) Order() connector.SplitOrder { return s.config.Order }

// Payload is empty columns of the schema.
func (s *Source) Payload() batch.Payload { return batch.NewColumns(s.config.Schema.Layout()) }

// PassedOver is the number of files of a monitored folder that were not read, or not to their end: they have changed or
// vanished since they were found, or no reader could read them (P4). Those that the enumerator met are counted through
// restarts.
func (s *Source) PassedOver() int64 { return s.refused.Load() + s.passedOver.Load() }

// Enumerator lists the files.
func (s *Source) Enumerator(ctx context.Context) (connector.Enumerator, error) {
	b, err := storage.Open(ctx, s.location.root)
	if err != nil {
		return nil, classed(err)
	}
	e := &enumerator{source: s, bucket: b}
	if s.config.AfterRead == KeepFiles {
		return e, nil
	}
	return s.retirer(ctx, e)
}

// Reader reads splits of the files.
func (s *Source) Reader(ctx context.Context, c connector.ReaderContext) (connector.Reader, error) {
	b, err := storage.Open(ctx, s.location.root)
	if err != nil {
		return nil, classed(err)
	}
	return newReader(ctx, s, b, c.BatchRows), nil
}
