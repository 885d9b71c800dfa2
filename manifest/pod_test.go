package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/weirstream/weir/api/v1alpha1"
)

// inPod begins a manifest for a cluster; more lines of spec can follow.
const inPod = minimal + "  checkpoint: {storage: s3://bucket/weir}\n"

// loadInPod reads a manifest as the operator and pods do.
func loadInPod(manifest string, global ...string) (*StreamJob, error) {
	in := Input{Manifest: &File{Name: "job.yaml", Text: []byte(manifest)}, Cluster: true}
	for _, text := range global {
		in.Global = &File{Name: "weir.yaml", Text: []byte(text)}
	}
	return Load(in)
}

func TestEveryFieldAboutPodsIsRead(t *testing.T) {
	j, err := loadInPod(inPod + `
  image: registry.example/weir@sha256:0123
  desiredState: Suspended
  restore: {savepointRef: {name: before-friday}, nonce: 3}
  worker:
    resources:
      requests: {cpu: 500m, memory: 1Gi, example.com/gpu: 1}
      limits: {cpu: "1.5", memory: 1Gi}
    podTemplate:
      labels: {team: a, none: null}
      annotations: {example.com/why: because}
      serviceAccountName: reader
      priorityClassName: high
      imagePullSecrets: [{name: registry}]
      nodeSelector: {disk: ssd}
      tolerations:
        - {key: spot, operator: Exists, effect: NoExecute, tolerationSeconds: 30}
        - {key: team, value: a}
`)
	if err != nil {
		t.Fatal(err)
	}
	s := j.Spec
	seconds, account, priority := int64(30), "reader", "high"
	want := v1alpha1.PodSpec{
		Resources: v1alpha1.Resources{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("1Gi"), "example.com/gpu": resource.MustParse("1")},
			Limits:   corev1.ResourceList{"cpu": resource.MustParse("1500m"), "memory": resource.MustParse("1Gi")},
		},
		PodTemplate: v1alpha1.PodTemplate{
			Labels: map[string]v1alpha1.LabelValue{"team": "a"}, Annotations: map[string]string{"example.com/why": "because"},
			ServiceAccountName: &account, PriorityClassName: &priority,
			ImagePullSecrets: []v1alpha1.PullSecret{{Name: "registry"}}, NodeSelector: map[string]v1alpha1.LabelValue{"disk": "ssd"},
			Tolerations: []v1alpha1.Toleration{
				{Key: "spot", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
				{Key: "team", Value: "a"},
			},
		},
	}
	if diff := cmp.Diff(want, s.Worker); diff != "" {
		t.Errorf("worker (-want +got):\n%s", diff)
	}
	if *s.Image != "registry.example/weir@sha256:0123" || *s.DesiredState != v1alpha1.Suspended || s.Restore.SavepointRef.Name != "before-friday" {
		t.Errorf("spec %+v", s)
	}
}

func TestWhatAJobSaysOfItsPodsReplacesWhatWeirYAMLSays(t *testing.T) {
	const global = "worker:\n  podTemplate: {labels: {team: all}, nodeSelector: {disk: hdd}, tolerations: [{operator: Exists}]}\n"
	j, err := loadInPod(inPod+"  worker: {podTemplate: {labels: {}, nodeSelector: null, tolerations: []}}\n", global)
	if err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.PodTemplate{NodeSelector: map[string]v1alpha1.LabelValue{"disk": "hdd"}}
	if diff := cmp.Diff(want, j.Spec.Worker.PodTemplate); diff != "" {
		t.Errorf("an empty list or mapping is none, null is nothing written (-want +got):\n%s", diff)
	}
}

func TestWhatIsRefusedOfPods(t *testing.T) {
	const template = "  worker:\n    podTemplate: "
	tolerations := func(fields string) string { return template + "{tolerations: [{" + fields + "}]}\n" }
	long := strings.Repeat("x", 64)
	for _, c := range []struct{ name, spec, want string }{
		{"an unknown field of the pod template", template + "{hostNetwork: true}\n",
			`7:19: spec.worker.podTemplate has no field "hostNetwork"; it has labels, annotations, serviceAccountName, priorityClassName, imagePullSecrets, nodeSelector, tolerations`},
		{"an unknown field of Kubernetes' own", tolerations("keys: a"),
			`7:34: spec.worker.podTemplate.tolerations[0] has no field "keys"; did you mean key?`},
		{"an unknown field of resources", "  worker: {resources: {limit: {cpu: 1}}}\n",
			`6:24: spec.worker.resources has no field "limit"; did you mean limits?`},
		{"a quantity that is none", "  worker: {resources: {limits: {cpu: lots}}}\n",
			`6:38: spec.worker.resources.limits.cpu: "lots" is not a quantity; write a number with or without a unit, such as 500m, 2 or 1Gi`},
		{"a quantity that YAML 1.1 and 1.2 read differently", "  worker: {resources: {limits: {cpu: 010}}}\n",
			`6:38: spec.worker.resources.limits.cpu: "010" is not a quantity; write a number with or without a unit, such as 500m, 2 or 1Gi`},
		{"a group for a quantity", "  worker: {resources: {limits: {cpu: {a: 1}}}}\n",
			`6:38: spec.worker.resources.limits.cpu: a group of fields is not a quantity; write a number with or without a unit, such as 500m, 2 or 1Gi`},
		{"a negative quantity", "  worker: {resources: {limits: {cpu: -1}}}\n",
			`6:38: spec.worker.resources.limits.cpu: -1 is negative; use a number from 0`},
		{"a resource that Kubernetes does not have", "  worker: {resources: {limits: {memry: 1}}}\n",
			`6:40: spec.worker.resources.limits.memry: "memry" is not known; did you mean memory?`},
		{"a request beyond the limit", "  worker: {resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}}\n",
			`6:43: spec.worker.resources.requests.memory: 2Gi is more than the limit, which is 1Gi; request no more than the limit`},
		{"claims of devices", "  worker: {resources: {claims: [{name: a}]}}\n",
			`6:24: not supported yet: spec.worker.resources.claims; leave it out for now`},
		{"an image that is none", "  image: \"weir 1\"\n",
			`6:10: spec.image: "weir 1" is not an image; write it as registry/name:tag or registry/name@sha256:digest`},
		{"a secret that cannot be one", "  checkpoint: {credentialsSecret: My_Login}\n",
			`6:35: spec.checkpoint.credentialsSecret: "My_Login" is not the name of an object; use small letters, digits and, between them, '-' and '.'`},
		{"a savepoint that cannot be one", "  restore: {savepointRef: {name: ''}}\n",
			`6:34: spec.restore.savepointRef.name: "" is not the name of an object; use small letters, digits and, between them, '-' and '.'`},
		{"a text for a reference", "  restore: {savepointRef: before}\n",
			`6:27: spec.restore.savepointRef: "before" is not a group of fields; write its fields, each in a line of its own: name`},
		{"a label that is none", template + "{labels: {'a b': c}}\n",
			`7:35: spec.worker.podTemplate.labels.a b: "a b" is not a name; use at most 63 letters, digits and, between them, '-', '_' and '.', with a domain and '/' before them or none`},
		{"a label's value that is too long", template + "{labels: {a: " + long + "}}\n",
			`7:31: spec.worker.podTemplate.labels.a: "` + long + `" is not a label's value; use at most 63 letters, digits and, between them, '-', '_' and '.'`},
		{"a label that is no text", template + "{labels: {a: 1}}\n",
			`7:31: spec.worker.podTemplate.labels.a: "1" is not a text; put it in quotes: "1"`},
		{"a toleration of nothing", tolerations(""),
			`7:33: spec.worker.podTemplate.tolerations[0]: there is no key; name the taint's key, or write operator: Exists to bear every taint`},
		{"an unknown operator", tolerations("key: a, operator: Exist"),
			`7:52: spec.worker.podTemplate.tolerations[0].operator: "Exist" is not known; did you mean Exists?`},
		{"a value that is not compared", tolerations("key: a, operator: Exists, value: b"),
			`7:67: spec.worker.podTemplate.tolerations[0].value: it means nothing with operator: Exists; remove it, or write operator: Equal`},
		{"an unknown effect", tolerations("key: a, effect: NoRun"),
			`7:50: spec.worker.podTemplate.tolerations[0].effect: "NoRun" is not known; use NoSchedule or PreferNoSchedule or NoExecute`},
		{"seconds of what nobody is evicted by", tolerations("key: a, tolerationSeconds: 3"),
			`7:61: spec.worker.podTemplate.tolerations[0].tolerationSeconds: it means nothing with another effect; write effect: NoExecute, or remove it`},
		{"more annotations than an object takes", template + "{annotations: {a: " + strings.Repeat("x", 256<<10) + "}}\n",
			`7:32: spec.worker.podTemplate.annotations: they have 262145 bytes; use at most 262144`},
		{"more tolerations than are taken", template + "{tolerations: [" + strings.TrimSuffix(strings.Repeat("{key: a},", 65), ",") + "]}\n",
			`7:32: spec.worker.podTemplate.tolerations: there are 65; use at most 64`},
		{"a mapping for a list", template + "{tolerations: {a: b}}\n",
			`7:32: spec.worker.podTemplate.tolerations: a group of fields is not a list; write each value in a line of its own that begins with '- '`},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The storage comes from below, so that the line of spec that is wrong is the sixth.
			_, err := loadInPod(minimal+c.spec, "checkpoint: {storage: s3://bucket/weir}")
			if want := "job.yaml:" + c.want; fmt.Sprint(err) != want {
				t.Errorf("got  %.300v\nwant %s", err, want)
			}
		})
	}
}

func TestAPodLeavesOutWhatALaterOperatorKnows(t *testing.T) {
	text := inPod + "  worker: {podTemplate: {hostname: a}}\n  later: {than: this}\n"
	if _, err := loadInPod(text); err == nil {
		t.Error("an unknown field was read")
	}
	j, err := Load(Input{Manifest: &File{Name: "job.yaml", Text: []byte(text)}, Cluster: true, Tolerant: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(j.Notes) != 2 || !strings.Contains(j.Notes[0], "hostname") || !strings.Contains(j.Notes[1], "later") {
		t.Errorf("the notes are %q", j.Notes)
	}
}
