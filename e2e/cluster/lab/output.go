package lab

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirstream/weir/engine/storage"
)

// Arrivals remembers when each visible file of a job's output was first seen.
type Arrivals struct {
	mu struct {
		sync.Mutex
		first map[string]time.Time
		err   error
	}
}

// WatchOutput looks at the job's output until the test ends.
func (j *FlightDelays) WatchOutput() *Arrivals {
	j.t.Helper()
	bucket, err := storage.Open(j.t.Context(), j.lab.Outside(j.lab.Inside(j.Folder+"out")))
	if err != nil {
		j.t.Fatal(err)
	}
	a := &Arrivals{}
	a.mu.first = map[string]time.Time{}
	ctx, cancel := context.WithCancel(j.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(glance)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				a.look(ctx, bucket)
			case <-ctx.Done():
				return
			}
		}
	}()
	j.t.Cleanup(func() {
		cancel()
		<-ended
		if err := bucket.Close(); err != nil {
			j.t.Error(err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.mu.err != nil {
			j.t.Errorf("watch the output: %v", a.mu.err)
		}
	})
	return a
}

func (a *Arrivals) look(ctx context.Context, bucket storage.Bucket) {
	objects, err := bucket.List(ctx, "part-")
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		a.mu.err = err
	}
	for _, o := range objects {
		if _, known := a.mu.first[o.Key]; !known {
			a.mu.first[o.Key] = now
		}
	}
}

// Gap returns when the last file of the checkpoints up to an id was seen, and when the first of a later one. False: there
// is no later one yet.
func (a *Arrivals) Gap(id int64) (last, first time.Time, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, at := range a.mu.first {
		of, err := CheckpointOf(name)
		switch {
		case err != nil:
			a.mu.err = err
		case of <= id && at.After(last):
			last = at
		case of > id && (first.IsZero() || at.Before(first)):
			first = at
		}
	}
	return last, first, !first.IsZero()
}

// CheckpointOf returns the checkpoint that made a file of the output visible: its name is
// part-<job id>-<uid>-<checkpoint>-<subtask>-<number>, with a suffix of the format (P10).
func CheckpointOf(name string) (int64, error) {
	parts := strings.Split(path.Base(name), "-")
	if len(parts) < 6 {
		return 0, fmt.Errorf("%s is not named like a file of the output", name)
	}
	id, err := strconv.ParseInt(parts[len(parts)-3], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not named like a file of the output: %w", name, err)
	}
	return id, nil
}
