package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/datagen"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/stream"
)

// countFrom counts more records with the state of a snapshot, which has so many key groups, and returns the sum of all counts that came out.
func countFrom(ctx context.Context, storage, snapshot string, groups int, records int64, keys uint64) (int64, error) {
	var sum atomic.Int64
	j := stream.New()
	// Another uid than the counted job's source, whose input is at its end: only the counts are taken over.
	in := stream.From[record](j, "more records", datagen.Func(records, func(i int64, r *record) { generate(i, keys, r) }))
	byKey := stream.KeyBy(in, func(r *record) uint64 { return r.Key })
	stream.To(countByKey(byKey), "out", summing{&sum})
	g, err := j.Graph()
	if err != nil {
		return 0, err
	}
	cfg := config("restored", 1)
	cfg.Storage, cfg.MaxParallelism = storage, groups
	cfg.Restore = job.Restore{Path: snapshot, AllowNonRestoredState: true}
	if _, err := job.Run(ctx, cfg, g, job.Options{}); err != nil {
		return 0, fmt.Errorf("go on from %s: %w", snapshot, err)
	}
	return sum.Load(), nil
}

// handCountAfter is countFrom by the hand-written loop, which counts the records before too.
func handCountAfter(before, records int64, keys uint64) (sum int64) {
	table := newHandTable()
	var r record
	for i := range before {
		generate(i, keys, &r)
		table.add(hashOf(r.Key), r.Key)
	}
	for i := range records {
		generate(i, keys, &r)
		sum += table.add(hashOf(r.Key), r.Key)
	}
	return sum
}

// summing is a sink that adds up the counts that it gets; it has nothing to commit.
type summing struct{ sum *atomic.Int64 }

func (summing) Rewinds() bool { return true }

func (summing) Committer(context.Context, connector.CommitterContext) (connector.Committer, error) {
	return nil, nil
}

func (s summing) Writer(context.Context, connector.WriterContext) (connector.Writer, error) {
	return s, nil
}

func (s summing) Write(_ context.Context, b *batch.Batch) error {
	var sum int64
	for _, r := range b.Data.(*batch.Rows[counted]).V {
		sum += r.Count
	}
	s.sum.Add(sum)
	return nil
}

func (summing) Prepare(context.Context, int64) ([][]byte, error) { return nil, nil }

func (summing) Close() error { return nil }

// config is a job that takes no checkpoint but the last, in memory.
func config(name string, parallelism int) job.Config {
	return job.Config{
		Job: name, Owner: "bench", Revision: "1", Storage: "mem://bench", MaxParallelism: 128,
		Settings: job.Settings{
			Parallelism: parallelism,
			Interval:    time.Hour,
			Timeout:     time.Hour,
			Retained:    1,
			Restart:     job.Restart{InitialDelay: time.Second, MaxDelay: time.Second, ResetAfter: time.Hour},
		},
	}
}
