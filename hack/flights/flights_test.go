package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// minute returns a flight that departs at a minute; its distance tells equal arrivals apart.
func minute(date int64, delay, distance int32) flight {
	return flight{date: date * 60, delayMinutes: delay, distanceMiles: distance, origin: "ABQ", destination: "DAL"}
}

func TestRecordsAreSortedByArrivalAndEqualOnesKeepTheirOrder(t *testing.T) {
	flights := []flight{minute(0, 90, 1), minute(10, 0, 2), minute(20, -10, 3), minute(30, 60, 4)}
	sortByArrival(flights)
	for i, want := range []int32{2, 3, 1, 4} {
		if got := flights[i].distanceMiles; got != want {
			t.Errorf("arrival %d is flight %d, want %d", i, got, want)
		}
	}
}

func TestLatenessIsMeasuredAgainstTheNewestEventTimeSoFar(t *testing.T) {
	got := measure([]flight{minute(10, 0, 0), minute(20, 0, 0), minute(5, 30, 0), minute(20, 20, 0)})
	if want := (disorder{records: 4, behind: 1, p50: 0, p99: 15, max: 15}); got != want {
		t.Errorf("measure = %+v, want %+v", got, want)
	}
}

func TestALineIsOneJSONObjectWithASQLTimestamp(t *testing.T) {
	got := string(appendLine(nil, flight{978307260, -3, 123, "ABQ", "DAL"}))
	want := `{"date":"2001-01-01 00:01:00","delay":-3,"distance":123,"origin":"ABQ","destination":"DAL"}` + "\n"
	if got != want {
		t.Errorf("line = %s, want %s", got, want)
	}
	if !json.Valid([]byte(got)) {
		t.Error("the line is not JSON")
	}
}

func TestFilesAreConsecutiveAndNamedInOrder(t *testing.T) {
	dir := t.TempDir()
	flights := make([]flight, 25)
	for i := range flights {
		flights[i] = minute(int64(i), 0, int32(i))
	}
	if err := write(dir, "f", flights, 11); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 11 || filepath.Base(paths[0]) != "f-00.jsonl" || filepath.Base(paths[10]) != "f-10.jsonl" {
		t.Fatalf("files = %v", paths)
	}
	var got, want []byte
	for _, p := range paths { // Glob sorts by path
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, data...)
	}
	for _, f := range flights {
		want = appendLine(want, f)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the files one after another are\n%s\nwant\n%s", got, want)
	}
}

func TestAnExtractBeyondTheRecordsIsRefused(t *testing.T) {
	flights := make([]flight, 10)
	for _, c := range []struct{ skip, n, want int }{{0, 0, 10}, {4, 0, 6}, {4, 6, 6}, {4, 7, -1}, {10, 0, -1}, {11, 0, -1}} {
		got, err := extract(flights, c.skip, c.n)
		if (err != nil) != (c.want < 0) || err == nil && len(got) != c.want {
			t.Errorf("extract(skip %d, n %d) = %d records, %v; want %d", c.skip, c.n, len(got), err, c.want)
		}
	}
}

func TestMalformedSourcesAreErrors(t *testing.T) {
	for name, decode := range map[string]func([]byte) ([]flight, error){"json": decodeJSON, "parquet": decodeParquet} {
		if _, err := decode([]byte("no such format")); err == nil {
			t.Errorf("%s: garbage was decoded", name)
		}
	}
	if _, err := decodeJSON([]byte(`[{"date":"2001-01-01"}]`)); err == nil || !strings.Contains(err.Error(), "record 0") {
		t.Errorf("a date of another format gives %v, want an error that names the record", err)
	}
}

func TestWrongUseIsNamed(t *testing.T) {
	for args, want := range map[string]string{
		"":                             "-package is missing",
		"-package x extra":             "not understood",
		"-package x -files 0":          "at least one file",
		"-package x -skip -1":          "cannot be negative",
		"-package x -n many":           "invalid value",
		"-package x -no-such-flag yes": "not defined",
	} {
		var usage strings.Builder
		if _, err := parseOptions(strings.Fields(args), &usage); err == nil || !strings.Contains(usage.String(), want) {
			t.Errorf("%q: %v and %q, want %q", args, err, usage.String(), want)
		}
	}
	if err := run(options{pkg: "none.tgz", set: "flights-4k"}, io.Discard); err == nil || !strings.Contains(err.Error(), "flights-20k or flights-3m") {
		t.Errorf("an unknown set gives %v", err)
	}
}
