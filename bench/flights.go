package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// flightsFolder is where `make data` puts the real records, in the order in which they were reported.
const flightsFolder = ".data/flights-3m"

const delaysSQL = "CREATE TABLE flights (`date` TIMESTAMP(3), delay INT, distance INT, origin STRING, destination STRING," +
	" WATERMARK FOR `date` AS `date` - INTERVAL '28' HOUR)" + ` WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json');
CREATE TABLE delays (window_start TIMESTAMP(3), origin STRING, flights BIGINT, total BIGINT, max_delay INT)
  WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json');
INSERT INTO delays SELECT window_start, origin, COUNT(*), SUM(CAST(delay AS BIGINT)), MAX(delay)
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(` + "`date`" + `), INTERVAL '1' HOUR)) GROUP BY window_start, window_end, origin;`

// delays is one row of the result.
type delays struct {
	Start   string `json:"window_start"`
	Origin  string `json:"origin"`
	Flights int64  `json:"flights"`
	Total   int64  `json:"total"`
	Max     int64  `json:"max_delay"`
}

// flightsSection measures the main example on three million real records that are out of order, and compares every row.
func flightsSection(ctx context.Context, o options) (err error) {
	files, err := filepath.Glob(flightsFolder + "/*.jsonl")
	if err != nil {
		return err
	}
	if len(files) == 0 {
		fmt.Printf("delays per airport and hour from real records: not measured; `make data` fetches them into %s\n", flightsFolder)
		return nil
	}
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	want, records, err := handDelays(files)
	if err != nil {
		return err
	}
	fmt.Printf("delays per airport and hour from %d real records in JSON: SQL against a loop with a map for each hour\n", records)
	fmt.Printf("%6s %24s %24s %20s %16s\n", "cores", "engine, cpu-ns/record", "loop, cpu-ns/record", "ratio", "engine, records/s")
	for _, cores := range coreCount {
		err := onCores(cores, func() error {
			out := filepath.Join(dir, fmt.Sprintf("out-%d", cores))
			c, err := compare(o.rounds, func() error {
				g, err := compileSQL(fmt.Sprintf(delaysSQL, flightsFolder, out))
				if err == nil {
					err = errors.Join(os.RemoveAll(out), runJob(ctx, g, config("flights", cores)))
				}
				return err
			}, func() error { _, _, err := handDelays(files); return err })
			if err != nil {
				return err
			}
			fmt.Printf("%6d %24s %24s %20s %16.0f\n", cores, spread(cpuPerRecord(c.a, records)), spread(cpuPerRecord(c.b, records)),
				spread(c.ratio), median(rates(c.a, records)))
			return sameDelays(out, want)
		})
		if err != nil {
			return err
		}
	}
	fmt.Printf("%6s all %d rows are those of the loop\n", "", len(want))
	return nil
}

// window names a row of the result.
type window struct {
	start, origin string
}

// handDelays computes the result in a loop.
func handDelays(files []string) (result map[window]delays, records int64, err error) {
	byHour := map[string]map[string]*delays{}
	for _, name := range files {
		n, err := handDelaysOf(name, byHour)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", name, err)
		}
		records += n
	}
	result = map[window]delays{}
	for hour, byOrigin := range byHour {
		start, err := time.Parse("2006-01-02 15", hour)
		if err != nil {
			return nil, 0, err
		}
		for origin, d := range byOrigin {
			d.Start, d.Origin = start.Format(time.DateTime), origin
			result[window{d.Start, origin}] = *d
		}
	}
	return result, records, nil
}

func handDelaysOf(name string, byHour map[string]map[string]*delays) (records int64, err error) {
	in, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	r := bufio.NewReaderSize(in, 1<<20)
	var f flight
	for {
		line, err := r.ReadSlice('\n')
		if err == io.EOF {
			return records, nil
		}
		if err != nil {
			return 0, err
		}
		if err := f.decode(line); err != nil {
			return 0, err
		}
		records++
		hour := f.date[:len("2006-01-02 15")]
		byOrigin := byHour[string(hour)]
		if byOrigin == nil {
			byOrigin = map[string]*delays{}
			byHour[string(hour)] = byOrigin
		}
		d := byOrigin[string(f.origin)]
		if d == nil {
			d = &delays{Max: int64(f.delay)}
			byOrigin[string(f.origin)] = d
		}
		d.Flights++
		d.Total += int64(f.delay)
		d.Max = max(d.Max, int64(f.delay))
	}
}

// sameDelays compares the visible files of the engine's last run with the loop's result, row by row.
func sameDelays(out string, want map[window]delays) error {
	files, err := filepath.Glob(out + "/part-*")
	if err != nil {
		return err
	}
	rows := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(text) {
			var d delays
			if err := json.Unmarshal(line, &d); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if want[window{d.Start, d.Origin}] != d {
				return fmt.Errorf("%s: row %s is not that of the loop, %+v", name, bytes.TrimSpace(line), want[window{d.Start, d.Origin}])
			}
			rows++
		}
	}
	if rows != len(want) {
		return fmt.Errorf("the engine wrote %d rows, the loop found %d", rows, len(want))
	}
	return nil
}
