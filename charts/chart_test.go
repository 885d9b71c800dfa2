// Package charts has the tests of the Helm chart: what it renders, with which rights, and which values it refuses.
package charts

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/manifest"
)

var update = flag.Bool("update", false, "write testdata anew")

// helm runs the chart's own Helm.
func helm(ctx context.Context, args ...string) (stdout []byte, err error) {
	if err := harness.DependsOn("weir", "../.bin/helm"); errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("../.bin/helm is not built: make .bin/helm")
	} else if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, "../.bin/helm", args...)
	var problems bytes.Buffer
	command.Stderr = &problems
	stdout, err = command.Output()
	if err != nil {
		return nil, fmt.Errorf("helm %s: %w: %s%s", args[0], err, problems.String(), stdout)
	}
	return stdout, nil
}

// render returns the objects of the chart with some values.
func render(t *testing.T, values ...string) []runtime.Object {
	t.Helper()
	args := []string{"template", "weir", "weir", "--namespace", "weir-system"}
	for _, v := range values {
		args = append(args, "--set-json", v)
	}
	text, err := helm(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, text)
}

// decode reads YAML as the API server does that refuses unknown and repeated fields.
func decode(t *testing.T, text []byte) []runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientscheme.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	strict := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	documents := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	for {
		document := make([]byte, 1<<20)
		n, err := documents.Read(document)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(document[:n])) == 0 {
			continue
		}
		object, _, err := strict.Decode(document[:n], nil, nil)
		if runtime.IsNotRegisteredError(err) { // the Prometheus operator's
			object, _, err = unstructured.UnstructuredJSONScheme.Decode(toJSON(t, document[:n]), nil, nil)
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, document[:n])
		}
		objects = append(objects, object)
	}
}

func toJSON(t *testing.T, text []byte) []byte {
	t.Helper()
	text, err := utilyaml.ToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// only returns the objects of one type.
func only[T runtime.Object](objects []runtime.Object) []T {
	var all []T
	for _, o := range objects {
		if t, ok := o.(T); ok {
			all = append(all, t)
		}
	}
	return all
}

// everything turns all on that is off by default.
var everything = []string{
	`image={"repository":"localhost/weir","tag":"x"}`, `imagePullSecrets=[{"name":"registry"}]`, `engineImage="localhost/engine:1"`,
	`config={"checkpoint":{"storage":"s3://bucket/weir","interval":"5s"},"maxParallelism":2}`, `watchNamespaces=["air","sea"]`, `replicas=2`,
	`serviceAccount={"name":"special","annotations":{"role":"x"}}`,
	`metrics={"service":true,"serviceMonitor":{"enabled":true,"interval":"15s","labels":{"release":"prometheus"}}}`,
	`podDisruptionBudget={"enabled":true}`, `networkPolicy={"enabled":true}`, `podAnnotations={"a":"1"}`, `podLabels={"b":"2"}`,
	`nodeSelector={"disk":"fast"}`, `tolerations=[{"key":"k","operator":"Exists"}]`, `priorityClassName="high"`,
	`affinity={"podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1,"podAffinityTerm":{"topologyKey":"kubernetes.io/hostname","labelSelector":{"matchLabels":{"app.kubernetes.io/name":"weir-operator"}}}}]}}`,
}

func TestTheChartLints(t *testing.T) {
	if _, err := helm(t.Context(), "lint", "--strict", "weir"); err != nil {
		t.Error(err)
	}
}

func TestEveryManifestIsReadStrictly(t *testing.T) {
	for name, values := range map[string][]string{"defaults": nil, "everything": everything} {
		t.Run(name, func(t *testing.T) {
			if n := len(render(t, values...)); n < 10 {
				t.Errorf("%d objects", n)
			}
		})
	}
}

func TestPlainManifestsAreTheChartWithItsDefaults(t *testing.T) {
	plain, err := os.ReadFile("../config/manager/operator.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(render(t, "crds.install=false"), decode(t, plain)); d != "" {
		t.Errorf("make generate:\n%s", d)
	}
}

func TestTheOperatorsPodsAreRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string][]string{"defaults": nil, "everything": everything} {
		deployments := only[*appsv1.Deployment](render(t, values...))
		if len(deployments) != 1 {
			t.Fatalf("%s: %d Deployments", name, len(deployments))
		}
		pod := &deployments[0].Spec.Template
		results := evaluator.EvaluatePod(psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}, &pod.ObjectMeta, &pod.Spec)
		if r := policy.AggregateCheckResults(results); !r.Allowed {
			t.Errorf("%s: %s", name, r.ForbiddenDetail())
		}
		for _, c := range pod.Spec.Containers {
			if r := c.SecurityContext.ReadOnlyRootFilesystem; r == nil || !*r {
				t.Errorf("%s: container %s may write to its image", name, c.Name)
			}
		}
	}
}

func TestCRDsAreThoseOfTheAPIAndStayWhenTheChartGoes(t *testing.T) {
	files, err := filepath.Glob("../config/crd/weir.stream_*.yaml")
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	var want []*apiextensionsv1.CustomResourceDefinition
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, only[*apiextensionsv1.CustomResourceDefinition](decode(t, text))...)
	}
	got := only[*apiextensionsv1.CustomResourceDefinition](render(t))
	byName := func(a, b *apiextensionsv1.CustomResourceDefinition) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(got, byName)
	slices.SortFunc(want, byName)
	for _, crd := range got {
		if crd.Annotations["helm.sh/resource-policy"] != "keep" {
			t.Errorf("%s goes with the chart, and all jobs with it", crd.Name)
		}
		delete(crd.Annotations, "helm.sh/resource-policy")
		crd.Labels = nil
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if n := len(only[*apiextensionsv1.CustomResourceDefinition](render(t, "crds.install=false"))); n != 0 {
		t.Errorf("%d CRDs although they are not wanted", n)
	}
}

func TestTheConfigIsAWeirYAMLThatJobsCanBeResolvedWith(t *testing.T) {
	var text string
	for _, o := range render(t, everything...) {
		if u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o); err == nil && u["kind"] == "ConfigMap" {
			text, _, _ = unstructured.NestedString(u, "data", "weir.yaml")
		}
	}
	job, err := manifest.Load(manifest.Input{
		SQL:    &manifest.File{Name: "job.sql", Text: []byte("INSERT INTO a SELECT 1;")},
		Global: &manifest.File{Name: "weir.yaml", Text: []byte(text)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *job.Spec.Checkpoint.Storage != "s3://bucket/weir" || *job.Spec.MaxParallelism != 2 {
		t.Errorf("%+v", job.Spec)
	}
}

func TestAnotherConfigIsAnotherPod(t *testing.T) {
	template := func(values ...string) any {
		return only[*appsv1.Deployment](render(t, values...))[0].Spec.Template
	}
	const a, b = `config={"checkpoint":{"interval":"5s"}}`, `config={"checkpoint":{"interval":"6s"}}`
	if gocmp.Diff(template(a), template(b)) == "" {
		t.Error("the operator would go on with the old one")
	}
	if d := gocmp.Diff(template(a), template(a)); d != "" {
		t.Error(d)
	}
}

func TestAnOperatorOfSomeNamespacesHasRightsInTheseAlone(t *testing.T) {
	const operator = "weir-operator"
	objects := render(t, `watchNamespaces=["air","sea"]`)
	for _, b := range only[*rbacv1.ClusterRoleBinding](objects) {
		if b.RoleRef.Name == operator {
			t.Errorf("%s gives its rights everywhere", b.Name)
		}
	}
	var namespaces []string
	for _, b := range only[*rbacv1.RoleBinding](objects) {
		if b.RoleRef.Kind == "ClusterRole" && b.RoleRef.Name == operator {
			namespaces = append(namespaces, b.Namespace)
		}
	}
	slices.Sort(namespaces)
	if d := gocmp.Diff([]string{"air", "sea"}, namespaces); d != "" {
		t.Error(d)
	}
	args := only[*appsv1.Deployment](objects)[0].Spec.Template.Spec.Containers[0].Args
	if !slices.Contains(args, "--namespaces=air,sea") {
		t.Errorf("%v", args)
	}
}

func TestTheReadmeNamesEveryValue(t *testing.T) {
	readme, err := os.ReadFile("weir/README.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("weir/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := utilyaml.UnmarshalStrict(text, &values); err != nil {
		t.Fatal(err)
	}
	var check func(prefix string, values map[string]any)
	check = func(prefix string, values map[string]any) {
		for name, value := range values {
			path := prefix + name
			if inner, is := value.(map[string]any); is && len(inner) > 0 && name != "resources" {
				check(path+".", inner)
			} else if !bytes.Contains(readme, []byte("`"+path+"`")) {
				t.Errorf("%s is not in weir/README.md", path)
			}
		}
	}
	check("", values)
}

func TestNoTwoObjectsHaveOneName(t *testing.T) {
	for name, values := range map[string][]string{
		"defaults": nil, "everything": everything, "an operator that looks after its own namespace": {`watchNamespaces=["weir-system"]`},
	} {
		seen := map[string]bool{}
		for _, o := range render(t, values...) {
			meta, err := meta.Accessor(o)
			if err != nil {
				t.Fatal(err)
			}
			id := fmt.Sprintf("%T %s/%s", o, meta.GetNamespace(), meta.GetName())
			if seen[id] {
				t.Errorf("%s: there are two %s", name, id)
			}
			seen[id] = true
		}
	}
}

func TestEveryRoleIsBoundAndEveryBindingHasARole(t *testing.T) {
	for name, values := range map[string][]string{"defaults": nil, "everything": everything} {
		objects := render(t, values...)
		roles, bound := map[string]bool{}, map[string]bool{}
		for _, r := range only[*rbacv1.ClusterRole](objects) {
			if !forUsers(r) {
				roles["ClusterRole "+r.Name] = true
			}
		}
		for _, r := range only[*rbacv1.Role](objects) {
			roles["Role "+r.Name] = true
		}
		for _, b := range only[*rbacv1.ClusterRoleBinding](objects) {
			bound[b.RoleRef.Kind+" "+b.RoleRef.Name] = true
		}
		for _, b := range only[*rbacv1.RoleBinding](objects) {
			bound[b.RoleRef.Kind+" "+b.RoleRef.Name] = true
		}
		if d := gocmp.Diff(roles, bound); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// forUsers tells the roles that become part of view, edit and admin.
func forUsers(r *rbacv1.ClusterRole) bool {
	for label := range r.Labels {
		if strings.Contains(label, "aggregate-to-") {
			return true
		}
	}
	return false
}

func TestWrongValuesAreRefused(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"a value that is misspelt", `replica=2`, "replica"},
		{"an image without a name", `image={"repository":""}`, "repository"},
		{"two operators that both lead", `replicas=2 leaderElection=false`, "leaderElection"},
		{"a number of operators that is none", `replicas="two"`, "replicas"},
		{"defaults that are a job's own", `config={"jobID":"x"}`, "jobID"},
		{"a default of a field that is misspelt", `config={"checkpoint":{"intervall":"5s"}}`, "intervall"},
		{"a default of a field that there is not", `config={"speed":9}`, "speed"},
		{"a word for a duration", `config={"checkpoint":{"interval":"fast"}}`, "interval"},
		{"a number for a duration", `config={"checkpoint":{"interval":10}}`, "interval"},
		{"a path for storage", `config={"checkpoint":{"storage":"/data"}}`, "storage"},
		{"a quantity that is none", `config={"worker":{"resources":{"limits":{"memory":"lots"}}}}`, "memory"},
		{"a default that the API server gives to each job before", `config={"parallelism":2}`, "parallelism"},
		{"a default that is misspelt below spec", `config={"spec":{"checkpoint":{"intervall":"5s"}}}`, "intervall"},
		{"something beside spec", `config={"spec":{},"checkpoint":{}}`, "checkpoint"},
		{"defaults as a text", `config="checkpoint: {}"`, "config"},
		{"a namespace that cannot be one", `watchNamespaces=["A b"]`, "watchNamespaces"},
		{"a pull policy that is none", `image={"repository":"x","pullPolicy":"Sometimes"}`, "pullPolicy"},
		{"an interval that is none", `metrics={"serviceMonitor":{"interval":"soon"}}`, "interval"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"template", "weir", "weir"}
			for _, v := range strings.Fields(c.value) {
				if !strings.Contains(v, "=") {
					args[len(args)-1] += " " + v
					continue
				}
				args = append(args, "--set-json", v)
			}
			_, err := helm(t.Context(), args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestTheConfigHasTheFieldsOfASpec holds the schema of the values to that of the CRD: what weir.yaml may say, and no more.
func TestTheConfigHasTheFieldsOfASpec(t *testing.T) {
	text, err := os.ReadFile("weir/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var values struct {
		Defs struct {
			Spec configSchema `json:"spec"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	for _, crd := range only[*apiextensionsv1.CustomResourceDefinition](render(t)) {
		if crd.Spec.Names.Kind != "StreamJob" {
			continue
		}
		spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		sameFields(t, "config", values.Defs.Spec, spec)
	}
}

// configSchema is the part of a JSON schema that names fields. false is a field that cannot be given.
type configSchema struct {
	Never      bool                    `json:"-"`
	Additional any                     `json:"additionalProperties"`
	Pattern    string                  `json:"pattern"`
	Properties map[string]configSchema `json:"properties"`
}

func (s *configSchema) UnmarshalJSON(text []byte) error {
	if string(text) == "false" {
		s.Never = true
		return nil
	}
	type plain configSchema
	return json.Unmarshal(text, (*plain)(s))
}

func sameFields(t *testing.T, path string, got configSchema, want apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	if got.Never {
		return
	}
	if len(want.Properties) > 0 && got.Additional != false {
		t.Errorf("%s takes any field", path)
	}
	for name := range got.Properties {
		if _, is := want.Properties[name]; !is {
			t.Errorf("%s.%s is no field of spec", path, name)
		}
	}
	for name, field := range want.Properties {
		mine, is := got.Properties[name]
		if !is {
			t.Errorf("%s.%s is missing in weir/values.schema.json", path, name)
			continue
		}
		for _, rule := range field.XValidations {
			if strings.Contains(rule.Rule, "duration(self)") && !strings.Contains(rule.Rule, mine.Pattern) || mine.Pattern == "" && strings.Contains(rule.Rule, "duration(self)") {
				t.Errorf("%s.%s is a duration, and takes any text", path, name)
			}
		}
		sameFields(t, path+"."+name, mine, field)
	}
}

func TestTheRulesAreThoseInTestdata(t *testing.T) {
	objects := render(t)
	var got strings.Builder
	for _, r := range only[*rbacv1.ClusterRole](objects) {
		writeRules(&got, "ClusterRole "+r.Name, r.Rules)
	}
	for _, r := range only[*rbacv1.Role](objects) {
		writeRules(&got, "Role "+r.Name, r.Rules)
	}
	path := filepath.Join("testdata", "rules.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(string(want), got.String()); d != "" {
		t.Errorf("rules differ; if they should, write them anew with go test ./charts -update:\n%s", d)
	}
}

// writeRules writes a line for each resource: what may be done with it.
func writeRules(w *strings.Builder, role string, rules []rbacv1.PolicyRule) {
	fmt.Fprintln(w, role)
	var lines []string
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				if group != "" {
					resource += "." + group
				}
				if len(r.ResourceNames) > 0 {
					resource += " " + strings.Join(r.ResourceNames, ",")
				}
				lines = append(lines, fmt.Sprintf("  %-45s %s", resource, strings.Join(slices.Sorted(slices.Values(r.Verbs)), " ")))
			}
		}
	}
	slices.Sort(lines)
	fmt.Fprintln(w, strings.Join(lines, "\n"))
}

func TestTheOperatorHasNoMoreRightsThanItNeeds(t *testing.T) {
	for _, r := range only[*rbacv1.ClusterRole](render(t)) {
		for _, rule := range r.Rules {
			if slices.Contains(slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs), "*") {
				t.Errorf("%s has a wildcard: %v", r.Name, rule)
			}
			if !slices.Contains(rule.APIGroups, "") || !slices.Contains(rule.Resources, "secrets") {
				continue
			}
			if d := gocmp.Diff([]string{"create", "patch"}, slices.Sorted(slices.Values(rule.Verbs))); d != "" {
				t.Errorf("%s and Secrets: %s", r.Name, d)
			}
		}
		if forUsers(r) && slices.ContainsFunc(r.Rules, func(rule rbacv1.PolicyRule) bool {
			return slices.Contains(rule.Resources, "streamjobs/status") && slices.Contains(rule.Verbs, "update")
		}) {
			t.Error("users may write the status of a StreamJob")
		}
	}
}
