package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// flightsFile is the committed extract of real records; the benchmark repeats it.
const flightsFile = "examples/flight-delays/data/flights-2k.jsonl"

const (
	flightColumns = "(`date` TIMESTAMP(3), delay INT, distance INT, origin STRING, destination STRING)"
	jsonSQL       = "CREATE TABLE flights " + flightColumns + ` WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json');
CREATE TABLE copied ` + flightColumns + ` WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json');
INSERT INTO copied SELECT * FROM flights;`
)

// jsonSection measures JSON lines in and out, as files, against a loop that knows the five fields and their order.
func jsonSection(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	const repeat = 400
	in := filepath.Join(dir, "flights.jsonl")
	records, size, err := repeatFile(in, flightsFile, repeat)
	if err != nil {
		return err
	}
	fmt.Printf("JSON lines from a file to a file, %d records, %d bytes: SQL against a loop that knows the five fields\n", records, size)
	fmt.Printf("%6s %24s %24s %20s %16s %14s\n", "cores", "engine, cpu-ns/record", "loop, cpu-ns/record", "ratio", "engine, records/s", "MB/s in")
	for _, cores := range coreCount {
		err := onCores(cores, func() error {
			c, err := compare(o.rounds, func() error {
				out := filepath.Join(dir, "engine")
				g, err := compileSQL(fmt.Sprintf(jsonSQL, in, out))
				if err == nil {
					err = runJob(ctx, g, config("json", cores))
				}
				return errors.Join(err, sameSize(out, size), os.RemoveAll(out))
			}, func() error {
				out := filepath.Join(dir, "loop.jsonl")
				return errors.Join(handCopy(in, out), sameSize(out, size), os.Remove(out))
			})
			if err != nil {
				return err
			}
			fmt.Printf("%6d %24s %24s %20s %16.0f %14.1f\n", cores, spread(cpuPerRecord(c.a, records)), spread(cpuPerRecord(c.b, records)),
				spread(c.ratio), median(rates(c.a, records)), median(rates(c.a, size))/1e6)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// repeatFile writes a file n times into another, and counts lines and bytes.
func repeatFile(to, from string, n int) (lines, size int64, err error) {
	text, err := os.ReadFile(from)
	if err != nil {
		return 0, 0, fmt.Errorf("%w (run it in the repository's root)", err)
	}
	f, err := os.Create(to)
	if err != nil {
		return 0, 0, err
	}
	for range n {
		if _, err := f.Write(text); err != nil {
			return 0, 0, errors.Join(err, f.Close())
		}
	}
	return int64(n * bytes.Count(text, []byte("\n"))), int64(n * len(text)), f.Close()
}

// sameSize checks that the visible files below a path, or the file there, have so many bytes: the encodings are the same.
func sameSize(path string, want int64) error {
	var got int64
	err := filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() != filepath.Base(path) && d.Name()[0] == '_' {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() && d.Name()[0] != '.' {
			got += info.Size()
		}
		return err
	})
	if err == nil && got != want {
		err = fmt.Errorf("%s has %d bytes, want %d", path, got, want)
	}
	return err
}

// flight is a record of the extract.
type flight struct {
	date, origin, destination []byte
	delay, distance           int
}

// handCopy decodes each line into a flight and encodes it again, in a loop that takes the fields as they come in this
// file: the least that a programmer could do who still wants the values.
func handCopy(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Sync(), out.Close()) }()
	r, w := bufio.NewReaderSize(in, 1<<20), bufio.NewWriterSize(out, 1<<20)
	var f flight
	var line []byte
	for {
		text, err := r.ReadSlice('\n')
		if err == io.EOF {
			return w.Flush()
		}
		if err != nil {
			return err
		}
		if err := f.decode(text); err != nil {
			return err
		}
		line = f.encode(line[:0])
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
}

var errLine = errors.New("a line is not as the loop expects it")

func (f *flight) decode(line []byte) error {
	var ok [5]bool
	var number [2][]byte
	f.date, line, ok[0] = field(line, `{"date":"`, '"')
	number[0], line, ok[1] = field(line, `,"delay":`, ',')
	number[1], line, ok[2] = field(line, `"distance":`, ',')
	f.origin, line, ok[3] = field(line, `"origin":"`, '"')
	f.destination, _, ok[4] = field(line, `,"destination":"`, '"')
	if ok != [5]bool{true, true, true, true, true} {
		return errLine
	}
	f.delay, f.distance = integer(number[0]), integer(number[1])
	return nil
}

// field returns what is between a name and an end, and what comes after it.
func field(line []byte, name string, end byte) (value, rest []byte, ok bool) {
	if len(line) < len(name) || string(line[:len(name)]) != name {
		return nil, nil, false
	}
	line = line[len(name):]
	i := bytes.IndexByte(line, end)
	if i < 0 {
		return nil, nil, false
	}
	return line[:i], line[i+1:], true
}

func integer(text []byte) (n int) {
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	for _, c := range text {
		n = 10*n + int(c-'0')
	}
	if negative {
		return -n
	}
	return n
}

func (f *flight) encode(dst []byte) []byte {
	dst = append(append(append(dst, `{"date":"`...), f.date...), `","delay":`...)
	dst = strconv.AppendInt(dst, int64(f.delay), 10)
	dst = strconv.AppendInt(append(dst, `,"distance":`...), int64(f.distance), 10)
	dst = append(append(append(dst, `,"origin":"`...), f.origin...), `","destination":"`...)
	return append(append(dst, f.destination...), "\"}\n"...)
}
