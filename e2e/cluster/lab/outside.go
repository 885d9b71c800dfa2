package lab

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// RunPod runs a program as a pod of a namespace of its own, waits until it has ended well, and returns what it has said.
func (l *Lab) RunPod(t testing.TB, namespace, image string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), goneLimit)
	defer cancel()
	if err := l.deleteNamespace(ctx, namespace); err != nil { // of an earlier run
		t.Fatal(err)
	}
	yes, no, user := true, false, int64(65532)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "outside", Namespace: namespace},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{
				Name: "outside", Image: image, Args: args, ImagePullPolicy: corev1.PullIfNotPresent,
				SecurityContext: &corev1.SecurityContext{
					RunAsNonRoot: &yes, RunAsUser: &user, AllowPrivilegeEscalation: &no,
					Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
					SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
				},
			}},
		},
	}
	for _, object := range []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, pod} {
		if err := l.Client.Create(ctx, object); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), goneLimit)
		defer cancel()
		if err := l.deleteNamespace(ctx, namespace); err != nil {
			t.Error(err)
		}
	})
	logs := func() string {
		out, err := l.Kubectl(t.Context(), "-n", namespace, "logs", pod.Name)
		if err != nil {
			return err.Error()
		}
		return out
	}
	l.until(t, Patience, "the pod in "+namespace+" has ended", func() bool {
		if err := l.Client.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			t.Fatal(err)
		}
		if pod.Status.Phase == corev1.PodFailed {
			t.Fatalf("the pod in %s has failed: %s", namespace, logs())
		}
		return pod.Status.Phase == corev1.PodSucceeded
	}, logs)
	return logs()
}
