package resources_test

import (
	"encoding/json"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/manifest"
)

const (
	jobUID       = "6f3f7f0e-5a0c-4a53-9d6a-0d7a4d1f8f11"
	savepointUID = "0c1d2e3f-4a5b-4c6d-8e7f-a0b1c2d3e4f5"
	owner        = "c1a5e1d0-0000-4000-8000-000000000001/" + jobUID
	sql          = "CREATE TABLE a (n INT) WITH ('connector' = 'datagen');\nCREATE TABLE b (n INT) WITH ('connector' = 'blackhole');\nINSERT INTO b SELECT n FROM a WHERE n < 5 AND n > 1;\n"
)

// plain is the spec of a user who says no more than is needed, completed as the operator does.
func plain(t *testing.T) v1alpha1.StreamJobSpec {
	t.Helper()
	return complete(t, v1alpha1.StreamJobSpec{
		SQL:        new(sql),
		Checkpoint: v1alpha1.CheckpointSpec{Storage: new("s3://bucket/checkpoints")},
	})
}

// full says something in every field that reaches an object.
func full(t *testing.T) v1alpha1.StreamJobSpec {
	t.Helper()
	return complete(t, v1alpha1.StreamJobSpec{
		SQL:         new(sql),
		Image:       new("registry.example.com/weir:2"),
		Parallelism: new(int32(3)),
		Checkpoint: v1alpha1.CheckpointSpec{
			Storage: new("s3://bucket/checkpoints?region=eu-west-1"), CredentialsSecret: new("bucket"),
			Interval: &metav1.Duration{Duration: 5 * time.Second}, MinPause: &metav1.Duration{Duration: time.Second},
			Retained: new(int32(7)), TolerableFailures: new(int32(0)),
		},
		Savepoint: v1alpha1.SavepointDefaults{Storage: new("s3://bucket/savepoints")},
		Upgrade:   v1alpha1.UpgradeSpec{AllowNonRestoredState: new(true)},
		Restore:   v1alpha1.RestoreSpec{Path: new("s3://bucket/savepoints/savepoint-x"), Nonce: new(int64(4)), AllowRepeatedOutput: new(true)},
		Worker: v1alpha1.PodSpec{
			Resources: v1alpha1.Resources{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("1Gi")},
				Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
			},
			PodTemplate: v1alpha1.PodTemplate{
				Labels:             map[string]v1alpha1.LabelValue{"team": "air", "weir.stream/job": "somebody-else", "app.kubernetes.io/component": "mine"},
				Annotations:        map[string]string{"note": "kept", "kubectl.kubernetes.io/default-container": "other"},
				ServiceAccountName: new("bucket-reader"),
				PriorityClassName:  new("streams"),
				ImagePullSecrets:   []v1alpha1.PullSecret{{Name: "registry"}, {Name: "registry"}},
				NodeSelector:       map[string]v1alpha1.LabelValue{"disk": "fast", "arch": "amd64"},
				Tolerations: []v1alpha1.Toleration{
					{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "streams", Effect: corev1.TaintEffectNoSchedule},
					{Key: "node.kubernetes.io/unreachable", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(int64(5))},
				},
			},
		},
	})
}

// complete resolves a spec as the operator does.
func complete(t *testing.T, spec v1alpha1.StreamJobSpec) v1alpha1.StreamJobSpec {
	t.Helper()
	text, err := json.Marshal(v1alpha1.StreamJob{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.StreamJobKind},
		ObjectMeta: metav1.ObjectMeta{Name: "flights", Namespace: "air"}, Spec: spec,
	})
	if err != nil {
		t.Fatal(err)
	}
	return load(t, text).Spec
}

func load(t *testing.T, text []byte) *manifest.StreamJob {
	t.Helper()
	job, err := manifest.Load(manifest.Input{Manifest: &manifest.File{Name: "StreamJob air/flights", Text: text}, Cluster: true})
	if err != nil {
		t.Fatal(err)
	}
	if job.Spec.Image == nil {
		job.Spec.Image = new("registry.example.com/weir:1")
	}
	return job
}

// newJob is a Job of air/flights.
func newJob(t *testing.T, spec v1alpha1.StreamJobSpec) *resources.Objects {
	t.Helper()
	job, err := resources.NewObjects(input(spec))
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func input(spec v1alpha1.StreamJobSpec) resources.Input {
	return resources.Input{
		Name: "flights", Namespace: "air", UID: jobUID, Generation: 3,
		Spec: spec, Revision: resources.Revision(&spec), Owner: owner,
	}
}

func savepoint() *v1alpha1.Savepoint {
	return &v1alpha1.Savepoint{
		ObjectMeta: metav1.ObjectMeta{Name: "before-black-friday", Namespace: "air", UID: savepointUID},
		Status:     v1alpha1.SavepointStatus{Path: "s3://bucket/savepoints/savepoint-air.flights-" + savepointUID},
	}
}

func identity(t *testing.T) *rest.Identity {
	t.Helper()
	id, err := rest.NewIdentity([]byte("0123456789abcdef0123456789abcdef"), jobUID)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// objects are all that a job is made of, in the order in which a reader wants them.
func objects(t *testing.T, spec v1alpha1.StreamJobSpec) []any {
	t.Helper()
	job := newJob(t, spec)
	revision, err := job.ControllerRevision(2, resources.Fields(&spec))
	if err != nil {
		t.Fatal(err)
	}
	return []any{
		revision, job.ConfigMap(), job.Secret(identity(t)), job.Service(), job.StatefulSet(1),
		job.Preflight(), job.Discard(), job.Dispose(savepoint()), job.StopSavepoint(5, "upgrade"),
	}
}
