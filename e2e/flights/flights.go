// Package flights makes the input of end-to-end tests from the committed extract of real flight records.
//
// It promises that the same options give the same bytes, that the records stand in the order of arrival, over all files
// in the order of their names, and that apart from the records it was asked to make late the disorder is that of the
// extract: at most 8 h 11 min behind the newest event time. It refuses to know what is computed from them.
package flights

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// Extract is the committed file of real records, relative to the top of the repository.
const Extract = "examples/flight-delays/data/flights-2k.jsonl"

// Layout is how the records write their time.
const Layout = "2006-01-02 15:04:05"

// Disorder is how far a record lies behind the newest one at most, unless it was made late.
const Disorder = 8*time.Hour + 11*time.Minute

// Record is one flight, with the fields in the order of the extract.
type Record struct {
	Date        string `json:"date"` // scheduled departure, in Layout
	Delay       int    `json:"delay"`
	Distance    int    `json:"distance"`
	Origin      string `json:"origin"`
	Destination string `json:"destination"`
}

// File is one file of input.
type File struct {
	Name    string // in the folder of the input; the order of names is the order of arrival
	Content []byte
	Records int
}

// Options say what to make.
type Options struct {
	// Records is the number of records, over all files.
	Records int
	// Files is the number of files, of equal length but for the last.
	Files int
	// Late is the share of records, 0 to 1, that are moved back to where they are late beyond doubt: their window ended
	// before the highest event time of their own file so far, less Delay.
	Late  float64
	Delay time.Duration
	// Seed chooses the late records and how late they are.
	Seed uint64
}

// Make returns the files, and how many records in them were made late.
func Make(extract []byte, o Options) (files []File, late int, err error) {
	records, period, err := parse(extract)
	if err != nil {
		return nil, 0, err
	}
	random := rand.New(rand.NewPCG(o.Seed, 0))
	perFile := (o.Records + o.Files - 1) / o.Files
	for first := 0; first < o.Records; first += perFile {
		f := File{Name: fmt.Sprintf("flights-%04d.jsonl", len(files)), Records: min(perFile, o.Records-first)}
		var out bytes.Buffer
		newest := time.Time{} // in this file
		for i := first; i < first+f.Records; i++ {
			r := records[i%len(records)]
			at := r.at.Add(time.Duration(i/len(records)) * period)
			if random.Float64() < o.Late && !newest.IsZero() {
				// The window may end up to an hour after the record.
				at = newest.Add(-o.Delay - time.Hour - time.Duration(random.IntN(72*60))*time.Minute)
				late++
			}
			if at.After(newest) {
				newest = at
			}
			r.Date = at.Format(Layout)
			line, err := json.Marshal(r.Record)
			if err != nil {
				return nil, 0, err
			}
			out.Write(line)
			out.WriteByte('\n')
		}
		f.Content = out.Bytes()
		files = append(files, f)
	}
	return files, late, nil
}

// timed is a record with its time parsed.
type timed struct {
	Record
	at time.Time
}

// parse reads the extract. period is the whole number of days after which it can follow itself: the next copy then
// begins after the last has ended.
func parse(extract []byte) (records []timed, period time.Duration, err error) {
	var first, last time.Time
	for i, line := range bytes.Split(bytes.TrimSpace(extract), []byte("\n")) {
		var r timed
		if err := json.Unmarshal(line, &r.Record); err != nil {
			return nil, 0, fmt.Errorf("line %d of the extract: %w", i+1, err)
		}
		if r.at, err = time.Parse(Layout, r.Date); err != nil {
			return nil, 0, fmt.Errorf("line %d of the extract: %w", i+1, err)
		}
		if first.IsZero() || r.at.Before(first) {
			first = r.at
		}
		if r.at.After(last) {
			last = r.at
		}
		records = append(records, r)
	}
	const day = 24 * time.Hour
	return records, (last.Sub(first)/day + 1) * day, nil
}

// Write puts the files into a folder, which it makes.
func Write(folder string, files []File) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(folder, f.Name), f.Content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
