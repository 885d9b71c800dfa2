package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/sql"
)

// countSQL is the count in SQL: a window that is longer than the input, so that every record updates a count.
const countSQL = `
CREATE TABLE records (k BIGINT, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '1' SECOND) WITH (
  'connector' = 'datagen', 'rows-per-second' = '0', 'number-of-rows' = '%[1]d',
  'fields.k.kind' = 'random', 'fields.k.min' = '0', 'fields.k.max' = '%[2]d',
  'fields.at.kind' = 'sequence', 'fields.at.start' = '2001-01-01 00:00:00', 'fields.at.end' = '2001-12-31 00:00:00');
CREATE TABLE counts (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO counts SELECT k, COUNT(*) FROM TABLE(TUMBLE(TABLE records, DESCRIPTOR(at), INTERVAL '366' DAY))
WHERE k >= 0 GROUP BY window_start, window_end, k;`

// compileSQL plans a text as weir run does.
func compileSQL(text string) (*job.Graph, error) {
	r := registry.New(registry.Environment{Stdout: os.Stdout, Stderr: os.Stderr, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	return sql.Compile(text, "bench.sql", r)
}

// windowLoop runs the query as a hand-written loop.
func windowLoop(cores int, records int64, keys uint64) error {
	counted := int64(0)
	if cores == 1 {
		counted = handWindow(records, keys)
	} else {
		counted = handWindowExchange(cores, records, keys)
	}
	if counted != records {
		return fmt.Errorf("the loop counted %d of %d records", counted, records)
	}
	return nil
}

func sqlSection(ctx context.Context, o options) error {
	records := o.records / 2
	fmt.Printf("datagen -> filter -> window count -> sink in SQL, %d records, against a loop that does what the text says\n", records)
	fmt.Printf("%10s %6s %24s %24s %20s %16s\n", "keys", "cores", "engine, cpu-ns/record", "loop, cpu-ns/record", "ratio", "engine, records/s")
	for _, keys := range keyCounts {
		for _, cores := range coreCount {
			err := onCores(cores, func() error {
				c, err := compare(o.rounds, func() error {
					g, err := compileSQL(fmt.Sprintf(countSQL, records, keys-1))
					if err != nil {
						return err
					}
					return runJob(ctx, g, config("sql", cores))
				}, func() error { return windowLoop(cores, records, keys) })
				if err == nil {
					printRow(keys, cores, records, c)
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

// printRow prints what a count cost, beside the loop.
func printRow(keys uint64, cores int, records int64, c compared) {
	fmt.Printf("%10d %6d %24s %24s %20s %16.0f\n", keys, cores, spread(cpuPerRecord(c.a, records)),
		spread(cpuPerRecord(c.b, records)), spread(c.ratio), median(rates(c.a, records)))
}
