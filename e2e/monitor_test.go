package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
	"github.com/weirstream/weir/engine/outcome"
)

// TestAMonitoredFolderIsReadOnce lets files appear in a folder while the job runs, is killed, and does not run. Files that
// were read are removed. A drain closes the last windows (P4), and then every record has counted once.
func TestAMonitoredFolderIsReadOnce(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 6000, Files: 12})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	job := harness.NewJob(t, weir)
	job.SplitOrder, job.Monitor, job.Interval = "path", 100*time.Millisecond, 200*time.Millisecond
	if err := os.MkdirAll(job.Input, 0o755); err != nil {
		t.Fatal(err)
	}
	chain, output := job.Chain(), harness.Open(t, job.Output)
	audit := output.Audit()

	arrived := 0
	arrive := func(n int) {
		for range n {
			appear(t, job.Input, files[arrived])
			arrived++
		}
	}
	// read waits until a checkpoint has all that has arrived behind it.
	read := func(run *harness.Process) {
		run.Until(patience, "all that has arrived is read", func() bool {
			newest := chain.Metadata(chain.Newest())
			return newest != nil && finished(t, newest, files[:arrived])
		})
	}
	for round := range 3 {
		arrive(1) // while nothing runs
		run := job.Start(at(parallelisms[round]))
		read(run)
		arrive(2)
		if round == 1 {
			read(run)
		}
		run.Kill()
		audit.Look()
	}
	for _, f := range files[:arrived-3] {
		if err := os.Remove(filepath.Join(job.Input, f.Name)); err != nil {
			t.Fatal(err)
		}
	}
	run := job.Start(at(3))
	arrive(len(files) - arrived)
	read(run)
	savepoint(t, job, "stop", job.Name, "--drain", "--savepoint-path", job.Savepoints)
	run.Succeed(patience)
	audit.Look()
	requireExact(t, want.Rows, output)
	if end := chain.Head().Outcome; end != outcome.Drained {
		t.Errorf("the chain ends with outcome %v, want %v", end, outcome.Drained)
	}
}

// appear puts a file into a folder so that it is whole when it is there.
func appear(t *testing.T, folder string, f flights.File) {
	t.Helper()
	hidden := filepath.Join(folder, "."+f.Name)
	if err := os.WriteFile(hidden, f.Content, 0o644); err != nil {
		t.Fatal(err)
	}
	rename(t, hidden, filepath.Join(folder, f.Name))
}

// TestWhatCannotBeReadInAMonitoredFolderIsCountedAndEndsNothing: a log that rotation has compressed lies in the folder, and the
// folder is away for a moment.
func TestWhatCannotBeReadInAMonitoredFolderIsCountedAndEndsNothing(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 1000, Files: 4})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	job := harness.NewJob(t, weir)
	job.SplitOrder, job.Monitor, job.Interval = "path", 50*time.Millisecond, 200*time.Millisecond
	if err := os.MkdirAll(job.Input, 0o755); err != nil {
		t.Fatal(err)
	}
	appear(t, job.Input, flights.File{Name: "app.log.1.gz", Content: []byte("\x1f\x8b\x08")})
	appear(t, job.Input, files[0])
	run := job.Start(at(2))
	run.Until(patience, "the compressed file is counted", func() bool {
		now, ok := job.Overview(run)
		return ok && now.FilesPassedOver == 1
	})
	rename(t, job.Input, job.Input+"-away")
	run.Until(patience, "the job says that the folder is away", func() bool { return strings.Contains(run.Stderr(), "the monitored folder is away") })
	rename(t, job.Input+"-away", job.Input)
	for _, f := range files[1:] {
		appear(t, job.Input, f)
	}
	run.Until(patience, "all is read", func() bool {
		now, ok := job.Overview(run)
		return ok && int(now.RecordsIn) == want.Records
	})
	savepoint(t, job, "stop", job.Name, "--drain", "--savepoint-path", job.Savepoints)
	run.Succeed(patience)
	requireExact(t, want.Rows, harness.Open(t, job.Output))
}

// TestWhichWindowsHaveFiredDoesNotDependOnTheParallelism: a subtask that has no file holds nothing back, neither at the start nor
// after a restart, whoever read the files before (P4).
func TestWhichWindowsHaveFiredDoesNotDependOnTheParallelism(t *testing.T) {
	t.Parallel()
	const fileSeconds, delay = 170, 5
	for _, order := range []string{"path", "none"} {
		for _, c := range []struct{ p, scan, sink int }{{p: 1}, {p: 2}, {p: 3}, {p: 7}, {3, 1, 2}, {2, 7, 1}} {
			t.Run(fmt.Sprintf("split-order %s, parallelism %d, of the tables %d and %d", order, c.p, c.scan, c.sink), func(t *testing.T) {
				own := func(option string, n int) string {
					if n == 0 {
						return ""
					}
					return fmt.Sprintf(", '%s' = '%d'", option, n)
				}
				job := harness.NewJob(t, weir)
				if err := os.Mkdir(job.Input, 0o755); err != nil {
					t.Fatal(err)
				}
				script := job.Place("job.sql")
				sql := fmt.Sprintf("CREATE TABLE i (ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '%d' SECOND) WITH ('connector' = 'filesystem', 'path' = '%s', "+
					"'format' = 'json', 'source.monitor-interval' = '50 ms', 'source.split-order' = '%s'%s); "+
					"CREATE TABLE o (w TIMESTAMP(3), n BIGINT) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json'%s); "+
					"INSERT INTO o SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE i, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;",
					delay, job.Input, order, own("scan.parallelism", c.scan), job.Output, own("sink.parallelism", c.sink))
				if err := os.WriteFile(script, []byte(sql), 0o644); err != nil {
					t.Fatal(err)
				}
				output := harness.Open(t, job.Output)
				var run *harness.Process
				for file := range 3 {
					var text strings.Builder
					for second := file * fileSeconds; second < (file+1)*fileSeconds; second++ {
						fmt.Fprintf(&text, "{\"ts\":\"2026-01-01 00:%02d:%02d\"}\n", second/60, second%60)
					}
					if file != 1 { // the second file is found while the job runs, the others at a start
						if run != nil {
							run.Kill()
						}
						run = job.Weir("run", script, at(c.p), "--set=spec.checkpoint.interval=100ms")
					}
					appear(t, job.Input, flights.File{Name: fmt.Sprintf("%d.json", file), Content: []byte(text.String())})
					// The watermark is behind the last second of the last file: so many minutes are over.
					over := ((file+1)*fileSeconds - 1 - delay) / 60
					run.Until(patience, fmt.Sprintf("%d windows have fired after file %d", over, file), func() bool {
						return len(splitLines([]byte(sortedLines(output)))) == over
					})
				}
				for i, line := range splitLines([]byte(sortedLines(output))) {
					if want := fmt.Sprintf(`{"w":"2026-01-01 00:%02d:00","n":60}`, i); line != want {
						t.Errorf("window %d is %s, want %s", i, line, want)
					}
				}
				run.Kill()
			})
		}
	}
}
