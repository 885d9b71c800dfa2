package web

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/weirstream/weir/engine/rest"
)

var update = flag.Bool("update", false, "write testdata anew")

// watched is a job of which all is known.
type watched struct {
	fakeJob
	job       rest.Job
	operators []rest.Operator
}

func (w *watched) Overview() rest.Job         { return w.job }
func (w *watched) Operators() []rest.Operator { return w.operators }

const secret = "s3cr3t"

func newWatched() *watched {
	watermark, lag := int64(1700000000500), int64(77)
	return &watched{
		job: rest.Job{
			ID: "default.delays", State: rest.Running, Revision: "0a1b2c3d4e", Engine: "1.2.3",
			Attempt: 3, Restarts: 2, Parallelism: 4, MaxParallelism: 128,
			RestoredFrom: "s3://" + secret, CompletedCheckpoints: 41, FailedCheckpoints: 1, FailedCheckpointsInARow: 1, CheckpointFailure: "bucket " + secret + " is away",
			LastCheckpoint: &rest.Checkpoint{ID: 97, Status: rest.Done, Path: "s3://" + secret, SizeBytes: 4096, FullSizeBytes: 65536, DurationMs: 250,
				TriggerTime: time.UnixMilli(1700000001500)},
			RecordsIn: 1000, RecordsOut: 20, RecordsLate: 5, WatermarkMs: &watermark, LagRecords: &lag,
			Failure:  "password " + secret + " was refused",
			Settings: &rest.Settings{SavepointStorage: secret},
			Chain:    &rest.Chain{Owner: secret},
		},
		operators: []rest.Operator{
			{UID: "source/flights", Name: "flights " + secret, Parallelism: 2, Subtasks: []rest.Subtask{{RecordsOut: 600}, {Index: 1, RecordsOut: 400}}},
			{UID: "delays/aggregate.1", Subtasks: []rest.Subtask{{RecordsIn: 1000, RecordsOut: 20, RecordsLate: 5}}},
			{UID: "sink/idle"}, // does not run
		},
	}
}

func scrape(t *testing.T, c Controller) string {
	t.Helper()
	w := httptest.NewRecorder()
	Metrics(c).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// ours are the lines about the job.
func ours(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, "weir_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestTheMetricsOfAJob(t *testing.T) {
	const golden = "testdata/metrics.txt"
	text := scrape(t, newWatched())
	if *update {
		if err := os.WriteFile(golden, []byte(ours(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), ours(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, name := range []string{"go_goroutines", "process_cpu_seconds_total"} {
		if !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("there is no %s", name)
		}
	}
	if strings.Contains(text, secret) {
		t.Error("a failure, path, name or owner is shown")
	}
}

func TestMetricsAreNamedAsPrometheusAsks(t *testing.T) {
	text := scrape(t, newWatched())
	problems, err := promlint.New(strings.NewReader(ours(text))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(families["weir_job_state"].GetMetric()); n != len(rest.States()) {
		t.Errorf("%d states", n)
	}
}

func TestWhatIsNotKnownIsAbsent(t *testing.T) {
	text := ours(scrape(t, &watched{job: rest.Job{ID: "a", State: rest.Standby}}))
	for _, name := range []string{"last_checkpoint", "watermark", "parallelism", "weir_operator"} {
		if strings.Contains(text, name) {
			t.Errorf("%s of a job that never ran:\n%s", name, text)
		}
	}
	for _, line := range []string{`weir_job_state{state="Standby"} 1`, `weir_job_state{state="Running"} 0`, "weir_job_attempt 0"} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

func TestEveryStateHasItsSeries(t *testing.T) {
	one := regexp.MustCompile(`weir_job_state\{state="(\w+)"\} 1\n`)
	for _, s := range rest.States() {
		got := one.FindAllStringSubmatch(scrape(t, &watched{job: rest.Job{State: s}}), -1)
		if len(got) != 1 || got[0][1] != string(s) {
			t.Errorf("%s: %v", s, got)
		}
	}
}

func TestTheEndOfEventTimeIsInfinite(t *testing.T) {
	end := int64(math.MaxInt64)
	if text := scrape(t, &watched{job: rest.Job{WatermarkMs: &end}}); !strings.Contains(text, "weir_job_watermark_timestamp_seconds +Inf\n") {
		t.Error(ours(text))
	}
}

func TestAJobCannotMakeTooManySeries(t *testing.T) {
	w := newWatched()
	w.operators = nil
	for i := range 5 * maxOperators {
		w.operators = append(w.operators, rest.Operator{UID: fmt.Sprintf("view/%d", i), Subtasks: []rest.Subtask{{RecordsIn: 1}}})
	}
	text := scrape(t, w)
	if n := strings.Count(text, "\nweir_operator_records_in_total{"); n != maxOperators+1 {
		t.Errorf("%d series", n)
	}
	if !strings.Contains(text, fmt.Sprintf("weir_operator_records_in_total{operator=%q} %d\n", otherOperators, 4*maxOperators)) {
		t.Error("the others are not added up")
	}
}

func TestOddNamesDoNotHideTheMetrics(t *testing.T) {
	w := newWatched()
	one := []rest.Subtask{{RecordsIn: 1}}
	long := strings.Repeat("é", maxLabel)
	w.operators = []rest.Operator{{UID: "a\xff", Subtasks: one}, {UID: "a", Subtasks: one}, {UID: long, Subtasks: one}, {UID: long + "b", Subtasks: one},
		{UID: "x\"\n\\", Subtasks: one}, {UID: otherOperators, Subtasks: one}}
	text := scrape(t, w)
	for _, line := range []string{`{operator="a"} 2`, `{operator="` + strings.Repeat("é", maxLabel/2) + `"} 2`, `{operator="x\"\n\\"} 1`} {
		if !strings.Contains(text, "weir_operator_records_in_total"+line+"\n") {
			t.Errorf("no %s in\n%s", line, ours(text))
		}
	}
}

func TestMetricsHaveAPortOfTheirOwn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- ServeMetrics(ctx, l, newWatched(), nil) }()
	for path, want := range map[string]int{"/metrics": 200, "/v1/job": 404, "/": 404} {
		q, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != want || strings.Contains(string(text), "weir_job_attempt 3") != (want == 200) {
			t.Errorf("%s: %d %v", path, answer.StatusCode, err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
