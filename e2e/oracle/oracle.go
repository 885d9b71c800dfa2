// Package oracle says what the flight-delays job must write: a plain loop over the input with encoding/json and a map.
//
// It promises to share no code and no idea with the engine but the definition of the query and of lateness (P4): a record
// is late iff its window's end, less 1 ms, is not after the watermark of its own file just before it, which is the highest
// event time in that file so far, less the delay. It refuses to know of batches, subtasks and checkpoints.
package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"time"
)

const layout = "2006-01-02 15:04:05"

// Record is one line of input.
type Record struct {
	Date        string `json:"date"`
	Delay       int64  `json:"delay"`
	Distance    int64  `json:"distance"`
	Origin      string `json:"origin"`
	Destination string `json:"destination"`
}

// Row is one line of output.
type Row struct {
	WindowStart string  `json:"window_start"`
	WindowEnd   string  `json:"window_end"`
	Origin      string  `json:"origin"`
	Flights     int64   `json:"flights"`
	Delayed     int64   `json:"delayed"`
	AvgDelay    float64 `json:"avg_delay"`
	MaxDelay    int64   `json:"max_delay"`
}

// String is the row in one fixed form, by which results are sorted and compared.
func (r Row) String() string {
	return fmt.Sprintf("%s %s %s flights=%d delayed=%d avg=%v max=%d",
		r.WindowStart, r.WindowEnd, r.Origin, r.Flights, r.Delayed, r.AvgDelay, r.MaxDelay)
}

// Query is the job.
type Query struct {
	// Delay is that of the watermark.
	Delay time.Duration
	// Keep is the WHERE clause; nil keeps all. file and line (from 0) say where the record stands.
	Keep func(r Record, file, line int) bool
}

// Result is what a query must give.
type Result struct {
	Rows []Row
	// Late are the records that count in no window.
	Late []Record
	// Records is the number of all that were read, late ones and those that Keep dropped included.
	Records int
}

type key struct {
	start  int64
	origin string
}

type sums struct{ flights, delayed, delay, most int64 }

// Run computes the result over files of JSON lines.
func (q Query) Run(files [][]byte) (Result, error) {
	var result Result
	windows := map[key]*sums{}
	for i, file := range files {
		newest, any := int64(0), false
		for n, line := range bytes.Split(bytes.TrimSpace(file), []byte("\n")) {
			var r Record
			if err := json.Unmarshal(line, &r); err != nil {
				return Result{}, fmt.Errorf("file %d, line %d: %w", i, n, err)
			}
			at, err := time.Parse(layout, r.Date)
			if err != nil {
				return Result{}, fmt.Errorf("file %d, line %d: %w", i, n, err)
			}
			result.Records++
			ms := at.UnixMilli()
			start := ms - ms%time.Hour.Milliseconds()
			end := start + time.Hour.Milliseconds()
			late := any && end-1 <= newest-q.Delay.Milliseconds()
			if !any || ms > newest {
				newest, any = ms, true
			}
			switch {
			case q.Keep != nil && !q.Keep(r, i, n):
			case late:
				result.Late = append(result.Late, r)
			default:
				add(windows, key{start, r.Origin}, r)
			}
		}
	}
	result.Rows = rows(windows)
	return result, nil
}

func add(windows map[key]*sums, k key, r Record) {
	w := windows[k]
	if w == nil {
		w = &sums{most: r.Delay}
		windows[k] = w
	}
	w.flights++
	w.delay += r.Delay
	if r.Delay > 15 {
		w.delayed++
	}
	if r.Delay > w.most {
		w.most = r.Delay
	}
}

func rows(windows map[key]*sums) []Row {
	out := make([]Row, 0, len(windows))
	for k, w := range windows {
		start := time.UnixMilli(k.start).UTC()
		out = append(out, Row{
			WindowStart: start.Format(layout), WindowEnd: start.Add(time.Hour).Format(layout), Origin: k.origin,
			Flights: w.flights, Delayed: w.delayed, AvgDelay: float64(w.delay) / float64(w.flights), MaxDelay: w.most,
		})
	}
	Sort(out)
	return out
}

// Sort puts rows into the order of their text.
func Sort(rows []Row) {
	sort.Slice(rows, func(i, j int) bool { return rows[i].String() < rows[j].String() })
}

// Parse reads lines that a job has written. A field that is missing or unknown is an error.
func Parse(text []byte) ([]Row, error) {
	var out []Row
	for n, line := range bytes.Split(text, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(line, &fields); err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", n+1, line, err)
		}
		var r Row
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&r); err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", n+1, line, err)
		}
		if len(fields) != 7 {
			return nil, fmt.Errorf("line %d: %q has %d fields, want 7", n+1, line, len(fields))
		}
		out = append(out, r)
	}
	return out, nil
}

// Diff returns what is wrong with got, a line each, at most a dozen; nothing if it holds exactly the rows of want. The
// order of got does not matter; how often a row is there does.
func Diff(want, got []Row) []string {
	balance := map[string]int{}
	for _, r := range want {
		balance[r.String()]++
	}
	for _, r := range got {
		balance[r.String()]--
	}
	var lines []string
	for row, n := range balance {
		switch {
		case n > 0:
			lines = append(lines, fmt.Sprintf("missing %d x %s", n, row))
		case n < 0:
			lines = append(lines, fmt.Sprintf("too many %d x %s", -n, row))
		}
	}
	sort.Strings(lines)
	const most = 12
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("and %d more differences", len(lines)-most))
	}
	return lines
}
