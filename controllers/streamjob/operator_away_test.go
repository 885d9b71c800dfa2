package streamjob_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/controllers/streamjob"
	"github.com/weirstream/weir/manifest"
)

func TestAJobRecoversWithTheOperatorAway(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	operator, _ := startOperator(w, quick())
	s := &scenario{t: t, w: w, name: "flights"}
	s.apply(asIs)
	revision := s.started().Status.Revision
	operator.Stop()
	if err := w.Node.KillPod(w.Context(), "flights-"+revision+"-0"); err != nil {
		t.Fatal(err)
	}
	attempts := s.attempts(2)
	if !attempts[1].SelfClaimed || attempts[1].RestoredFrom == "" {
		t.Errorf("the second attempt is %+v", attempts[1])
	}
	operator.Start()
	w.Eventually("the status tells of the recovery", func(ctx context.Context) error {
		job, err := s.get(ctx)
		if err != nil {
			return err
		}
		if h := job.Status.History; len(h) != 2 || h[0].Reason != v1alpha1.ReasonRecovered || h[1].Outcome != "Lost" || job.Status.RestoredFrom != attempts[1].RestoredFrom {
			return fmt.Errorf("status is %+v", job.Status)
		}
		return nil
	})
	s.ready(v1alpha1.ReasonRunning)
}

// TestALaterOperatorRestartsNoJob: the image that a job got with its revision stays, also when a setting of it changes (P8).
// The key groups that its state is divided into stay even in its next revision, whatever weir.yaml says by then.
func TestALaterOperatorRestartsNoJob(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	with := func(image string, global *manifest.File) func(manager.Manager) error {
		return func(mgr manager.Manager) error {
			directory, err := coordinators.NewDirectory(w.Key)
			if err != nil {
				return err
			}
			r := &streamjob.Reconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder("weir"), Coordinators: directory,
				ClusterID: w.ClusterID, EngineImage: image, Global: global, Now: time.Now, Pace: quick()}
			return r.SetupWithManager(mgr)
		}
	}
	old := w.StartOperator(with("weir:1", nil))
	s := &scenario{t: t, w: w, name: "flights"}
	s.apply(func(spec *v1alpha1.StreamJobSpec) { spec.Image = nil })
	job := s.started()
	uid := s.podUID(job.Status.Revision)
	old.Stop()
	w.StartOperator(with("weir:2", &manifest.File{Name: "weir.yaml", Text: []byte("maxParallelism: 64\n")}))
	s.untouched(job.Status.Revision, uid)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.Checkpoint.OnDelete = as(v1alpha1.Retain) })
	if after := s.ready(v1alpha1.ReasonRunning); after.Status.Revision != job.Status.Revision {
		t.Errorf("revision %s follows %s", after.Status.Revision, job.Status.Revision)
	}
	s.untouched(job.Status.Revision, uid)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as("INSERT INTO t SELECT 2") })
	w.Eventually("the next revision is recorded", func(ctx context.Context) error {
		var all corev1.ConfigMapList
		if err := w.Client.List(ctx, &all, client.InNamespace(w.Namespace), client.HasLabels{v1alpha1.LabelRevision}); err != nil {
			return err
		}
		for i := range all.Items {
			spec, _, err := resources.ReadConfigMap(&all.Items[i])
			if err != nil {
				return err
			}
			if groups := *spec.MaxParallelism; groups != 1024 {
				t.Errorf("%s has %d key groups", all.Items[i].Name, groups)
			}
		}
		if len(all.Items) < 2 {
			return errors.New("it is not")
		}
		return nil
	})
}

// TestWhatIsKeptIsBounded: however often a job is changed, ten ControllerRevisions and about as many stops stay, as objects
// and in storage; and what somebody is to be restored from, however old it is.
func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	upgrades := 14
	if testing.Short() {
		upgrades = 3 // of which all is kept
	}
	w := controllertest.NewWorld(t)
	s, _ := start(t, w, asIs)
	for i := range upgrades {
		if i == 2 { // another job is to begin from the oldest
			other := w.StreamJob("other")
			other.Spec.DesiredState = as(v1alpha1.Suspended)
			other.Spec.Restore.SavepointRef = &v1alpha1.SavepointReference{Name: resources.StopSavepointName(s.name, 1, 2)}
			if err := w.Client.Create(w.Context(), other); err != nil {
				t.Fatal(err)
			}
		}
		s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as(fmt.Sprintf("INSERT INTO t SELECT %d", i+2)) })
		s.ready(v1alpha1.ReasonRunning)
	}
	job, err := s.get(w.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.settled([]string{job.Status.Revision}, 1)
	got, err := s.objects(w.Context())
	var stops v1alpha1.SavepointList
	if err := errors.Join(err, w.Client.List(w.Context(), &stops, client.InNamespace(w.Namespace))); err != nil {
		t.Fatal(err)
	}
	if n := len(got["ControllerRevision"]); n < min(upgrades+1, 10) || n > 11 {
		t.Errorf("%d ControllerRevisions are kept", n)
	}
	if n := len(stops.Items); n < min(upgrades, 11) || n > 12 {
		t.Errorf("%d Savepoints are kept", n)
	}
	if !slices.ContainsFunc(stops.Items, func(p v1alpha1.Savepoint) bool { return p.Name == resources.StopSavepointName(s.name, 1, 2) }) {
		t.Error("the Savepoint is gone that another job is to begin from")
	}
	w.Eventually("storage holds the savepoints of which there are objects", func(context.Context) error {
		have := s.bucket().Savepoints()
		for _, p := range stops.Items {
			if have[string(p.UID)] == "" {
				t.Errorf("Savepoint %s is not in storage", p.Name)
			}
			delete(have, string(p.UID))
		}
		if len(have) > 0 {
			return fmt.Errorf("%d more: %v", len(have), have)
		}
		return nil
	})
	if n := len(job.Status.History); n != min(upgrades+1, 10) {
		t.Errorf("%d attempts are remembered", n)
	}
}
