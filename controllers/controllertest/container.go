package controllertest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/manifest"
)

// manifestKey is the name of the file that a pod reads its job from.
const manifestKey = "streamjob.yaml"

// container is what runs of a pod. Guarded by Node.mu, but for what coordinator and server guard themselves.
type container struct {
	address     string
	restarts    int32
	coordinator *coordinator // nil: it has not started, or not again
	server      *server
}

// stop ends the process: by SIGTERM, or by SIGKILL.
func (c *container) stop(gracefully bool) {
	if c.coordinator != nil {
		c.coordinator.terminate(gracefully)
	}
	if c.server != nil {
		c.server.close()
	}
}

// command is a container's command line.
type command struct {
	verb  string
	flags map[string]string
}

func parse(args []string) command {
	c := command{verb: args[0], flags: map[string]string{}}
	for _, a := range args[1:] {
		name, value, _ := strings.Cut(strings.TrimLeft(a, "-"), "=")
		c.flags[name] = value
	}
	return c
}

// runCoordinator starts a pod's coordinator, if it does not run, and reports how it is.
func (n *Node) runCoordinator(ctx context.Context, pod *corev1.Pod) error {
	n.mu.Lock()
	c := n.mu.containers[pod.UID]
	if c == nil {
		c = &container{}
		n.mu.containers[pod.UID] = c
	}
	started := c.coordinator != nil
	n.mu.Unlock()
	if !started {
		if err := n.startCoordinator(ctx, pod, c); err != nil {
			var wait *waitError
			if errors.As(err, &wait) {
				return errors.Join(err, n.report(ctx, pod, waiting("ContainerCreating", wait.what)))
			}
			return err
		}
	}
	n.mu.Lock()
	address, restarts, running := c.address, c.restarts, c.coordinator
	n.mu.Unlock()
	if running == nil {
		return &waitError{"the container was killed"}
	}
	return n.report(ctx, pod, func(s *corev1.PodStatus) {
		s.Phase, s.PodIP, s.PodIPs = corev1.PodRunning, address, []corev1.PodIP{{IP: address}}
		if s.StartTime == nil {
			now := metav1.Now()
			s.StartTime = &now
		}
		if len(s.ContainerStatuses) != 1 || s.ContainerStatuses[0].State.Running == nil || s.ContainerStatuses[0].RestartCount != restarts {
			s.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: restarts,
				State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}}}
		}
		setReady(s, running.ready() == nil)
	})
}

func (n *Node) startCoordinator(ctx context.Context, pod *corev1.Pod, c *container) error {
	cmd := parse(pod.Spec.Containers[0].Args)
	if !resources.Wanted(pod.Name) {
		return &waitError{"the pod is one too many"}
	}
	job, bucket, err := n.job(ctx, pod)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{}
	for _, v := range pod.Spec.Volumes {
		if v.Secret != nil {
			if err := n.mounted(ctx, v.Secret.SecretName, secret); err != nil {
				return err
			}
		}
	}
	listener, err := n.listen(c.address)
	if err != nil {
		return err
	}
	savepoints := ""
	if s := job.Spec.Savepoint.Storage; s != nil {
		savepoints = *s
	}
	name := pod.Name // the object is written to by whoever reports its status
	running := launch(bucket, name, cmd.flags["owner"], cmd.flags["revision"], savepoints, func() { n.queue.Add(name) })
	server, err := serve(listener, running, secret)
	if err != nil {
		running.terminate(false)
		return errors.Join(n.world.violate("coordinator of %s: %v", job.Name, err), listener.Close())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.containers[pod.UID] != c { // the pod went while it started
		running.terminate(false)
		server.close()
		return nil
	}
	c.address, _, err = net.SplitHostPort(listener.Addr().String())
	c.coordinator, c.server = running, server
	return err
}

// job reads the manifest that a pod mounts, and finds what storage holds of its job.
func (n *Node) job(ctx context.Context, pod *corev1.Pod) (*v1alpha1.StreamJob, *Bucket, error) {
	config := &corev1.ConfigMap{}
	for _, v := range pod.Spec.Volumes {
		if v.ConfigMap != nil {
			if err := n.mounted(ctx, v.ConfigMap.Name, config); err != nil {
				return nil, nil, err
			}
		}
	}
	if config.Data[manifestKey] == "" {
		return nil, nil, &waitError{fmt.Sprintf("ConfigMap %q holds no manifest", config.Name)} // the real one fails, and is begun again
	}
	var read struct { // a StreamJob itself forgives
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              v1alpha1.StreamJobSpec `json:"spec"`
	}
	if err := yaml.UnmarshalStrict([]byte(config.Data[manifestKey]), &read); err != nil {
		return nil, nil, n.world.violate("pod %s: the manifest in ConfigMap %q cannot be read: %v", pod.Name, config.Name, err)
	}
	job := &v1alpha1.StreamJob{TypeMeta: read.TypeMeta, ObjectMeta: read.ObjectMeta, Spec: read.Spec}
	if beside, revision := config.Data[resources.DigestKey], parse(pod.Spec.Containers[0].Args).flags["revision"]; beside != "" && revision != "" {
		if err := resources.CheckManifest(config.Data[manifestKey], beside, revision, &job.Spec, true); err != nil {
			return nil, nil, &waitError{err.Error()}
		}
	}
	id := job.Namespace + "." + job.Name
	if job.Spec.JobID != nil {
		id = *job.Spec.JobID
	}
	bucket := n.world.Bucket(id)
	if s := job.Spec.Checkpoint.Storage; s != nil {
		bucket.mu.Lock()
		bucket.mu.storage = strings.TrimSuffix(*s, "/")
		bucket.mu.Unlock()
	}
	return job, bucket, nil
}

// mounted reads what a pod mounts; as long as it is not there, the pod waits.
func (n *Node) mounted(ctx context.Context, name string, into client.Object) error {
	err := n.world.Client.Get(ctx, client.ObjectKey{Namespace: n.world.Namespace, Name: name}, into)
	if apierrors.IsNotFound(err) {
		return &waitError{fmt.Sprintf("volume %q is not there", name)}
	}
	return err
}

// nextAddress counts the addresses that were tried, in all worlds of this process.
var nextAddress atomic.Uint32

// listen opens a coordinator's port on a loopback address: the pod's own if it has one, else one that nobody uses. Other
// processes run such tests too, so they start at different places and go on where an address is taken.
func (n *Node) listen(own string) (net.Listener, error) {
	if own != "" {
		listener, err := net.Listen("tcp", net.JoinHostPort(own, apiPort))
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, &waitError{"the last process still holds the port"}
		}
		return listener, err
	}
	for range 1 << 16 {
		i := uint32(os.Getpid())<<10 + nextAddress.Add(1)
		ip := net.IPv4(127, byte(1+i>>16%250), byte(i>>8), byte(1+i%250))
		listener, err := net.Listen("tcp", net.JoinHostPort(ip.String(), apiPort))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		return listener, err
	}
	return nil, errors.New("every loopback address is in use")
}

// runOnce plays the one container of a Job's pod: it ends at once, with the message that the real one leaves.
func (n *Node) runOnce(ctx context.Context, pod *corev1.Pod) error {
	cmd := parse(pod.Spec.Containers[0].Args)
	n.mu.Lock()
	hangs, preflight := n.mu.hanging[cmd.verb], n.mu.preflight
	n.mu.Unlock()
	if hangs {
		return n.report(ctx, pod, func(s *corev1.PodStatus) {
			if s.Phase != corev1.PodRunning {
				s.Phase = corev1.PodRunning
				s.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}}}
			}
		})
	}
	job, bucket, err := n.job(ctx, pod)
	if err != nil {
		var wait *waitError
		if errors.As(err, &wait) {
			return errors.Join(err, n.report(ctx, pod, waiting("ContainerCreating", wait.what)))
		}
		return err
	}
	result := PreflightResult{OK: true}
	switch cmd.verb {
	case verbPreflight:
		chain, repeats := bucket.check(manifest.Settings(&job.Spec).Restore)
		result = preflight(Preflight{Job: job.Name, Revision: cmd.flags["revision"], Owner: cmd.flags["owner"], SQL: *cmp.Or(job.Spec.SQL, new(string)),
			Program: job.Spec.Program, Image: pod.Spec.Containers[0].Image})
		if result.OK && repeats != "" {
			result = PreflightResult{Message: repeats, Remedy: "set restore.allowRepeatedOutput", Permanent: true}
		}
		result.Chain = chain
	case verbDiscard:
		bucket.discard(cmd.flags["owner"])
	case verbDispose:
		if !bucket.dispose(cmd.flags["path"]) {
			result = PreflightResult{Message: cmd.flags["path"] + " is no savepoint", Permanent: true}
		}
	default:
		return n.world.violate("pod %s runs %q, which is no verb", pod.Name, cmd.verb)
	}
	return n.report(ctx, pod, ended(result))
}

// ended is the status of a pod whose container has left a message.
func ended(result PreflightResult) func(*corev1.PodStatus) {
	return func(s *corev1.PodStatus) {
		code := int32(0)
		s.Phase = corev1.PodSucceeded
		if !result.OK {
			s.Phase, code = corev1.PodFailed, 1
		}
		message, err := json.Marshal(result)
		if err != nil {
			message = []byte(err.Error())
		}
		s.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: string(message), FinishedAt: metav1.Now()}}}}
		setReady(s, false)
	}
}
