package manifest

import (
	"errors"
	"os"
	"strings"
	"testing"
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
	f.Add("a: &a {b: *a}\n", "- 1\n", "=")
	f.Fuzz(func(t *testing.T, manifest, global, setting string) {
		s, err := ParseSetting(setting)
		in := Input{Manifest: &File{"job.yaml", []byte(manifest)}, Global: &File{"weir.yaml", []byte(global)}}
		if err == nil {
			in.Settings = []Setting{s}
		}
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
