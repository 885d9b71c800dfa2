package savepoint_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/engine/rest"
)

// TestConditionsTellTheTruthAtAllTimes looks at every version of Savepoints with different lives: whoever waits for a
// condition, by kubectl or by kstatus, must never be told something that is not so.
func TestConditionsTellTheTruthAtAllTimes(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	record := w.Record(&v1alpha1.SavepointList{})
	_, clock := operator(t, w)

	waited := newSavepoint(w, "waited", v1alpha1.Continue, v1alpha1.Retain)
	create(t, w, waited)
	await(w, waited, v1alpha1.SavepointPending, v1alpha1.ReasonJobNotFound)
	full := &rest.Error{Code: rest.Internal, Message: "the disk is full"}
	bucket(w).Behave(func(b *controllertest.Behaviour) { b.FailOperations = []*rest.Error{full} })
	w.StartJob(w.StreamJob("flights"))
	await(w, waited, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)

	removed := newSavepoint(w, "removed", v1alpha1.Continue, v1alpha1.Delete)
	create(t, w, removed)
	await(w, removed, v1alpha1.SavepointCompleted, v1alpha1.ReasonCompleted)
	remove(t, w, removed)
	awaitGone(w, removed)

	bucket(w).Behave(func(b *controllertest.Behaviour) { b.HoldOperations = true })
	overdue := newSavepoint(w, "overdue", v1alpha1.Continue, v1alpha1.Retain)
	create(t, w, overdue)
	await(w, overdue, v1alpha1.SavepointInProgress, v1alpha1.ReasonInProgress)
	clock.Forward(11 * time.Minute)
	await(w, overdue, v1alpha1.SavepointFailed, v1alpha1.ReasonDeadlineExceeded)

	for name, last := range map[string]v1alpha1.SavepointPhase{"waited": v1alpha1.SavepointCompleted,
		"removed": v1alpha1.SavepointDeleting, "overdue": v1alpha1.SavepointFailed} {
		w.Eventually("the recording has the end of "+name, func(context.Context) error {
			versions := record.Versions(name)
			if len(versions) == 0 {
				return errors.New("there is no version")
			}
			if s := versions[len(versions)-1].(*v1alpha1.Savepoint); s.Status.Phase != last {
				return fmt.Errorf("the last version: %+v", s.Status)
			}
			return nil
		})
		var before *v1alpha1.Savepoint
		for _, version := range record.Versions(name) {
			s := version.(*v1alpha1.Savepoint)
			truthful(t, before, s)
			before = s
		}
	}
}

// truthful checks one version against the one before.
func truthful(t *testing.T, before, s *v1alpha1.Savepoint) {
	t.Helper()
	status := func(kind string) metav1.ConditionStatus {
		if c := meta.FindStatusCondition(s.Status.Conditions, kind); c != nil {
			return c.Status
		}
		return ""
	}
	if s.Status.Phase == "" {
		if len(s.Status.Conditions) > 0 {
			t.Errorf("%s: conditions without a phase: %+v", s.Name, s.Status)
		}
		return
	}
	var yes []string
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionProgressing, v1alpha1.ConditionStalled} {
		if status(kind) == metav1.ConditionTrue {
			yes = append(yes, kind)
		}
		if c := meta.FindStatusCondition(s.Status.Conditions, kind); c == nil || c.ObservedGeneration != s.Status.ObservedGeneration || c.Message == "" {
			t.Errorf("%s: condition %s: %+v", s.Name, kind, c)
		}
	}
	// The API server counts a deletion as a new generation, which nobody has observed yet at that moment.
	if seen := s.Status.ObservedGeneration; len(yes) != 1 || seen != s.Generation && s.DeletionTimestamp.IsZero() {
		t.Errorf("%s: exactly one of the three holds, of this generation; status: %+v", s.Name, s.Status)
	}
	if status(v1alpha1.ConditionReady) == metav1.ConditionTrue && s.Status.Path == "" {
		t.Errorf("%s: ready, and nowhere: %+v", s.Name, s.Status)
	}
	if before == nil {
		return
	}
	final := before.Status.Phase == v1alpha1.SavepointCompleted || before.Status.Phase == v1alpha1.SavepointFailed
	if final && s.Status.Phase != before.Status.Phase && s.Status.Phase != v1alpha1.SavepointDeleting {
		t.Errorf("%s was %s, which is final, and is %s", s.Name, before.Status.Phase, s.Status.Phase)
	}
	for _, c := range s.Status.Conditions {
		if old := meta.FindStatusCondition(before.Status.Conditions, c.Type); old != nil && old.Status == c.Status && !old.LastTransitionTime.Equal(&c.LastTransitionTime) {
			t.Errorf("%s: condition %s changed its time and not its status", s.Name, c.Type)
		}
	}
}
