package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// checkpointWait is how long a job may take to its next checkpoint on a machine that does much else.
const checkpointWait = time.Minute

// Chain is a job's folder, looked at from outside while the job may be running.
type Chain struct {
	*Place
}

// Chain opens the job's folder of attempts and checkpoints.
func (j *FlightDelays) Chain() *Chain {
	j.t.Helper()
	return OpenChain(j.t, j.Folder())
}

// OpenChain opens a job's folder of attempts and checkpoints by its path or URL.
func OpenChain(t testing.TB, folder string) *Chain {
	t.Helper()
	return &Chain{Open(t, folder)}
}

// Checkpoints returns the ids of all checkpoints that exist now, ascending as the store lists them.
func (c *Chain) Checkpoints() []int64 {
	c.t.Helper()
	entries, err := c.bucket.ListFolder(c.t.Context(), "")
	if err != nil {
		c.t.Fatal(err)
	}
	var ids []int64
	for _, e := range entries {
		number, isCheckpoint := strings.CutPrefix(e.Key, "chk-")
		id, err := strconv.ParseInt(strings.TrimSuffix(number, "/"), 10, 64)
		if !isCheckpoint || !e.Folder || err != nil {
			continue
		}
		if _, err := c.bucket.Attributes(c.t.Context(), e.Key+"_metadata"); err == nil {
			ids = append(ids, id)
		} else if !errors.Is(err, storage.ErrNotFound) {
			c.t.Fatal(err)
		}
	}
	return ids
}

// Newest returns the highest id of the checkpoints that exist; 0: there is none.
func (c *Chain) Newest() int64 {
	c.t.Helper()
	newest := int64(0)
	for _, id := range c.Checkpoints() {
		newest = max(newest, id)
	}
	return newest
}

// Metadata reads a checkpoint; nil: it has been swept meanwhile.
func (c *Chain) Metadata(id int64) *snapshot.Metadata {
	c.t.Helper()
	s, err := snapshot.Load(c.t.Context(), c.bucket, "chk-"+strconv.FormatInt(id, 10))
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return s.Metadata
}

// Head is what the job would go on from, nil if there is none. Nobody may be writing to the chain.
func (c *Chain) Head() *snapshot.Metadata {
	c.t.Helper()
	head, err := snapshot.NewChain(c.bucket, "", nil).Head(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	if head.Snapshot == nil {
		return nil
	}
	return head.Snapshot.Metadata
}

// Attempts is the number of the newest attempt; 0: there is none.
func (c *Chain) Attempts() int64 {
	c.t.Helper()
	return c.newest().N
}

// Revision is what the newest attempt runs: also a pod that is replaced begins an attempt, but of the same revision.
func (c *Chain) Revision() string {
	c.t.Helper()
	return c.newest().Revision
}

func (c *Chain) newest() snapshot.Attempt {
	c.t.Helper()
	newest, err := snapshot.NewChain(c.bucket, "", nil).Newest(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return newest
}

// RequireOneEmptyStart fails the test if an attempt after the first has begun from nothing.
func (c *Chain) RequireOneEmptyStart() {
	c.t.Helper()
	objects, err := c.bucket.List(c.t.Context(), "attempts/")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, o := range objects {
		if path.Ext(o.Key) != ".base" {
			continue
		}
		text, err := c.bucket.Read(c.t.Context(), o.Key)
		if err != nil {
			c.t.Fatal(err)
		}
		record, _, _ := bytes.Cut(text, []byte("\n"))
		var base snapshot.Base
		if err := json.Unmarshal(record, &base); err != nil {
			c.t.Fatalf("%s: %v", o.Key, err)
		}
		if base.Attempt > 1 && base.Empty {
			c.t.Errorf("attempt %d has begun from nothing: %s", base.Attempt, record)
		}
	}
}

// UntilCheckpoint waits until a running process has completed a checkpoint above an id, and returns the newest.
func (p *Process) UntilCheckpoint(c *Chain, above int64) int64 {
	p.t.Helper()
	newest := int64(0)
	p.Until(checkpointWait, "there is a checkpoint above "+strconv.FormatInt(above, 10), func() bool {
		newest = c.Newest()
		return newest > above
	})
	return newest
}
