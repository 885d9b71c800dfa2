package controllertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/yaml"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/rest"
)

// PodOf names the pod of a job that StartJob makes of the smallest StreamJob.
func PodOf(name string) string {
	return setOf(&v1alpha1.StreamJob{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: smallest()}) + "-0"
}

// setOf names the StatefulSet of a job's revision.
func setOf(job *v1alpha1.StreamJob) string { return job.Name + "-" + resources.Revision(&job.Spec) }

// StreamJob is the smallest valid one. Nothing is created.
func (w *World) StreamJob(name string) *v1alpha1.StreamJob {
	return &v1alpha1.StreamJob{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: name}, Spec: smallest()}
}

func smallest() v1alpha1.StreamJobSpec {
	sql, image, storage, savepoints, parallelism := "INSERT INTO t SELECT 1", "weir:test", "s3://bucket/checkpoints", "s3://bucket/savepoints", int32(1)
	return v1alpha1.StreamJobSpec{SQL: &sql, Image: &image, Parallelism: &parallelism,
		Checkpoint: v1alpha1.CheckpointSpec{Storage: &storage},
		Savepoint:  v1alpha1.SavepointDefaults{Storage: &savepoints}}
}

// smallestSettings are some that an attempt can be activated with.
func smallestSettings() rest.Settings {
	return rest.Settings{Parallelism: 1, Interval: time.Second, Timeout: time.Minute, Retained: 1}
}

// StartJob does by hand what an operator does until a job runs: for controllers that need a running job and do not make
// one. Returns when it has completed a checkpoint.
func (w *World) StartJob(job *v1alpha1.StreamJob) *v1alpha1.StreamJob {
	w.t.Helper()
	if err := w.startJob(job); err != nil {
		w.t.Fatalf("start job %s by hand: %v", job.Name, err)
	}
	return job
}

func (w *World) startJob(job *v1alpha1.StreamJob) error {
	ctx := w.Context()
	if err := w.Client.Create(ctx, job); err != nil {
		return err
	}
	id, err := rest.NewIdentity(w.Key, string(job.UID))
	if err != nil {
		return err
	}
	set, err := w.handMade(job, id)
	if err != nil {
		return err
	}
	settings := smallestSettings()
	if s := job.Spec.Savepoint.Storage; s != nil {
		settings.SavepointStorage = *s
	}
	request := rest.ActivateRequest{ID: "by-hand", Revision: resources.Revision(&job.Spec), AllowEmpty: true, Settings: settings}
	w.Eventually("the coordinator of "+job.Name+" takes its activation", func(ctx context.Context) error {
		c, err := w.Coordinator(ctx, set.Name+"-0", id)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Activate(ctx, request)
		return err
	})
	w.Eventually("job "+job.Name+" completes a checkpoint", func(context.Context) error {
		if len(w.Bucket(job.Namespace+"."+job.Name).Checkpoints()) == 0 {
			return errors.New("there is none")
		}
		return nil
	})
	return nil
}

// Coordinator returns a client of the coordinator in a pod.
func (w *World) Coordinator(ctx context.Context, podName string, id *rest.Identity) (*rest.Client, error) {
	pod := &corev1.Pod{}
	if err := w.Client.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: podName}, pod); err != nil {
		return nil, err
	}
	if pod.Status.PodIP == "" {
		return nil, fmt.Errorf("pod %s has no address yet", podName)
	}
	return rest.NewPodClient(net.JoinHostPort(pod.Status.PodIP, apiPort), id)
}

// handMade creates ConfigMap, Secret and StatefulSet of a job.
func (w *World) handMade(job *v1alpha1.StreamJob, id *rest.Identity) (*appsv1.StatefulSet, error) {
	text, err := yaml.Marshal(&v1alpha1.StreamJob{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.StreamJobKind},
		ObjectMeta: metav1.ObjectMeta{Namespace: job.Namespace, Name: job.Name}, Spec: job.Spec})
	if err != nil {
		return nil, err
	}
	name, revision, one := setOf(job), resources.Revision(&job.Spec), int32(1)
	labels := map[string]string{"app.kubernetes.io/managed-by": v1alpha1.ManagedBy, "app.kubernetes.io/name": "weir-job",
		"app.kubernetes.io/component": verbCoordinator, v1alpha1.LabelJob: job.Name, v1alpha1.LabelRevision: revision}
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: job.Namespace, Name: name, Labels: labels}
	}
	config := &corev1.ConfigMap{ObjectMeta: meta(name), Data: map[string]string{manifestKey: string(text)}}
	config.Annotations = map[string]string{v1alpha1.AnnotationGeneration: "1"}
	secret := &corev1.Secret{ObjectMeta: meta(resources.SecretName(job.Name)), Data: id.Files()}
	set := &appsv1.StatefulSet{ObjectMeta: meta(name), Spec: appsv1.StatefulSetSpec{
		Replicas: &one, ServiceName: resources.ServiceName(job.Name), PodManagementPolicy: appsv1.ParallelPodManagement,
		UpdateStrategy: appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType},
		Selector:       &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "weir", Image: *job.Spec.Image,
				Args: []string{verbCoordinator, "--revision=" + revision, "--owner=" + w.ClusterID + "/" + string(job.UID)}}},
			Volumes: []corev1.Volume{
				{Name: "job", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}}},
				{Name: "identity", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret.Name}}},
			},
		}},
	}}
	for _, o := range []client.Object{config, secret, set} {
		if err := controllerutil.SetControllerReference(job, o, w.Scheme); err != nil {
			return nil, err
		}
		if err := w.Client.Create(w.Context(), o); err != nil {
			return nil, err
		}
	}
	return set, nil
}
