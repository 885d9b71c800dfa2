package controllers

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/manifest"
)

// oddity is a manifest that somebody may write, and who refuses it.
type oddity struct {
	Name string `json:"name"`
	// Manifest is laid over the smallest valid one, field by field; remove: a field is taken out of that.
	Manifest map[string]any `json:"manifest"`
	// By says who refuses it in a cluster: the API server, by the CRD; the operator, because the CRD cannot say it; nobody.
	By string `json:"by"`
	// Says is a part of the message.
	Says string `json:"says"`
	// Run says of `weir run` what differs: takes or refuses.
	Run string `json:"run"`
	// Why is why it is not the API server that refuses it, or why `weir run` differs.
	Why string `json:"why"`
}

const smallest = `{apiVersion: weir.stream/v1alpha1, kind: StreamJob, metadata: {name: odd},
  spec: {sql: INSERT INTO t SELECT 1, checkpoint: {storage: "s3://bucket/weir"}}}`

// TestOddManifests gives the same manifests to the API server, as kubectl does, to the reading that the operator and pods
// have, and to that of `weir run`. They agree, but where the table says why they do not.
func TestOddManifests(t *testing.T) {
	w := controllertest.NewWorld(t)
	text, err := os.ReadFile("testdata/oddities.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var table []oddity
	if err := yaml.UnmarshalStrict(text, &table); err != nil {
		t.Fatal(err)
	}
	if len(table) < 75 {
		t.Errorf("%d manifests", len(table))
	}
	seen := map[string]bool{}
	for _, c := range table {
		t.Run(c.Name, func(t *testing.T) {
			if seen[c.Name] {
				t.Fatal("its name is another's")
			}
			seen[c.Name] = true
			checkOddity(t, w, c)
		})
	}
}

func checkOddity(t *testing.T, w *controllertest.World, c oddity) {
	var document map[string]any
	if err := yaml.Unmarshal([]byte(smallest), &document); err != nil {
		t.Fatal(err)
	}
	lay(document, c.Manifest)
	text, err := yaml.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	file := &manifest.File{Name: "odd.yaml", Text: text}
	var want struct{ server, operator, run bool } // who refuses it
	switch c.By {
	case "nobody":
	case "the operator":
		want.operator, want.run = true, true
		if c.Why == "" {
			t.Error("why does the CRD not say it?")
		}
	case "the API server":
		want.server, want.operator, want.run = true, true, true
	default:
		t.Fatalf("by %q", c.By)
	}
	switch {
	case c.Run != "" && c.Why == "":
		t.Error("why does `weir run` differ?")
	case c.Run == "takes":
		want.run = false
	case c.Run == "refuses":
		want.run = true
	}
	served := dryRun(t, w, text)
	refusedBy(t, "the API server", want.server, served)
	job, operated := manifest.Load(manifest.Input{Manifest: file, Cluster: true})
	if operated == nil {
		operated = resources.CheckName(job.Name)
	}
	refusedBy(t, "the operator", want.operator, operated)
	_, ran := manifest.Load(manifest.Input{Manifest: file})
	refusedBy(t, "weir run", want.run, ran)
	said := map[bool]error{true: served, false: operated}[want.server]
	if said != nil && !strings.Contains(said.Error(), c.Says) {
		t.Errorf("%v\nwants %q", said, c.Says)
	}
	t.Log(said)
}

func refusedBy(t *testing.T, who string, want bool, err error) {
	t.Helper()
	switch {
	case want && err == nil:
		t.Errorf("%s takes it", who)
	case !want && err != nil:
		t.Errorf("%s refuses it: %v", who, err)
	}
}

// lay puts fields over those of a document; a null stays one, as in a file, and the word remove takes the field away.
func lay(document, over map[string]any) {
	for name, value := range over {
		fields, is := value.(map[string]any)
		under, was := document[name].(map[string]any)
		switch {
		case value == "remove":
			delete(document, name)
		case is && was:
			lay(under, fields)
		default:
			document[name] = value
		}
	}
}

// dryRun asks the API server as kubectl apply does, strictly, and stores nothing.
func dryRun(t *testing.T, w *controllertest.World, text []byte) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal(asJSON, &o.Object); err != nil {
		t.Fatal(err)
	}
	if err := unstructured.SetNestedField(o.Object, w.Namespace, "metadata", "namespace"); err != nil {
		return fmt.Errorf("kubectl: %w", err)
	}
	return w.Client.Create(t.Context(), o, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
}
