package manifest

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestAManifestForPodsSaysAllAndNoSecret(t *testing.T) {
	j, err := loadInPod(strings.Replace(minimal, "INSERT INTO a SELECT * FROM b", "|\n    INSERT INTO a\n      SELECT * FROM b; -- all", 1) + `
  image: registry.example/weir:1
  parallelism: 4
  checkpoint: {storage: "s3://bucket/weir?region=eu-central-1", credentialsSecret: bucket-login, interval: 90s}
  worker:
    resources: {requests: {memory: 1024Mi, cpu: "0.5"}}
    podTemplate: {labels: {b: "2", a: "1"}, annotations: {yes: "no"}, tolerations: [{operator: Exists}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Marshal("delays", "prod", j.Spec)
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/streamjob.yaml"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("go test ./manifest -update writes it anew (-want +got):\n%s", diff)
	}
}

// random makes complete specs of all shapes.
type random struct{ *rand.Rand }

func pick[T any](r random, values ...T) T { return values[r.IntN(len(values))] }

func maybe[T any](r random, value T) *T {
	if r.IntN(2) == 0 {
		return nil
	}
	return &value
}

// text is SQL as nobody would write it: what YAML reads as something else unless it is quoted.
func (r random) text() string {
	var b strings.Builder
	for range 1 + r.IntN(20) {
		b.WriteString(pick(r, "SELECT", "a: b", "# c", "- ", "\n", "\n\n", " ", "  ", "\t", "'", `"`, "\\", "|", ">", "%", "&a", "*a", "---", "...", "\u0085", "\u2028",
			"\r\n", "é", "世", "\U0001F30A", "true", "~", "12", "{", "}", "[", "@", "`", "!", "<<", "\x01", "\x7f", "\ufeff"))
	}
	if strings.TrimSpace(b.String()) == "" {
		return "x" + b.String()
	}
	return b.String()
}

func (r random) duration() *metav1.Duration {
	return &metav1.Duration{Duration: time.Second + time.Duration(r.Int64N(3600_000))*time.Millisecond}
}

func mapping[V ~string](r random) map[string]V {
	var m map[string]V
	for i := range r.IntN(3) {
		if m == nil {
			m = map[string]V{}
		}
		m[fmt.Sprintf("example.com/k%d", i)] = V(pick(r, "", "true", "yes", "1", "1e3", "null", "a.b_c-d"))
	}
	return m
}

func (r random) amounts(least int) corev1.ResourceList {
	if r.IntN(3) == 0 {
		return nil
	}
	return corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse(fmt.Sprintf("%dm", least+r.IntN(1000))),
		corev1.ResourceMemory: resource.MustParse(fmt.Sprintf("%d%s", least+r.IntN(1000), pick(r, "Mi", "M", "Gi", ""))),
		"example.com/gpu":     resource.MustParse("2"),
	}
}

func (r random) spec() v1alpha1.StreamJobSpec {
	spec := v1alpha1.StreamJobSpec{
		SQL: new(r.text()), Image: maybe(r, "registry.example:5000/weir@sha256:01"), DesiredState: maybe(r, v1alpha1.Suspended),
		JobID: maybe(r, "1e3"), Parallelism: maybe(r, int32(1+r.IntN(512))),
		Savepoint: v1alpha1.SavepointDefaults{Storage: maybe(r, "gs://b/c%20d?x=1")},
		Upgrade:   v1alpha1.UpgradeSpec{AllowNonRestoredState: maybe(r, true), Surge: maybe(r, false)},
		Restore:   v1alpha1.RestoreSpec{Path: maybe(r, "file:///a/b%23c"), TakeOver: maybe(r, true)},
		Worker: v1alpha1.PodSpec{
			Resources: v1alpha1.Resources{Limits: r.amounts(2000)},
			PodTemplate: v1alpha1.PodTemplate{Labels: mapping[v1alpha1.LabelValue](r), Annotations: mapping[string](r), NodeSelector: mapping[v1alpha1.LabelValue](r),
				ServiceAccountName: maybe(r, "null"), PriorityClassName: maybe(r, "1.5")},
		},
	}
	spec.Checkpoint = v1alpha1.CheckpointSpec{Storage: new(pick(r, "mem://x", "s3://bucket/a?endpoint=http://127.0.0.1:1", "azblob://c")),
		Interval: r.duration(), CredentialsSecret: maybe(r, "010"), OnDelete: maybe(r, v1alpha1.Delete)}
	if spec.Restore.Path == nil {
		spec.Restore.SavepointRef = maybe(r, v1alpha1.SavepointReference{Name: "no"})
	}
	if spec.Worker.Resources.Limits != nil {
		spec.Worker.Resources.Requests = r.amounts(0)
		for name, limit := range spec.Worker.Resources.Limits {
			if request := spec.Worker.Resources.Requests[name]; request.Cmp(limit) > 0 {
				spec.Worker.Resources.Requests[name] = limit
			}
		}
	}
	for range r.IntN(3) {
		spec.Worker.PodTemplate.Tolerations = append(spec.Worker.PodTemplate.Tolerations, v1alpha1.Toleration{Key: "a", Value: "true"})
		spec.Worker.PodTemplate.ImagePullSecrets = append(spec.Worker.PodTemplate.ImagePullSecrets, v1alpha1.PullSecret{Name: "1"})
	}
	complete(&spec, "a.b", false)
	return spec
}

func TestACompleteSpecIsReadToItself(t *testing.T) {
	r := random{rand.New(rand.NewPCG(1, 2))}
	for i := range 500 {
		spec := r.spec()
		text, err := Marshal("b", "a", spec)
		if err != nil {
			t.Fatal(err)
		}
		again, err := loadInPod(string(text))
		if err != nil {
			t.Fatalf("spec %d: %v\n%s", i, err, text)
		}
		if diff := cmp.Diff(spec, again.Spec); diff != "" {
			t.Fatalf("spec %d through YAML (-want +got):\n%s\n%s", i, diff, text)
		}
		if second, err := Marshal("b", "a", again.Spec); err != nil || string(second) != string(text) {
			t.Fatalf("spec %d is written differently the second time (%v):\n%s", i, err, cmp.Diff(string(text), string(second)))
		}
		if strings.ContainsAny(*spec.SQL, "\x7f\u0085") {
			continue // JSON leaves these as they are, and YAML has no such characters outside of quotes
		}
		object, err := json.Marshal(v1alpha1.StreamJob{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.StreamJobKind},
			ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "a", UID: "u", CreationTimestamp: metav1.Now(), ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m", FieldsV1: &metav1.FieldsV1{}}}},
			Spec:       spec, Status: v1alpha1.StreamJobStatus{Phase: v1alpha1.PhaseRunning},
		})
		if err != nil {
			t.Fatal(err)
		}
		if again, err = loadInPod(string(object)); err != nil {
			t.Fatalf("spec %d: %v\n%s", i, err, object)
		}
		if diff := cmp.Diff(spec, again.Spec); diff != "" {
			t.Fatalf("spec %d through JSON (-want +got):\n%s\n%s", i, diff, object)
		}
	}
}
