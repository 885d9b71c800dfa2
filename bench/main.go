// Command bench measures the engine against hand-written loops that do the same work: CPU nanoseconds for each record,
// and the ratio of the two, pair by pair in one run, so that a noisy machine meets both. It prints a table for each
// question; docs/benchmarks.md says how to read them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// options are what the command line sets.
type options struct {
	rounds  int
	records int64
	only    string
	profile string
	kafka   string
}

// section is one question that is measured.
type section struct {
	name string
	run  func(context.Context, options) error
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "measured pairs for each figure, after one that is not counted")
	flag.Int64Var(&o.records, "records", 20_000_000, "records in each run of the count benchmarks")
	flag.StringVar(&o.only, "only", "", "run only this section: count, checkpoints, incremental, snapshots, sql, json, files, flights, kafka")
	flag.StringVar(&o.kafka, "kafka", "", "address of a Kafka for the section kafka, such as one of hack/kafka/kafka start")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of all runs, engine and loops, to this file")
	flag.Parse()
	if err := profiled(o.profile, func() error { return run(context.Background(), o) }); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// profiled runs f and writes its CPU profile to a file, if one is named.
func profiled(file string, f func() error) (err error) {
	if file == "" {
		return f()
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return f()
}

func run(ctx context.Context, o options) error {
	fmt.Printf("%s, %s/%s, %d CPUs; medians of %d pairs, in brackets the least and the greatest\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.rounds)
	for _, s := range []section{
		{"count", countSection}, {"checkpoints", checkpointSection}, {"incremental", incrementalSection}, {"snapshots", snapshotSection}, {"sql", sqlSection}, {"json", jsonSection}, {"files", filesSection}, {"flights", flightsSection}, {"kafka", kafkaSection},
	} {
		if o.only != "" && o.only != s.name {
			continue
		}
		fmt.Println()
		if err := s.run(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// onCores runs f with as many processors as the job has subtasks.
func onCores(n int, f func() error) error {
	before := runtime.GOMAXPROCS(n)
	defer runtime.GOMAXPROCS(before)
	return f()
}
