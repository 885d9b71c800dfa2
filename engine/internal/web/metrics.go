package web

import (
	"context"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weirstream/weir/engine/rest"
)

const (
	// maxScrapes are answered at once; the next one is told to come back.
	maxScrapes = 4
	// scrapeTimeout bounds one answer; Prometheus itself waits 10 s by default.
	scrapeTimeout = 10 * time.Second
	// maxOperators have metrics of their own, the first ones of the graph. The others are added up as otherOperators: a
	// query of many views must not make more series than a Prometheus bears.
	maxOperators   = 200
	otherOperators = "_others"
	// maxLabel is the length that a value of a label is cut to, in bytes.
	maxLabel = 200
)

// Metrics answers with the job's metrics in Prometheus' format, beside those of the Go runtime and the process. It needs no
// token, and shows no failure's text, path, or owner: only numbers, the names of operators, and what weir_job_info has.
//
// Counters of a job begin with its attempt, those of an operator with its restart; what is not known is absent.
func Metrics(c Controller) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collector{c})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.HTTPErrorOnError, // half of a job's numbers would mislead
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
	})
}

// ServeMetrics answers GET /metrics on the listener, which it closes, until ctx is done. The log is that of Options.
func ServeMetrics(ctx context.Context, l net.Listener, c Controller, log *slog.Logger) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", Metrics(c))
	return serveUntil(ctx, l, mux, log, func() {})
}

// jobMetric is one number of the job; ok is false while it is not known.
type jobMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(rest.Job) (v float64, ok bool)
}

// operatorMetric is one number of an operator: the sum over its subtasks.
type operatorMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(rest.Subtask) int64
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func gauge(name, help string, value func(rest.Job) (float64, bool)) jobMetric {
	return jobMetric{describe(name, help), prometheus.GaugeValue, value}
}

func counter(name, help string, value func(rest.Job) int64) jobMetric {
	return jobMetric{describe(name, help), prometheus.CounterValue, func(j rest.Job) (float64, bool) { return float64(value(j)), true }}
}

// last is a number of the newest complete checkpoint.
func last(name, help string, value func(rest.Checkpoint) float64) jobMetric {
	return gauge("weir_job_last_checkpoint_"+name, help, func(j rest.Job) (float64, bool) {
		if j.LastCheckpoint == nil {
			return 0, false
		}
		return value(*j.LastCheckpoint), true
	})
}

var (
	jobInfo = describe("weir_job_info", "What runs; always 1.", "id", "revision", "engine_version")
	// jobState has a series for each state, so that a query of one finds it also before it is reached.
	jobState = describe("weir_job_state", "1 for the state that the job is in, 0 for all others.", "state")

	jobMetrics = []jobMetric{
		gauge("weir_job_attempt", "The activation of the job that this is; 0: there was none.",
			func(j rest.Job) (float64, bool) { return float64(j.Attempt), true }),
		gauge("weir_job_parallelism", "Subtasks of each operator that has no number of its own.",
			func(j rest.Job) (float64, bool) { return float64(j.Parallelism), j.Parallelism > 0 }),
		gauge("weir_job_max_parallelism", "What the parallelism can be raised to.",
			func(j rest.Job) (float64, bool) { return float64(j.MaxParallelism), j.MaxParallelism > 0 }),
		counter("weir_job_restarts_total", "Restarts from a checkpoint since the attempt began.",
			func(j rest.Job) int64 { return j.Restarts }),
		counter("weir_job_checkpoints_completed_total", "Checkpoints that became complete since the attempt began.",
			func(j rest.Job) int64 { return j.CompletedCheckpoints }),
		counter("weir_job_checkpoints_failed_total", "Checkpoints that failed since the attempt began.",
			func(j rest.Job) int64 { return j.FailedCheckpoints }),
		gauge("weir_job_checkpoints_failed_in_a_row", "Checkpoints that failed since the newest complete one, or since the attempt began.",
			func(j rest.Job) (float64, bool) { return float64(j.FailedCheckpointsInARow), true }),
		last("id", "Id of the newest complete checkpoint.",
			func(c rest.Checkpoint) float64 { return float64(c.ID) }),
		last("size_bytes", "Bytes that were written for the newest complete checkpoint.",
			func(c rest.Checkpoint) float64 { return float64(c.SizeBytes) }),
		last("full_size_bytes", "Bytes of all data files that the newest complete checkpoint names, also of those that it shares with earlier ones.",
			func(c rest.Checkpoint) float64 { return float64(c.FullSizeBytes) }),
		last("duration_seconds", "Time from the trigger of the newest complete checkpoint to its completion.",
			func(c rest.Checkpoint) float64 { return seconds(c.DurationMs) }),
		last("timestamp_seconds", "When the newest complete checkpoint was triggered, since 1970: what came later would be processed again.",
			func(c rest.Checkpoint) float64 { return seconds(c.TriggerTime.UnixMilli()) }),
		counter("weir_job_records_in_total", "Records that the sources emitted since the attempt began.",
			func(j rest.Job) int64 { return j.RecordsIn }),
		counter("weir_job_records_out_total", "Records that the sinks took since the attempt began.",
			func(j rest.Job) int64 { return j.RecordsOut }),
		counter("weir_job_records_late_total", "Records that came too late for their window since the attempt began.",
			func(j rest.Job) int64 { return j.RecordsLate }),
		counter("weir_job_records_skipped_total", "Records that were dropped since the attempt began because they could not be read or had no event time.",
			func(j rest.Job) int64 { return j.RecordsSkipped }),
		counter("weir_job_files_passed_over_total", "Files of monitored folders that were not read, or not to their end: they changed, vanished, or cannot be read.",
			func(j rest.Job) int64 { return j.FilesPassedOver }),
		gauge("weir_job_lag_records", "Records that are in the topics and were not read yet, as far as brokers have told.",
			func(j rest.Job) (float64, bool) {
				if j.LagRecords == nil {
					return 0, false
				}
				return float64(*j.LagRecords), true
			}),
		gauge("weir_job_watermark_timestamp_seconds", "The event time, since 1970, that no sink is behind.",
			func(j rest.Job) (float64, bool) {
				if j.WatermarkMs == nil {
					return 0, false
				}
				return seconds(*j.WatermarkMs), true
			}),
	}

	operatorMetrics = []operatorMetric{
		{describe("weir_operator_subtasks", "Subtasks of the operator that run.", "operator"), prometheus.GaugeValue,
			func(rest.Subtask) int64 { return 1 }},
		{describe("weir_operator_records_in_total", "Records that the operator took since the restart.", "operator"), prometheus.CounterValue,
			func(s rest.Subtask) int64 { return s.RecordsIn }},
		{describe("weir_operator_records_out_total", "Records that the operator emitted since the restart.", "operator"), prometheus.CounterValue,
			func(s rest.Subtask) int64 { return s.RecordsOut }},
		{describe("weir_operator_records_late_total", "Records that came too late for the operator's windows since the restart.", "operator"), prometheus.CounterValue,
			func(s rest.Subtask) int64 { return s.RecordsLate }},
		{describe("weir_operator_records_skipped_total", "Records that were dropped since the restart because they could not be read or had no event time.", "operator"),
			prometheus.CounterValue,
			func(s rest.Subtask) int64 { return s.RecordsSkipped }},
	}
)

// seconds is Prometheus' base unit; the end of event time, the greatest of all milliseconds, is infinite.
func seconds(ms int64) float64 {
	if ms == math.MaxInt64 {
		return math.Inf(1)
	}
	return float64(ms) / 1000
}

// collector asks the job when it is scraped: there are no numbers beside the job's own.
type collector struct{ controller Controller }

// Describe sends all that Collect may send.
func (collector) Describe(out chan<- *prometheus.Desc) {
	out <- jobInfo
	out <- jobState
	for _, m := range jobMetrics {
		out <- m.desc
	}
	for _, m := range operatorMetrics {
		out <- m.desc
	}
}

// Collect sends what is known.
func (c collector) Collect(out chan<- prometheus.Metric) {
	job := c.controller.Overview()
	out <- prometheus.MustNewConstMetric(jobInfo, prometheus.GaugeValue, 1, label(job.ID), label(job.Revision), label(job.Engine))
	for _, s := range rest.States() {
		is := 0.0
		if s == job.State {
			is = 1
		}
		out <- prometheus.MustNewConstMetric(jobState, prometheus.GaugeValue, is, string(s))
	}
	for _, m := range jobMetrics {
		if v, ok := m.value(job); ok {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, v)
		}
	}
	collectOperators(c.controller.Operators(), out)
}

// collectOperators sends a series for each of the first maxOperators that run, and one for the rest. Operators whose labels
// are the same are added up: a scrape with two equal series would be none at all.
func collectOperators(operators []rest.Operator, out chan<- prometheus.Metric) {
	subtasks := map[string][]rest.Subtask{}
	for i, o := range operators {
		name := label(o.UID)
		if i >= maxOperators {
			name = otherOperators
		}
		if len(o.Subtasks) > 0 {
			subtasks[name] = append(subtasks[name], o.Subtasks...)
		}
	}
	for name, list := range subtasks {
		for _, m := range operatorMetrics {
			var sum int64
			for _, s := range list {
				sum += m.value(s)
			}
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(sum), name)
		}
	}
}

// label makes text fit for a label, which must be UTF-8.
func label(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxLabel)], "")
}
