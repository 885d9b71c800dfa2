package lab

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/engine/storage"
)

// Feed is the input of a job: files that appear in its folder one after the other, in the order of their names.
type Feed struct {
	// Files are all that there are.
	Files []flights.File

	job    *FlightDelays
	bucket storage.Bucket

	mu struct {
		sync.Mutex
		fed int
	}
}

// Feed makes the input from the committed extract.
func (j *FlightDelays) Feed(records, files int) *Feed {
	j.t.Helper()
	root, err := harness.Root()
	if err != nil {
		j.t.Fatal(err)
	}
	extract, err := os.ReadFile(filepath.Join(root, flights.Extract))
	if err != nil {
		j.t.Fatal(err)
	}
	made, _, err := flights.Make(extract, flights.Options{Records: records, Files: files})
	if err != nil {
		j.t.Fatal(err)
	}
	bucket, err := storage.Open(j.t.Context(), j.lab.Outside(j.lab.Inside(j.Folder+"in")))
	if err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(func() {
		if err := bucket.Close(); err != nil {
			j.t.Error(err)
		}
	})
	return &Feed{Files: made, job: j, bucket: bucket}
}

// Fed is the number of files that the bucket has.
func (f *Feed) Fed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.fed
}

// More puts the next n files into the bucket, or as many as are left.
func (f *Feed) More(n int) {
	f.job.t.Helper()
	for range n {
		if left, err := f.next(f.job.t.Context()); err != nil {
			f.job.t.Fatal(err)
		} else if !left {
			return
		}
	}
}

// Rest puts all that is left into the bucket.
func (f *Feed) Rest() {
	f.job.t.Helper()
	f.More(len(f.Files))
}

// next puts one file into the bucket; false: there is none left.
func (f *Feed) next(ctx context.Context) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.fed == len(f.Files) {
		return false, nil
	}
	file := f.Files[f.mu.fed]
	if err := f.bucket.Create(ctx, file.Name, file.Content); err != nil {
		return false, err
	}
	f.mu.fed++
	return true, nil
}

// Left is the number of files that the bucket does not have yet.
func (f *Feed) Left() int { return len(f.Files) - f.Fed() }

// Trickle puts a file into the bucket every so often, until only reserve files are left, stop is called or the test ends.
func (f *Feed) Trickle(every time.Duration, reserve int) (stop func()) {
	ctx, cancel := context.WithCancel(f.job.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if f.Left() <= reserve {
				return
			}
			if left, err := f.next(ctx); err != nil && ctx.Err() == nil {
				f.job.t.Errorf("feed the job: %v", err)
				return
			} else if !left {
				return
			}
		}
	}()
	stop = func() { cancel(); <-ended }
	f.job.t.Cleanup(stop)
	return stop
}

// Contents are the bytes of the files.
func (f *Feed) Contents() [][]byte {
	var all [][]byte
	for _, file := range f.Files {
		all = append(all, file.Content)
	}
	return all
}

// Records is the number of records in all files.
func (f *Feed) Records() int {
	n := 0
	for _, file := range f.Files {
		n += file.Records
	}
	return n
}
