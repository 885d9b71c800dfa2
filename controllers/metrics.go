package controllers

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
)

// scrapeTimeout bounds a scrape that comes before the cache is filled.
const scrapeTimeout = 5 * time.Second

var (
	jobLabels = []string{"namespace", "streamjob"}

	conditionDesc = prometheus.NewDesc("weir_streamjob_condition",
		"Whether a condition of a StreamJob has this status: 1, or 0.", append(jobLabels[:2:2], "type", "status"), nil)
	attemptDesc = prometheus.NewDesc("weir_streamjob_attempt",
		"The newest attempt of a StreamJob.", jobLabels, nil)
	parallelismDesc = prometheus.NewDesc("weir_streamjob_parallelism",
		"The subtasks of each operator that run; 0: none do.", jobLabels, nil)
	checkpointDesc = prometheus.NewDesc("weir_streamjob_last_checkpoint_timestamp_seconds",
		"When the newest complete checkpoint of a StreamJob was complete, in seconds since 1970; absent: there is none.", jobLabels, nil)
	savepointsDesc = prometheus.NewDesc("weir_savepoints",
		"Savepoints by phase.", []string{"namespace", "phase"}, nil)
)

// statusMetrics shows the statuses of all jobs and savepoints in the operator's cache. It holds no values of its own: what
// is deleted disappears, and there are as many series as objects. A job's own metrics come from its coordinator.
type statusMetrics struct {
	cache client.Reader
}

// Describe is part of prometheus.Collector.
func (statusMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{conditionDesc, attemptDesc, parallelismDesc, checkpointDesc, savepointsDesc} {
		descs <- d
	}
}

// Collect is part of prometheus.Collector.
func (m statusMetrics) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	var jobs v1alpha1.StreamJobList
	if err := m.cache.List(ctx, &jobs); err != nil {
		metrics <- prometheus.NewInvalidMetric(attemptDesc, err)
		return
	}
	for i := range jobs.Items {
		collectJob(&jobs.Items[i], metrics)
	}
	var savepoints v1alpha1.SavepointList
	if err := m.cache.List(ctx, &savepoints); err != nil {
		metrics <- prometheus.NewInvalidMetric(savepointsDesc, err)
		return
	}
	collectSavepoints(savepoints.Items, metrics)
}

func collectJob(j *v1alpha1.StreamJob, metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{j.Namespace, j.Name}, labels...)...)
	}
	for _, c := range j.Status.Conditions {
		for _, status := range []string{"True", "False", "Unknown"} {
			value := 0.0
			if string(c.Status) == status {
				value = 1
			}
			gauge(conditionDesc, value, c.Type, status)
		}
	}
	gauge(attemptDesc, float64(j.Status.Attempt))
	gauge(parallelismDesc, float64(j.Status.Parallelism))
	if c := j.Status.LastCheckpoint; c != nil {
		gauge(checkpointDesc, float64(c.Time.Unix()))
	}
}

func collectSavepoints(savepoints []v1alpha1.Savepoint, metrics chan<- prometheus.Metric) {
	type series struct{ namespace, phase string }
	counts := map[series]int{}
	for i := range savepoints {
		phase := savepoints[i].Status.Phase
		if phase == "" {
			phase = v1alpha1.SavepointPending
		}
		counts[series{savepoints[i].Namespace, string(phase)}]++
	}
	for s, n := range counts {
		metrics <- prometheus.MustNewConstMetric(savepointsDesc, prometheus.GaugeValue, float64(n), s.namespace, s.phase)
	}
}
