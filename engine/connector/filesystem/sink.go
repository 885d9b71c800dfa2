package filesystem

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
	"github.com/weirstream/weir/engine/types"
)

// DefaultFileBytes is the size at which a sink begins another file, as in Flink.
const DefaultFileBytes = 128 << 20

// stagingFolder holds what is not visible yet; sources skip it for its first character.
const stagingFolder = "_staging/"

// SinkConfig says what a sink writes.
type SinkConfig struct {
	// Path is a folder, as a local path or a URL that package storage opens.
	Path   string
	Format codec.WriteFormat
	Schema types.Schema
	// FileBytes is the size at which another file is begun; 0: DefaultFileBytes. Files also end with each checkpoint.
	FileBytes int64
	// Random returns a name that no one else uses; nil: a random UUID.
	Random func() string
}

// Sink is a connector.Sink of files. It is safe for concurrent use.
type Sink struct{ config SinkConfig }

// NewSink checks the configuration. It does not look at the path.
func NewSink(c SinkConfig) (*Sink, error) {
	if _, err := storageurl.Parse(c.Path); err != nil {
		return nil, err
	}
	if c.FileBytes == 0 {
		c.FileBytes = DefaultFileBytes
	}
	if c.FileBytes < 0 {
		return nil, fmt.Errorf("path %q: the size of a file cannot be negative", c.Path)
	}
	if c.Random == nil {
		c.Random = uuid.NewString
	}
	return &Sink{config: c}, nil
}

// TakesChanges says whether the format writes the kind of a row.
func (s *Sink) TakesChanges() bool {
	_, ok := s.config.Format.Encoder(s.config.Schema).(codec.ChangelogEncoder)
	return ok
}

// Rewinds is false: a visible file stays.
func (s *Sink) Rewinds() bool { return false }

// Writer stages the rows of one subtask.
func (s *Sink) Writer(ctx context.Context, w connector.WriterContext) (connector.Writer, error) {
	b, err := storage.Open(ctx, s.config.Path)
	if err != nil {
		return nil, classed(err)
	}
	return &writer{
		// A file lives over many calls: each call's own context ends only what it waits for.
		ctx: context.WithoutCancel(ctx), sink: s, bucket: b, encoder: s.config.Format.Encoder(s.config.Schema),
		staging: fmt.Sprintf("%s%s/%d.%d/%s-", stagingFolder, w.Job, w.Attempt, w.Restart, snapshot.ShortUID(w.UID)),
		final:   finalPrefix(w.Job, w.UID) + fmt.Sprintf("%%d-%d-%%d", w.Subtask),
	}, nil
}

// Committer makes staged files visible.
func (s *Sink) Committer(ctx context.Context, c connector.CommitterContext) (connector.Committer, error) {
	b, err := storage.Open(ctx, s.config.Path)
	if err != nil {
		return nil, classed(err)
	}
	out := &committer{
		bucket: b, path: s.config.Path, attempt: c.Attempt,
		staging: stagingFolder + c.Job + "/", uid8: snapshot.ShortUID(c.UID),
	}
	out.mu.others = map[string]storage.Bucket{}
	return out, nil
}

// finalPrefix is what the names of an operator's visible files begin with; checkpoint, subtask and number follow.
func finalPrefix(job, uid string) string {
	return fmt.Sprintf("part-%s-%s-", job, snapshot.ShortUID(uid))
}

// finalNumbers are what follows it.
var finalNumbers = regexp.MustCompile(`^([0-9]{1,18})-[0-9]+-[0-9]+$`)

// NewestVisible looks at the names of the visible files (connector.VisibleSink).
func (s *Sink) NewestVisible(ctx context.Context, job, uid string) (newest int64, file string, err error) {
	b, err := storage.Open(ctx, s.config.Path)
	if err != nil {
		return 0, "", classed(err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	prefix := finalPrefix(job, uid)
	visible, err := b.List(ctx, prefix)
	if err != nil {
		return 0, "", classed(err)
	}
	for _, o := range visible {
		numbers := finalNumbers.FindStringSubmatch(strings.TrimPrefix(o.Key, prefix))
		if numbers == nil {
			continue // of a job whose id begins like this one's, or no file of a sink
		}
		id, err := strconv.ParseInt(numbers[1], 10, 64)
		if err != nil {
			return 0, "", fmt.Errorf("read the name of %s: %w", o.Key, err)
		}
		if id > newest {
			newest, file = id, b.Sub(o.Key).String()
		}
	}
	return newest, file, nil
}
