package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/weirstream/weir/e2e/flights"
)

// FlightDelays is the flight-delays job with places of its own. Its fields may be changed between runs; every run writes the
// manifest anew.
type FlightDelays struct {
	Name        string
	Parallelism int
	// MaxParallelism is the number of key groups.
	MaxParallelism int
	Interval       time.Duration // of checkpoints
	Retained       int
	// Whole: each checkpoint is written whole, and not what has changed since the one before.
	Whole bool

	// Input, Output, Checkpoints and Savepoints are paths or URLs.
	Input, Output, Checkpoints, Savepoints string

	// WatermarkHours is the delay of the watermark.
	WatermarkHours int
	// RowsPerSecond limits the whole source; 0: as fast as it can.
	RowsPerSecond int
	// ScanParallelism and SinkParallelism are how many subtasks read and write; 0: as many as the job's parallelism.
	ScanParallelism, SinkParallelism int
	// SplitOrder is none or path.
	SplitOrder string
	// Monitor is how often the folder of the input is looked at for new files; 0: once, and the input is bounded.
	Monitor time.Duration
	// AfterRead is what becomes of files that were read; empty: nothing.
	AfterRead string
	// Where is the condition of the query; empty: none.
	Where string
	// Key is the column that is grouped by and written as origin.
	Key string

	// Env is added to the environment of its processes.
	Env []string
	// Credential, unless nil, is the user that its processes run as.
	Credential *syscall.Credential

	t      testing.TB
	binary string
	dir    string
}

// NewJob returns a job on local folders, below a folder of its own that every user may enter.
func NewJob(t testing.TB, binary string) *FlightDelays {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	j := &FlightDelays{
		Name: "flight-delays", Parallelism: 2, MaxParallelism: 128, Interval: time.Second, Retained: 3,
		Input: filepath.Join(dir, "in"), Output: filepath.Join(dir, "out"),
		Checkpoints: filepath.Join(dir, "chk"), Savepoints: filepath.Join(dir, "sav"),
		WatermarkHours: 28, SplitOrder: "none", Key: "origin",
		t: t, binary: binary, dir: dir,
	}
	if err := os.Mkdir(j.runtimeFolder(), 0o700); err != nil {
		t.Fatal(err)
	}
	return j
}

// Copy returns a job with the same settings under another name, with checkpoints, output and savepoints of its own.
func (j *FlightDelays) Copy(name string) *FlightDelays {
	c := *j
	c.Name = name
	c.Output, c.Checkpoints, c.Savepoints = beside(j.Output, name), beside(j.Checkpoints, name), beside(j.Savepoints, name)
	return &c
}

// beside returns a place next to another one, with the query of a URL kept.
func beside(place, name string) string {
	place, query, isURL := strings.Cut(place, "?")
	if isURL {
		query = "?" + query
	}
	return place + "-" + name + query
}

// Dir is the folder that holds the job's manifest, logs and, unless it was told otherwise, data.
func (j *FlightDelays) Dir() string { return j.dir }

// Place returns a path in the job's folder.
func (j *FlightDelays) Place(name string) string { return filepath.Join(j.dir, name) }

// Folder is the place of the job's attempts and checkpoints.
func (j *FlightDelays) Folder() string {
	place, query, isURL := strings.Cut(j.Checkpoints, "?")
	if isURL {
		query = "?" + query
	}
	return strings.TrimSuffix(place, "/") + "/" + j.Name + query
}

// Feed writes the input, which must be a local folder.
func (j *FlightDelays) Feed(files []flights.File) {
	j.t.Helper()
	if err := flights.Write(j.Input, files); err != nil {
		j.t.Fatal(err)
	}
}

// manifest is the example's job with every place and rate filled in.
var manifest = template.Must(template.New("streamjob.yaml").Parse(`apiVersion: weir.stream/v1alpha1
kind: StreamJob
metadata:
  name: {{.Name}}
spec:
  parallelism: {{.Parallelism}}
  maxParallelism: {{.MaxParallelism}}
  checkpoint:
    storage: {{printf "%q" .Checkpoints}}
    interval: {{.Interval}}
    retained: {{.Retained}}
    incremental: {{not .Whole}}
  savepoint:
    storage: {{printf "%q" .Savepoints}}
  restart:
    initialDelay: 100ms
    maxDelay: 1s
  sql: |
    CREATE TABLE flights (
      ` + "`date`" + `      TIMESTAMP(3),
      delay       INT,
      distance    INT,
      origin      STRING,
      destination STRING,
      WATERMARK FOR ` + "`date` AS `date`" + ` - INTERVAL '{{.WatermarkHours}}' HOUR
    ) WITH (
      'connector' = 'filesystem',
      'path' = '{{.Input}}',
      'format' = 'json',
      {{- if .Monitor}}
      'source.monitor-interval' = '{{.Monitor}}',
      {{- end}}
      {{- if .AfterRead}}
      'source.after-read' = '{{.AfterRead}}',
      {{- end}}
      {{- if .RowsPerSecond}}
      'source.rows-per-second' = '{{.RowsPerSecond}}',
      {{- end}}
      {{- if .ScanParallelism}}
      'scan.parallelism' = '{{.ScanParallelism}}',
      {{- end}}
      'source.split-order' = '{{.SplitOrder}}'
    );
    CREATE TABLE delays (
      window_start TIMESTAMP(3),
      window_end   TIMESTAMP(3),
      origin       STRING,
      flights      BIGINT,
      delayed      INT,
      avg_delay    DOUBLE,
      max_delay    INT
    ) WITH (
      'connector' = 'filesystem',
      'path' = '{{.Output}}',
      {{- if .SinkParallelism}}
      'sink.parallelism' = '{{.SinkParallelism}}',
      {{- end}}
      'format' = 'json'
    );
    INSERT INTO delays
    SELECT window_start, window_end, {{.Key}}, COUNT(*), SUM(CASE WHEN delay > 15 THEN 1 ELSE 0 END),
      AVG(CAST(delay AS DOUBLE)), MAX(delay)
    FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(` + "`date`" + `), INTERVAL '1' HOUR))
    {{- if .Where}}
    WHERE {{.Where}}
    {{- end}}
    GROUP BY window_start, window_end, {{.Key}};
`))

// WriteManifest writes the manifest and returns its path.
func (j *FlightDelays) WriteManifest() string {
	j.t.Helper()
	var text strings.Builder
	if err := manifest.Execute(&text, j); err != nil {
		j.t.Fatal(err)
	}
	path := j.Place(j.Name + ".yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		j.t.Fatal(err)
	}
	return path
}

// Start runs the job, with arguments after those that name its manifest.
func (j *FlightDelays) Start(args ...string) *Process {
	j.t.Helper()
	return j.Weir(append([]string{"run", "-f", j.WriteManifest()}, args...)...)
}

// StartToCrash runs the job so that it kills itself when it reaches a step for the n-th time; the steps are those of
// package job.
func (j *FlightDelays) StartToCrash(step string, n int, args ...string) *Process {
	j.t.Helper()
	crash := *j
	crash.Env = append([]string{fmt.Sprintf("WEIR_CRASH_AT=%s:%d", step, n)}, j.Env...)
	return crash.Start(args...)
}

func (j *FlightDelays) environment() []string {
	return append([]string{"XDG_RUNTIME_DIR=" + j.runtimeFolder()}, j.Env...)
}

// Weir runs the binary in the job's folder and environment.
func (j *FlightDelays) Weir(args ...string) *Process {
	j.t.Helper()
	return Start(j.t, Launch{Path: j.binary, Args: args, Dir: j.dir, Logs: j.dir, Env: j.environment(), Credential: j.Credential})
}

// StartOnFullDisk runs the job with a file system of one megabyte mounted on a folder. The mount is in a name space of the
// process's own: it needs root, or a kernel that lets users have name spaces, and is gone when the process is.
func (j *FlightDelays) StartOnFullDisk(folder string) *Process {
	j.t.Helper()
	args := []string{"--mount"}
	if os.Geteuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	args = append(args, "sh", "-c", `mount -t tmpfs -o size=1m weir-e2e "$1" && shift && exec "$@"`, "sh", folder,
		j.binary, "run", "-f", j.WriteManifest())
	return Start(j.t, Launch{Path: "unshare", Args: args, Dir: j.dir, Logs: j.dir, Env: j.environment()})
}
