package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/weirstream/weir/api/v1alpha1"
)

func TestMetricsAreTheStatusesOfWhatExists(t *testing.T) {
	job := &v1alpha1.StreamJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: "air", Name: "flights"},
		Status: v1alpha1.StreamJobStatus{
			Attempt: 4, Parallelism: 2,
			LastCheckpoint: &v1alpha1.CheckpointStatus{ID: 9, Time: metav1.NewTime(time.Unix(1700000000, 0))},
			Conditions:     []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue}},
		},
	}
	fresh := &v1alpha1.StreamJob{ObjectMeta: metav1.ObjectMeta{Namespace: "air", Name: "fresh"}}
	savepoint := &v1alpha1.Savepoint{ObjectMeta: metav1.ObjectMeta{Namespace: "air", Name: "s"}}
	done := &v1alpha1.Savepoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: "air", Name: "d"},
		Status:     v1alpha1.SavepointStatus{Phase: v1alpha1.SavepointCompleted},
	}
	cache := fake.NewClientBuilder().WithScheme(scheme(t)).WithObjects(job, fresh, savepoint, done).Build()
	const want = `# HELP weir_savepoints Savepoints by phase.
# TYPE weir_savepoints gauge
weir_savepoints{namespace="air",phase="Completed"} 1
weir_savepoints{namespace="air",phase="Pending"} 1
# HELP weir_streamjob_attempt The newest attempt of a StreamJob.
# TYPE weir_streamjob_attempt gauge
weir_streamjob_attempt{namespace="air",streamjob="flights"} 4
weir_streamjob_attempt{namespace="air",streamjob="fresh"} 0
# HELP weir_streamjob_condition Whether a condition of a StreamJob has this status: 1, or 0.
# TYPE weir_streamjob_condition gauge
weir_streamjob_condition{namespace="air",status="False",streamjob="flights",type="Ready"} 0
weir_streamjob_condition{namespace="air",status="True",streamjob="flights",type="Ready"} 1
weir_streamjob_condition{namespace="air",status="Unknown",streamjob="flights",type="Ready"} 0
# HELP weir_streamjob_last_checkpoint_timestamp_seconds When the newest complete checkpoint of a StreamJob was complete, in seconds since 1970; absent: there is none.
# TYPE weir_streamjob_last_checkpoint_timestamp_seconds gauge
weir_streamjob_last_checkpoint_timestamp_seconds{namespace="air",streamjob="flights"} 1.7e+09
# HELP weir_streamjob_parallelism The subtasks of each operator that run; 0: none do.
# TYPE weir_streamjob_parallelism gauge
weir_streamjob_parallelism{namespace="air",streamjob="flights"} 2
weir_streamjob_parallelism{namespace="air",streamjob="fresh"} 0
`
	if err := testutil.CollectAndCompare(statusMetrics{cache: cache}, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if err := prometheus.NewPedanticRegistry().Register(statusMetrics{cache: cache}); err != nil {
		t.Error(err)
	}
}
