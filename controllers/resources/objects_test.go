package resources_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/resources"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestTheObjectsOfAJobAreThoseInTestdata(t *testing.T) {
	for name, spec := range map[string]v1alpha1.StreamJobSpec{"plain": plain(t), "full": full(t)} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			for _, o := range objects(t, spec) {
				fmt.Fprintf(&got, "---\n%s", withoutSecrets(t, o))
			}
			path := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got.String()); d != "" {
				t.Errorf("objects differ; if they should, write them anew with go test ./controllers/resources -update:\n%s", d)
			}
		})
	}
}

// withoutSecrets is an object as YAML, with the lengths of a Secret's values in their place.
func withoutSecrets(t *testing.T, object any) []byte {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal(encode(t, object), &tree); err != nil {
		t.Fatal(err)
	}
	if tree["kind"] == "Secret" {
		for key := range tree["data"].(map[string]any) {
			tree["data"].(map[string]any)[key] = "(secret)"
		}
	}
	text, err := yaml.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func encode(t *testing.T, object any) []byte {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEqualInputGivesEqualBytes(t *testing.T) {
	want := encode(t, objects(t, full(t)))
	for range 50 { // maps are walked in another order each time
		if got := encode(t, objects(t, full(t))); !bytes.Equal(got, want) {
			t.Fatal(cmp.Diff(string(want), string(got)))
		}
	}
}

// podsOf are the pods of all objects that have one, by the object's name.
func podsOf(t *testing.T, spec v1alpha1.StreamJobSpec) map[string]corev1.PodTemplateSpec {
	t.Helper()
	pods := map[string]corev1.PodTemplateSpec{}
	job := newJob(t, spec)
	for name, template := range map[string]*corev1ac.PodTemplateSpecApplyConfiguration{
		"coordinator": job.StatefulSet(1).Spec.Template,
		"preflight":   job.Preflight().Spec.Template,
		"discard":     job.Discard().Spec.Template,
		"dispose":     job.Dispose(savepoint()).Spec.Template,
	} {
		var pod corev1.PodTemplateSpec
		if err := json.Unmarshal(encode(t, template), &pod); err != nil {
			t.Fatal(err)
		}
		pods[name] = pod
	}
	return pods
}

func TestEveryPodIsAdmittedByTheRestrictedStandard(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range []v1alpha1.StreamJobSpec{plain(t), full(t)} {
		for name, pod := range podsOf(t, spec) {
			results := evaluator.EvaluatePod(psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}, &pod.ObjectMeta, &pod.Spec)
			if r := policy.AggregateCheckResults(results); !r.Allowed {
				t.Errorf("%s: %s", name, r.ForbiddenDetail())
			}
		}
	}
}

func TestPodsGetNoTokenOfKubernetesAndCannotWriteTheirImage(t *testing.T) {
	for name, pod := range podsOf(t, full(t)) {
		if a := pod.Spec.AutomountServiceAccountToken; a == nil || *a {
			t.Errorf("%s mounts a token", name)
		}
		if l := pod.Spec.EnableServiceLinks; l == nil || *l {
			t.Errorf("%s is told of other Services", name)
		}
		for _, c := range pod.Spec.Containers {
			if r := c.SecurityContext.ReadOnlyRootFilesystem; r == nil || !*r {
				t.Errorf("%s/%s may write to its image", name, c.Name)
			}
			if c.SecurityContext.RunAsUser != nil {
				t.Errorf("%s/%s overrides the pod's user", name, c.Name)
			}
		}
		if pod.Spec.SecurityContext.RunAsUser == nil || *pod.Spec.SecurityContext.RunAsUser == 0 {
			t.Errorf("%s runs as whoever the image says", name)
		}
	}
}

func TestOperatorsLabelsWinOverThoseOfThePodTemplate(t *testing.T) {
	for name, pod := range podsOf(t, full(t)) {
		if pod.Labels[v1alpha1.LabelJob] != "flights" || pod.Labels["app.kubernetes.io/component"] != name {
			t.Errorf("%s: %v", name, pod.Labels)
		}
		if pod.Labels["team"] != "air" || pod.Annotations["note"] != "kept" {
			t.Errorf("%s: the user's labels or annotations are lost", name)
		}
	}
}

func TestNobodySelectsThePodsOfJobs(t *testing.T) {
	job := newJob(t, plain(t))
	selectors := map[string]map[string]string{
		"Service": job.Service().Spec.Selector, "StatefulSet": job.StatefulSet(1).Spec.Selector.MatchLabels,
	}
	for name, pod := range podsOf(t, plain(t)) {
		for kind, selector := range selectors {
			matches := true
			for key, value := range selector {
				matches = matches && pod.Labels[key] == value
			}
			if matches != (name == "coordinator") {
				t.Errorf("%s selects the pods of %s: %v", kind, name, matches)
			}
		}
	}
}

func TestSecretValuesAreInTheSecretAlone(t *testing.T) {
	id := identity(t)
	planted := []string{id.Token(), id.OperatorToken(), id.OperatorTokenHash(), string(id.KeyPEM())}
	for _, o := range objects(t, full(t)) {
		if _, is := o.(*corev1ac.SecretApplyConfiguration); is {
			continue
		}
		text := string(encode(t, o))
		if i := slices.IndexFunc(planted, func(s string) bool { return strings.Contains(text, s) }); i >= 0 {
			t.Errorf("secret value %d is in %T", i, o)
		}
	}
	if secret := newJob(t, full(t)).Secret(id); strings.Contains(fmt.Sprint(secret.Data), id.OperatorToken()) {
		t.Error("the operator's token is in the Secret; only its hash belongs there")
	}
}

func TestAWorkerWithoutMemoryLimitHasNoHeapLimit(t *testing.T) {
	for _, c := range []struct {
		name string
		spec v1alpha1.StreamJobSpec
		want []corev1.EnvVar
	}{
		{"no limit", plain(t), nil},
		{"nine tenths of a limit", full(t), []corev1.EnvVar{{Name: "GOMEMLIMIT", Value: "966367620"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, podsOf(t, c.spec)["preflight"].Spec.Containers[0].Env); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestACheckAsksForLittleWhereThereIsNoRoom(t *testing.T) {
	spec := full(t)
	asked := func(name string) corev1.ResourceRequirements {
		return podsOf(t, spec)[name].Spec.Containers[0].Resources
	}
	if got := asked("preflight"); got.Requests.Cpu().String() != "500m" || got.Requests.Memory().String() != "1Gi" {
		t.Errorf("with room for another pod it asks for %v", got)
	}
	spec.Upgrade.Surge = new(false)
	if got := asked("preflight"); got.Requests.Cpu().String() != "100m" || got.Requests.Memory().String() != "128Mi" || got.Limits.Memory().String() != "1Gi" {
		t.Errorf("without room it asks for %v", got)
	}
	if got := asked("coordinator"); got.Requests.Cpu().String() != "500m" || got.Requests.Memory().String() != "1Gi" {
		t.Errorf("the job itself asks for %v", got)
	}
}

func TestAManifestThatWasChangedIsNotBelieved(t *testing.T) {
	spec := plain(t)
	written := newJob(t, spec).ConfigMap()
	text, beside, revision := written.Data[resources.ManifestKey], written.Data[resources.DigestKey], resources.Revision(&spec)
	other := spec
	other.SQL = new("INSERT INTO t SELECT 2")
	for _, c := range []struct {
		name, text, beside string
		spec               *v1alpha1.StreamJobSpec
		known, good        bool
	}{
		{"as it was written", text, beside, &spec, true, true},
		{"with a line's end after its digest", text, beside + "\n", &spec, true, true},
		{"as an earlier operator wrote it", text, "", &spec, true, true},
		{"a setting was changed", text + " ", beside, &spec, true, false},
		{"its text was changed", text, "", &other, true, false},
		{"a later operator says more of it", text, beside, &other, false, true},
	} {
		if err := resources.CheckManifest(c.text, c.beside, revision, c.spec, c.known); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestThePodReadsBackTheSpecThatWasResolved(t *testing.T) {
	for name, spec := range map[string]v1alpha1.StreamJobSpec{"plain": plain(t), "full": full(t)} {
		text := newJob(t, spec).ConfigMap().Data["streamjob.yaml"]
		got := load(t, []byte(text)).Spec
		if d := cmp.Diff(string(encode(t, spec)), string(encode(t, got))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestANewGenerationAloneChangesNoPod(t *testing.T) {
	spec := plain(t)
	in := input(spec)
	before := newJob(t, spec)
	in.Generation++
	spec.Parallelism, spec.Checkpoint.Retained = new(int32(8)), new(int32(9))
	in.Spec = spec
	after := newJobOf(t, in)
	if d := cmp.Diff(encode(t, before.StatefulSet(1).Spec), encode(t, after.StatefulSet(1).Spec)); d != "" {
		t.Error(d)
	}
	if *before.StatefulSet(1).Name != *after.StatefulSet(1).Name {
		t.Error("a setting made another revision")
	}
}

func TestObjectsGoWithTheirOwner(t *testing.T) {
	for _, o := range objects(t, plain(t)) {
		var meta metav1.PartialObjectMetadata
		if err := json.Unmarshal(encode(t, o), &meta); err != nil {
			t.Fatal(err)
		}
		want := jobUID
		if strings.HasPrefix(meta.Name, "dispose-") {
			want = savepointUID
		}
		if c := metav1.GetControllerOf(&meta); c == nil || string(c.UID) != want {
			t.Errorf("%T %s is controlled by %+v", o, meta.Name, c)
		}
		if meta.Labels["app.kubernetes.io/managed-by"] != "weir" || meta.Labels[v1alpha1.LabelJob] != "flights" {
			t.Errorf("%T %s cannot be found by its labels %v", o, meta.Name, meta.Labels)
		}
	}
}
