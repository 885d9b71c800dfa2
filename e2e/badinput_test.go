package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
)

// TestBadInputIsOneClearLine runs the binary on what people get wrong. Each complaint is one line that names the place and
// the remedy, with exit code 1 or 2 and nothing touched.
func TestBadInputIsOneClearLine(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 200, Files: 1})
	edit := func(old, new string) func(string) string {
		return func(manifest string) string {
			if !strings.Contains(manifest, old) {
				t.Fatalf("the manifest has no %q to change", old)
			}
			return strings.Replace(manifest, old, new, 1)
		}
	}
	for _, c := range []struct {
		name  string
		edit  func(manifest string) string
		words []string // that the complaint must have
	}{
		{"a word of SQL is misspelt", edit("GROUP BY", "GRUOP BY"), []string{"flight-delays.yaml:49:", "BY"}},
		{"a column does not exist", edit("MAX(delay)", "MAX(dealy)"), []string{"dealy", "delay"}},
		{"a table does not exist", edit("TABLE flights, DESCRIPTOR", "TABLE fligths, DESCRIPTOR"), []string{"fligths", "flights"}},
		{"a function does not exist", edit("MAX(delay)", "MAXIMUM(delay)"), []string{"MAXIMUM"}},
		{"an option does not exist", edit("'source.split-order'", "'source.split-ordre'"), []string{"source.split-ordre", "source.split-order"}},
		{"an option has a wrong value", edit("'source.split-order' = 'none'", "'source.split-order' = 'some'"), []string{"source.split-order", "none"}},
		{"a connector does not exist", edit("'connector' = 'filesystem'", "'connector' = 'filesytem'"), []string{"filesytem", "filesystem"}},
		{"the input does not exist", edit("/in'", "/nowhere'"), []string{"nowhere"}},
		{"a type does not fit", edit("max_delay    INT", "max_delay    DATE"), []string{"max_delay", "DATE"}},
		{"a field of the manifest is misspelt", edit("parallelism:", "paralelism:"), []string{"paralelism", "parallelism"}},
		{"a field has a wrong value", edit("parallelism: 2", "parallelism: 0"), []string{"parallelism"}},
		{"the manifest is no YAML", func(string) string { return "{\n" }, []string{"yaml"}},
		{"the manifest is empty", func(string) string { return "" }, []string{"yaml"}},
		{"the manifest is of another kind", edit("kind: StreamJob", "kind: Deployment"), []string{"Deployment", "StreamJob"}},
		{"the SQL has five million open parentheses", edit("MAX(delay)", strings.Repeat("(", 5_000_000)), []string{"bytes"}},
		{"the SQL is nested too deep", edit("MAX(delay)", strings.Repeat("(", 5000)+"1"+strings.Repeat(")", 5000)), []string{"deep"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			job := harness.NewJob(t, weir)
			job.Feed(files)
			path := job.WriteManifest()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(c.edit(string(text))), 0o644); err != nil {
				t.Fatal(err)
			}
			complaint := job.Weir("run", "-f", path).Fail(patience)
			for _, word := range c.words {
				requireSays(t, complaint, word)
			}
			if visible := harness.Open(t, job.Output).Visible(); len(visible) > 0 {
				t.Errorf("%d files were written", len(visible))
			}
		})
	}
}

func TestFiveMillionOpenParenthesesAreOneClearLine(t *testing.T) {
	t.Parallel()
	job := harness.NewJob(t, weir)
	path := job.Place("job.sql")
	if err := os.WriteFile(path, []byte("SELECT "+strings.Repeat("(", 5_000_000)), 0o644); err != nil {
		t.Fatal(err)
	}
	requireSays(t, job.Weir("run", path).Fail(patience), "bytes")
}

func TestAManifestThatCannotBeReadIsOneClearLine(t *testing.T) {
	t.Parallel()
	job := harness.NewJob(t, weir)
	for name, args := range map[string][]string{
		"it does not exist":         {"run", "-f", job.Place("nowhere.yaml")},
		"it is a folder":            {"run", "-f", job.Dir()},
		"it is not named":           {"run"},
		"the flag does not exist":   {"run", "--paralelism", "3"},
		"the verb does not exist":   {"rnu"},
		"the setting is no setting": {"run", "-f", job.WriteManifest(), "--set", "parallelism"},
		"no job of that name runs":  {"savepoint", "nobody"},
		"no snapshot is there":      {"snapshot", "verify", job.Place("nowhere")},
		"a file is no snapshot":     {"snapshot", "inspect", job.WriteManifest()},
	} {
		complaint := job.Weir(args...).Fail(patience)
		if len(complaint) < 20 {
			t.Errorf("%s: %q is not a clear line", name, complaint)
		}
	}
}

// TestInputWithoutPermissionIsOneClearLine denies a file of the input, and the folder of the output.
func TestInputWithoutPermissionIsOneClearLine(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"in", "out"} {
		job := harness.NewJob(t, weir)
		job.Feed(input(t, flights.Options{Records: 200, Files: 1}))
		if err := os.MkdirAll(job.Output, 0o755); err != nil {
			t.Fatal(err)
		}
		asNobody(t, job)
		folder := job.Place(place)
		deny(t, folder)
		complaint := job.Start().Fail(patience)
		allow(t, folder)
		requireSays(t, complaint, folder)
		requireSays(t, complaint, "permission")
	}
}

// TestAMalformedRecordIsNamedWithItsFileAndOffset stops the job, at once and for good: the next run meets the same record.
func TestAMalformedRecordIsNamedWithItsFileAndOffset(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 300, Files: 2})
	second := strings.SplitAfter(string(files[1].Content), "\n")
	second[20] = `{"date":"2001-02-06 06:28:00","delay":"much"}` + "\n"
	offset := len(strings.Join(second[:20], "")) + strings.Index(second[20], `"much"`)
	files[1].Content = []byte(strings.Join(second, ""))
	job := harness.NewJob(t, weir)
	job.Feed(files)
	for range 2 {
		complaint := job.Start().Fail(patience)
		for _, word := range []string{files[1].Name, "line 21", fmt.Sprint(offset), "delay"} {
			requireSays(t, complaint, word)
		}
	}
}

// TestAFullDiskIsOneClearLine gives the checkpoints, and then the output, a file system of one megabyte that is full but for
// a corner. It is mounted in a name space of the process's own, and gone with it.
func TestAFullDiskIsOneClearLine(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"chk", "out"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			job := harness.NewJob(t, weir)
			job.Interval, job.RowsPerSecond = 200*time.Millisecond, 10_000
			if place == "chk" {
				job.WatermarkHours = 10_000 // no window is ever closed: the state grows over the disk
			}
			job.Feed(input(t, flights.Options{Records: 40_000, Files: 10}))
			if err := os.MkdirAll(job.Place(place), 0o755); err != nil {
				t.Fatal(err)
			}
			complaint := job.StartOnFullDisk(job.Place(place)).Fail(patience)
			requireSays(t, complaint, "no space left")
		})
	}
}

// TestASecondProcessOnOneFolderIsRefusedAtOnce, and the first does not notice.
func TestASecondProcessOnOneFolderIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	job := harness.NewJob(t, weir)
	job.RowsPerSecond, job.Interval = 500, 300*time.Millisecond
	job.Feed(input(t, flights.Options{Records: 2000, Files: 4}))
	first := job.Start()
	first.UntilCheckpoint(job.Chain(), 0)
	complaint := job.Start().Fail(patience)
	for _, word := range []string{job.Folder(), fmt.Sprint(first.PID())} {
		requireSays(t, complaint, word)
	}
	first.Succeed(patience)
	if n := job.Chain().Attempts(); n != 1 {
		t.Errorf("there are %d attempts, want 1", n)
	}
}

// TestNobodyCommandsAJobWithoutItsToken asks every route that changes something, and some that tell something.
func TestNobodyCommandsAJobWithoutItsToken(t *testing.T) {
	t.Parallel()
	job := harness.NewJob(t, weir)
	job.RowsPerSecond = 300
	job.Feed(input(t, flights.Options{Records: 3000, Files: 4}))
	run := job.Start()
	run.UntilCheckpoint(job.Chain(), 0)
	address := job.Address(run)
	for _, route := range []string{
		"POST /v1/job/savepoints", "POST /v1/job/stop", "POST /v1/job/cancel", "POST /v1/job/checkpoints",
		"DELETE /v1/job", "PUT /v1/job", "POST /v1/job/nothing", "GET /v1/job", "GET /v1/job/checkpoints",
	} {
		for _, token := range []string{"", "Bearer ", "Bearer wrong", "Basic d2VpcjpmbG93"} {
			if status := ask(t, address, route, token); status != http.StatusUnauthorized {
				t.Errorf("%s with Authorization %q: status %d, want 401", route, token, status)
			}
		}
	}
	if status := ask(t, address, "GET /healthz", ""); status != http.StatusOK {
		t.Errorf("/healthz: status %d, want 200", status)
	}
	run.Succeed(patience)
	if entries, err := filepath.Glob(filepath.Join(job.Savepoints, "*")); err != nil || len(entries) > 0 {
		t.Errorf("savepoints %v were made, error %v", entries, err)
	}
}

// ask sends a request and returns the status of the answer.
func ask(t *testing.T, address, route, authorization string) int {
	t.Helper()
	method, path, _ := strings.Cut(route, " ")
	request, err := http.NewRequestWithContext(t.Context(), method, address+path, strings.NewReader(`{"id":"unasked"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}
