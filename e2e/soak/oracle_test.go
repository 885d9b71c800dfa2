package soak

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// row is a row of the input.
type row struct {
	At   string `json:"at"`
	City string `json:"city"`
	V    int    `json:"v"`
	N    int    `json:"n"` // different in each row

	source string // the table that it is read from
}

// layout is how TIMESTAMP(3) stands in the files.
const layout = "2006-01-02 15:04:05"

// key names an output row: the table and all columns but those that are computed from state.
type key struct {
	table, label, window, city string
}

// values are the columns that are computed.
type values struct {
	Count, Sum int64
}

// answer is what the tables of an episode must hold in the end.
type answer map[key]values

// compute works the queries of script_test.go out with plain maps: no watermark, no batches, no state, because no row of
// an episode is late.
func compute(rows []row, queries []query) (answer, error) {
	a := answer{}
	for _, r := range rows {
		at, err := time.Parse(layout, r.At)
		if err != nil {
			return nil, err
		}
		for _, q := range queries {
			if q.source != r.source || !q.keeps(r) {
				continue
			}
			for _, start := range q.windows(at) {
				k := key{table: q.table, label: q.label, window: start, city: r.City}
				if q.size == 0 {
					k.city = fmt.Sprint(r.N)
				}
				v := a[k]
				v.Count++
				v.Sum += int64(r.V)
				a[k] = v
			}
		}
	}
	return a, nil
}

// parse reads the visible files of one table; a key that stands in them twice is an error.
func (a answer) parse(table string, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for line := range strings.Lines(string(files[name])) {
			var out struct {
				Label  string `json:"label"`
				Window string `json:"w"`
				City   string `json:"city"`
				Count  int64  `json:"c"`
				Sum    int64  `json:"s"`
			}
			if err := json.Unmarshal([]byte(line), &out); err != nil {
				return fmt.Errorf("%s of table %s: %w: %s", name, table, err, line)
			}
			k := key{table: table, label: out.Label, window: out.Window, city: out.City}
			if before, twice := a[k]; twice {
				return fmt.Errorf("%s of table %s: %v is visible twice: %v, and now %v", name, table, k, before, values{out.Count, out.Sum})
			}
			a[k] = values{out.Count, out.Sum}
		}
	}
	return nil
}

// wrong lists what is visible and not right; missing what is right and not visible. At most ten of each.
func compare(want, got answer) (wrong, missing []string) {
	for k, v := range got {
		if w, ok := want[k]; !ok || w != v {
			wrong = append(wrong, fmt.Sprintf("%v: %v is visible, right is %v (there: %v)", k, v, w, ok))
		}
	}
	for k, w := range want {
		if _, ok := got[k]; !ok {
			missing = append(missing, fmt.Sprintf("%v: %v is missing", k, w))
		}
	}
	slices.Sort(wrong)
	slices.Sort(missing)
	return wrong[:min(len(wrong), 10)], missing[:min(len(missing), 10)]
}
