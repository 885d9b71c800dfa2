package savepoint

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/rest"
)

// statusAfter is the status that says what was decided. The old one is not changed.
func statusAfter(f *facts, d decision) v1alpha1.SavepointStatus {
	s := *f.savepoint.Status.DeepCopy()
	s.ObservedGeneration = f.savepoint.Generation
	s.Phase, s.Mode, s.Failures, s.NextTryAt, s.Progress = d.phase, f.mode(), d.failures, nil, progress(d)
	if !d.nextTryAt.IsZero() {
		s.NextTryAt = &metav1.Time{Time: d.nextTryAt}
	}
	if s.StartedAt == nil && (f.answer != nil || d.operation != nil) {
		s.StartedAt, s.JobGeneration = &metav1.Time{Time: f.now}, f.generation()
		if f.job != nil {
			s.JobUID = f.job.UID
		}
	}
	if d.phase == v1alpha1.SavepointCompleted {
		complete(f, d.operation, &s)
	}
	setConditions(&s, d)
	return s
}

// complete writes down what was made.
func complete(f *facts, op *rest.Operation, s *v1alpha1.SavepointStatus) {
	s.Path, s.CheckpointID, s.SizeBytes = op.Path, op.CheckpointID, op.SizeBytes
	s.Duration = &metav1.Duration{Duration: f.now.Sub(s.StartedAt.Time).Round(time.Millisecond)}
}

// generation is the StreamJob's when its end was first asked for; 0: that was not asked for.
func (f *facts) generation() int64 {
	was, known := readAsked(f.savepoint)
	switch {
	case f.mode() == v1alpha1.Continue:
		return 0
	case known:
		return was.Generation
	case f.job != nil:
		return f.job.Generation
	}
	return 0
}

// setConditions keeps to kstatus: Ready says whether it is done, Progressing is true only while nobody has to act, and
// Stalled only when somebody has to.
func setConditions(s *v1alpha1.SavepointStatus, d decision) {
	ready, progressing, stalled := metav1.ConditionFalse, metav1.ConditionFalse, metav1.ConditionFalse
	switch d.phase {
	case v1alpha1.SavepointCompleted:
		ready = metav1.ConditionTrue
	case v1alpha1.SavepointFailed:
		stalled = metav1.ConditionTrue
	default:
		progressing = metav1.ConditionTrue
	}
	for _, c := range []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: ready},
		{Type: v1alpha1.ConditionProgressing, Status: progressing},
		{Type: v1alpha1.ConditionStalled, Status: stalled},
	} {
		c.Reason, c.Message, c.ObservedGeneration = d.reason, d.message, s.ObservedGeneration
		meta.SetStatusCondition(&s.Conditions, c)
	}
}

// progress is a word for people.
func progress(d decision) string {
	switch {
	case d.phase == v1alpha1.SavepointInProgress && d.operation == nil:
		return "waiting for the coordinator to answer"
	case d.phase == v1alpha1.SavepointInProgress && d.operation.SizeBytes > 0:
		return fmt.Sprintf("copied %s of %s", bytesText(d.operation.CopiedBytes), bytesText(d.operation.SizeBytes))
	case d.phase == v1alpha1.SavepointInProgress:
		return "waiting for the checkpoint"
	case d.phase == v1alpha1.SavepointPending && d.reason == v1alpha1.ReasonBackoff:
		return "waiting for the next try"
	case d.phase == v1alpha1.SavepointPending:
		return "waiting for the job"
	case d.phase == v1alpha1.SavepointDeleting:
		return "removing it from storage"
	}
	return ""
}

// bytesText is a number of bytes as people read it.
func bytesText(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n)/unit, "KMGTPE"
	i := 0
	for value >= unit && i < len(units)-1 {
		value /= unit
		i++
	}
	return fmt.Sprintf("%.1f %ciB", value, units[i])
}

// onlyProgress tells that a status says nothing new but how far the work is.
func onlyProgress(before, after *v1alpha1.SavepointStatus) bool {
	b, a := before.DeepCopy(), after.DeepCopy()
	b.Progress, a.Progress = "", ""
	return equality.Semantic.DeepEqual(b, a)
}
