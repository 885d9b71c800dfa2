package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/datagen"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
)

// wide is a value that makes a gigabyte of ten million keys.
type wide [12]int64

// snapshotSection measures what a whole snapshot costs: memory of the state beside a Go map of the same types, the speed of the
// snapshot beside a copy of its files, that of a restore beside reading them, and how long processing stands still for it.
func snapshotSection(ctx context.Context, o options) error {
	fmt.Println("whole snapshots to file:// of counts by key, 1 subtask on 2 cores")
	fmt.Printf("%10s %6s %12s %14s %14s %14s %18s %18s %18s\n", "keys", "value", "bytes/map's", "snapshot, MB", "speed/cp", "restore/read", "p99 with/without", "longest delay, ms", "without, ms")
	for _, row := range []struct {
		keys    int64
		value   string
		measure func(context.Context, options, int64) error
	}{
		{1_000_000, "8 B", snapshotRow[int64]}, {10_000_000, "8 B", snapshotRow[int64]}, {10_000_000, "96 B", snapshotRow[wide]},
	} {
		if row.keys > o.records {
			fmt.Printf("%10d %6s needs -records %d\n", row.keys, row.value, row.keys)
			continue
		}
		fmt.Printf("%10d %6s ", row.keys, row.value)
		if err := onCores(2, func() error { return row.measure(ctx, o, row.keys) }); err != nil {
			return err
		}
	}
	return nil
}

// snapshotRow measures one job, of which every key has a value of V.
func snapshotRow[V any](ctx context.Context, o options, keys int64) (err error) {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	inMap := heapOf(func() any {
		m := map[uint64]V{}
		for i := range keys {
			var v V
			m[uint64(i)] = v
		}
		return m
	})
	delays := &delaySink{}
	s := &snapshotted{source: newGate(datagen.Func(1<<50, func(i int64, r *record) {
		if r.Key = uint64(i); i >= keys {
			generate(i, uint64(keys), r)
		}
	})), delays: delays, keys: keys}
	g, err := valuesJob[V](s.source, delays)
	if err != nil {
		return err
	}
	empty := heap()
	if err := s.run(ctx, dir, g); err != nil {
		return err
	}
	fmt.Printf("%12.2f %14.1f", float64(s.heap-empty)/float64(inMap), float64(s.bytes)/1e6)
	copied, read, restored, err := s.against(ctx, dir, o.rounds, restoring[V])
	if err != nil {
		return err
	}
	fmt.Printf(" %14.2f %14.2f %18.2f %18.1f %18.1f\n", copied.Seconds()/s.took.Seconds(), restored.Seconds()/read.Seconds(),
		ratioOf(quantile(s.during, 0.99), quantile(s.without, 0.99)), ms(slices.Max(s.during)), ms(slices.Max(s.without)))
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func ratioOf(a, b time.Duration) float64 { return float64(a) / float64(b) }

func quantile(all []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[int(float64(len(sorted)-1)*q)]
}

// heap is what lives on the heap, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// heapOf is what lives on the heap of what f makes.
func heapOf(f func() any) int64 {
	before := heap()
	made := f()
	after := heap()
	runtime.KeepAlive(made)
	return after - before
}

// valuesJob keeps a value of V for each key, and puts out a row for each that comes in.
func valuesJob[V any](source connector.Source, sink connector.Sink) (*stream.Graph, error) {
	j := stream.New()
	byKey := stream.KeyBy(stream.From[record](j, "records", source), func(r *record) uint64 { return r.Key })
	stream.To(stream.Process(byKey, "values", func(s *stream.Setup) stream.Functions[record, counted] {
		value := stream.ValueState[V](s, "value")
		return stream.Functions[record, counted]{Row: func(c *stream.Context[counted], r *record) error {
			touch(value.Ref(c))
			c.Emit(counted{r.Key, r.Value})
			return nil
		}}
	}), "out", sink)
	return j.Graph()
}

// touch changes a value, which is written for that.
func touch[V any](v *V) {
	switch v := any(v).(type) {
	case *int64:
		*v++
	case *wide:
		v[0]++
	}
}

// snapshotted is a job of which snapshots are taken: one while nothing is read, and one while all is.
type snapshotted struct {
	source *gate
	delays *delaySink
	keys   int64

	heap            int64         // when every key has its value
	path            string        // of the snapshot that was taken while nothing was read
	bytes           int64         // of it
	took            time.Duration // for it
	during, without []time.Duration
}

func (s *snapshotted) run(ctx context.Context, dir string, g *stream.Graph) error {
	cfg := config("snapshots", 1)
	cfg.Storage, cfg.WholeCheckpoints, cfg.MaxParallelism, cfg.Retained = dir, true, incrementalGroups, 10
	started, ended := make(chan *job.Handle, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, err := job.Run(ctx, cfg, g, job.Options{Started: func(j *job.Handle) { started <- j }})
		ended <- err
	}()
	var err error
	select {
	case running := <-started:
		err = s.take(running)
	case err := <-ended:
		return fmt.Errorf("the job did not start: %w", err)
	}
	cancel()
	if endErr := <-ended; err != nil {
		err = errors.Join(err, endErr)
	}
	return err
}

// take lets every key have its value, takes a snapshot while nothing is read, reads on at a steady rate, and takes another.
func (s *snapshotted) take(running *job.Handle) error {
	s.source.to(s.keys)
	if err := wait(func() (bool, error) { return running.Overview().RecordsIn >= s.keys, nil }); err != nil {
		return err
	}
	s.heap = heap()
	var err error
	if s.path, s.bytes, s.took, err = checkpointOf(running, "idle"); err != nil {
		return err
	}
	s.delays.from(s.keys)
	stop := s.source.pace(s.keys)
	defer stop()
	time.Sleep(time.Second) // so that it runs evenly
	s.delays.take()
	time.Sleep(3 * time.Second)
	s.without = s.delays.take()
	_, _, _, err = checkpointOf(running, "busy")
	s.during = s.delays.take()
	if err == nil && (len(s.without) == 0 || len(s.during) == 0) {
		err = errors.New("nothing came out")
	}
	return err
}

// checkpointOf takes a checkpoint, and tells how long that took here.
func checkpointOf(running *job.Handle, id string) (path string, bytes int64, took time.Duration, err error) {
	begin := time.Now()
	if _, err := running.Ask(rest.CheckpointRequest{ID: id}.Request()); err != nil {
		return "", 0, 0, err
	}
	err = wait(func() (bool, error) {
		op, err := running.Operation(context.Background(), id)
		if err == nil && op.Status == rest.Undone {
			err = fmt.Errorf("the checkpoint failed: %+v", op.Error)
		}
		path = op.Path
		return op.Status == rest.Done, err
	})
	took = time.Since(begin)
	for _, c := range running.Checkpoints() {
		if c.Path == path {
			bytes = c.FullSizeBytes
		}
	}
	return path, bytes, took, err
}

// against copies the snapshot's files, reads them, and restores them, in turn, from the disk rather than from memory; it returns the
// medians. From the time of a restore that of a start without one is taken away.
func (s *snapshotted) against(ctx context.Context, dir string, rounds int, restore func(context.Context, string, string) error) (copied, read, restored time.Duration, err error) {
	folder := s.path[len("file://"):]
	var copies, reads, starts, restores []time.Duration
	for round := range rounds {
		for _, part := range []struct {
			into *[]time.Duration
			do   func() error
		}{
			{&copies, func() error { return copyFolder(filepath.Join(dir, fmt.Sprint("copy-", round)), folder) }},
			{&reads, func() error { return readFolder(folder) }},
			{&starts, func() error { return restore(ctx, filepath.Join(dir, fmt.Sprint("started-", round)), "") }},
			{&restores, func() error { return restore(ctx, filepath.Join(dir, fmt.Sprint("restored-", round)), s.path) }},
		} {
			if err := eachFile(folder, uncache); err != nil {
				return 0, 0, 0, err
			}
			cost, err := measure(part.do)
			if err != nil {
				return 0, 0, 0, err
			}
			*part.into = append(*part.into, cost.wall)
		}
		if err := os.RemoveAll(filepath.Join(dir, fmt.Sprint("copy-", round))); err != nil {
			return 0, 0, 0, err
		}
	}
	return quantile(copies, 0.5), quantile(reads, 0.5), quantile(restores, 0.5) - quantile(starts, 0.5), nil
}

// uncache lets the system forget what it has in memory of a file.
func uncache(name string) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// restoring runs a job from a snapshot, or from nothing, until its subtasks have restored it, which they have when they have read a row.
func restoring[V any](ctx context.Context, storage, from string) error {
	first := &firstRow{seen: make(chan struct{})}
	g, err := valuesJob[V](datagen.Func(1, func(_ int64, r *record) { r.Key = 1 }), first)
	if err != nil {
		return err
	}
	runs++
	cfg := config(fmt.Sprint("restored-", runs), 1)
	cfg.Storage, cfg.WholeCheckpoints, cfg.MaxParallelism = storage, true, incrementalGroups
	if from != "" {
		cfg.Restore = job.Restore{Path: from, AllowNonRestoredState: true}
	}
	for i := range g.Nodes { // another source than that of the snapshot, whose positions are left behind
		if g.Nodes[i].UID == "records" {
			g.Nodes[i].UID = "another"
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := job.Run(ctx, cfg, g, job.Options{})
		ended <- err
	}()
	select {
	case <-first.seen:
		cancel()
		return <-ended
	case err := <-ended:
		return errors.Join(err, errors.New("the job ended before a row came out"))
	}
}

// copyFolder is cp: each file is read and written, and synced at its end, as a snapshot's are.
func copyFolder(to, from string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	return eachFile(from, func(name string) (err error) {
		in, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, in.Close()) }()
		out, err := os.Create(filepath.Join(to, filepath.Base(name)))
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		return errors.Join(err, out.Sync(), out.Close())
	})
}

func readFolder(folder string) error {
	buffer := make([]byte, 1<<20)
	return eachFile(folder, func(name string) (err error) {
		in, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, in.Close()) }()
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, in, buffer)
		return err
	})
}

func eachFile(folder string, do func(name string) error) error {
	return filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return do(name)
	})
}

// pacedRows come in each second while a snapshot is taken.
const pacedRows = 500_000

// pace opens the gate for so many rows a second, from the first of them on, until it is stopped.
func (g *gate) pace(first int64) (stop func()) {
	begin, done, ended := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				g.to(first + int64(time.Since(begin).Seconds()*pacedRows))
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// delaySink notes how long after it was due the first row of each batch has come, whose value is its number.
type delaySink struct {
	summing
	mu     sync.Mutex
	begin  time.Time // when the first was due; zero: nothing is noted yet
	first  int64
	delays []time.Duration
}

// from notes the rows from one on that is due now.
func (s *delaySink) from(first int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin, s.first = time.Now(), first
}

func (s *delaySink) Writer(context.Context, connector.WriterContext) (connector.Writer, error) {
	return s, nil
}

func (s *delaySink) Write(_ context.Context, b *batch.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rows := b.Data.(*batch.Rows[counted]).V; !s.begin.IsZero() && len(rows) > 0 {
		due := time.Duration(float64(rows[0].Count-s.first) / pacedRows * float64(time.Second))
		s.delays = append(s.delays, time.Since(s.begin)-due)
	}
	return nil
}

// take returns the delays since the call before.
func (s *delaySink) take() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	delays := s.delays
	s.delays = nil
	return delays
}

// firstRow is a sink that tells when something has come.
type firstRow struct {
	summing
	once sync.Once
	seen chan struct{}
}

func (s *firstRow) Writer(context.Context, connector.WriterContext) (connector.Writer, error) {
	return s, nil
}

func (s *firstRow) Write(context.Context, *batch.Batch) error {
	s.once.Do(func() { close(s.seen) })
	return nil
}
