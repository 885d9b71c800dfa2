package snapshot

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// Snapshot is a snapshot that exists: its metadata, and where its data files are.
type Snapshot struct {
	Metadata *Metadata

	bucket storage.Bucket // holds the parent of folder, so that shared files can be reached
	folder string
	owner  bool // Close closes bucket
}

// Load reads the snapshot in a folder of a bucket; folder "" is the bucket itself. A missing _metadata is
// storage.ErrNotFound: there is no snapshot. Damage is a *CorruptError.
func Load(ctx context.Context, b storage.Bucket, folder string) (*Snapshot, error) {
	key := path.Join(folder, metadataName)
	file, err := b.Read(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	object := b.Sub(key).String()
	m, err := Decode(file)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", in(object, err))
	}
	return &Snapshot{Metadata: m, bucket: b, folder: folder}, nil
}

// OpenSnapshot opens the snapshot at a path: a folder or the _metadata in it, as a local path or URL. The caller closes it.
func OpenSnapshot(ctx context.Context, name string) (*Snapshot, error) {
	place, err := snapshotPlace(name)
	if err != nil {
		return nil, err
	}
	parent, folder, err := storageurl.Split(place)
	if err != nil {
		parent, folder = place, "" // the snapshot is the bucket
	}
	b, err := storage.Open(ctx, parent)
	if err != nil {
		return nil, err
	}
	s, err := Load(ctx, b, folder)
	if err != nil {
		if errors.Is(err, storage.ErrNotFound) {
			err = notASnapshot(ctx, b, folder, err)
		}
		return nil, errors.Join(err, b.Close())
	}
	s.owner = true
	return s, nil
}

// snapshotPlace returns the URL of a snapshot's folder.
func snapshotPlace(name string) (string, error) {
	u, err := storageurl.Parse(name)
	if err != nil {
		return "", err
	}
	if path.Base(u.Path) == metadataName {
		u.Path = path.Dir(u.Path)
	}
	return u.String(), nil
}

// notASnapshot explains a folder without _metadata, and says which checkpoints are in it if it is the folder of a job.
func notASnapshot(ctx context.Context, b storage.Bucket, folder string, cause error) error {
	prefix := ""
	if folder != "" {
		prefix = folder + "/"
	}
	entries, err := b.ListFolder(ctx, prefix)
	if err != nil {
		return errors.Join(cause, err)
	}
	newest := int64(-1)
	for _, e := range entries {
		if id, ok := parseCheckpoint(strings.TrimPrefix(e.Key, prefix)); ok && e.Folder {
			newest = max(newest, id)
		}
	}
	place := b.Sub(folder)
	if newest >= 0 {
		return fmt.Errorf("%s is the folder of a job, not a snapshot: name one of its checkpoints, such as %s",
			place, place.Sub(checkpointFolder(newest)))
	}
	return fmt.Errorf("%s is not a snapshot: it has no %s: %w", place, metadataName, storage.ErrNotFound)
}

// Path returns the URL of the snapshot's folder, without credentials.
func (s *Snapshot) Path() string { return s.bucket.Sub(s.folder).String() }

// Chain returns the chain that a checkpoint is of, in the folder that its own folder lies in.
func (s *Snapshot) Chain() *Chain { return NewChain(s.bucket, s.Metadata.Job, nil) }

// Holds tells whether an object, by its URL as a CorruptError names it, is in the snapshot's folder, or a run that it names.
func (s *Snapshot) Holds(object string) bool {
	folder, _, _ := strings.Cut(s.Path(), "?")
	at, _, _ := strings.Cut(object, "?")
	if strings.HasPrefix(at, folder+"/") {
		return true
	}
	return slices.ContainsFunc(s.Metadata.Files(), func(f GroupFile) bool {
		run, _, _ := strings.Cut(s.bucket.Sub(path.Join(s.folder, f.Path)).String(), "?")
		return run == at
	})
}

// Close releases what OpenSnapshot acquired; for the snapshots of a chain it does nothing.
func (s *Snapshot) Close() error {
	if !s.owner {
		return nil
	}
	return s.bucket.Close()
}

// chainFolder lists a bucket that is the folder of a job.
type chainFolder struct {
	attempts    []int64 // with a claim or a base, ascending
	bases       map[int64]bool
	checkpoints []int64 // folders, complete or not, ascending
}

func (c *Chain) list(ctx context.Context) (chainFolder, error) {
	f := chainFolder{}
	var err error
	if f.attempts, f.bases, err = c.listAttempts(ctx); err != nil {
		return f, err
	}
	entries, err := c.bucket.ListFolder(ctx, "")
	if err != nil {
		return f, fmt.Errorf("list checkpoints: %w", err)
	}
	for _, e := range entries {
		if id, ok := parseCheckpoint(e.Key); ok && e.Folder {
			f.checkpoints = append(f.checkpoints, id)
		}
	}
	sort.Slice(f.checkpoints, func(i, j int) bool { return f.checkpoints[i] < f.checkpoints[j] })
	return f, nil
}

func (c *Chain) listAttempts(ctx context.Context) (attempts []int64, bases map[int64]bool, err error) {
	entries, err := c.bucket.ListFolder(ctx, attemptsFolder+"/")
	if err != nil {
		return nil, nil, fmt.Errorf("list attempts: %w", err)
	}
	bases = map[int64]bool{}
	seen := map[int64]bool{}
	for _, e := range entries {
		n, base, ok := parseAttempt(path.Base(e.Key))
		if !ok || e.Folder {
			continue
		}
		if base {
			bases[n] = true
		}
		if !seen[n] {
			seen[n] = true
			attempts = append(attempts, n)
		}
	}
	sort.Slice(attempts, func(i, j int) bool { return attempts[i] < attempts[j] })
	return attempts, bases, nil
}

// Snapshot returns the checkpoint of this job's own folder that m describes.
func (c *Chain) Snapshot(m *Metadata) *Snapshot {
	return &Snapshot{Metadata: m, bucket: c.bucket, folder: checkpointFolder(m.ID)}
}
