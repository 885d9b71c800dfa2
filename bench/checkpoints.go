package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/snapshot"
)

// checkpointSection measures what a checkpoint every second costs: the same job on the same disk, with and without.
func checkpointSection(ctx context.Context, o options) error {
	records := 5 * o.records // several seconds of work, so that there are several checkpoints
	fmt.Printf("the same with a checkpoint every second to file://, %d records, 2 subtasks on 2 cores\n", records)
	fmt.Printf("%10s %22s %24s %12s %14s\n", "keys", "with/without, time", "with/without, cpu", "checkpoints", "bytes written")
	for _, keys := range append(slices.Clone(keyCounts), 10_000_000) {
		if err := onCores(2, func() error { return checkpointRow(ctx, o, records, keys) }); err != nil {
			return err
		}
	}
	return nil
}

func checkpointRow(ctx context.Context, o options, records int64, keys uint64) (err error) {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var last string
	var checkpoints, bytes int64
	run := func(interval time.Duration) func() error {
		return func() error {
			g, err := countJob(records, keys)
			if err != nil {
				return err
			}
			runs++
			cfg := config(fmt.Sprintf("checkpoints-%d", runs), 2)
			cfg.Storage, cfg.Interval = dir, interval
			r, err := job.Run(ctx, cfg, g, job.Options{})
			if err != nil {
				return err
			}
			last, checkpoints, bytes = r.LastCheckpoint, r.Checkpoints, r.CheckpointBytes
			return nil
		}
	}
	c, err := compare(o.rounds, run(time.Hour), run(time.Second))
	if err != nil {
		return err
	}
	speed := make([]float64, len(c.a))
	for i := range c.a {
		speed[i] = c.a[i].wall.Seconds() / c.b[i].wall.Seconds()
	}
	fmt.Printf("%10d %22s %24s %12d %14d\n", keys, spread(speed), spread(invert(c.ratio)), checkpoints, bytes)
	return compareState(ctx, dir, last, records, keys)
}

func invert(v []float64) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = 1 / v[i]
	}
	return out
}

// compareState checks the last checkpoint byte by byte, and restores it: a job that goes on from it and counts the same
// records again must have counted each key twice as often as the hand-written loop.
func compareState(ctx context.Context, dir, last string, records int64, keys uint64) error {
	report, err := snapshot.Verify(ctx, last)
	if err != nil {
		return err
	}
	if !report.OK() {
		return fmt.Errorf("the last checkpoint is damaged: %v", report)
	}
	const more = 1_000_000
	sum, err := countFrom(ctx, filepath.Join(dir, "restored"), last, config("", 1).MaxParallelism, more, keys)
	if err != nil {
		return err
	}
	if want := handCountAfter(records, more, keys); sum != want {
		return fmt.Errorf("restored from %s, the counts of %d more records add up to %d, want %d", last, more, sum, want)
	}
	fmt.Printf("%10s the last checkpoint was verified, restored, and counted on exactly as the loop does\n", "")
	return nil
}
