// Package coordinators is all that controllers ask of the coordinators of jobs, and what an answer is: a fact, a refusal, or
// silence.
//
// Its directory leads from a pod to a client that trusts only this job's coordinator there (P11). It promises that whatever
// a call does, it ends within Timeout, that a pod which takes over an address learns no token of another job, and that the
// number of clients is bounded. It keeps nothing that cannot be derived again from the operator's key and a StreamJob's UID,
// and it refuses to know what follows from an answer.
package coordinators

import (
	"container/list"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weirstream/weir/engine/rest"
)

const (
	// Timeout is how long one call may take: a coordinator that is there answers in milliseconds, and one that hangs must
	// not hold up other jobs.
	Timeout = 3 * time.Second
	// port is where coordinators answer.
	port = 8443
	// capacity is how many clients are kept. More jobs than that cost a TLS handshake for each call, and nothing else.
	capacity = 1024
	// minKey is the least length of an operator's key in bytes.
	minKey = 32
)

// ErrNoAddress tells that a pod has no address yet, or not any more.
var ErrNoAddress = errors.New("the pod has no address")

// Directory makes and keeps clients. It is safe for concurrent use.
type Directory struct {
	key []byte

	mu struct {
		sync.Mutex
		entries map[entryKey]*list.Element
		recent  *list.List // of entry, the one used last in front
	}
}

// entryKey is one job at one address: a client of one job never serves another that gets the address later.
type entryKey struct {
	jobUID  types.UID
	address string
}

type entry struct {
	key    entryKey
	client *rest.Client
}

// NewDirectory returns one for the operator's key, of at least 32 bytes.
func NewDirectory(operatorKey []byte) (*Directory, error) {
	if len(operatorKey) < minKey {
		return nil, fmt.Errorf("the operator's key has %d bytes and must have at least %d: delete its Secret, and a new one is made", len(operatorKey), minKey)
	}
	d := &Directory{key: append([]byte(nil), operatorKey...)}
	d.mu.entries, d.mu.recent = map[entryKey]*list.Element{}, list.New()
	return d, nil
}

// Identity returns what the coordinators of a job prove themselves by: the same for the same UID, always.
func (d *Directory) Identity(jobUID types.UID) (*rest.Identity, error) {
	id, err := rest.NewIdentity(d.key, string(jobUID))
	if err != nil {
		return nil, fmt.Errorf("derive the identity of StreamJob %s: %w", jobUID, err)
	}
	return id, nil
}

// client returns that of the coordinator in a pod of a job. It belongs to the directory: it is kept, and closed when
// others are used more. The error is ErrNoAddress if there is nobody to ask.
func (d *Directory) client(pod *corev1.Pod, jobUID types.UID) (*rest.Client, error) {
	if pod.Status.PodIP == "" {
		return nil, fmt.Errorf("reach the coordinator of pod %s: %w", pod.Name, ErrNoAddress)
	}
	key := entryKey{jobUID: jobUID, address: net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(port))}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.mu.entries[key]; known != nil {
		d.mu.recent.MoveToFront(known)
		return known.Value.(*entry).client, nil
	}
	id, err := d.Identity(jobUID)
	if err != nil {
		return nil, err
	}
	client, err := rest.NewPodClient(key.address, id)
	if err != nil {
		return nil, fmt.Errorf("reach the coordinator of pod %s: %w", pod.Name, err)
	}
	client = client.Within(Timeout)
	d.mu.entries[key] = d.mu.recent.PushFront(&entry{key: key, client: client})
	d.evictLocked()
	return client, nil
}

// evictLocked forgets the clients that were not used for longest. A call that still uses one ends as it would have.
func (d *Directory) evictLocked() {
	for d.mu.recent.Len() > capacity {
		last := d.mu.recent.Remove(d.mu.recent.Back()).(*entry)
		delete(d.mu.entries, last.key)
		last.client.Close()
	}
}
