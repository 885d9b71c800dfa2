package streamjob

import (
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/controllers/resources"
)

// memory is what an operator keeps of each job between passes, by name. It is about pace alone: all of it may be lost.
type memory struct {
	mu sync.Mutex
	of map[types.NamespacedName]*jobMemory
}

// jobMemory is one job's. Its job is worked on by one goroutine at a time.
type jobMemory struct {
	// written is when the status was.
	written time.Time
	// told is the last Event.
	told string
	// since is when what should be there was missing first: the answers of pods, and the pods of StatefulSets, by UID.
	since map[types.UID]time.Time
	// answered are the last answers of pods, by UID.
	answered map[types.UID]answered
	// shared is when what the pods of all revisions need was written.
	shared time.Time
	// refusals are what the API server does not let the operator do.
	refusals refusals
	// activation is the newest that was asked for.
	activation activation
}

// answered is when a coordinator did, in which life of its container.
type answered struct {
	at   time.Time
	life int32
}

// activation is what became of the requests of one id.
type activation struct {
	id string
	// expected is the attempt that was to be the newest for the last of them, generation the StreamJob's.
	expected, generation int64
	// pending: it was asked for, and its end is not known yet.
	pending bool
	plan.Activation
}

func (m *memory) job(name types.NamespacedName) *jobMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[types.NamespacedName]*jobMemory{}
	}
	if m.of[name] == nil {
		m.of[name] = &jobMemory{since: map[types.UID]time.Time{}, answered: map[types.UID]answered{}}
	}
	return m.of[name]
}

func (m *memory) forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, name)
}

// missing notes that something is not there, and returns since when it is not.
func (m *jobMemory) missing(uid types.UID, now time.Time) time.Time {
	if _, known := m.since[uid]; !known {
		m.since[uid] = now
	}
	return m.since[uid]
}

// answers notes that a coordinator did.
func (m *jobMemory) answers(pod *corev1.Pod, now time.Time) {
	delete(m.since, pod.UID)
	m.answered[pod.UID] = answered{now, life(pod)}
}

// answeredAt is when the coordinator in a pod's container did; zero: never, or it was in another container.
func (m *jobMemory) answeredAt(pod *corev1.Pod) time.Time {
	if a, ok := m.answered[pod.UID]; ok && a.life == life(pod) {
		return a.at
	}
	return time.Time{}
}

func life(pod *corev1.Pod) int32 {
	if c := resources.Container(pod); c != nil {
		return c.RestartCount
	}
	return 0
}

// keep forgets all pods and StatefulSets but these.
func (m *jobMemory) keep(present map[types.UID]bool) {
	gone := func(uid types.UID) bool { return !present[uid] }
	maps.DeleteFunc(m.since, func(uid types.UID, _ time.Time) bool { return gone(uid) })
	maps.DeleteFunc(m.answered, func(uid types.UID, _ answered) bool { return gone(uid) })
}
