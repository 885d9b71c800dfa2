package streamjob_test

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/engine/rest"
)

// savepoint has the job make one, and goes on.
func (s *scenario) savepoint(name string) *v1alpha1.Savepoint {
	s.t.Helper()
	p := &v1alpha1.Savepoint{Spec: v1alpha1.SavepointSpec{JobRef: v1alpha1.JobReference{Name: s.name}}}
	p.Namespace, p.Name = s.w.Namespace, name
	if err := s.w.Client.Create(s.w.Context(), p); err != nil {
		s.t.Fatal(err)
	}
	s.again(p, name, "the Savepoint is complete", func() bool { return p.Status.Phase == v1alpha1.SavepointCompleted })
	return p
}

// TestARestoreThatWouldRepeatOutputStopsNothing: an older savepoint, without the user's word that output may be repeated.
func TestARestoreThatWouldRepeatOutputStopsNothing(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, job := start(t, w, asIs)
	uid := s.podUID(job.Status.Revision)
	s.savepoint("before")
	s.untouched(job.Status.Revision, uid)
	s.edit(func(spec *v1alpha1.StreamJobSpec) {
		spec.Restore = v1alpha1.RestoreSpec{SavepointRef: &v1alpha1.SavepointReference{Name: "before"}, Nonce: as(int64(1))}
	})
	stalled := s.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonPreflightFailed)
	if said := strings.Join(texts(stalled.Status.Conditions), "\n"); !strings.Contains(said, "would write output again") || !strings.Contains(said, "allowRepeatedOutput") {
		t.Errorf("the status says\n%s", said)
	}
	s.untouched(job.Status.Revision, uid)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.Restore.AllowRepeatedOutput = as(true) })
	s.ready(v1alpha1.ReasonRunning)
	if a := s.attempts(2); !strings.Contains(a[1].RestoredFrom, "savepoint-") {
		t.Errorf("attempts are %+v", a)
	}
}

// TestActivationsThatClaimAndFailGoBack: each claims an attempt, so that the newest is another one each time.
func TestActivationsThatClaimAndFailGoBack(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*v1alpha1.StreamJobSpec){
		"another revision": func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as("INSERT INTO t SELECT 2") },
		"other settings":   func(spec *v1alpha1.StreamJobSpec) { spec.Parallelism = as(int32(3)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := controllertest.NewWorld(t)
			s, before := start(t, w, asIs)
			s.bucket().Behave(func(b *controllertest.Behaviour) {
				b.FailActivation = &rest.Error{Code: rest.Conflict, Message: "going back would write output again"}
			})
			s.edit(change)
			s.again(&v1alpha1.StreamJob{}, s.name, "three activations have failed", func() bool {
				failed := 0
				for _, a := range s.bucket().Attempts() {
					if a.Failed {
						failed++
					}
				}
				return failed >= 3
			})
			s.bucket().Behave(func(b *controllertest.Behaviour) { b.FailActivation = nil })
			back := s.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonWentBack)
			if back.Status.Revision != before.Status.Revision {
				t.Errorf("revision %s runs, and %s did before", back.Status.Revision, before.Status.Revision)
			}
			var last controllertest.Attempt
			s.again(back, s.name, "it runs as it did before", func() bool {
				all := s.bucket().Attempts()
				last = all[len(all)-1]
				return !last.Failed && back.Status.Attempt == last.Number && back.Status.Phase == v1alpha1.PhaseStalled
			})
			if last.Revision != before.Status.Revision || last.Settings.Parallelism != 1 {
				t.Errorf("the newest attempt is %+v", last)
			}
			n := len(s.bucket().Attempts())
			s.edit(func(spec *v1alpha1.StreamJobSpec) {
				spec.SQL, spec.Parallelism = as("INSERT INTO t SELECT 1"), as(int32(1))
			})
			s.ready(v1alpha1.ReasonRunning)
			if now := len(s.bucket().Attempts()); now != n {
				t.Errorf("%d attempts followed %d", now, n)
			}
		})
	}
}
