package lab

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The operator, as the chart names it.
const (
	operatorNamespace = "weir-system"
	operatorRelease   = "weir"
)

// helmLimit is how long helm may take, waits included.
const helmLimit = 5 * time.Minute

// installOperator installs the chart, or upgrades it to this build.
func (l *Lab) installOperator(ctx context.Context) error {
	namespace := "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + operatorNamespace +
		"\n  labels: {pod-security.kubernetes.io/enforce: restricted}\n"
	if err := l.apply(ctx, namespace); err != nil {
		return err
	}
	repository, tag, _ := strings.Cut(l.Engine, ":")
	_, err := l.command(ctx, helmLimit, filepath.Join(l.root, ".bin/helm"), "upgrade", "--install", operatorRelease,
		filepath.Join(l.root, "charts/weir"), "--namespace", operatorNamespace, "--wait", "--timeout", "3m", "--take-ownership", "--force-conflicts",
		"--set", "image.repository="+repository, "--set-string", "image.tag="+tag)
	if err == nil {
		return nil
	}
	pods, _ := l.Kubectl(ctx, "-n", operatorNamespace, "describe", "pods") // what follows only explains
	return fmt.Errorf("%w\n%s\n%s", err, pods, l.operatorLogs(ctx))
}

// operatorPods returns the pods of the operator.
func (l *Lab) operatorPods(ctx context.Context) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := l.Client.List(ctx, &pods, client.InNamespace(operatorNamespace))
	return pods.Items, err
}

// operatorLogs returns what the operator has said; a reason if that cannot be had.
func (l *Lab) operatorLogs(ctx context.Context) string {
	pods, err := l.operatorPods(ctx)
	if err != nil {
		return err.Error()
	}
	var all strings.Builder
	for _, p := range pods {
		logs, err := l.Kubectl(ctx, "-n", operatorNamespace, "logs", p.Name, "--all-containers")
		if err != nil {
			logs = err.Error()
		}
		all.WriteString(logs)
	}
	return all.String()
}

// OperatorLogs returns all that the running operator has said.
func (l *Lab) OperatorLogs(t testing.TB) string {
	t.Helper()
	return l.operatorLogs(t.Context())
}

// operatorLimit is how long the operator may take to come or go.
const operatorLimit = 2 * rolloutLimit

// ScaleOperator sets the number of its pods, and waits until there are so many, and these are ready.
func (l *Lab) ScaleOperator(t testing.TB, n int) {
	t.Helper()
	if err := l.scaleOperator(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

// RestoreOperator leaves one operator behind a test that has ended, however it did.
func (l *Lab) RestoreOperator(t testing.TB) {
	t.Helper()
	if err := l.scaleOperator(context.WithoutCancel(t.Context()), 1); err != nil {
		t.Error(err)
	}
}

func (l *Lab) scaleOperator(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, operatorLimit)
	defer cancel()
	var deployments appsv1.DeploymentList
	if err := l.Client.List(ctx, &deployments, client.InNamespace(operatorNamespace)); err != nil {
		return err
	}
	if len(deployments.Items) != 1 {
		return fmt.Errorf("%d Deployments in %s, want the operator's alone", len(deployments.Items), operatorNamespace)
	}
	name := deployments.Items[0].Name
	if _, err := l.Kubectl(ctx, "-n", operatorNamespace, "scale", "deployment/"+name, "--replicas="+strconv.Itoa(n)); err != nil {
		return err
	}
	if err := l.rollout(ctx, operatorNamespace, name); err != nil {
		return err
	}
	return poll(ctx, func() (bool, error) {
		pods, err := l.operatorPods(ctx)
		return len(pods) == n, err
	})
}

// KillOperator ends its process with SIGKILL, and lets no other take its place until ScaleOperator does.
func (l *Lab) KillOperator(t testing.TB) {
	t.Helper()
	pods, err := l.operatorPods(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods {
		process, err := findContainer(&pods[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(process.pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	// The kubelet starts it again at once; it does not lead until the lease of the one that was killed is over.
	l.ScaleOperator(t, 0)
}
