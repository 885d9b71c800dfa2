package manifest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/weirstream/weir/api/v1alpha1"
)

// What a job's pods are given is checked here as the API server checks it in a pod: it would refuse the pods, which is late,
// and far from the field.

// Bounds of what is laid over a pod.
const (
	mostMetadata    = 64
	mostPullSecrets = 16
	mostTolerations = 64
	mostAmounts     = 6
	// mostAnnotationBytes is what Kubernetes takes of an object's annotations, keys and values.
	mostAnnotationBytes = 256 << 10
	mostImage           = 512
)

// imagePattern is looser than the grammar of image references, and holds what is no reference at all.
var imagePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._/:@+-]*$`)

func (r *rules) image(field string, image *string) {
	if image != nil && (len(*image) > mostImage || !imagePattern.MatchString(*image)) {
		r.refuse(field, "write it as registry/name:tag or registry/name@sha256:digest", "%.130q is not an image", *image)
	}
}

func (r *rules) worker(s *v1alpha1.PodSpec) {
	r.resources("spec.worker.resources", &s.Resources)
	const template = "spec.worker.podTemplate"
	t := &s.PodTemplate
	r.labels(template+".labels", t.Labels)
	r.labels(template+".nodeSelector", t.NodeSelector)
	r.annotations(template+".annotations", t.Annotations)
	if t.ServiceAccountName != nil {
		r.object(template+".serviceAccountName", *t.ServiceAccountName)
	}
	if t.PriorityClassName != nil {
		r.object(template+".priorityClassName", *t.PriorityClassName)
	}
	r.atMost(template+".imagePullSecrets", len(t.ImagePullSecrets), mostPullSecrets)
	for i, s := range t.ImagePullSecrets {
		r.object(fmt.Sprintf("%s.imagePullSecrets[%d].name", template, i), s.Name)
	}
	r.atMost(template+".tolerations", len(t.Tolerations), mostTolerations)
	for i := range t.Tolerations {
		r.toleration(fmt.Sprintf("%s.tolerations[%d]", template, i), &t.Tolerations[i])
	}
}

// object checks the name of an object of Kubernetes.
func (r *rules) object(path, name string) {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		r.refuse(path, "use small letters, digits and, between them, '-' and '.'", "%.130q is not the name of an object", name)
	}
}

func (r *rules) atMost(path string, n, most int) {
	if n > most {
		r.refuse(path, fmt.Sprintf("use at most %d", most), "there are %d", n)
	}
}

// key checks the name of a label, an annotation or a resource.
func (r *rules) key(path, key string) {
	if len(validation.IsQualifiedName(key)) > 0 {
		r.refuse(path, "use at most 63 letters, digits and, between them, '-', '_' and '.', with a domain and '/' before them or none",
			"%.130q is not a name", key)
	}
}

func (r *rules) labels(path string, labels map[string]v1alpha1.LabelValue) {
	r.atMost(path, len(labels), mostMetadata)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		at := join(path, key)
		r.key(at, key)
		if len(validation.IsValidLabelValue(string(labels[key]))) > 0 {
			r.refuse(at, "use at most 63 letters, digits and, between them, '-', '_' and '.'", "%.130q is not a label's value", labels[key])
		}
	}
}

func (r *rules) annotations(path string, annotations map[string]string) {
	r.atMost(path, len(annotations), mostMetadata)
	bytes := 0
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		r.key(join(path, key), key)
		bytes += len(key) + len(annotations[key])
	}
	if bytes > mostAnnotationBytes {
		r.refuse(path, fmt.Sprintf("use at most %d", mostAnnotationBytes), "they have %d bytes", bytes)
	}
}

func (r *rules) resources(path string, s *v1alpha1.Resources) {
	r.amounts(path+".limits", s.Limits)
	r.amounts(path+".requests", s.Requests)
	for _, name := range slices.Sorted(maps.Keys(s.Requests)) {
		request, limit := s.Requests[name], s.Limits[name]
		if _, limited := s.Limits[name]; limited && request.Cmp(limit) > 0 {
			r.refuse(join(path+".requests", string(name)), "request no more than the limit", "%s is more than the limit, which is %s",
				request.String(), limit.String())
		}
	}
}

func (r *rules) amounts(path string, amounts corev1.ResourceList) {
	r.atMost(path, len(amounts), mostAmounts)
	for _, name := range slices.Sorted(maps.Keys(amounts)) {
		at, amount := join(path, string(name)), amounts[name]
		r.resource(at, name)
		if amount.Sign() < 0 {
			r.refuse(at, "use a number from 0", "%s is negative", amount.String())
		}
	}
}

// resource checks the name of a resource: without a domain it is one that Kubernetes itself has.
func (r *rules) resource(path string, name corev1.ResourceName) {
	switch {
	case strings.Contains(string(name), "/"):
		r.key(path, string(name))
	case !strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix):
		choice(r, path, name, corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage)
	}
}

func (r *rules) toleration(path string, t *v1alpha1.Toleration) {
	if t.Key != "" {
		r.key(path+".key", t.Key)
	}
	if t.Operator != "" {
		choice(r, path+".operator", t.Operator, corev1.TolerationOpExists, corev1.TolerationOpEqual)
	}
	if t.Effect != "" {
		choice(r, path+".effect", t.Effect, corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)
	}
	exists := t.Operator == corev1.TolerationOpExists
	switch {
	case t.Key == "" && !exists:
		r.refuse(path, "name the taint's key, or write operator: Exists to bear every taint", "there is no key")
	case exists && t.Value != "":
		r.refuse(path+".value", "remove it, or write operator: Equal", "it means nothing with operator: Exists")
	case !exists && len(validation.IsValidLabelValue(string(t.Value))) > 0:
		r.refuse(path+".value", "use at most 63 letters, digits and, between them, '-', '_' and '.'", "%.130q is not a taint's value", t.Value)
	case t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute:
		r.refuse(path+".tolerationSeconds", "write effect: NoExecute, or remove it", "it means nothing with another effect")
	}
}
