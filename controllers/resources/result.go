package resources

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/weirstream/weir/engine/rest"
)

// Result is what a pod of a Job leaves in its termination message, as one line of JSON.
type Result struct {
	OK bool `json:"ok"`
	// Chain is the end of the job's chain that a preflight saw; nil: it saw none.
	Chain *rest.Chain `json:"chain,omitempty"`
	// Message and Remedy say why it is not OK, and what to do.
	Message string `json:"message,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
	// Permanent: trying again changes nothing (P13).
	Permanent bool `json:"permanent,omitempty"`
}

// ReadResult returns what an ended pod left; ok is false while it has not ended. A pod that could not say anything, as one
// that ran out of memory, has failed, and may be tried again.
func ReadResult(pod *corev1.Pod) (result Result, ok bool) {
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		if status.Name != ContainerName || status.State.Terminated == nil {
			continue
		}
		ended := status.State.Terminated
		if err := json.Unmarshal([]byte(ended.Message), &result); err != nil {
			return Result{Message: endedWithout(ended), Remedy: withoutRemedy(ended)}, true
		}
		result.OK = result.OK && ended.ExitCode == 0
		return result, true
	}
	if pod.Status.Phase == corev1.PodFailed { // evicted, or lost with its node
		return Result{Message: strings.TrimSpace(fmt.Sprintf("pod %s ended: %s %s", pod.Name, pod.Status.Reason, pod.Status.Message))}, true
	}
	return Result{}, false
}

// withoutRemedy says what to do about a container that left no result: every verb leaves one, unless it is killed.
func withoutRemedy(ended *corev1.ContainerStateTerminated) string {
	if ended.Reason == "OOMKilled" || ended.ExitCode > 128 { // a signal's
		return ""
	}
	return "look whether the entrypoint of its image is weir, or a program whose main function is job.Main, of an engine that knows this operator"
}

// endedWithout says what is known of a container that left no result.
func endedWithout(ended *corev1.ContainerStateTerminated) string {
	message := fmt.Sprintf("the container ended with exit code %d without a result", ended.ExitCode)
	if ended.Reason != "" {
		message += " (" + ended.Reason + ")"
	}
	if first, _, _ := strings.Cut(strings.TrimSpace(ended.Message), "\n"); first != "" {
		message += ": " + first
	}
	return message
}
