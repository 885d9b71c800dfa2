package savepoint_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
)

func ptr[T any](v T) *T { return &v }

// TestTheClusterRefusesWhatNoControllerCouldWorkWith holds the CRDs to their rules, with messages that say what to do.
func TestTheClusterRefusesWhatNoControllerCouldWorkWith(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	refused := func(t *testing.T, err error, message string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("error: %v; want one that contains %q", err, message)
		}
	}
	for _, c := range []struct {
		name    string
		change  func(*v1alpha1.StreamJob)
		message string
	}{
		{"a job whose name is too long for its pods", func(j *v1alpha1.StreamJob) { j.Name = strings.Repeat("a", 41) }, "the name has at most 40 characters"},
		{"a job with more subtasks than key groups", func(j *v1alpha1.StreamJob) { j.Spec.Parallelism, j.Spec.MaxParallelism = ptr(int32(9)), ptr(int32(8)) },
			"parallelism is at most maxParallelism"},
		{"a job that is to start from two places", func(j *v1alpha1.StreamJob) {
			j.Spec.Restore = v1alpha1.RestoreSpec{Path: ptr("s3://b/x"), SavepointRef: &v1alpha1.SavepointReference{Name: "x"}}
		}, "set path or savepointRef, not both"},
		{"a job without subtasks", func(j *v1alpha1.StreamJob) { j.Spec.Parallelism = ptr(int32(0)) }, "spec.parallelism"},
		{"a job in no known state", func(j *v1alpha1.StreamJob) { j.Spec.DesiredState = ptr(v1alpha1.DesiredState("Paused")) }, `supported values: "Running", "Suspended"`},
		{"a job id that is no folder's name", func(j *v1alpha1.StreamJob) { j.Spec.JobID = ptr("A/B") }, "spec.jobID"},
		{"a job whose text is empty", func(j *v1alpha1.StreamJob) { j.Spec.SQL = ptr("") }, "spec.sql"},
	} {
		t.Run(c.name, func(t *testing.T) {
			job := w.StreamJob("refused")
			c.change(job)
			refused(t, w.Client.Create(w.Context(), job), c.message)
		})
	}
	for _, c := range []struct {
		name    string
		change  func(*v1alpha1.Savepoint)
		message string
	}{
		{"a savepoint of no job", func(s *v1alpha1.Savepoint) { s.Spec.JobRef.Name = "" }, "spec.jobRef.name"},
		{"a savepoint of a job that cannot be", func(s *v1alpha1.Savepoint) { s.Spec.JobRef.Name = "other/job" }, "spec.jobRef.name"},
		{"a savepoint in a path", func(s *v1alpha1.Savepoint) { s.Spec.Storage = ptr("savepoints") }, "storage is the URL of a folder"},
		{"a savepoint behind a password", func(s *v1alpha1.Savepoint) { s.Spec.Storage = ptr("s3://me:secret@bucket/x") }, "storage holds no credentials"},
		{"a savepoint that is done before it begins", func(s *v1alpha1.Savepoint) { s.Spec.Deadline = &metav1.Duration{Duration: time.Millisecond} }, "write deadline as a number with its unit, such as 500ms, 10s, 5m or 1h30m: 1s to 87600h"},
		{"a savepoint in no known mode", func(s *v1alpha1.Savepoint) { s.Spec.Mode = ptr(v1alpha1.SavepointMode("Later")) }, `supported values: "Continue", "Stop", "Drain"`},
		{"a savepoint that is tried less than once", func(s *v1alpha1.Savepoint) { s.Spec.BackoffLimit = ptr(int32(-1)) }, "spec.backoffLimit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSavepoint(w, "refused", v1alpha1.Continue, v1alpha1.Retain)
			c.change(s)
			refused(t, w.Client.Create(w.Context(), s), c.message)
		})
	}
	t.Run("another spec for a savepoint", func(t *testing.T) {
		s := newSavepoint(w, "made", v1alpha1.Continue, v1alpha1.Retain)
		create(t, w, s)
		s.Spec.Mode = ptr(v1alpha1.Stop)
		refused(t, w.Client.Update(w.Context(), s), "spec is immutable: create another Savepoint")
	})
	t.Run("another folder or key groups for a job", func(t *testing.T) {
		job := w.StreamJob("made")
		job.Spec.JobID = ptr("made")
		if err := w.Client.Create(w.Context(), job); err != nil {
			t.Fatal(err)
		}
		if *job.Spec.Parallelism != 1 {
			t.Errorf("parallelism is %d", *job.Spec.Parallelism)
		}
		for message, change := range map[string]func(*v1alpha1.StreamJobSpec){
			"jobID is immutable: it names the folder of the job's snapshots": func(s *v1alpha1.StreamJobSpec) { s.JobID = ptr("other") },
			"jobID is immutable":          func(s *v1alpha1.StreamJobSpec) { s.JobID = nil },
			"maxParallelism is immutable": func(s *v1alpha1.StreamJobSpec) { s.MaxParallelism = ptr(int32(8)) },
		} {
			changed := job.DeepCopy()
			change(&changed.Spec)
			refused(t, w.Client.Update(w.Context(), changed), message)
		}
		grown := job.DeepCopy()
		grown.Spec.Parallelism = ptr(int32(4))
		if err := w.Client.Update(w.Context(), grown, client.FieldOwner("test")); err != nil {
			t.Errorf("a rescale was refused: %v", err)
		}
	})
}
