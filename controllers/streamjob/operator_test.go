package streamjob_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/controllers/savepoint"
	"github.com/weirstream/weir/controllers/streamjob"
	"github.com/weirstream/weir/engine/backoff"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil { // worlds wait more than they compute
		panic(err)
	}
	controllertest.Main(m)
}

// quick is a pace at which a scenario takes seconds.
func quick() streamjob.Pace {
	return streamjob.Pace{Poll: 100 * time.Millisecond, Hurry: 50 * time.Millisecond, Progress: 100 * time.Millisecond,
		Retry: backoff.Backoff{First: 50 * time.Millisecond, Most: 200 * time.Millisecond, Jitter: backoff.Exactly}}
}

// startOperator starts an operator with both controllers, as the real one has them.
func startOperator(w *controllertest.World, pace streamjob.Pace) (*controllertest.Operator, *controllertest.Clock) {
	c := &controllertest.Clock{}
	return w.StartOperator(func(mgr manager.Manager) error {
		directory, err := coordinators.NewDirectory(w.Key)
		if err != nil {
			return err
		}
		jobs := &streamjob.Reconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder("weir"),
			Coordinators: directory, ClusterID: w.ClusterID, EngineImage: "weir:test", Now: c.Now, Pace: pace}
		if err := jobs.SetupWithManager(mgr); err != nil {
			return err
		}
		savepointPace := savepoint.DefaultPace()
		savepointPace.Busy, savepointPace.Waiting = 50*time.Millisecond, 200*time.Millisecond
		savepoints := &savepoint.Reconciler{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("weir"), Coordinators: directory,
			ClusterID: w.ClusterID, Now: c.Now, Random: func() float64 { return 0 }, Pace: savepointPace}
		return savepoints.SetupWithManager(mgr)
	}), c
}

// scenario is what happens to one StreamJob.
type scenario struct {
	t     *testing.T
	w     *controllertest.World
	name  string
	clock *controllertest.Clock
}

func (s *scenario) bucket() *controllertest.Bucket { return s.w.Bucket(s.w.Namespace + "." + s.name) }

func (s *scenario) get(ctx context.Context) (*v1alpha1.StreamJob, error) {
	job := &v1alpha1.StreamJob{}
	return job, s.w.Client.Get(ctx, client.ObjectKey{Namespace: s.w.Namespace, Name: s.name}, job)
}

// apply creates the StreamJob.
func (s *scenario) apply(change func(*v1alpha1.StreamJobSpec)) {
	s.t.Helper()
	job := s.w.StreamJob(s.name)
	change(&job.Spec)
	if err := s.w.Client.Create(s.w.Context(), job); err != nil {
		s.t.Fatalf("create StreamJob %s: %v", s.name, err)
	}
}

// edit changes the spec, as a user does.
func (s *scenario) edit(change func(*v1alpha1.StreamJobSpec)) {
	s.t.Helper()
	job, err := s.get(s.w.Context())
	if err == nil {
		before := job.DeepCopy()
		change(&job.Spec)
		err = s.w.Client.Patch(s.w.Context(), job, client.MergeFrom(before))
	}
	if err != nil {
		s.t.Fatalf("change the spec of %s: %v", s.name, err)
	}
}

// ready waits until the job is Ready at its generation, for this reason.
func (s *scenario) ready(reason string) *v1alpha1.StreamJob {
	s.t.Helper()
	return s.condition(v1alpha1.ConditionReady, reason)
}

// condition waits until a condition is true at the job's generation.
func (s *scenario) condition(kind, reason string) (job *v1alpha1.StreamJob) {
	s.t.Helper()
	s.w.Eventually(fmt.Sprintf("%s is %s because of %s", s.name, kind, reason), func(ctx context.Context) (err error) {
		if job, err = s.get(ctx); err != nil {
			return err
		}
		c := meta.FindStatusCondition(job.Status.Conditions, kind)
		if c == nil || c.Status != metav1.ConditionTrue || c.Reason != reason || c.ObservedGeneration != job.Generation || job.Status.ObservedGeneration != job.Generation {
			return fmt.Errorf("generation %d, phase %s, conditions %s", job.Generation, job.Status.Phase, texts(job.Status.Conditions))
		}
		return nil
	})
	return job
}

func texts(conditions []metav1.Condition) (all []string) {
	for _, c := range conditions {
		all = append(all, fmt.Sprintf("%s=%s(%s at %d: %s)", c.Type, c.Status, c.Reason, c.ObservedGeneration, c.Message))
	}
	return all
}

// settled waits until nothing is left of what is over: the StatefulSets are those of these revisions, with so many pods, and
// there is no preflight.
func (s *scenario) settled(revisions []string, pods int) {
	s.t.Helper()
	s.w.Eventually("what is over is removed", func(ctx context.Context) error {
		got, err := s.objects(ctx)
		if err != nil {
			return err
		}
		want := map[string]int{"StatefulSet": len(revisions), "ConfigMap": len(revisions), "Job": 0, "Pod": pods}
		for kind, n := range want {
			if len(got[kind]) != n {
				return fmt.Errorf("there are %s of kind %s, and are to be %d", got[kind], kind, n)
			}
		}
		for _, r := range revisions {
			if name := s.name + "-" + r; !slices.Contains(got["StatefulSet"], name) {
				return fmt.Errorf("StatefulSet %s is not there, but %s", name, got["StatefulSet"])
			}
		}
		return nil
	})
}

// attempts waits for so many claims, and checks that none was made but by one activation, or by a pod itself.
func (s *scenario) attempts(n int) []controllertest.Attempt {
	s.t.Helper()
	var all []controllertest.Attempt
	s.w.Eventually(fmt.Sprintf("%d attempts", n), func(context.Context) error {
		if all = s.bucket().Attempts(); len(all) != n {
			return fmt.Errorf("there are %d: %+v", len(all), all)
		}
		return nil
	})
	return all
}

// gone waits until the StreamJob and all that belonged to it are.
func (s *scenario) gone() {
	s.t.Helper()
	s.w.Eventually("the StreamJob is gone with all that it owned", func(ctx context.Context) error {
		if _, err := s.get(ctx); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there (%v)", err)
		}
		got, err := s.objects(ctx)
		if err != nil {
			return err
		}
		for kind, names := range got {
			if len(names) > 0 {
				return fmt.Errorf("%s are left of kind %s", names, kind)
			}
		}
		return nil
	})
}
