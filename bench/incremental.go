package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weirstream/weir/engine/connector/blackhole"
	"github.com/weirstream/weir/engine/connector/datagen"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
)

const (
	incrementalKeys = 1_000_000
	// incrementalGroups is the number of key groups that a job has by default.
	incrementalGroups = 1024
	// changedKeys are changed before each checkpoint, drawn uniformly.
	changedKeys = incrementalKeys / 100
	// changes is how often: more than a round of consolidation.
	changes = 60
)

// incrementalSection measures what a checkpoint writes after one key in a hundred has changed, against one that is written whole;
// what a restore of it takes; and what knowing what has changed costs.
func incrementalSection(ctx context.Context, o options) (err error) {
	fmt.Printf("counts of %d keys, 1 %% of them changed before each of %d checkpoints to file://\n", incrementalKeys, changes)
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	inRuns, err := changeAndCheckpoint(ctx, dir, dir, "runs", false)
	if err != nil {
		return err
	}
	whole, err := changeAndCheckpoint(ctx, dir, dir, "whole", true)
	if err != nil {
		return err
	}
	var ratios []float64
	for i := range inRuns.written {
		ratios = append(ratios, float64(inRuns.written[i])/float64(whole.written[i]))
	}
	fmt.Printf("%40s %s\n", "written/whole, with _metadata", spread(ratios))
	fmt.Printf("%40s %.2f\n", "files that the last names/whole", float64(inRuns.files)/float64(whole.files))

	restore := func(from string) func() error {
		return func() error {
			runs++ // each time it is another job: one that has ended is not restored
			sum, err := countFrom(ctx, filepath.Join(dir, fmt.Sprint("restored-", runs)), from, incrementalGroups, 1, incrementalKeys)
			if err == nil && sum == 0 {
				err = errors.New("nothing was counted")
			}
			return err
		}
	}
	c, err := compare(o.rounds, restore(inRuns.path), restore(whole.path))
	if err != nil {
		return err
	}
	var times []float64
	for i := range c.a {
		times = append(times, c.a[i].wall.Seconds()/c.b[i].wall.Seconds())
	}
	fmt.Printf("%40s %s\n", "restored from runs/from whole, time", spread(times))
	return countIncremental(ctx, o)
}

// countIncremental compares a count that takes no checkpoint but the last, with and without runs.
func countIncremental(ctx context.Context, o options) error {
	count := func(whole bool) func() error {
		return func() error {
			g, err := countJob(o.records, incrementalKeys)
			if err != nil {
				return err
			}
			cfg := config("incremental", 1)
			cfg.WholeCheckpoints = whole
			return runJob(ctx, g, cfg)
		}
	}
	return onCores(1, func() error {
		c, err := compare(o.rounds, count(false), count(true))
		if err == nil {
			fmt.Printf("%40s %s\n", "count, incremental/whole, cpu", spread(c.ratio))
		}
		return err
	})
}

// changed is what the checkpoints of a job were.
type changed struct {
	written []int64 // bytes of each after a change, with _metadata
	path    string  // of the last of them
	files   int64   // bytes of all data files that it names
}

// changeAndCheckpoint counts every key once, and then some again before each checkpoint. storage is where its checkpoints go, and dir the
// folder in which that has them.
func changeAndCheckpoint(ctx context.Context, storage, dir, name string, whole bool) (result changed, err error) {
	source := newGate(datagen.Func(incrementalKeys+changes*changedKeys, func(i int64, r *record) {
		if r.Key = uint64(i); i >= incrementalKeys {
			generate(i, incrementalKeys, r)
		}
	}))
	j := stream.New()
	stream.To(countByKey(stream.KeyBy(stream.From[record](j, "records", source), func(r *record) uint64 { return r.Key })), "out", blackhole.New())
	g, err := j.Graph()
	if err != nil {
		return result, err
	}
	cfg := config(name, 1)
	cfg.Storage, cfg.WholeCheckpoints, cfg.MaxParallelism, cfg.Retained = storage, whole, incrementalGroups, 1000
	started, ended := make(chan *job.Handle, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, err := job.Run(ctx, cfg, g, job.Options{Started: func(j *job.Handle) { started <- j }})
		ended <- err
	}()
	select {
	case running := <-started:
		result, err = takeEach(running, source, filepath.Join(dir, name))
	case err := <-ended:
		return result, fmt.Errorf("the job did not start: %w", err)
	}
	cancel() // the checkpoints are what was wanted
	if endErr := <-ended; err != nil {
		err = errors.Join(err, endErr) // why they were not to be had
	}
	return result, err
}

// takeEach lets the job read on, and takes a checkpoint after each change.
func takeEach(running *job.Handle, source *gate, folder string) (result changed, err error) {
	before := int64(0)
	for i := range changes + 1 {
		rows := int64(incrementalKeys + i*changedKeys)
		source.to(rows)
		if err := wait(func() (bool, error) { return running.Overview().RecordsIn >= rows, nil }); err != nil {
			return result, err
		}
		id := fmt.Sprint("c", i)
		if _, err := running.Ask(rest.CheckpointRequest{ID: id}.Request()); err != nil {
			return result, err
		}
		err := wait(func() (bool, error) {
			op, err := running.Operation(context.Background(), id)
			if err == nil && op.Status == rest.Undone {
				err = fmt.Errorf("the checkpoint failed: %+v", op.Error)
			}
			result.path = op.Path
			return op.Status == rest.Done, err
		})
		if err != nil {
			return result, err
		}
		all, err := sizeOf(folder)
		if err != nil {
			return result, err
		}
		if i > 0 {
			result.written = append(result.written, all-before)
		}
		before = all
	}
	for _, c := range running.Checkpoints() {
		if c.Path == result.path {
			result.files = c.FullSizeBytes
		}
	}
	return result, nil
}

// wait asks again and again until something is so.
func wait(so func() (bool, error)) error {
	for range 60_000 {
		if done, err := so(); done || err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("the job does not go on")
}

// sizeOf is how many bytes a job has in its folder, but for the records of attempts.
func sizeOf(folder string) (int64, error) {
	var n int64
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "attempts") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
