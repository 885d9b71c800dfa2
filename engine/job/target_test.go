package job_test

import (
	"errors"
	"testing"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
)

func TestATargetThatIsNoPlaceIsABadRequest(t *testing.T) {
	w := newWorld(t)
	r := w.start(t, w.config(1), w.graph(t, "count"))
	for _, target := range []string{"ftp://host/x", "savepoints", "./savepoints", "s3://", "s3://user:password@bucket", "mem://x"} {
		for name, ask := range map[string]func(*job.Job) error{
			"savepoint": func(j *job.Job) error { _, err := j.Savepoint(t.Context(), "1", target); return err },
			"stop":      func(j *job.Job) error { _, err := j.Stop(t.Context(), "2", target, false); return err },
		} {
			var e *rest.Error
			if err := ask(r.job); !errors.As(err, &e) || e.Code != rest.BadRequest || e.Remedy == "" {
				t.Errorf("%s into %q: %v, want BadRequest with the remedy", name, target, err)
			}
		}
	}
}
