package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
)

// nonsense is what a CRD without a schema lets in, as the spec of a StreamJob, and what is said of it. elsewhere: the
// schema of today, too, lets its other fields be changed; of a value of another type it does not, whatever changes.
var nonsense = map[string]struct {
	spec, said string
	elsewhere  bool
}{
	"a-word-for-a-duration": {`{"sql":"INSERT INTO t SELECT 1","checkpoint":{"storage":"s3://b","interval":"fast"}}`, `spec.checkpoint.interval: "fast" is not a duration`, true},
	"a-duration-of-days":    {`{"sql":"INSERT INTO t SELECT 1","checkpoint":{"storage":"s3://b","timeout":"1d"}}`, `spec.checkpoint.timeout: "1d" is not a duration`, true},
	"a-bare-number":         {`{"sql":"INSERT INTO t SELECT 1","checkpoint":{"storage":"s3://b"},"restart":{"maxDelay":10}}`, `spec.restart.maxDelay: "10" is not a duration`, false},
	"a-half-quantity":       {`{"sql":"INSERT INTO t SELECT 1","checkpoint":{"storage":"s3://b"},"worker":{"resources":{"limits":{"memory":"1e1.5"}}}}`, `spec.worker.resources.limits.memory: "1e1.5" is not a quantity`, true},
	"a-text-for-a-number":   {`{"sql":"INSERT INTO t SELECT 1","checkpoint":{"storage":"s3://b"},"maxParallelism":"2"}`, `spec.maxParallelism: "2" is not a whole number`, false},
	"a-number-for-a-text":   {`{"sql":17}`, `spec.sql: "17" is not a text`, false},
	"a-list":                {`{"sql":"INSERT INTO t SELECT 1","checkpoint":[1]}`, `spec.checkpoint: a list is not a group of fields`, false},
	"nothing":               {`{}`, `spec.sql: it is missing`, false},
}

// TestWhatIsStoredStopsNoOperator stores objects past the schema, as an older CRD, or none, let them in. Each is one job's
// trouble: all others go on, under the operator that meets it, and under one that is started and finds it there.
func TestWhatIsStoredStopsNoOperator(t *testing.T) {
	w := controllertest.NewWorld(t)
	end := start(t, w, &lines{})
	good, turned := w.StreamJob("good"), w.StreamJob("turned")
	for _, job := range []*v1alpha1.StreamJob{good, turned} {
		create(t, w, job)
		w.Eventually(job.Name+" runs", func(ctx context.Context) error { return isReady(ctx, w, job, v1alpha1.ReasonRunning) })
	}

	restore := withoutSchema(t, w)
	for name, c := range nonsense {
		store(t, w, v1alpha1.StreamJobKind, name, c.spec)
	}
	store(t, w, v1alpha1.SavepointKind, "soon", `{"jobRef":{"name":"good"},"deadline":"soon"}`)
	store(t, w, v1alpha1.SavepointKind, "of-no-job", `{"jobRef":"good"}`)
	patchStored(t, w, turned.Name, "", `{"spec":{"checkpoint":{"interval":"fast"}}}`)
	patchStored(t, w, good.Name, "status", `{"status":{"attempt":"one","recoveryPoint":"there","history":"long"}}`)

	goesOn(t, w, good, "INSERT INTO t SELECT 2")
	isTold(t, w)
	if n := len(w.Bucket(w.Namespace + ".turned").Attempts()); n != 1 {
		t.Errorf("what ran under a spec that cannot be read has %d attempts", n)
	}

	restore()
	end()
	// What is in an object is held to the new schema where it changes, and nowhere else.
	for name, c := range nonsense {
		if c.elsewhere {
			patchStored(t, w, name, "", `{"metadata":{"labels":{"team":"a"}}}`)
			patchStored(t, w, name, "", `{"spec":{"savepoint":{"storage":"s3://bucket/savepoints"}}}`)
		}
	}
	end = start(t, w, &lines{})
	goesOn(t, w, good, "INSERT INTO t SELECT 3")
	isTold(t, w)

	// Its user mends it, or deletes it.
	patchStored(t, w, turned.Name, "", `{"spec":{"checkpoint":{"interval":"5s"}}}`)
	w.Eventually("what was mended runs", func(ctx context.Context) error { return isReady(ctx, w, turned, v1alpha1.ReasonRunning) })
	remove(t, w, &v1alpha1.StreamJob{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "a-word-for-a-duration"}})
	remove(t, w, &v1alpha1.Savepoint{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "soon"}})
	end()
}

// goesOn upgrades a job, which takes all that the operator does.
func goesOn(t *testing.T, w *controllertest.World, job *v1alpha1.StreamJob, sql string) {
	t.Helper()
	change(t, w, job, func(s *v1alpha1.StreamJobSpec) { s.SQL = &sql })
	w.Eventually("a job beside it is upgraded", func(ctx context.Context) error { return isReady(ctx, w, job, v1alpha1.ReasonRunning) })
}

// isTold waits until every object that cannot be read says so.
func isTold(t *testing.T, w *controllertest.World) {
	t.Helper()
	for name, c := range nonsense {
		w.Eventually(name+" is told", func(ctx context.Context) error {
			return isStalled(ctx, w, v1alpha1.StreamJobKind, name, c.said)
		})
	}
	w.Eventually("turned is told", func(ctx context.Context) error {
		return isStalled(ctx, w, v1alpha1.StreamJobKind, "turned", `spec.checkpoint.interval: "fast" is not a duration`)
	})
	for name, said := range map[string]string{"soon": "spec.deadline cannot be read", "of-no-job": "spec.jobRef cannot be read"} {
		w.Eventually(name+" is told", func(ctx context.Context) error {
			return isStalled(ctx, w, v1alpha1.SavepointKind, name, said)
		})
	}
}

// isStalled tells what an object lacks to be Stalled because of its spec.
func isStalled(ctx context.Context, w *controllertest.World, kind, name, said string) error {
	o := objectOf(w, kind, name)
	if err := w.Client.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
		return err
	}
	conditions, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		c, ok := c.(map[string]any)
		if ok && c["type"] == v1alpha1.ConditionStalled && c["status"] == "True" && c["reason"] == v1alpha1.ReasonInvalidSpec &&
			c["observedGeneration"] == o.GetGeneration() && strings.Contains(fmt.Sprint(c["message"]), said) {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("generation %d, conditions %v", o.GetGeneration(), conditions), err)
}

func objectOf(w *controllertest.World, kind, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	o.SetNamespace(w.Namespace)
	o.SetName(name)
	return o
}

// store creates an object with a spec of any kind.
func store(t *testing.T, w *controllertest.World, kind, name, spec string) {
	t.Helper()
	o := objectOf(w, kind, name)
	if err := o.UnmarshalJSON([]byte(fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"namespace":%q,"name":%q},"spec":%s}`,
		v1alpha1.GroupVersion, kind, w.Namespace, name, spec))); err != nil {
		t.Fatal(err)
	}
	create(t, w, o)
}

// patchStored changes a StreamJob past our types.
func patchStored(t *testing.T, w *controllertest.World, name, subresource, patch string) {
	t.Helper()
	o, raw := objectOf(w, v1alpha1.StreamJobKind, name), client.RawPatch(types.MergePatchType, []byte(patch))
	var err error
	if subresource == "" {
		err = w.Client.Patch(t.Context(), o, raw)
	} else {
		err = w.Client.SubResource(subresource).Patch(t.Context(), o, raw)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// withoutSchema takes the schemas of our CRDs away, as if an older release had had none; restore puts them back.
func withoutSchema(t *testing.T, w *controllertest.World) (restore func()) {
	t.Helper()
	real := map[string]any{}
	loose := map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}
	set := func(name string, schemas any) (before any) {
		w.Eventually("the schema of "+name+" is another one", func(ctx context.Context) error {
			crd := &unstructured.Unstructured{}
			crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
			if err := w.Client.Get(ctx, client.ObjectKey{Name: name}, crd); err != nil {
				return err
			}
			versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
			if err != nil {
				return err
			}
			version, ok := versions[0].(map[string]any)
			if !ok {
				return fmt.Errorf("the version is %v", versions[0])
			}
			before, version["schema"] = version["schema"], schemas
			if err := unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"); err != nil {
				return err
			}
			return w.Client.Update(ctx, crd)
		})
		return before
	}
	for _, name := range []string{"streamjobs.weir.stream", "savepoints.weir.stream"} {
		real[name] = set(name, loose)
	}
	awaitSchema(w, "loose", true)
	return func() {
		for name, schemas := range real {
			set(name, schemas)
		}
		awaitSchema(w, "strict", false)
	}
}

// awaitSchema waits until the API server takes nonsense, or does not: it serves a changed CRD some time after the change.
func awaitSchema(w *controllertest.World, name string, takes bool) {
	for kind, spec := range map[string]map[string]any{
		v1alpha1.StreamJobKind: {"desiredState": 7},
		v1alpha1.SavepointKind: {"jobRef": "none"},
	} {
		w.Eventually("the schema of "+kind+" is in force", func(ctx context.Context) error {
			o := objectOf(w, kind, "schema-is-"+name)
			o.Object["spec"] = spec
			if err := w.Client.Create(ctx, o, client.DryRunAll); (err == nil) != takes {
				return fmt.Errorf("it takes nonsense or not: %v", err)
			}
			return nil
		})
	}
}
