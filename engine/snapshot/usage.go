package snapshot

import (
	"context"
	"fmt"
	"path"
)

// Usage is what a job's folder holds, and for what.
type Usage struct {
	Path        string            `json:"path"`
	Bytes       int64             `json:"bytes"` // of all objects
	Checkpoints []CheckpointUsage `json:"checkpoints"`
	// Pins keep checkpoints for who reads them. One that cannot be read, or whose holder is dead, is not among them.
	Pins []Pin `json:"pins"`
	// Garbage are data files that no checkpoint names, and that none under way can name any more: sweeps delete them, those in the
	// folder of a checkpoint with it. If metadata cannot be read it may name any of them, and nothing is garbage.
	Garbage      []GarbageObject `json:"garbage"`
	GarbageBytes int64           `json:"garbageBytes"`
}

// CheckpointUsage is what a complete checkpoint needs.
type CheckpointUsage struct {
	ID      int64 `json:"id"`
	Bytes   int64 `json:"bytes"`   // of its folder, and of the runs that it names
	Alone   int64 `json:"alone"`   // the part of them that no other checkpoint needs
	Damaged bool  `json:"damaged"` // its metadata cannot be read: the runs that it names are not known
}

// GarbageObject is an object that nobody needs.
type GarbageObject struct {
	Object string `json:"object"` // URL without credentials
	Bytes  int64  `json:"bytes"`
}

// Usage measures the job's folder. A job may run there meanwhile: what it writes after the look begins is left out. It changes
// nothing.
func (c *Chain) Usage(ctx context.Context) (Usage, error) {
	// Objects first: what a checkpoint names that is published between the looks is not taken for garbage then.
	objects, err := c.bucket.List(ctx, "")
	if err != nil {
		return Usage{}, fmt.Errorf("measure %s: %w", c.bucket, err)
	}
	s, err := c.survey(ctx, 0)
	if err != nil {
		return Usage{}, fmt.Errorf("measure %s: %w", c.bucket, err)
	}
	u := Usage{Path: c.bucket.String(), Checkpoints: []CheckpointUsage{}, Pins: []Pin{}, Garbage: []GarbageObject{}}
	if newest := s.complete[s.newestID()]; newest != nil {
		pinned, err := c.listPins(ctx, checkpointFolder(newest.Metadata.ID)+"/"+metadataName)
		if err != nil {
			return Usage{}, fmt.Errorf("measure %s: %w", c.bucket, err)
		}
		u.Pins = append(u.Pins, pinned.held...)
	}
	needs := neededBy(s)
	byID := map[int64]*CheckpointUsage{}
	for _, id := range s.ids() {
		u.Checkpoints = append(u.Checkpoints, CheckpointUsage{ID: id, Damaged: s.damaged[id] != nil})
	}
	for i := range u.Checkpoints {
		byID[u.Checkpoints[i].ID] = &u.Checkpoints[i]
	}
	for _, o := range objects {
		u.Bytes += o.Size
		by := needs[o.Key]
		if id, ok := parseCheckpoint(path.Dir(o.Key)); ok && byID[id] != nil && by == nil {
			if _, data := attemptOfData(path.Base(o.Key)); !data || byID[id].Damaged {
				by = []int64{id} // metadata, and what goes with it
			}
		}
		for _, id := range by {
			byID[id].Bytes += o.Size
			if len(by) == 1 {
				byID[id].Alone += o.Size
			}
		}
		if len(by) == 0 && s.isGarbage(o.Key) {
			u.Garbage = append(u.Garbage, GarbageObject{c.bucket.Sub(o.Key).String(), o.Size})
			u.GarbageBytes += o.Size
		}
	}
	return u, nil
}

// neededBy returns, by key, the checkpoints that name a data file, in ascending order.
func neededBy(s *survey) map[string][]int64 {
	needs := map[string][]int64{}
	for _, id := range s.ids() {
		snapshot := s.complete[id]
		if snapshot == nil {
			continue
		}
		for _, f := range snapshot.Metadata.Files() {
			key := path.Join(checkpointFolder(id), f.Path)
			needs[key] = append(needs[key], id)
		}
	}
	return needs
}

// isGarbage tells whether a data file that no checkpoint names will not be named any more: it is of an attempt before that of
// the newest checkpoint, or was written for one that is not above it.
func (s *survey) isGarbage(key string) bool {
	newest := s.complete[s.newestID()]
	if newest == nil || len(s.damaged) > 0 {
		return false
	}
	folder, name := path.Split(key)
	attempt, data := attemptOfData(name)
	checkpoint, ok := parseCheckpoint(folder)
	if path.Clean(folder) == sharedFolder {
		attempt, checkpoint, ok = writerOfRun(name)
		data = ok
	}
	return ok && data && (attempt < newest.Metadata.Attempt || attempt == newest.Metadata.Attempt && checkpoint <= newest.Metadata.ID)
}
