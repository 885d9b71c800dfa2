package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/cluster/lab"
	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
	"github.com/weirstream/weir/engine/snapshot"
)

// delay is that of the example's watermark.
const delay = 28 * time.Hour

// visible parses all that readers of a job's output see.
func visible(t *testing.T, output *harness.Place) []oracle.Row {
	t.Helper()
	var all []oracle.Row
	for name, content := range output.Visible() {
		some, err := oracle.Parse(content)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, some...)
	}
	return all
}

// requireExact fails the test unless the job's output holds exactly the rows that a query gives over all of the input, and
// returns what it must hold.
func requireExact(t *testing.T, job *lab.FlightDelays, query oracle.Query, feed *lab.Feed) oracle.Result {
	t.Helper()
	want, err := query.Run(feed.Contents())
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Rows) == 0 {
		t.Fatal("the oracle expects nothing: the test would prove nothing")
	}
	got := visible(t, job.Place("out"))
	wrong := oracle.Diff(want.Rows, got)
	for _, d := range wrong {
		t.Error(d)
	}
	if len(wrong) > 0 {
		t.Fatalf("%d rows are visible, %d are right", len(got), len(want.Rows))
	}
	return want
}

// summary is what `weir snapshot inspect` says of a snapshot, by the URL that the status shows.
func summary(t *testing.T, url string) snapshot.Summary {
	t.Helper()
	text, err := testbed.Snapshot(t.Context(), "inspect", url)
	if err != nil {
		t.Fatal(err)
	}
	var s snapshot.Summary
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return s
}

// recordsRead returns how many records of each file a snapshot has behind it.
func recordsRead(t *testing.T, url string, files []flights.File) []int {
	t.Helper()
	read, err := countRead(summary(t, url), files)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return read
}

func countRead(s snapshot.Summary, files []flights.File) ([]int, error) {
	number := map[string]int{}
	for i, f := range files {
		number[f.Name] = i
	}
	read := make([]int, len(files))
	for _, o := range s.Operators {
		if o.UID != "source/flights" {
			continue
		}
		for _, p := range o.Positions {
			i, known := number[path.Base(p.File)]
			switch {
			case !known:
				return nil, fmt.Errorf("%s is no file of the input", p.File)
			case p.Done:
				read[i] = files[i].Records
			default:
				read[i] = bytes.Count(files[i].Content[:p.Offset], []byte("\n"))
			}
		}
		return read, nil
	}
	return nil, fmt.Errorf("the snapshot has no source/flights")
}

// since is the condition of an upgrade for the oracle: before applies to the records up to the positions of the stop, after
// to all others.
func since(read []int, before, after func(oracle.Record) bool) func(r oracle.Record, file, line int) bool {
	return func(r oracle.Record, file, line int) bool {
		if line < read[file] {
			return before(r)
		}
		return after(r)
	}
}

func all(oracle.Record) bool { return true }

func total(numbers []int) int {
	n := 0
	for _, m := range numbers {
		n += m
	}
	return n
}

// checkpointID reads the id of a checkpoint from its URL, which ends in chk-<id>, maybe with a query after it.
func checkpointID(t *testing.T, url string) int64 {
	t.Helper()
	folder, _, _ := strings.Cut(url, "?")
	number, found := strings.CutPrefix(path.Base(folder), "chk-")
	id, err := strconv.ParseInt(number, 10, 64)
	if !found || err != nil {
		t.Fatalf("%s is no checkpoint's URL", url)
	}
	return id
}
