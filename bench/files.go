package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// smallFiles is how many files the section reads.
const smallFiles = 100_000

const filesSQL = "CREATE TABLE flights " + flightColumns + ` WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json');
CREATE TABLE nowhere ` + flightColumns + ` WITH ('connector' = 'blackhole');
INSERT INTO nowhere SELECT * FROM flights;`

// filesSection measures a folder of many files of one record, against a loop that opens one after the other. What a file costs
// beside its record is what it shows: finding it, handing it out, opening it, and noting that it was read.
func filesSection(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := writeSmallFiles(dir); err != nil {
		return err
	}
	fmt.Printf("%d files of one JSON record in a folder: SQL against a loop that opens each\n", smallFiles)
	fmt.Printf("%6s %24s %24s %20s %16s\n", "cores", "engine, cpu-ns/file", "loop, cpu-ns/file", "ratio", "engine, files/s")
	for _, cores := range coreCount {
		err := onCores(cores, func() error {
			c, err := compare(o.rounds, func() error {
				g, err := compileSQL(fmt.Sprintf(filesSQL, dir))
				if err != nil {
					return err
				}
				return runJob(ctx, g, config("files", cores))
			}, func() error { return openEach(dir) })
			if err != nil {
				return err
			}
			fmt.Printf("%6d %24s %24s %20s %16.0f\n", cores, spread(cpuPerRecord(c.a, smallFiles)), spread(cpuPerRecord(c.b, smallFiles)),
				spread(c.ratio), median(rates(c.a, smallFiles)))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeSmallFiles writes one record of the extract into each file.
func writeSmallFiles(dir string) error {
	text, err := os.ReadFile(flightsFile)
	if err != nil {
		return fmt.Errorf("%w (run it in the repository's root)", err)
	}
	lines := bytes.SplitAfter(bytes.TrimSpace(text), []byte("\n"))
	for i := range smallFiles {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.json", i)), lines[i%(len(lines)-1)], 0o600); err != nil {
			return err
		}
	}
	return nil
}

// openEach decodes the record of each file.
func openEach(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var f flight
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if err := f.decode(text); err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	if len(entries) != smallFiles {
		return fmt.Errorf("%d files in %s, want %d", len(entries), dir, smallFiles)
	}
	return nil
}
