package streamjob

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/controllers/resources"
)

// preflightName is that of the Job that checks the target.
func (s *scope) preflightName() string {
	return resources.PreflightName(s.job.Name, s.resolution.revision, s.facts.Target.Settings.Restore.Nonce)
}

// preflights are the check of the target, and the names of what checked something else.
func (s *scope) preflights() (plan.Preflight, []string) {
	var target plan.Preflight
	var old []string
	for i := range s.tasks {
		task := &s.tasks[i]
		switch {
		case task.Labels[v1alpha1.LabelPurpose] != resources.PurposePreflight:
		case s.facts.Target.Problem != "":
		case task.Name == s.preflightName():
			target = s.preflight(task)
		default:
			old = append(old, task.Name)
		}
	}
	return target, old
}

// preflight is how far a check is. The first pod that says something final decides, before its Job has counted it.
func (s *scope) preflight(task *batchv1.Job) plan.Preflight {
	p := plan.Preflight{Name: task.Name, State: plan.Checking, Generation: generationOf(task)}
	failure, over := jobFailure(task)
	p.PodlessSince = task.CreationTimestamp.Time
	for i := range s.pods {
		pod := &s.pods[i]
		if !metav1.IsControlledBy(pod, task) {
			continue
		}
		if p.PodlessSince = (time.Time{}); !p.Pod.Exists || p.Pod.Trouble != nil {
			p.Pod = podFacts(pod)
		}
		result, ended := resources.ReadResult(pod)
		switch {
		case ended && result.OK:
			return plan.Preflight{Name: p.Name, State: plan.Passed, Generation: p.Generation, Pod: p.Pod}
		case ended && (result.Permanent || over):
			p.State, p.Message, p.Remedy, p.Permanent = plan.Refused, result.Message, result.Remedy, result.Permanent
			p.FinishedAt = endedAt(pod)
		case p.State != plan.Checking:
		case ended: // its Job tries again
			p.Trouble = &plan.Trouble{Reason: v1alpha1.ReasonPreflightFailed, Message: withRemedy(result)}
		case trouble(pod) != nil:
			p.Trouble = trouble(pod)
		}
	}
	switch {
	case p.State == plan.Refused:
	case over:
		p.State, p.Trouble, p.FinishedAt = plan.Refused, nil, failure.LastTransitionTime.Time
		p.Message = fmt.Sprintf("the check of revision %s did not end (%s: %s)", s.resolution.revision, failure.Reason, failure.Message)
		p.Remedy = "it is repeated; see the Events of its pods for what they waited for"
	case finished(task, batchv1.JobComplete) != nil:
		p.State = plan.Passed
	}
	return p
}

// withRemedy is what a pod said, and what to do.
func withRemedy(r resources.Result) string {
	if r.Remedy == "" {
		return r.Message
	}
	return r.Message + "; " + r.Remedy
}

// generationOf is the StreamJob's that an object was made for; 0: it does not say.
func generationOf(o client.Object) int64 {
	var generation int64
	if _, err := fmt.Sscan(o.GetAnnotations()[v1alpha1.AnnotationGeneration], &generation); err != nil {
		return 0
	}
	return generation
}

func finished(task *batchv1.Job, as batchv1.JobConditionType) *batchv1.JobCondition {
	for i := range task.Status.Conditions {
		if c := &task.Status.Conditions[i]; c.Type == as && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}

// jobFailure is why a Job is given up.
func jobFailure(task *batchv1.Job) (batchv1.JobCondition, bool) {
	if c := finished(task, batchv1.JobFailed); c != nil {
		return *c, true
	}
	return batchv1.JobCondition{}, false
}

// endedAt is when a pod's container ended.
func endedAt(pod *corev1.Pod) time.Time {
	if c := resources.Container(pod); c != nil && c.State.Terminated != nil {
		return c.State.Terminated.FinishedAt.Time
	}
	return pod.CreationTimestamp.Time
}

// discard is how far the Job is that removes the folder.
func (s *scope) discard() plan.Discard {
	for i := range s.tasks {
		task := &s.tasks[i]
		if task.Name != resources.DiscardName(s.job.Name) {
			continue
		}
		d := plan.Discard{Started: true, Succeeded: finished(task, batchv1.JobComplete) != nil}
		failure, over := jobFailure(task)
		d.Failed, d.Message = over, failure.Message
		for j := range s.pods {
			if result, ended := resources.ReadResult(&s.pods[j]); metav1.IsControlledBy(&s.pods[j], task) && ended && !result.OK {
				d.Message = result.Message
			}
		}
		return d
	}
	return plan.Discard{}
}
