package savepoint_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/controllers/savepoint"
	"github.com/weirstream/weir/engine/backoff"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

func TestMain(m *testing.M) { controllertest.Main(m) }

// pod is the one that World.StartJob makes for job flights.
var pod = controllertest.PodOf("flights")

// quick is a pace at which scenarios take less than a second.
func quick() savepoint.Pace {
	return savepoint.Pace{Busy: 20 * time.Millisecond, Waiting: 100 * time.Millisecond,
		Retry: backoff.Backoff{First: 20 * time.Millisecond, Most: 100 * time.Millisecond, Jitter: backoff.UpperHalf}, Patience: 5 * time.Minute, Progress: time.Millisecond}
}

// operator starts one with nothing but the Savepoint controller.
func operator(t *testing.T, w *controllertest.World) (*controllertest.Operator, *controllertest.Clock) {
	t.Helper()
	c := &controllertest.Clock{}
	return w.StartOperator(func(mgr manager.Manager) error {
		directory, err := coordinators.NewDirectory(w.Key)
		if err != nil {
			return err
		}
		r := &savepoint.Reconciler{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("weir"), Coordinators: directory,
			ClusterID: w.ClusterID, Now: c.Now, Random: func() float64 { return 0 }, Pace: quick()}
		return r.SetupWithManager(mgr)
	}), c
}

func newSavepoint(w *controllertest.World, name string, mode v1alpha1.SavepointMode, policy v1alpha1.DeletionPolicy) *v1alpha1.Savepoint {
	return &v1alpha1.Savepoint{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: name},
		Spec: v1alpha1.SavepointSpec{JobRef: v1alpha1.JobReference{Name: "flights"}, Mode: &mode, DeletionPolicy: &policy}}
}

func create(t *testing.T, w *controllertest.World, s *v1alpha1.Savepoint) {
	t.Helper()
	if err := w.Client.Create(w.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, w *controllertest.World, o client.Object) {
	t.Helper()
	if err := w.Client.Delete(w.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// await waits until a Savepoint is in a phase, for a reason.
func await(w *controllertest.World, s *v1alpha1.Savepoint, phase v1alpha1.SavepointPhase, reason string) {
	w.Eventually(fmt.Sprintf("Savepoint %s is %s: %s", s.Name, phase, reason), func(ctx context.Context) error {
		if err := w.Client.Get(ctx, client.ObjectKeyFromObject(s), s); err != nil {
			return err
		}
		c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionReady)
		if s.Status.Phase != phase || c == nil || c.Reason != reason {
			return fmt.Errorf("status: %+v", s.Status)
		}
		return nil
	})
}

func awaitGone(w *controllertest.World, s *v1alpha1.Savepoint) {
	w.Eventually("Savepoint "+s.Name+" is gone", func(ctx context.Context) error {
		err := w.Client.Get(ctx, client.ObjectKeyFromObject(s), s)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(fmt.Errorf("it is there: %+v", s.Status), err)
	})
}

// awaitEvent waits for an Event about a Savepoint whose note contains a text.
func awaitEvent(w *controllertest.World, s *v1alpha1.Savepoint, text string) {
	w.Eventually("an Event that says "+text, func(ctx context.Context) error {
		var list eventsv1.EventList
		if err := w.Client.List(ctx, &list, client.InNamespace(w.Namespace)); err != nil {
			return err
		}
		var notes []string
		for _, e := range list.Items {
			if e.Regarding.UID == s.UID && strings.Contains(e.Note, text) {
				return nil
			}
			notes = append(notes, e.Note)
		}
		return fmt.Errorf("events: %q", notes)
	})
}

// one checks that storage holds exactly one savepoint, that of s.
func one(t *testing.T, w *controllertest.World, s *v1alpha1.Savepoint) {
	t.Helper()
	all := bucket(w).Savepoints()
	if len(all) != 1 || all[string(s.UID)] != s.Status.Path || s.Status.Path == "" {
		t.Errorf("storage holds %v, and the status of %s says %q", all, s.UID, s.Status.Path)
	}
}

func bucket(w *controllertest.World) *controllertest.Bucket {
	return w.Bucket(w.Namespace + ".flights")
}

func TestEveryStepOfASavepointSurvives(t *testing.T) {
	t.Run("taken, and removed with its object", func(t *testing.T) {
		controllertest.EveryStep(t, func(t *testing.T, w *controllertest.World) {
			w.StartJob(w.StreamJob("flights"))
			operator(t, w)
			s := newSavepoint(w, "now", v1alpha1.Continue, v1alpha1.Delete)
			create(t, w, s)
			await(w, s, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
			one(t, w, s)
			path := s.Status.Path
			remove(t, w, s)
			awaitGone(w, s)
			if got := bucket(w).Disposed(); len(got) == 0 || got[0] != path || len(bucket(w).Savepoints()) != 0 {
				t.Errorf("disposed of %v, left %v", got, bucket(w).Savepoints())
			}
		})
	})
	t.Run("stopping the job", func(t *testing.T) {
		controllertest.EveryStep(t, func(t *testing.T, w *controllertest.World) {
			job := w.StartJob(w.StreamJob("flights"))
			operator(t, w)
			s := newSavepoint(w, "last", v1alpha1.Stop, v1alpha1.Retain)
			create(t, w, s)
			await(w, s, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
			one(t, w, s)
			if s.Status.JobGeneration != job.Generation {
				t.Errorf("stopped generation %d, want %d", s.Status.JobGeneration, job.Generation)
			}
			if n := stops(w); n != 1 {
				t.Errorf("the job was stopped %d times", n)
			}
		})
	})
	t.Run("failing twice before it succeeds", func(t *testing.T) {
		controllertest.EveryStep(t, func(t *testing.T, w *controllertest.World) {
			w.StartJob(w.StreamJob("flights"))
			full := &rest.Error{Code: rest.Internal, Message: "the disk is full"}
			bucket(w).Behave(func(b *controllertest.Behaviour) { b.FailOperations = []*rest.Error{full, full} })
			operator(t, w)
			s := newSavepoint(w, "now", v1alpha1.Continue, v1alpha1.Retain)
			create(t, w, s)
			await(w, s, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
			one(t, w, s)
			if s.Status.Failures > 2 {
				t.Errorf("%d failures were counted, and there were 2", s.Status.Failures)
			}
		})
	})
}

func TestTheCoordinatorMayForgetAndTheStatusMayBeLost(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	w.StartJob(w.StreamJob("flights"))
	operator(t, w)
	s := newSavepoint(w, "now", v1alpha1.Continue, v1alpha1.Retain)
	bucket(w).Behave(func(b *controllertest.Behaviour) { b.HoldOperations = true })
	create(t, w, s)
	await(w, s, v1alpha1.SavepointInProgress, v1alpha1.ReasonInProgress)
	w.Node.RestartContainer(pod)
	bucket(w).Behave(func(b *controllertest.Behaviour) { b.HoldOperations = false })
	await(w, s, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
	one(t, w, s)
	path := s.Status.Path

	w.Node.RestartContainer(pod)
	lose(t, w, s)
	await(w, s, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
	one(t, w, s)
	if s.Status.Path != path {
		t.Errorf("the path was %s, and is %s", path, s.Status.Path)
	}
}

func TestAStopIsAnsweredFromTheHeadOnceTheJobIsStopped(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	w.StartJob(w.StreamJob("flights"))
	op, _ := operator(t, w)
	first := newSavepoint(w, "first", v1alpha1.Stop, v1alpha1.Retain)
	create(t, w, first)
	await(w, first, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)

	// Its pod was started again while no operator was there: it knows of no request, and waits.
	op.Stop()
	w.Node.RestartContainer(pod)
	again := newSavepoint(w, "again", v1alpha1.Stop, v1alpha1.Retain)
	create(t, w, again)
	op.Start()
	await(w, again, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
	if again.Status.CheckpointID != first.Status.CheckpointID || again.Status.Path == first.Status.Path {
		t.Errorf("first %+v, again %+v", first.Status, again.Status)
	}
}

// lose wipes a Savepoint's status.
func lose(t *testing.T, w *controllertest.World, s *v1alpha1.Savepoint) {
	t.Helper()
	s.Status = v1alpha1.SavepointStatus{}
	if err := w.Client.Status().Update(w.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// resume begins the next attempt of job flights in its pod.
func resume(t *testing.T, w *controllertest.World, job *v1alpha1.StreamJob) {
	t.Helper()
	id, err := rest.NewIdentity(w.Key, string(job.UID))
	if err != nil {
		t.Fatal(err)
	}
	to, err := w.Coordinator(w.Context(), pod, id)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	attempts := bucket(w).Attempts()
	last := attempts[len(attempts)-1]
	if _, err := to.Activate(w.Context(), rest.ActivateRequest{ID: "resume", ExpectedAttempt: last.Number, Revision: last.Revision, Settings: last.Settings}); err != nil {
		t.Fatal(err)
	}
	before := len(bucket(w).Checkpoints())
	w.Eventually("the job runs again", func(context.Context) error {
		if len(bucket(w).Checkpoints()) == before {
			return errors.New("it has no new checkpoint")
		}
		return nil
	})
}

// stops counts the checkpoints with an outcome.
func stops(w *controllertest.World) int {
	n := 0
	for _, c := range bucket(w).Checkpoints() {
		if c.Outcome.EndsChain() {
			n++
		}
	}
	return n
}

func TestAStopWhoseStatusIsLostDoesNotStopTheJobThatResumed(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	job := w.StartJob(w.StreamJob("flights"))
	op, _ := operator(t, w)
	s := newSavepoint(w, "last", v1alpha1.Stop, v1alpha1.Retain)
	create(t, w, s)
	await(w, s, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
	op.Stop()
	w.Node.RestartContainer(pod) // which forgets the request
	w.Eventually("the pod is back", func(ctx context.Context) error {
		id, err := rest.NewIdentity(w.Key, string(job.UID))
		if err != nil {
			return err
		}
		to, err := w.Coordinator(ctx, pod, id)
		if err != nil {
			return err
		}
		defer to.Close()
		_, err = to.Job(ctx)
		return err
	})
	resume(t, w, job)
	lose(t, w, s)
	op.Start()
	await(w, s, v1alpha1.SavepointFailed, v1alpha1.ReasonStatusLost)
	if n := stops(w); n != 1 {
		t.Errorf("the job was stopped %d times", n)
	}
	if c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(c.Message, bucket(w).Savepoints()[string(s.UID)][len("s3://bucket/savepoints/"):]) {
		t.Errorf("the message does not say where the savepoint is: %s", c.Message)
	}
}

func TestAUsersStopWaitsForTheAttemptThatTheOperatorStopsTheJobFor(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	job := w.StartJob(w.StreamJob("flights"))
	operator(t, w)
	bucket(w).Behave(func(b *controllertest.Behaviour) { b.HoldOperations = true })
	upgrade := newSavepoint(w, "flights-1-g1", v1alpha1.Stop, v1alpha1.Retain)
	upgrade.Labels = map[string]string{v1alpha1.LabelJob: job.Name, v1alpha1.LabelPurpose: "upgrade"}
	if err := controllerutil.SetControllerReference(job, upgrade, w.Scheme); err != nil {
		t.Fatal(err)
	}
	create(t, w, upgrade)
	await(w, upgrade, v1alpha1.SavepointInProgress, v1alpha1.ReasonInProgress)

	mine := newSavepoint(w, "mine", v1alpha1.Stop, v1alpha1.Retain)
	create(t, w, mine)
	await(w, mine, v1alpha1.SavepointPending, v1alpha1.ReasonWaitingForJob)
	bucket(w).Behave(func(b *controllertest.Behaviour) { b.HoldOperations = false })
	await(w, upgrade, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
	resume(t, w, job)
	await(w, mine, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
	if n := stops(w); n != 2 || mine.Status.CheckpointID <= upgrade.Status.CheckpointID {
		t.Errorf("%d stops: the operator's with %+v, the user's with %+v", n, upgrade.Status, mine.Status)
	}
}

func TestADrainedJobIsOverAndStillHasItsLastCheckpoint(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	w.StartJob(w.StreamJob("flights"))
	operator(t, w)
	s := newSavepoint(w, "end", v1alpha1.Drain, v1alpha1.Retain)
	create(t, w, s)
	await(w, s, v1alpha1.SavepointCompleted, v1alpha1.ReasonDrained)
	one(t, w, s)
	all := bucket(w).Checkpoints()
	if last := all[len(all)-1]; last.Outcome != outcome.Drained || last.ID != s.Status.CheckpointID {
		t.Errorf("the head is %+v, and the savepoint %+v", last, s.Status)
	}
	late := newSavepoint(w, "late", v1alpha1.Continue, v1alpha1.Retain)
	create(t, w, late)
	await(w, late, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
	if late.Status.CheckpointID != s.Status.CheckpointID {
		t.Errorf("it was made of checkpoint %d, and the last one is %d", late.Status.CheckpointID, s.Status.CheckpointID)
	}
}

func TestAnswersThatDoNotComeFailNothing(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	w.StartJob(w.StreamJob("flights"))
	operator(t, w)
	bucket(w).Behave(func(b *controllertest.Behaviour) { b.BrokenAnswers = 15 })
	s := newSavepoint(w, "now", v1alpha1.Continue, v1alpha1.Retain)
	create(t, w, s)
	await(w, s, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
	one(t, w, s)
	if s.Status.Failures != 0 {
		t.Errorf("%d failures were counted", s.Status.Failures)
	}
}

func TestASavepointWaitsForItsJobUntilItsDeadline(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	_, clock := operator(t, w)
	early := newSavepoint(w, "early", v1alpha1.Continue, v1alpha1.Retain)
	create(t, w, early)
	await(w, early, v1alpha1.SavepointPending, v1alpha1.ReasonJobNotFound)
	w.StartJob(w.StreamJob("flights"))
	await(w, early, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)

	bucket(w).Behave(func(b *controllertest.Behaviour) { b.Silent = true })
	late := newSavepoint(w, "late", v1alpha1.Continue, v1alpha1.Retain)
	create(t, w, late)
	await(w, late, v1alpha1.SavepointPending, v1alpha1.ReasonWaitingForJob)
	clock.Forward(11 * time.Minute)
	await(w, late, v1alpha1.SavepointFailed, v1alpha1.ReasonDeadlineExceeded)
	if !meta.IsStatusConditionTrue(late.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Errorf("it failed and is not Stalled: %+v", late.Status.Conditions)
	}
	awaitEvent(w, late, "it was not done within 10m0s")
}

func TestWhatTheCoordinatorRefusesFailsAtOnceWithTheRemedy(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	job := w.StreamJob("flights")
	job.Spec.Savepoint.Storage = nil
	w.StartJob(job)
	operator(t, w)
	s := newSavepoint(w, "now", v1alpha1.Continue, v1alpha1.Retain)
	create(t, w, s)
	await(w, s, v1alpha1.SavepointFailed, v1alpha1.ReasonRefused)
	if c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(c.Message, "spec.savepoint.storage") {
		t.Errorf("the message does not say what to do: %s", c.Message)
	}
	elsewhere := "s3://bucket/mine"
	own := newSavepoint(w, "own", v1alpha1.Continue, v1alpha1.Retain)
	own.Spec.Storage = &elsewhere
	create(t, w, own)
	await(w, own, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
	if !strings.HasPrefix(own.Status.Path, elsewhere+"/savepoint-") {
		t.Errorf("path: %s", own.Status.Path)
	}
}

// TestAPlaceThatTheJobReadsIsRefusedAndTheJobRunsOn: the coordinator knows where the job reads and writes, the operator tells.
func TestAPlaceThatTheJobReadsIsRefusedAndTheJobRunsOn(t *testing.T) {
	for _, mode := range []v1alpha1.SavepointMode{v1alpha1.Continue, v1alpha1.Stop} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := controllertest.NewWorld(t)
			job := w.StreamJob("flights")
			w.StartJob(job)
			operator(t, w)
			bucket := w.Bucket(w.Namespace + ".flights")
			bucket.Behave(func(b *controllertest.Behaviour) {
				b.Refuse = &rest.Error{Code: rest.BadRequest, Message: "target s3://bucket/in: source/t: it would read the savepoint",
					Remedy: "name a folder that no source of the job reads, and that is not below its checkpoints"}
			})
			place := "s3://bucket/in"
			s := newSavepoint(w, "now", mode, v1alpha1.Retain)
			s.Spec.Storage = &place
			create(t, w, s)
			await(w, s, v1alpha1.SavepointFailed, v1alpha1.ReasonRefused)
			for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStalled} {
				c := meta.FindStatusCondition(s.Status.Conditions, kind)
				if c == nil || !strings.Contains(c.Message, place+": source/t: it would read the savepoint") || !strings.Contains(c.Message, "name a folder that no source") {
					t.Errorf("%s does not say what is wrong and what to do: %+v", kind, c)
				}
			}
			if s.Status.Path != "" {
				t.Errorf("refused, it has the path %s", s.Status.Path)
			}
			bucket.Behave(func(b *controllertest.Behaviour) { b.Refuse = nil })
			next := newSavepoint(w, "next", v1alpha1.Continue, v1alpha1.Retain)
			create(t, w, next)
			await(w, next, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
		})
	}
}

func TestAFinalizerNeverHangs(t *testing.T) {
	complete := func(t *testing.T, w *controllertest.World) *v1alpha1.Savepoint {
		s := newSavepoint(w, "now", v1alpha1.Continue, v1alpha1.Delete)
		create(t, w, s)
		await(w, s, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
		return s
	}
	t.Run("when the Job that clears storage does not end", func(t *testing.T) {
		t.Parallel()
		w := controllertest.NewWorld(t)
		w.StartJob(w.StreamJob("flights"))
		_, clock := operator(t, w)
		s := complete(t, w)
		w.Node.Hang("dispose", true)
		remove(t, w, s)
		await(w, s, v1alpha1.SavepointDeleting, v1alpha1.ReasonDeleting)
		clock.Forward(6 * time.Minute)
		path := s.Status.Path
		awaitGone(w, s)
		awaitEvent(w, s, path+" may be left")
	})
	t.Run("when the StreamJob is gone", func(t *testing.T) {
		t.Parallel()
		w := controllertest.NewWorld(t)
		job := w.StartJob(w.StreamJob("flights"))
		operator(t, w)
		s := complete(t, w)
		remove(t, w, job)
		w.Eventually("the job is gone", func(ctx context.Context) error {
			if err := w.Client.Get(ctx, client.ObjectKeyFromObject(job), job); !apierrors.IsNotFound(err) {
				return errors.Join(errors.New("it is there"), err)
			}
			return nil
		})
		path := s.Status.Path
		remove(t, w, s)
		awaitGone(w, s)
		awaitEvent(w, s, path+" is left")
	})
	t.Run("when the work is under way and ends", func(t *testing.T) {
		t.Parallel()
		w := controllertest.NewWorld(t)
		w.StartJob(w.StreamJob("flights"))
		operator(t, w)
		bucket(w).Behave(func(b *controllertest.Behaviour) { b.HoldOperations = true })
		s := newSavepoint(w, "now", v1alpha1.Continue, v1alpha1.Delete)
		create(t, w, s)
		await(w, s, v1alpha1.SavepointInProgress, v1alpha1.ReasonInProgress)
		remove(t, w, s)
		await(w, s, v1alpha1.SavepointDeleting, v1alpha1.ReasonDeleting)
		bucket(w).Behave(func(b *controllertest.Behaviour) { b.HoldOperations = false })
		awaitGone(w, s)
		if left := bucket(w).Savepoints(); len(left) != 0 {
			t.Errorf("left in storage: %v", left)
		}
	})
	t.Run("when the work is under way and does not end", func(t *testing.T) {
		t.Parallel()
		w := controllertest.NewWorld(t)
		w.StartJob(w.StreamJob("flights"))
		_, clock := operator(t, w)
		bucket(w).Behave(func(b *controllertest.Behaviour) { b.HoldOperations = true })
		s := newSavepoint(w, "now", v1alpha1.Continue, v1alpha1.Delete)
		create(t, w, s)
		await(w, s, v1alpha1.SavepointInProgress, v1alpha1.ReasonInProgress)
		remove(t, w, s)
		clock.Forward(6 * time.Minute)
		awaitGone(w, s)
		awaitEvent(w, s, "savepoint-"+w.Namespace+".flights-"+string(s.UID))
	})
	t.Run("when the whole namespace is deleted", func(t *testing.T) {
		t.Parallel()
		w := controllertest.NewWorld(t)
		w.StartJob(w.StreamJob("flights"))
		operator(t, w)
		s := complete(t, w)
		remove(t, w, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}})
		awaitGone(w, s)
	})
}
