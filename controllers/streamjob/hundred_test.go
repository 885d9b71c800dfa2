package streamjob_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/controllers/streamjob"
)

// TestAHundredJobs starts a hundred at once, at the pace of a real operator, waits until all are ready, lets them run, and
// prints what that costs: how long a pass takes, how much memory is used, and how many requests an idle minute makes. What
// it asserts is that an idle operator reads nothing: everything it needs comes by its watches.
func TestAHundredJobs(t *testing.T) {
	jobs, looks := uint64(100), uint64(6) // at each of them, while nothing happens
	if testing.Short() {
		jobs, looks = 5, 1
	}
	w := controllertest.NewWorld(t)
	startOperator(w, streamjob.DefaultPace())
	begin := time.Now()
	for i := range jobs {
		if err := w.Client.Create(w.Context(), w.StreamJob(fmt.Sprintf("job-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	w.Eventually("all are ready, and nothing is left to do", func(ctx context.Context) error { return allReady(ctx, w, int(jobs)) })
	t.Logf("%d jobs were ready after %s", jobs, time.Since(begin).Round(time.Millisecond))

	passes, busy := reconciles(t)
	t.Logf("until then: %d passes, %s on average", passes, average(busy, passes))
	before, from := w.Faults.Calls(), time.Now()
	w.Eventually("each is looked at some more times", func(context.Context) error {
		if now, _ := reconciles(t); now < passes+looks*jobs {
			return fmt.Errorf("%d passes", now-passes)
		}
		return nil
	})
	minutes := time.Since(from).Minutes()
	after := w.Faults.Calls()
	var names []string
	total := 0
	for name, n := range after {
		if d := n - before[name]; d > 0 {
			total += d
			names = append(names, fmt.Sprintf("%s: %.0f", name, float64(d)/minutes))
			if name[:3] == "GET" {
				t.Errorf("an idle operator reads: %d times %s", d, name)
			}
		}
	}
	slices.Sort(names)
	t.Logf("API requests per idle minute of %d running jobs: %.0f (%v)", jobs, float64(total)/minutes, names)
	passesIdle, busyIdle := reconciles(t)
	t.Logf("passes per idle minute: %.0f, %s on average", float64(passesIdle-passes)/minutes, average(busyIdle-busy, passesIdle-passes))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("memory: %d MiB of heap in use, with the test and the %d coordinators that it plays", m.HeapInuse>>20, jobs)
}

func allReady(ctx context.Context, w *controllertest.World, jobs int) error {
	var list v1alpha1.StreamJobList
	if err := w.Client.List(ctx, &list, client.InNamespace(w.Namespace)); err != nil {
		return err
	}
	ready := 0
	for i := range list.Items {
		if c := meta.FindStatusCondition(list.Items[i].Status.Conditions, v1alpha1.ConditionReady); c != nil && c.Status == metav1.ConditionTrue {
			ready++
		}
	}
	if ready != jobs {
		return fmt.Errorf("%d of %d are", ready, jobs)
	}
	return nil
}

// reconciles are how many passes there were over StreamJobs, and how many seconds they took, in this process.
func reconciles(t *testing.T) (passes uint64, seconds float64) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "controller_runtime_reconcile_time_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == "streamjob" {
				passes += m.GetHistogram().GetSampleCount()
				seconds += m.GetHistogram().GetSampleSum()
			}
		}
	}
	return passes, seconds
}

func average(seconds float64, n uint64) time.Duration {
	if n == 0 {
		return 0
	}
	return time.Duration(seconds / float64(n) * float64(time.Second)).Round(10 * time.Microsecond)
}
