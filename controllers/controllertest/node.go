package controllertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
)

// pace is how often time passes for what runs on a node, and how soon it tries again what cannot be done yet.
const pace = 20 * time.Millisecond

// The verbs of the pods' containers.
const (
	verbCoordinator = "coordinator"
	verbPreflight   = "preflight"
	verbDiscard     = "discard"
	verbDispose     = "dispose"
)

// Node plays scheduler and kubelet for the pods of one namespace.
type Node struct {
	world *World
	queue workqueue.TypedDelayingInterface[string] // names of pods that may need something

	mu struct {
		sync.Mutex
		seen       map[string]*corev1.Pod // as last watched, by name
		containers map[types.UID]*container
		lost       map[types.UID]bool // pods that are started no more: they are about to be deleted
		failing    map[string]bool    // images that cannot be pulled
		hanging    map[string]bool    // verbs whose containers never end
		preflight  func(Preflight) PreflightResult
		zombies    []*container // their pods are gone, their processes are not
	}
}

// Preflight is what a preflight Job was asked to check.
type Preflight struct {
	Job      string // the StreamJob
	Revision string
	Owner    string
	// SQL or Program is what the revision is; Image is what the pod runs.
	SQL     string
	Program *v1alpha1.ProgramSpec
	Image   string
}

// PreflightResult is the message that a preflight leaves.
type PreflightResult struct {
	OK        bool   `json:"ok"`
	Message   string `json:"message,omitempty"`
	Remedy    string `json:"remedy,omitempty"`
	Permanent bool   `json:"permanent,omitempty"`
	Chain     any    `json:"chain,omitempty"`
}

func newNode(w *World) *Node {
	n := &Node{world: w, queue: workqueue.NewTypedDelayingQueue[string]()}
	n.mu.seen = map[string]*corev1.Pod{}
	n.mu.containers, n.mu.lost = map[types.UID]*container{}, map[types.UID]bool{}
	n.mu.failing, n.mu.hanging = map[string]bool{}, map[string]bool{}
	n.mu.preflight = func(Preflight) PreflightResult { return PreflightResult{OK: true} }
	return n
}

// FailPull lets an image be one that cannot be pulled, or lets it be pulled again.
func (n *Node) FailPull(image string, fails bool) {
	n.mu.Lock()
	n.mu.failing[image] = fails
	n.mu.Unlock()
	n.all()
}

// Hang lets containers of a verb (preflight, discard, dispose) run for ever, or end again.
func (n *Node) Hang(verb string, hangs bool) {
	n.mu.Lock()
	n.mu.hanging[verb] = hangs
	n.mu.Unlock()
	n.all()
}

// Preflight sets what preflights answer; it must not call the node.
func (n *Node) Preflight(answer func(Preflight) PreflightResult) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.preflight = answer
}

// KillPod ends a pod at once, as a lost node does: no SIGTERM, no last checkpoint. Its controller makes another.
func (n *Node) KillPod(ctx context.Context, name string) error {
	n.mu.Lock()
	if pod := n.mu.seen[name]; pod != nil {
		n.mu.lost[pod.UID] = true
		n.endLocked(pod.UID, false)
	}
	n.mu.Unlock()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: n.world.Namespace, Name: name}}
	return client.IgnoreNotFound(n.world.Client.Delete(ctx, pod, client.GracePeriodSeconds(0)))
}

// AbandonPod deletes a pod by force while its process goes on, as on a node that the cluster lost sight of.
func (n *Node) AbandonPod(ctx context.Context, name string) error {
	n.mu.Lock()
	if pod := n.mu.seen[name]; pod != nil {
		n.mu.lost[pod.UID] = true
		if c := n.mu.containers[pod.UID]; c != nil && c.coordinator != nil {
			c.coordinator.abandon()
			n.mu.zombies = append(n.mu.zombies, c)
			delete(n.mu.containers, pod.UID)
		}
	}
	n.mu.Unlock()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: n.world.Namespace, Name: name}}
	return client.IgnoreNotFound(n.world.Client.Delete(ctx, pod, client.GracePeriodSeconds(0)))
}

// RestartContainer kills a pod's process; the kubelet starts it again in the same pod, on the same address. It forgets
// every operation, as a coordinator does.
func (n *Node) RestartContainer(name string) {
	n.mu.Lock()
	if pod := n.mu.seen[name]; pod != nil {
		if c := n.mu.containers[pod.UID]; c != nil {
			c.stop(false)
			c.coordinator, c.server = nil, nil
			c.restarts++
		}
	}
	n.mu.Unlock()
	n.queue.Add(name)
}

// run plays until ctx is done, then ends what runs.
func (n *Node) run(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { n.watch(ctx) })
	group.Go(func() { n.tick(ctx) })
	group.Go(func() {
		for {
			name, shutdown := n.queue.Get()
			if shutdown {
				return
			}
			again := n.sync(ctx, name)
			n.queue.Done(name)
			if again {
				n.queue.AddAfter(name, pace)
			}
		}
	})
	<-ctx.Done()
	n.queue.ShutDown()
	group.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	for uid := range n.mu.containers {
		n.endLocked(uid, false)
	}
	for _, c := range n.mu.zombies {
		c.stop(false)
	}
}

// tick lets time pass for all that runs.
func (n *Node) tick(ctx context.Context) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		n.mu.Lock()
		running := slices.Clone(n.mu.zombies)
		for _, c := range n.mu.containers {
			running = append(running, c)
		}
		var coordinators []*coordinator
		for _, c := range running {
			if c.coordinator != nil {
				coordinators = append(coordinators, c.coordinator)
			}
		}
		n.mu.Unlock()
		for _, c := range coordinators {
			c.step()
		}
	}
}

// watch keeps seen as the API server has it. A watch that ends is begun again; it tells all pods anew.
func (n *Node) watch(ctx context.Context) {
	for ctx.Err() == nil {
		w, err := n.world.Client.Watch(ctx, &corev1.PodList{}, client.InNamespace(n.world.Namespace))
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(pace):
			}
			continue
		}
		for event := range w.ResultChan() {
			pod, ok := event.Object.(*corev1.Pod)
			if !ok {
				break
			}
			n.mu.Lock()
			if event.Type == watch.Deleted {
				delete(n.mu.seen, pod.Name)
				n.endLocked(pod.UID, false)
			} else {
				n.mu.seen[pod.Name] = pod
			}
			n.mu.Unlock()
			n.queue.Add(pod.Name)
		}
		w.Stop()
	}
}

func (n *Node) all() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.mu.seen {
		n.queue.Add(name)
	}
}

func (n *Node) endLocked(uid types.UID, gracefully bool) {
	if c := n.mu.containers[uid]; c != nil {
		c.stop(gracefully)
		delete(n.mu.containers, uid)
	}
}

// sync does the next thing for a pod, and tells whether to come back for it without being told.
func (n *Node) sync(ctx context.Context, name string) (again bool) {
	n.mu.Lock()
	pod := n.mu.seen[name]
	n.mu.Unlock()
	if pod == nil {
		return false
	}
	err := n.advance(ctx, pod.DeepCopy())
	var wait *waitError
	switch {
	case err == nil, apierrors.IsNotFound(err), ctx.Err() != nil:
		return false // gone: the watch says so
	case apierrors.IsConflict(err), errors.As(err, &wait):
		return true
	default:
		n.world.log.Error(err, "the node cannot go on", "pod", name)
		return true
	}
}

// waitError says what a pod needs before it can start.
type waitError struct{ what string }

func (e *waitError) Error() string { return e.what }

func (n *Node) advance(ctx context.Context, pod *corev1.Pod) error {
	switch {
	case n.isLost(pod.UID):
		return nil
	case pod.DeletionTimestamp != nil:
		n.mu.Lock()
		n.endLocked(pod.UID, true)
		n.mu.Unlock()
		return n.world.Client.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID})
	case pod.Spec.NodeName == "":
		binding := &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "node"}}
		return n.world.Client.SubResource("binding").Create(ctx, pod, binding)
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		return nil
	case len(pod.Spec.Containers) != 1 || len(pod.Spec.Containers[0].Args) == 0:
		return n.world.violate("pod %s has not one container with arguments", pod.Name)
	case n.failsToPull(pod.Spec.Containers[0].Image):
		return n.report(ctx, pod, waiting("ImagePullBackOff", "Back-off pulling image "+pod.Spec.Containers[0].Image))
	}
	if pod.Spec.Containers[0].Args[0] == verbCoordinator {
		return n.runCoordinator(ctx, pod)
	}
	return n.runOnce(ctx, pod)
}

func (n *Node) isLost(uid types.UID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.lost[uid]
}

func (n *Node) failsToPull(image string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.failing[image]
}

// report writes a pod's status if it says something new.
func (n *Node) report(ctx context.Context, pod *corev1.Pod, change func(*corev1.PodStatus)) error {
	before := pod.DeepCopy()
	change(&pod.Status)
	if len(pod.Status.ContainerStatuses) == 1 {
		s := &pod.Status.ContainerStatuses[0]
		s.Name, s.Image = pod.Spec.Containers[0].Name, pod.Spec.Containers[0].Image
	}
	if equality.Semantic.DeepEqual(&before.Status, &pod.Status) {
		return nil
	}
	if err := n.world.Client.Status().Update(ctx, pod); err != nil {
		return fmt.Errorf("write the status of pod %s: %w", pod.Name, err)
	}
	return nil
}

// waiting is the status of a pod whose container cannot start.
func waiting(reason, message string) func(*corev1.PodStatus) {
	return func(s *corev1.PodStatus) {
		s.Phase = corev1.PodPending
		s.ContainerStatuses = []corev1.ContainerStatus{{
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}
		setReady(s, false)
	}
}

func setReady(s *corev1.PodStatus, ready bool) {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	for _, kind := range []corev1.PodConditionType{corev1.ContainersReady, corev1.PodReady} {
		i := slices.IndexFunc(s.Conditions, func(c corev1.PodCondition) bool { return c.Type == kind })
		if i < 0 {
			s.Conditions = append(s.Conditions, corev1.PodCondition{Type: kind})
			i = len(s.Conditions) - 1
		}
		if s.Conditions[i].Status != status {
			s.Conditions[i].Status, s.Conditions[i].LastTransitionTime = status, metav1.Now()
		}
	}
	for i := range s.ContainerStatuses {
		s.ContainerStatuses[i].Ready = ready
	}
}
