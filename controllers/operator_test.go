package controllers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
)

func TestMain(m *testing.M) { controllertest.Main(m) }

// TestAnOperatorNeedsNoMoreThanItsRoles lives the life of a job with an operator that has the rights of config/rbac and no
// others, started as the binary starts it.
func TestAnOperatorNeedsNoMoreThanItsRoles(t *testing.T) {
	w := controllertest.NewWorld(t)
	log := &lines{}
	end := start(t, w, log)

	job := w.StreamJob("flights")
	job.Spec.Checkpoint.OnDelete = new(v1alpha1.Delete)
	create(t, w, job)
	w.Eventually("the job runs", func(ctx context.Context) error { return isReady(ctx, w, job, v1alpha1.ReasonRunning) })

	savepoint := &v1alpha1.Savepoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "now"},
		Spec:       v1alpha1.SavepointSpec{JobRef: v1alpha1.JobReference{Name: job.Name}, DeletionPolicy: new(v1alpha1.Delete)},
	}
	create(t, w, savepoint)
	w.Eventually("the savepoint is in storage", func(ctx context.Context) error {
		if err := w.Client.Get(ctx, client.ObjectKeyFromObject(savepoint), savepoint); err != nil {
			return err
		}
		if savepoint.Status.Phase != v1alpha1.SavepointCompleted {
			return fmt.Errorf("it is %+v", savepoint.Status)
		}
		return nil
	})
	remove(t, w, savepoint)

	change(t, w, job, func(s *v1alpha1.StreamJobSpec) { s.SQL = new("INSERT INTO t SELECT 2") })
	w.Eventually("the job is upgraded", func(ctx context.Context) error { return isReady(ctx, w, job, v1alpha1.ReasonRunning) })
	change(t, w, job, func(s *v1alpha1.StreamJobSpec) { s.DesiredState = new(v1alpha1.Suspended) })
	w.Eventually("the job is suspended", func(ctx context.Context) error { return isReady(ctx, w, job, v1alpha1.ReasonSuspended) })
	remove(t, w, job)

	end()
	if text := log.String(); strings.Contains(text, "forbidden") || strings.Contains(text, "cannot ") && strings.Contains(text, "in API group") {
		t.Errorf("the operator was refused something:\n%s", text)
	}
	var lease coordinationv1.Lease
	if err := w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.Namespace, Name: LeaseName}, &lease); err != nil {
		t.Fatal(err)
	}
	if h := lease.Spec.HolderIdentity; h != nil && *h != "" {
		t.Errorf("%s still leads: its successor would have to wait", *h)
	}
	var key corev1.Secret
	if err := w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.Namespace, Name: KeySecret}, &key); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Contains(text, string(key.Data[keyField])) {
		t.Error("the operator's key is in its log")
	}
}

// start runs an operator with the rights of config/rbac in the world's namespace; end stops it.
func start(t *testing.T, w *controllertest.World, log io.Writer) (end func()) {
	t.Helper()
	config := rest.CopyConfig(w.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "operator-of-" + w.Namespace}
	grant(t, w, config.Impersonate.UserName)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, config, Options{
			Image: "weir:test", Namespaces: []string{w.Namespace}, Namespace: w.Namespace, LeaderElection: true,
			MetricsAddress: "0", ProbeAddress: "0", Logger: slog.New(slog.NewJSONHandler(log, nil)),
		})
	}()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the operator ended: %v", err)
		}
	})
	t.Cleanup(func() {
		end()
		if t.Failed() {
			t.Logf("the operator's log:\n%v", log)
		}
	})
	return end
}

// grant gives a user the rights of config/rbac: the cluster's by binding, those of weir-system and of the jobs' namespaces
// in the world's. The second operator of a world has them already.
func grant(t *testing.T, w *controllertest.World, user string) {
	t.Helper()
	text, err := os.ReadFile("../config/rbac/role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}}
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		role := &unstructured.Unstructured{}
		if err := decoder.Decode(role); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		name := role.GetName() + "-" + w.Namespace
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: role.GetKind(), Name: name}
		role.SetName(name)
		if role.GetKind() == "Role" {
			role.SetNamespace(w.Namespace)
		}
		createOnce(t, w, role)
		if role.GetKind() == "ClusterRole" && strings.HasPrefix(name, "weir-cluster-id") {
			createOnce(t, w, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: ref, Subjects: subjects})
			continue
		}
		binding := metav1.ObjectMeta{Namespace: w.Namespace, Name: strings.ToLower(role.GetKind()) + "-" + name}
		createOnce(t, w, &rbacv1.RoleBinding{ObjectMeta: binding, RoleRef: ref, Subjects: subjects})
	}
}

// createOnce creates an object unless it is there.
func createOnce(t *testing.T, w *controllertest.World, object client.Object) {
	t.Helper()
	if err := w.Client.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

func create(t *testing.T, w *controllertest.World, object client.Object) {
	t.Helper()
	if err := w.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// remove deletes an object and waits until it is gone, finalizers and all.
func remove(t *testing.T, w *controllertest.World, object client.Object) {
	t.Helper()
	if err := w.Client.Delete(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	w.Eventually(object.GetName()+" is gone", func(ctx context.Context) error {
		err := w.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is there"), err)
	})
}

// change changes a job's spec.
func change(t *testing.T, w *controllertest.World, job *v1alpha1.StreamJob, edit func(*v1alpha1.StreamJobSpec)) {
	t.Helper()
	w.Eventually("the spec is changed", func(ctx context.Context) error {
		if err := w.Client.Get(ctx, client.ObjectKeyFromObject(job), job); err != nil {
			return err
		}
		edit(&job.Spec)
		return w.Client.Update(ctx, job)
	})
}

// isReady tells what a job lacks to be Ready, for a reason, at its newest generation.
func isReady(ctx context.Context, w *controllertest.World, job *v1alpha1.StreamJob, reason string) error {
	if err := w.Client.Get(ctx, client.ObjectKeyFromObject(job), job); err != nil {
		return err
	}
	ready := meta.FindStatusCondition(job.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionTrue || ready.Reason != reason || ready.ObservedGeneration != job.Generation {
		return fmt.Errorf("generation %d, conditions %+v", job.Generation, job.Status.Conditions)
	}
	return nil
}

// lines is a log that is written while others read it.
type lines struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.String()
}
