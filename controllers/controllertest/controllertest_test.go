package controllertest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/controllers/controllertest"
)

func TestMain(m *testing.M) { controllertest.Main(m) }

func TestAJobRunsOnTheNode(t *testing.T) {
	w := controllertest.NewWorld(t)
	job := w.StartJob(w.StreamJob("flights"))
	bucket, pod := w.Bucket(w.Namespace+".flights"), controllertest.PodOf("flights")

	t.Run("its pod is ready as long as an attempt runs", func(t *testing.T) {
		w.Eventually("the pod is ready", func(ctx context.Context) error { return ready(ctx, w, pod) })
	})
	t.Run("a pod that is lost is replaced, and the new one claims by itself", func(t *testing.T) {
		if err := w.Node.KillPod(w.Context(), pod); err != nil {
			t.Fatal(err)
		}
		w.Eventually("a second attempt", func(context.Context) error {
			a := bucket.Attempts()
			if len(a) != 2 || !a[1].SelfClaimed || a[1].RestoredFrom == "" {
				return fmt.Errorf("attempts: %+v", a)
			}
			return nil
		})
	})
	t.Run("a container that is killed starts again in the same pod", func(t *testing.T) {
		w.Eventually("the pod is ready", func(ctx context.Context) error { return ready(ctx, w, pod) })
		w.Node.RestartContainer(pod)
		w.Eventually("a third attempt", func(context.Context) error {
			if n := len(bucket.Attempts()); n != 3 {
				return fmt.Errorf("%d attempts", n)
			}
			return nil
		})
	})
	t.Run("a pod whose node is lost publishes nothing once another has claimed", func(t *testing.T) {
		w.Eventually("the pod is ready", func(ctx context.Context) error { return ready(ctx, w, pod) })
		if err := w.Node.AbandonPod(w.Context(), pod); err != nil {
			t.Fatal(err)
		}
		w.Eventually("checkpoints of a fourth attempt", func(context.Context) error {
			all := bucket.Checkpoints()
			if last := all[len(all)-1]; last.Attempt != 4 {
				return fmt.Errorf("the newest checkpoint is of attempt %d", last.Attempt)
			}
			return nil
		})
	})
	t.Run("what belongs to a job goes with it", func(t *testing.T) {
		if err := w.Client.Delete(w.Context(), job); err != nil {
			t.Fatal(err)
		}
		w.Eventually("the pod is gone", func(ctx context.Context) error {
			err := w.Client.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: pod}, &corev1.Pod{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return errors.Join(errors.New("it is there"), err)
		})
	})
}

func ready(ctx context.Context, w *controllertest.World, name string) error {
	pod := &corev1.Pod{}
	if err := w.Client.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: name}, pod); err != nil {
		return err
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("status: %+v", pod.Status)
}
