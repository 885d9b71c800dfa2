package operations_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/rest"
)

func TestATargetThatIsNoPlaceIsABadRequest(t *testing.T) {
	w := jobtest.NewWorld(t)
	r := w.Start(t, w.Config(1), w.Graph(t, "count"))
	for _, target := range []string{"ftp://host/x", "savepoints", "./savepoints", "s3://", "s3://user:password@bucket", "mem://x"} {
		for name, ask := range map[string]func(*jobtest.Run) error{
			"savepoint": func(r *jobtest.Run) error { _, err := r.Savepoint("1", target); return err },
			"stop":      func(r *jobtest.Run) error { _, err := r.Stop("2", target, false); return err },
		} {
			var e *rest.Error
			if err := ask(r); !errors.As(err, &e) || e.Code != rest.BadRequest || e.Remedy == "" {
				t.Errorf("%s into %q: %v, want BadRequest with the remedy", name, target, err)
			}
		}
	}
}

func TestATargetInTheWayIsABadRequestAndNothingIsWritten(t *testing.T) {
	top := jobtest.LinkedFolders(t)
	w := jobtest.NewWorld(t)
	r := w.Start(t, w.Config(1), w.PlacedGraph(t, filepath.Join(top, "in"), filepath.Join(top, "out"), false))
	n := 0
	for _, target := range []string{
		filepath.Join(top, "in"), filepath.Join(top, "in/new/folder"), "file://" + top + "/in", filepath.Join(top, "to-in"),
		filepath.Join(top, "to-staging"), filepath.Join(w.Dir, "counts"), filepath.Join(w.Dir, "counts", "chk-1"),
	} {
		n++
		for name, ask := range map[string]func(*jobtest.Run) error{
			"savepoint": func(r *jobtest.Run) error { _, err := r.Savepoint(fmt.Sprint("a", n), target); return err },
			"stop":      func(r *jobtest.Run) error { _, err := r.Stop(fmt.Sprint("b", n), target, false); return err },
		} {
			var e *rest.Error
			if err := ask(r); !errors.As(err, &e) || e.Code != rest.BadRequest || e.Remedy == "" {
				t.Errorf("%s into %q: %v, want BadRequest with the remedy", name, target, err)
			}
		}
	}
	if entries, err := os.ReadDir(filepath.Join(top, "in")); err != nil || len(entries) != 1 {
		t.Errorf("the input has %v (%v), want the one folder", entries, err)
	}
	if op, err := r.Savepoint("fine", filepath.Join(top, "elsewhere")); err != nil {
		t.Error(err)
	} else if op, err = r.Job.Operation(t.Context(), op.ID); err != nil || op.Status != rest.Done {
		t.Errorf("afterwards a savepoint is %+v (%v)", op, err)
	}
}
