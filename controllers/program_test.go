package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
)

// podOf is the pod of the revision that a job's status shows.
func podOf(ctx context.Context, w *controllertest.World, job *v1alpha1.StreamJob) (*corev1.Pod, error) {
	if err := w.Client.Get(ctx, client.ObjectKeyFromObject(job), job); err != nil {
		return nil, err
	}
	pod := &corev1.Pod{}
	return pod, w.Client.Get(ctx, types.NamespacedName{Namespace: job.Namespace, Name: job.Name + "-" + job.Status.Revision + "-0"}, pod)
}

// TestAProgramIsUpgradedAsSQLIs: its own image checks each change of it, and what does not pass leaves what runs alone.
func TestAProgramIsUpgradedAsSQLIs(t *testing.T) {
	w := controllertest.NewWorld(t)
	checked := make(chan controllertest.Preflight, 100)
	w.Node.Preflight(func(p controllertest.Preflight) controllertest.PreflightResult {
		checked <- p
		if p.Program != nil && len(p.Program.Args) > 0 && p.Program.Args[0] == "--bad arg" {
			return controllertest.PreflightResult{Message: "the program panics at main.go:17", Permanent: true}
		}
		return controllertest.PreflightResult{OK: true}
	})
	w.Node.FailPull("words:nowhere", true)
	end := start(t, w, &lines{})
	job := w.StreamJob("words")
	job.Spec.SQL, job.Spec.Image = nil, nil
	job.Spec.Program = &v1alpha1.ProgramSpec{Image: "words:1", Args: []string{"--topic=a b"}}
	create(t, w, job)
	runs := func(image string) types.UID {
		t.Helper()
		var uid types.UID
		w.Eventually("it runs in "+image, func(ctx context.Context) error {
			if err := isReady(ctx, w, job, v1alpha1.ReasonRunning); err != nil {
				return err
			}
			pod, err := podOf(ctx, w, job)
			if err == nil && pod.Spec.Containers[0].Image != image {
				err = fmt.Errorf("the pod runs %s", pod.Spec.Containers[0].Image)
			}
			uid = pod.UID
			return err
		})
		return uid
	}
	first := runs("words:1")
	if p := <-checked; p.Image != "words:1" || p.Program == nil || len(p.Program.Args) != 1 || p.Program.Args[0] != "--topic=a b" || p.SQL != "" {
		t.Errorf("checked was %+v", p)
	}
	for said, program := range map[string]*v1alpha1.ProgramSpec{
		"the program panics at main.go:17":       {Image: "words:1", Args: []string{"--bad arg"}},
		`image "words:nowhere" cannot be pulled`: {Image: "words:nowhere"},
	} {
		change(t, w, job, func(s *v1alpha1.StreamJobSpec) { s.Program = program })
		w.Eventually(said, func(ctx context.Context) error {
			if err := w.Client.Get(ctx, client.ObjectKeyFromObject(job), job); err != nil {
				return err
			}
			c := meta.FindStatusCondition(job.Status.Conditions, v1alpha1.ConditionStalled)
			if c == nil || c.Status != metav1.ConditionTrue || !strings.Contains(c.Message, said) {
				return fmt.Errorf("Stalled is %+v", c)
			}
			return nil
		})
		if pod, err := podOf(t.Context(), w, job); err != nil || pod.UID != first {
			t.Errorf("%s: another pod took the place of what ran: %v", said, err)
		}
	}
	change(t, w, job, func(s *v1alpha1.StreamJobSpec) { s.Program = &v1alpha1.ProgramSpec{Image: "words:2"} })
	if runs("words:2") == first {
		t.Error("the same pod runs another image")
	}
	if job.Status.RestoredFrom == "" {
		t.Error("the upgrade began empty")
	}
	// The same job as SQL is one more revision of it, in the operator's image.
	change(t, w, job, func(s *v1alpha1.StreamJobSpec) { s.Program, s.SQL = nil, new("INSERT INTO t SELECT 1") })
	runs(engineOf(t, w, job))
	end()
}

// engineOf is the image that a revision which names none was given.
func engineOf(t *testing.T, w *controllertest.World, job *v1alpha1.StreamJob) string {
	t.Helper()
	var image string
	w.Eventually("it is SQL", func(ctx context.Context) error {
		if err := isReady(ctx, w, job, v1alpha1.ReasonRunning); err != nil {
			return err
		}
		pod, err := podOf(ctx, w, job)
		if err != nil {
			return err
		}
		if image = pod.Spec.Containers[0].Image; image == "words:2" {
			return fmt.Errorf("it runs %s", image)
		}
		return nil
	})
	return image
}
