package enginetest_test

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/sql"
)

// script has every type of column, a union that a sink and a window read, and NULLs; its places are in a folder.
const script = `
CREATE TABLE a (id BIGINT, small INT, name STRING, yes BOOLEAN, amount DOUBLE, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '1' SECOND)
  WITH ('connector' = 'filesystem', 'path' = '%[1]s/in/a', 'format' = 'json');
CREATE TABLE b (id BIGINT, small INT, name STRING, yes BOOLEAN, amount DOUBLE, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '1' SECOND)
  WITH ('connector' = 'filesystem', 'path' = '%[1]s/in/b', 'format' = 'json');
CREATE TABLE plain (id BIGINT, small INT, name STRING, yes BOOLEAN, amount DOUBLE, at TIMESTAMP(3))
  WITH ('connector' = 'filesystem', 'path' = '%[2]s/plain', 'format' = 'json');
CREATE TABLE counts (name STRING, yes BOOLEAN, ends TIMESTAMP(3), n BIGINT, total DOUBLE, most INT)
  WITH ('connector' = 'filesystem', 'path' = '%[2]s/counts', 'format' = 'json');
CREATE VIEW both_tables AS SELECT * FROM a UNION ALL SELECT * FROM b WHERE small > 3;
INSERT INTO plain SELECT id, small, name, yes, amount, at FROM both_tables;
INSERT INTO counts SELECT name, yes, window_end, COUNT(*), SUM(amount), MAX(small)
  FROM TABLE(TUMBLE(TABLE both_tables, DESCRIPTOR(at), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, name, yes;`

// TestAQueryGivesTheSameThroughTheEncodingOfItsRows runs a query as a whole job in this process, and with all rows between its tasks
// going through their encoding, as between processes.
func TestAQueryGivesTheSameThroughTheEncodingOfItsRows(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(7, 0))
	for _, table := range []string{"a", "b"} {
		writeRows(t, r, filepath.Join(dir, "in", table))
	}
	results := map[bool]map[string][]string{}
	for _, encoded := range []bool{false, true} {
		out := filepath.Join(dir, fmt.Sprint("encoded-", encoded))
		connectors := registry.New(registry.Environment{Stdout: io.Discard, Stderr: io.Discard, Log: slog.New(slog.DiscardHandler), Now: time.Now})
		g, err := sql.Compile(fmt.Sprintf(script, dir, out), "job.sql", connectors)
		if err != nil {
			t.Fatal(err)
		}
		g.Encoded = encoded
		_, err = job.Run(t.Context(), job.Config{
			Job: fmt.Sprint("encoded-", encoded), Owner: "test", Storage: filepath.Join(dir, "checkpoints"), MaxParallelism: 32,
			Settings: job.Settings{Parallelism: 3, Interval: 10 * time.Millisecond, Timeout: time.Minute, Retained: 1,
				Restart: job.Restart{InitialDelay: time.Millisecond, MaxDelay: time.Second, ResetAfter: time.Hour}},
		}, g, job.Options{})
		if err != nil {
			t.Fatal(err)
		}
		results[encoded] = map[string][]string{}
		for _, table := range []string{"plain", "counts"} {
			results[encoded][table] = linesIn(t, filepath.Join(out, table))
		}
	}
	if diff := cmp.Diff(results[false], results[true]); diff != "" {
		t.Errorf("through its encoding (+) it gives something else:\n%.3000s", diff)
	}
	if plain, counts := len(results[true]["plain"]), len(results[true]["counts"]); plain < 1000 || counts < 100 {
		t.Errorf("the query gives %d rows and %d counts: it tries little", plain, counts)
	}
}

// writeRows writes files of JSON lines, in which about one value in ten is NULL.
func writeRows(t *testing.T, r *rand.Rand, dir string) {
	value := func(format string, args ...any) string {
		if r.IntN(10) == 0 {
			return "null"
		}
		return fmt.Sprintf(format, args...)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for file := range 4 {
		var text strings.Builder
		for row := range 300 {
			at := time.Date(2001, 1, 1, 0, 0, row*4, r.IntN(1000)*1e6, time.UTC).Format("2006-01-02 15:04:05.000")
			fmt.Fprintf(&text, `{"id":%d,"small":%s,"name":%s,"yes":%s,"amount":%s,"at":%q}`+"\n", file*1000+row,
				value("%d", r.IntN(10)), value(`"n%d"`, r.IntN(4)), value("%t", r.IntN(2) == 0), value("%d.5", r.IntN(100)), at)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jsonl", file)), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// linesIn returns the lines of all files in a folder, sorted.
func linesIn(t *testing.T, dir string) (lines []string) {
	files, err := filepath.Glob(filepath.Join(dir, "[^._]*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}
