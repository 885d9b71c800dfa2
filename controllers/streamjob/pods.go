package streamjob

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/rest"
)

// revisions are those of which there is a StatefulSet or a ConfigMap, with their pods and what ask has their coordinators say.
func (s *scope) revisions(ask func(*corev1.Pod) (answer *rest.Job, untrusted bool)) []plan.Revision {
	var all []plan.Revision
	seen, present := map[string]bool{}, map[types.UID]bool{}
	for i := range s.sets {
		set := &s.sets[i]
		r := plan.Revision{Name: set.Labels[v1alpha1.LabelRevision], Exists: true, Replicas: resources.Pods}
		r.Edited = s.edited[r.Name]
		if set.Spec.Replicas != nil {
			r.Replicas = *set.Spec.Replicas
		}
		seen[r.Name] = true
		pods := s.podsOf(set)
		for _, pod := range pods {
			r.Pods = append(r.Pods, podFacts(pod))
		}
		if r.CoordinatorPod().Running {
			pod := pods[0]
			present[pod.UID] = true
			if r.Coordinator, r.Untrusted = ask(pod); r.Coordinator == nil {
				r.SilentSince, r.AnsweredAt = s.memory.missing(pod.UID, s.facts.Now), s.memory.answeredAt(pod)
			}
		}
		if len(pods) == 0 && r.Replicas > 0 {
			present[set.UID] = true
			r.PodlessSince = s.memory.missing(set.UID, s.facts.Now)
		}
		all = append(all, r)
	}
	s.memory.keep(present)
	for revision := range s.configNames {
		if !seen[revision] {
			all = append(all, plan.Revision{Name: revision, Edited: s.edited[revision]})
		}
	}
	slices.SortFunc(all, func(a, b plan.Revision) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// podsOf are the pods that a StatefulSet is to have, the coordinator's first. What else it has, because somebody scaled it, is
// about to go and does nothing.
func (s *scope) podsOf(set *appsv1.StatefulSet) []*corev1.Pod {
	var pods []*corev1.Pod
	for ordinal := range resources.Pods {
		if p := s.podNamed(resources.PodName(set.Name, ordinal)); p != nil && metav1.IsControlledBy(p, set) {
			pods = append(pods, p)
		}
	}
	return pods
}

// podNamed finds a pod; nil: there is none.
func (s *scope) podNamed(name string) *corev1.Pod {
	for i := range s.pods {
		if s.pods[i].Name == name {
			return &s.pods[i]
		}
	}
	return nil
}

// podFacts are what decides about a pod.
func podFacts(p *corev1.Pod) plan.Pod {
	f := plan.Pod{Exists: true, Name: p.Name, Trouble: trouble(p)}
	if p.DeletionTimestamp != nil {
		f.GoneBy = p.DeletionTimestamp.Time
	}
	f.Running = resources.CoordinatorRuns(p)
	if !f.Running && f.Trouble == nil {
		f.Waiting = waiting(p)
	}
	for _, c := range p.Status.Conditions {
		switch {
		case c.Type != corev1.PodScheduled:
		case c.Status == corev1.ConditionTrue:
			f.ScheduledAt = c.LastTransitionTime.Time
		case c.Status == corev1.ConditionFalse:
			f.HomelessSince = c.LastTransitionTime.Time
		}
	}
	return f
}

// trouble is why a pod does not start that somebody has to look after; nil: it is well, or may be soon.
func trouble(p *corev1.Pod) *plan.Trouble {
	c := resources.Container(p)
	if c == nil || c.State.Waiting == nil {
		return nil
	}
	w := c.State.Waiting
	switch w.Reason {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
		return &plan.Trouble{Reason: v1alpha1.ReasonImagePullFailed, Message: fmt.Sprintf(
			"image %q cannot be pulled (%s%s): set spec.image to one that exists, or spec.worker.podTemplate.imagePullSecrets for a private registry",
			c.Image, w.Reason, colon(w.Message))}
	case "CrashLoopBackOff":
		if c.RestartCount < toldCrashes {
			return nil
		}
		return &plan.Trouble{Reason: v1alpha1.ReasonPodUnhealthy, Message: fmt.Sprintf(
			"pod %s has crashed %d times%s: see `kubectl logs %s --previous`", p.Name, c.RestartCount, lastEnd(c), p.Name)}
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError":
		return &plan.Trouble{Reason: v1alpha1.ReasonPodUnhealthy, Message: fmt.Sprintf(
			"pod %s cannot be started (%s%s): put right what it names, such as the Secret of spec.checkpoint.credentialsSecret", p.Name, w.Reason, colon(w.Message))}
	default:
		return nil
	}
}

// toldCrashes is how often a container crashes before somebody is to look after it. The kubelet starts it again, and the
// first time after ten seconds.
const toldCrashes = 4

// lastEnd is how a container ended the last time, and what helps against it.
func lastEnd(c *corev1.ContainerStatus) string {
	t := c.LastTerminationState.Terminated
	if t == nil {
		return ""
	}
	said := fmt.Sprintf(", last with exit code %d", t.ExitCode)
	if t.Reason != "" && t.Reason != "Error" {
		said += " (" + t.Reason + ")"
	}
	if t.Reason == "OOMKilled" {
		said += "; raise the memory in spec.worker.resources"
	}
	if first, _, _ := strings.Cut(strings.TrimSpace(t.Message), "\n"); first != "" {
		said += ": " + first
	}
	return said
}

// waiting is what a pod waits for that comes by itself.
func waiting(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Message
		}
	}
	if c := resources.Container(p); c != nil && c.State.Waiting != nil && c.State.Waiting.Reason == "CrashLoopBackOff" {
		return fmt.Sprintf("it has crashed %d times%s, and is started again", c.RestartCount, lastEnd(c))
	} else if c != nil && c.State.Waiting != nil {
		return c.State.Waiting.Reason + colon(c.State.Waiting.Message)
	}
	return ""
}

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}
