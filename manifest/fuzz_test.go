package manifest

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzLoad holds for any text: the reader ends, and either gives a job that holds to its rules or one line that says why not.
func FuzzLoad(f *testing.F) {
	example, err := os.ReadFile("../examples/flight-delays/streamjob.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example), "", "spec.parallelism=4")
	f.Add(minimal, "checkpoint: {interval: 3s}", "spec.sql=x")
	f.Add(minimal+"  restart: {maxDelay: 1s}\n---\na: &a [*a]\n", "spec:\n  state: {backend: Heap}", "spec")
	f.Add(inPod+"  worker: {resources: {limits: {cpu: 010, memory: 1.5Gi}}, podTemplate: {tolerations: [{key: a, operator: Exists}]}}\n",
		"worker: {podTemplate: {labels: {a: 'yes'}}}", "spec.restore.savepointRef.name=b")
	f.Add("a: &a {b: *a}\n", "- 1\n", "=")
	f.Fuzz(func(t *testing.T, manifest, global, setting string) {
		s, err := ParseSetting(setting)
		in := Input{Manifest: &File{"job.yaml", []byte(manifest)}, Global: &File{"weir.yaml", []byte(global)}}
		if err == nil {
			in.Settings = []Setting{s}
		}
		writtenDownIsReadAgain(t, in)
		j, err := Load(in)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("%T %q", err, err)
			}
			return
		}
		c := j.Config
		if c.Parallelism < 1 || c.Parallelism > c.MaxParallelism || c.Interval <= 0 || c.Retained < 1 || c.Storage == "" ||
			!jobIDPattern.MatchString(c.Job) || len(c.Revision) != revisionLength || len(j.SQL.Text) > MaxSQL {
			t.Errorf("it breaks the rules: %+v", c)
		}
	})
}

// writtenDownIsReadAgain: what a pod is given is what the operator resolved.
func writtenDownIsReadAgain(t *testing.T, in Input) {
	in.Cluster = true
	j, err := Load(in)
	if err != nil {
		return
	}
	text, err := Marshal(j.Name, "", j.Spec)
	if err != nil {
		t.Fatal(err)
	}
	again, err := loadInPod(string(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(j.Spec, again.Spec); diff != "" {
		t.Errorf("(-resolved +read):\n%s\n%s", diff, text)
	}
}
