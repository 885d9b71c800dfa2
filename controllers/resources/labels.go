package resources

import (
	"maps"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/weirstream/weir/api/v1alpha1"
)

// The recommended labels of Kubernetes that every object bears, and their values.
const (
	labelName      = "app.kubernetes.io/name"
	labelManagedBy = "app.kubernetes.io/managed-by"
	labelComponent = "app.kubernetes.io/component"

	appName              = "weir-job"
	componentCoordinator = "coordinator"
)

// What a Job of the operator does: the value of v1alpha1.LabelPurpose on the Job and its pods.
const (
	PurposePreflight = "preflight"
	PurposeDiscard   = "discard"
	PurposeDispose   = "dispose"
)

// Labels are on every object of a job.
func Labels(job string) map[string]string {
	return map[string]string{labelManagedBy: v1alpha1.ManagedBy, labelName: appName, v1alpha1.LabelJob: job}
}

// RevisionLabels are on every object of one revision of a job.
func RevisionLabels(job, revision string) map[string]string {
	return with(Labels(job), v1alpha1.LabelRevision, revision)
}

// ManagedSelector selects all that the operator makes, of whichever job: what its caches hold.
func ManagedSelector() labels.Selector {
	return labels.SelectorFromSet(labels.Set{labelManagedBy: v1alpha1.ManagedBy})
}

// JobSelector selects all objects of one job.
func JobSelector(job string) labels.Selector { return labels.SelectorFromSet(Labels(job)) }

// PodSelector is the text of a selector for the pods that run a job, without those that check or clean up: what the
// scale subresource reports.
func PodSelector(job string) string {
	return labels.SelectorFromSet(coordinatorLabels(job)).String()
}

// coordinatorLabels are what the Service selects: the coordinators of all revisions, no pods of Jobs.
func coordinatorLabels(job string) map[string]string {
	return map[string]string{v1alpha1.LabelJob: job, labelComponent: componentCoordinator}
}

// with adds to labels that were just made.
func with(m map[string]string, key, value string) map[string]string {
	m[key] = value
	return m
}

// over lays maps over each other: the later ones win.
func over(layers ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, l := range layers {
		maps.Copy(all, l)
	}
	return all
}
