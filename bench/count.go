package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/weirstream/weir/engine/connector/blackhole"
	"github.com/weirstream/weir/engine/connector/datagen"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/stream"
)

var (
	keyCounts = []uint64{1_000, 100_000, 1_000_000}
	coreCount = []int{1, 2}
)

// countJob is source -> keyBy -> count -> sink, with one output row for each input row.
func countJob(records int64, keys uint64) (*stream.Graph, error) {
	j := stream.New()
	in := stream.From[record](j, "records", datagen.Func(records, func(i int64, r *record) { generate(i, keys, r) }))
	byKey := stream.KeyBy(in, func(r *record) uint64 { return r.Key })
	stream.To(countByKey(byKey), "out", blackhole.New())
	return j.Graph()
}

// countByKey puts out a key's count for each of its records.
//
//go:noinline
func countByKey(byKey stream.Keyed[uint64, record]) stream.Stream[counted] {
	return stream.Process(byKey, "count", func(s *stream.Setup) stream.Functions[record, counted] {
		count := stream.ValueState[int64](s, "count")
		return stream.Functions[record, counted]{Row: func(c *stream.Context[counted], r *record) error {
			n := count.Ref(c)
			*n++
			c.Emit(counted{r.Key, *n})
			return nil
		}}
	})
}

// runs gives each run a job id of its own.
var runs int

// runJob runs a job to its end.
func runJob(ctx context.Context, g *stream.Graph, cfg job.Config) error {
	runs++
	cfg.Job = fmt.Sprintf("%s-%d", cfg.Job, runs)
	r, err := job.Run(ctx, cfg, g, job.Options{})
	if err != nil {
		return err
	}
	if r.Outcome != outcome.Completed {
		return fmt.Errorf("the job ended as %s", r.Outcome)
	}
	return nil
}

func countSection(ctx context.Context, o options) error {
	fmt.Printf("source -> keyBy -> count -> sink, %d records: the SDK against a loop on a map-free table\n", o.records)
	fmt.Printf("%10s %6s %24s %24s %20s %16s\n", "keys", "cores", "engine, cpu-ns/record", "loop, cpu-ns/record", "ratio", "engine, records/s")
	for _, keys := range keyCounts {
		for _, cores := range coreCount {
			err := onCores(cores, func() error {
				c, err := compare(o.rounds, func() error {
					g, err := countJob(o.records, keys)
					if err != nil {
						return err
					}
					return runJob(ctx, g, config("count", cores))
				}, func() error { return loopOnCores(cores, o.records, keys) })
				if err == nil {
					printRow(keys, cores, o.records, c)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// loopOnCores runs the hand-written loop: on one core a plain one, on several with an exchange by key between them.
func loopOnCores(cores int, records int64, keys uint64) error {
	sum := int64(0)
	if cores == 1 {
		sum = handCount(records, keys)
	} else {
		sum = handExchange(cores, records, keys)
	}
	if sum == 0 && records > 0 {
		return fmt.Errorf("the loop counted nothing")
	}
	return nil
}

// spread prints the median of some figures with the least and the greatest.
func spread(v []float64) string {
	return fmt.Sprintf("%.2f [%.2f %.2f]", median(v), slices.Min(v), slices.Max(v))
}
