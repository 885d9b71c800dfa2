package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
)

// Conditions is the history of a StreamJob's conditions: every version that was written of it.
type Conditions struct {
	mu struct {
		sync.Mutex
		versions int
		broken   []string // rules
		reasons  []string // of Ready, in their order, each once in a row
		err      error
	}
}

// WatchConditions holds every version of the StreamJob against the rules by which kubectl wait and kstatus read it (P12),
// from now on until the test ends. The test fails if one was broken.
func (j *FlightDelays) WatchConditions() *Conditions {
	j.t.Helper()
	ctx, cancel := context.WithCancel(j.t.Context())
	watching, err := j.lab.Client.Watch(ctx, &v1alpha1.StreamJobList{}, client.InNamespace(j.Namespace()))
	if err != nil {
		j.t.Fatal(err)
	}
	c := &Conditions{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for event := range watching.ResultChan() {
			if ctx.Err() == nil { // the end of a watch is an event too
				c.see(event)
			}
		}
		if ctx.Err() == nil {
			c.fail(errors.New("the watch has ended"))
		}
	}()
	j.t.Cleanup(func() {
		cancel()
		watching.Stop()
		<-ended
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.mu.err != nil {
			j.t.Errorf("watch the conditions: %v", c.mu.err)
		}
		for _, b := range c.mu.broken {
			j.t.Error(b)
		}
	})
	return c
}

func (c *Conditions) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.err = err
}

func (c *Conditions) see(event watch.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	job, ok := event.Object.(*v1alpha1.StreamJob)
	switch {
	case !ok:
		c.mu.err = fmt.Errorf("a %s event has %+v", event.Type, event.Object)
	case event.Type != watch.Deleted && len(job.Status.Conditions) > 0:
		c.mu.versions++
		c.mu.broken = append(c.mu.broken, brokenRules(job)...)
		ready := meta.FindStatusCondition(job.Status.Conditions, v1alpha1.ConditionReady)
		if n := len(c.mu.reasons); ready != nil && (n == 0 || c.mu.reasons[n-1] != ready.Reason) {
			c.mu.reasons = append(c.mu.reasons, ready.Reason)
		}
	}
}

// brokenRules tells what is wrong with the conditions of one version.
func brokenRules(job *v1alpha1.StreamJob) []string {
	var broken []string
	fail := func(format string, args ...any) {
		broken = append(broken, fmt.Sprintf("version %s, generation %d: ", job.ResourceVersion, job.Generation)+fmt.Sprintf(format, args...))
	}
	holds := 0
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionProgressing, v1alpha1.ConditionStalled} {
		if meta.IsStatusConditionTrue(job.Status.Conditions, kind) {
			holds++
		}
	}
	if holds != 1 {
		fail("%d of Ready, Progressing and Stalled are true, want one: %+v", holds, job.Status.Conditions)
	}
	for _, condition := range job.Status.Conditions {
		switch {
		case condition.ObservedGeneration != job.Status.ObservedGeneration:
			fail("%s is of generation %d, the status of %d", condition.Type, condition.ObservedGeneration, job.Status.ObservedGeneration)
		case condition.Status != metav1.ConditionTrue && condition.Status != metav1.ConditionFalse && condition.Status != metav1.ConditionUnknown:
			fail("%s is %q", condition.Type, condition.Status)
		case condition.Reason == "" || condition.Message == "":
			fail("%s=%s has no reason or no message", condition.Type, condition.Status)
		}
	}
	if job.Status.ObservedGeneration > job.Generation {
		fail("the status is of generation %d", job.Status.ObservedGeneration)
	}
	if meta.IsStatusConditionTrue(job.Status.Conditions, v1alpha1.ConditionReady) && job.Status.LastCheckpoint == nil {
		fail("it is Ready without a checkpoint")
	}
	return broken
}

// History returns how many versions were seen, and the reasons of Ready, in their order.
func (c *Conditions) History() (versions int, reasons []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.versions, append([]string(nil), c.mu.reasons...)
}
