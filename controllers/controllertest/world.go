package controllertest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// patience is how long a fact may take to come true on a busy machine. Facts that do come true take much less.
const patience = 4 * time.Minute

// lastWords is what a test needs to end before all tests have to.
const lastWords = 10 * time.Second

// World is one test's part of the cluster: a namespace, a node and storage, and the operators that it starts.
type World struct {
	// Client reads and writes past the operator, its cache and its Faults.
	Client    client.WithWatch
	Namespace string
	// ClusterID is the UID of namespace kube-system, by which owners of attempts are told apart.
	ClusterID string
	// Key is the operator's: every identity is derived from it.
	Key    []byte
	Scheme *runtime.Scheme
	// Config is that of an administrator; operators have rights of their own.
	Config *rest.Config
	Node   *Node
	// Faults break the operators of this world.
	Faults *Faults

	operator *rest.Config

	t   *testing.T
	ctx context.Context
	log logr.Logger

	mu struct {
		sync.Mutex
		buckets    map[string]*Bucket
		violations []string
		lines      bytes.Buffer // of all logs, shown if the test fails
	}
}

// NewWorld makes a world that ends with the test. A test fails if something that an operator must never bring about was
// seen in its world, see Bucket.Violations.
func NewWorld(t *testing.T) *World {
	t.Helper()
	cluster, err := theCluster()
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.client()
	if err != nil {
		t.Fatal(err)
	}
	w := &World{Client: c, Scheme: cluster.scheme, Config: cluster.config, operator: cluster.operator, t: t, Key: bytes.Repeat([]byte("key "), 8)}
	w.mu.buckets = map[string]*Bucket{}
	w.log = funcr.New(w.line, funcr.Options{Verbosity: 1, LogTimestamp: true, TimestampFormat: "05.000"})
	w.Faults = newFaults()
	var cancel context.CancelFunc
	w.ctx, cancel = context.WithCancel(context.Background())
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "world-"}}
	system := &corev1.Namespace{}
	if err := c.Create(w.ctx, namespace); err != nil {
		t.Fatalf("create a namespace: %v", err)
	}
	w.Eventually("the namespace kube-system", func(ctx context.Context) error {
		return c.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, system)
	})
	w.Namespace, w.ClusterID = namespace.Name, string(system.UID)
	w.Node = newNode(w)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Node.run(w.ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		for _, v := range w.Violations() {
			t.Errorf("must never be: %s", v)
		}
		if t.Failed() {
			w.mu.Lock()
			defer w.mu.Unlock()
			t.Logf("namespace %s\n%s", w.Namespace, w.mu.lines.String())
		}
	})
	return w
}

// Context ends with the test.
func (w *World) Context() context.Context { return w.ctx }

// Bucket is what storage holds of a job; it is there, empty, before the job is.
func (w *World) Bucket(jobID string) *Bucket {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.mu.buckets[jobID]
	if b == nil {
		b = newBucket(jobID)
		w.mu.buckets[jobID] = b
	}
	return b
}

// Violations are those of all buckets and of the node.
func (w *World) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.mu.violations)
	for _, b := range w.mu.buckets {
		all = append(all, b.Violations()...)
	}
	return all
}

// Log is what the operators have logged so far.
func (w *World) Log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.lines.String()
}

// Eventually asks until there is no error, and fails the test with the last one if that takes too long.
func (w *World) Eventually(what string, ask func(ctx context.Context) error) {
	w.t.Helper()
	limit := patience
	if end, ok := w.t.Deadline(); ok { // what is waited for has a name, the end of all tests has none
		limit = min(limit, time.Until(end)-lastWords)
	}
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	defer cancel()
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			w.t.Fatalf("%s: not within %v: %v", what, limit.Round(time.Second), err)
		case <-ticker.C:
		}
	}
}

// violate writes down once what must not be, and returns it as an error.
func (w *World) violate(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.mu.violations, err.Error()) {
		w.mu.violations = append(w.mu.violations, err.Error())
	}
	return err
}

func (w *World) line(prefix, args string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintln(&w.mu.lines, prefix, args)
}
