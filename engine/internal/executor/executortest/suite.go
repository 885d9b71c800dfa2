// Package executortest is the conformance suite of package executor's contract: whatever runs subtasks, in this process or in
// others, passes it. It waits for events, never for a time.
package executortest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/executor"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/snapshot"
)

// Setup is what the executor under test has to run.
type Setup struct {
	Graph                       *graph.Graph
	Job                         string
	Parallelism, MaxParallelism int
	// Files returns where the data files of a checkpoint of an execution go, Blocks what reads those of a snapshot.
	Files  func(e message.Execution, checkpoint int64) backend.Files
	Blocks func(*snapshot.Metadata) (backend.Blocks, error)
	// Events takes the events, as the executor's owner would.
	Events func(message.Event)
}

// Open makes an executor on which nothing runs yet. The suite closes it.
type Open func(t *testing.T, s Setup) executor.Executor

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, open Open)
	}{
		{"splits are read and the end is told, each in its order", testReads},
		{"a task has as many subtasks as its operators' own parallelism says", testOwnParallelism},
		{"commands are kept for subtasks that do not run yet, and obeyed in sequence", testSequence},
		{"orders for another execution are dropped", testOthers},
		{"a command that nobody can obey is a failure of the execution", testNobody},
		{"a failure says which subtask, which operator, and what to do", testFailure},
		{"an aborted checkpoint is not acknowledged", testAbort},
		{"readers and operators are told what is complete, in order, up to the end", testComplete},
		{"a cancelled execution says that it has stopped, once, when nothing of it is left", testCancel},
		{"what cannot be started fails, and is cancelled like any other", testNotStarted},
		{"an execution is deployed when the one before has stopped, under a higher name", testNames},
		{"state is restored from a snapshot", testRestore},
		{"the counters are those of the living execution", testMetrics},
		{"closing ends what runs, and nothing comes after it", testClose},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

const (
	parallelism    = 2
	maxParallelism = 8
)

// first is the name of most tests' only execution.
var first = message.Execution{Attempt: 3, Restart: 1}

// all are the subtasks of the test job.
func all() []message.Subtask {
	return []message.Subtask{{Task: feedUID, Index: 0}, {Task: feedUID, Index: 1}, {Task: countUID, Index: 0}, {Task: countUID, Index: 1}}
}

// owner plays the coordinator's driver, and holds every event against the contract.
type owner struct {
	executor.Executor
	t      *testing.T
	job    *job
	store  *backendtest.Store
	events chan message.Event
	fails  bool // the test expects failures; any other is broken by one
	mu     struct {
		sync.Mutex
		deployed, cancelled, stopped map[message.Execution]bool
		running, failed              map[member]bool
		decided                      map[decision]bool // acknowledged or declined
		closed                       bool
		snapshots                    map[*snapshot.Metadata]*snapshot.Snapshot
	}
}

// member is a subtask of an execution.
type member struct {
	execution message.Execution
	subtask   message.Subtask
}

// decision is what a subtask says once of a checkpoint.
type decision struct {
	member
	checkpoint int64
}

func newOwner(t *testing.T, open Open, j *job) *owner {
	o := &owner{t: t, job: j, store: backendtest.NewStore(t, nil), events: make(chan message.Event, 1<<12)}
	o.mu.deployed, o.mu.cancelled, o.mu.stopped = map[message.Execution]bool{}, map[message.Execution]bool{}, map[message.Execution]bool{}
	o.mu.running, o.mu.failed, o.mu.decided = map[member]bool{}, map[member]bool{}, map[decision]bool{}
	o.mu.snapshots = map[*snapshot.Metadata]*snapshot.Snapshot{}
	o.Executor = open(t, Setup{
		Graph: j.graph(), Job: "job", Parallelism: parallelism, MaxParallelism: maxParallelism,
		Files:  func(_ message.Execution, checkpoint int64) backend.Files { return o.store.Files(checkpoint) },
		Blocks: o.blocks, Events: o.heard,
	})
	t.Cleanup(o.Close)
	return o
}

func (o *owner) blocks(m *snapshot.Metadata) (backend.Blocks, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.mu.snapshots[m]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("nothing reads the snapshot")
}

// heard checks an event and keeps it for the test.
func (o *owner) heard(e message.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.mu.closed:
		o.t.Errorf("%T of %s came after the executor was closed", e.Report, e.Execution)
	case !o.mu.deployed[e.Execution]:
		o.t.Errorf("%T came of %s, which was not deployed", e.Report, e.Execution)
	case o.mu.stopped[e.Execution]:
		o.t.Errorf("%T came of %s, which had stopped", e.Report, e.Execution)
	}
	o.checkLocked(e)
	o.events <- e
}

func (o *owner) checkLocked(e message.Event) {
	if _, ok := e.Report.(message.Stopped); ok {
		o.mu.stopped[e.Execution] = true
		if !o.mu.cancelled[e.Execution] {
			o.t.Errorf("%s has stopped by itself", e.Execution)
		}
		if n := o.job.open.Load(); n != 0 && len(o.mu.stopped) == len(o.mu.deployed) {
			o.t.Errorf("%s has stopped, and %d readers, operators and writers are not closed", e.Execution, n)
		}
		return
	}
	of := member{e.Execution, e.Report.From()}
	switch r := e.Report.(type) {
	case message.Running:
		if o.mu.running[of] || o.mu.failed[of] {
			o.t.Errorf("%v runs once more", of)
		}
		o.mu.running[of] = true
		return
	case message.Failed:
		if o.mu.failed[of] && of.subtask != (message.Subtask{}) {
			o.t.Errorf("%v has failed once more", of)
		}
		o.mu.failed[of] = true
		return
	case message.Ack:
		o.decidedLocked(decision{of, r.Checkpoint})
	case message.Decline:
		o.decidedLocked(decision{of, r.Checkpoint})
	default:
		if o.mu.failed[of] {
			o.t.Errorf("%T came of %v, which had failed", e.Report, of)
		}
	}
	if !o.mu.running[of] {
		o.t.Errorf("%T came of %v before it ran", e.Report, of)
	}
}

func (o *owner) decidedLocked(d decision) {
	if o.mu.decided[d] {
		o.t.Errorf("%v decided twice on checkpoint %d", d.member, d.checkpoint)
	}
	o.mu.decided[d] = true
}

func (o *owner) deploy(e message.Execution, from *snapshot.Metadata) {
	o.mu.Lock()
	o.mu.deployed[e] = true
	o.mu.Unlock()
	o.Deploy(executor.Deployment{Execution: e, From: from})
}

func (o *owner) cancel(e message.Execution) {
	o.mu.Lock()
	o.mu.cancelled[e] = true
	o.mu.Unlock()
	o.Cancel(e)
}

// Close closes the executor, and lets no event come after it.
func (o *owner) Close() {
	o.Executor.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.closed = true
	if n := o.job.open.Load(); n != 0 {
		o.t.Errorf("the executor is closed, and %d readers, operators and writers are not", n)
	}
}

func (o *owner) command(e message.Execution, index int, c message.Command) {
	o.Command(message.Order{Execution: e, To: message.Subtask{Task: feedUID, Index: index}, Command: c})
}

// assign gives a split to a subtask of the source.
func (o *owner) assign(e message.Execution, index int, id, spec string) {
	o.command(e, index, message.Assign{Split: connector.Split{ID: id, Chain: id, Spec: []byte(spec)}, MaxTime: snapshot.NoTime})
}

// trigger starts a checkpoint in all subtasks of the source.
func (o *owner) trigger(e message.Execution, id int64) {
	for i := range parallelism {
		o.command(e, i, message.Trigger{ID: id})
	}
}

// next returns the next event.
func (o *owner) next() message.Event {
	o.t.Helper()
	select {
	case e := <-o.events:
		return e
	case <-o.t.Context().Done():
		o.t.Fatal("the test ended while it waited for an event")
	}
	return message.Event{}
}

// until returns the events up to the one that fits, and that one last.
func (o *owner) until(fits func(message.Event) bool) []message.Event {
	o.t.Helper()
	var before []message.Event
	for {
		e := o.next()
		if f, ok := e.Report.(message.Failed); ok && !o.fails {
			o.t.Fatalf("%s, %v has failed: %v", e.Execution, f.Subtask, f.Err)
		}
		before = append(before, e)
		if fits(e) {
			return before
		}
	}
}

// untilReport is until with a report of a type.
func untilReport[R message.Report](o *owner) R {
	o.t.Helper()
	events := o.until(func(e message.Event) bool {
		_, ok := e.Report.(R)
		return ok
	})
	return events[len(events)-1].Report.(R)
}

// acks waits until all subtasks have acknowledged a checkpoint.
func (o *owner) acks(e message.Execution, id int64) map[message.Subtask]message.Ack {
	o.t.Helper()
	got := map[message.Subtask]message.Ack{}
	o.until(func(event message.Event) bool {
		if a, ok := event.Report.(message.Ack); ok && event.Execution == e && a.Checkpoint == id {
			got[a.Subtask] = a
		}
		return len(got) == len(all())
	})
	return got
}

// runs waits until all subtasks run.
func (o *owner) runs() {
	o.t.Helper()
	n := 0
	o.until(func(e message.Event) bool {
		if _, ok := e.Report.(message.Running); ok {
			n++
		}
		return n == len(all())
	})
}

// left are the events that have come and were not looked at.
func (o *owner) left() (events []message.Event) {
	for {
		select {
		case e := <-o.events:
			events = append(events, e)
		default:
			return events
		}
	}
}

// splits are the ids of the splits in a subtask's part of a checkpoint.
func splits(a message.Ack) string {
	var ids []string
	for _, s := range a.States {
		for _, split := range s.State.Splits {
			ids = append(ids, split.ID)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// committed is what the sinks prepared for a checkpoint.
func committed(acks map[message.Subtask]message.Ack) string {
	var texts []string
	for _, a := range acks {
		for _, s := range a.States {
			for _, c := range s.State.Committables {
				texts = append(texts, string(c))
			}
		}
	}
	return strings.Join(texts, " ")
}

// complete publishes a checkpoint that all have acknowledged, so that it can be restored.
func (o *owner) complete(id int64, acks map[message.Subtask]message.Ack) *snapshot.Metadata {
	o.t.Helper()
	m := &snapshot.Metadata{ID: id, Parallelism: parallelism, MaxParallelism: maxParallelism}
	for _, n := range o.job.graph().Nodes {
		op := snapshot.OperatorState{UID: n.UID, Parallelism: parallelism, MaxParallelism: maxParallelism, Fingerprint: n.Fingerprint}
		for _, subtask := range all() {
			for _, s := range acks[subtask].States {
				if s.UID == n.UID {
					op.Subtasks = append(op.Subtasks, s.State)
				}
			}
		}
		if len(op.Subtasks) != parallelism {
			o.t.Fatalf("operator %s acknowledged %d parts of %d", n.UID, len(op.Subtasks), parallelism)
		}
		m.Operators = append(m.Operators, op)
	}
	s := o.store.Publish(m)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.snapshots[s.Metadata] = s
	return s.Metadata
}

func testReads(t *testing.T, open Open) {
	o := newOwner(t, open, newJob())
	o.deploy(first, nil)
	o.runs()
	for i := range parallelism {
		o.assign(first, i, fmt.Sprint("split", i), "10")
		o.command(first, i, message.NoMoreSplits{})
	}
	done, ended := map[int]bool{}, map[int]bool{}
	o.until(func(e message.Event) bool {
		switch r := e.Report.(type) {
		case message.SplitDone:
			if want := fmt.Sprint("split", r.Index); r.Split != want || ended[r.Index] {
				t.Errorf("subtask %d is done with %s, want %s before the end", r.Index, r.Split, want)
			}
			done[r.Index] = true
		case message.Ended:
			if !done[r.Index] || ended[r.Index] {
				t.Errorf("subtask %d has ended, with its split done %v", r.Index, done[r.Index])
			}
			ended[r.Index] = true
		}
		return len(ended) == parallelism
	})
	o.trigger(first, 1) // barriers come through after the end
	if got := committed(o.acks(first, 1)); got != "20" {
		t.Errorf("%s rows were counted, want 20", got)
	}
}

func testOwnParallelism(t *testing.T, open Open) {
	j := newJob()
	j.own = map[string]int{feedUID: 1, keyUID: 1, countUID: 3, sinkUID: 1}
	want := map[message.Subtask]bool{{Task: feedUID}: true, {Task: countUID}: true, {Task: countUID, Index: 1}: true, {Task: countUID, Index: 2}: true, {Task: sinkUID}: true}
	o := newOwner(t, open, j)
	o.deploy(first, nil)
	running := map[message.Subtask]bool{}
	o.until(func(e message.Event) bool {
		if r, ok := e.Report.(message.Running); ok {
			running[r.Subtask] = true
		}
		return len(running) == len(want)
	})
	if !maps.Equal(running, want) {
		t.Errorf("%v run, want %v", running, want)
	}
	o.assign(first, 0, "split", "30")
	o.command(first, 0, message.NoMoreSplits{})
	untilReport[message.Ended](o)
	o.command(first, 0, message.Trigger{ID: 1})
	acks := map[message.Subtask]message.Ack{}
	o.until(func(e message.Event) bool {
		if a, ok := e.Report.(message.Ack); ok {
			acks[a.Subtask] = a
		}
		return len(acks) == len(want)
	})
	if got := committed(acks); got != "30" {
		t.Errorf("%s rows were counted, want 30", got)
	}
}

func testSequence(t *testing.T, open Open) {
	j := newJob()
	j.opening = make(chan struct{})
	o := newOwner(t, open, j)
	o.deploy(first, nil)
	o.assign(first, 0, "a", silent)
	o.trigger(first, 1)
	o.assign(first, 0, "b", silent)
	o.trigger(first, 2)
	close(j.opening)
	acks := map[int64]string{}
	o.until(func(e message.Event) bool {
		if a, ok := e.Report.(message.Ack); ok && a.Subtask == (message.Subtask{Task: feedUID}) {
			acks[a.Checkpoint] = splits(a)
		}
		return len(acks) == 2
	})
	if acks[1] != "a" || acks[2] != "a b" {
		t.Errorf("the checkpoints have the splits %q and %q, want a, and a b", acks[1], acks[2])
	}
}

func testOthers(t *testing.T, open Open) {
	o := newOwner(t, open, newJob())
	o.deploy(first, nil)
	o.runs()
	for _, other := range []message.Execution{
		{Attempt: first.Attempt, Restart: first.Restart - 1}, {Attempt: first.Attempt, Restart: first.Restart + 1},
		{Attempt: first.Attempt - 1, Restart: first.Restart}, {Attempt: first.Attempt + 1, Restart: first.Restart},
	} {
		o.assign(other, 0, "of another", silent)
		o.Command(message.Order{Execution: other, To: message.Subtask{Task: "none"}, Command: message.Resume{}})
		o.Abort(other, 1)
		o.Cancel(other)
	}
	o.trigger(first, 1)
	for subtask, a := range o.acks(first, 1) {
		if got := splits(a); got != "" {
			t.Errorf("%v has the split %q of another execution", subtask, got)
		}
	}
}

func testNobody(t *testing.T, open Open) {
	for _, c := range []struct {
		to   message.Subtask
		says message.Subtask
	}{
		{message.Subtask{Task: "none"}, message.Subtask{}},
		{message.Subtask{Task: feedUID, Index: parallelism}, message.Subtask{}},
		{message.Subtask{Task: feedUID, Index: -1}, message.Subtask{}},
		{message.Subtask{Task: countUID, Index: 1}, message.Subtask{Task: countUID, Index: 1}}, // is no source
	} {
		o := newOwner(t, open, newJob())
		o.fails = true
		o.deploy(first, nil)
		o.runs()
		o.Command(message.Order{Execution: first, To: c.to, Command: message.Resume{}})
		if f := untilReport[message.Failed](o); f.Subtask != c.says || !strings.Contains(f.Err.Error(), c.to.Task) {
			t.Errorf("to %v: %v failed with %v", c.to, f.Subtask, f.Err)
		}
	}
}

func testFailure(t *testing.T, open Open) {
	o := newOwner(t, open, newJob())
	o.fails = true
	o.deploy(first, nil)
	o.assign(first, 1, "split", bad)
	f := untilReport[message.Failed](o)
	want := message.Failure{
		Class: fault.Permanent, Operator: countUID, Places: []string{"row 0"}, Remedy: "mend it",
		Text: "operator count: row 0: it is bad; mend it",
	}
	if diff := cmp.Diff(want, f.Err); f.Task != countUID || diff != "" {
		t.Errorf("%v failed (-want +got):\n%s", f.Subtask, diff)
	}
	o.cancel(first)
	untilReport[message.Stopped](o)
}

func testAbort(t *testing.T, open Open) {
	o := newOwner(t, open, newJob())
	o.deploy(first, nil)
	o.runs()
	o.command(first, 0, message.Trigger{ID: 1}) // is never aligned
	ack := untilReport[message.Ack](o)
	o.Abort(first, 1)
	o.trigger(first, 2)
	o.acks(first, 2)
	o.mu.Lock()
	defer o.mu.Unlock()
	for d := range o.mu.decided {
		if d.checkpoint == 1 && d.subtask != ack.Subtask {
			t.Errorf("%v decided on the aborted checkpoint", d.subtask)
		}
	}
}

func testComplete(t *testing.T, open Open) {
	for name, end := range map[string]func(*owner){
		"that is cancelled": func(o *owner) {
			o.cancel(first)
			untilReport[message.Stopped](o)
		},
		"that is closed": func(o *owner) { o.Close() },
	} {
		j := newJob()
		o := newOwner(t, open, j)
		o.deploy(first, nil)
		o.assign(first, 0, "a", silent)
		o.runs()
		o.trigger(first, 1)
		o.acks(first, 1)
		o.Complete(first, 1)
		o.Complete(message.Execution{Attempt: first.Attempt, Restart: first.Restart + 1}, 2) // does not live
		o.assign(first, 0, "b", "5")
		untilReport[message.SplitDone](o)
		o.trigger(first, 3)
		o.acks(first, 3)
		o.Complete(first, 3)
		end(o)
		want := []string{
			"count: 1", "count: 1", "count: 3", "count: 3",
			`feed: 1 with ["a"] open, [] ended`, "feed: 1 with [] open, [] ended",
			`feed: 3 with ["a"] open, ["b"] ended`, "feed: 3 with [] open, [] ended",
		}
		if got := j.told(); !slices.Equal(got, want) {
			t.Errorf("an execution %s: told %q, want %q", name, got, want)
		}
	}
}

func testCancel(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		job  func(*job)
		do   func(*owner)
	}{
		{"at once", nil, func(*owner) {}},
		{"while it restores", func(j *job) { j.opening = make(chan struct{}) }, func(*owner) {}},
		{"while it runs", nil, (*owner).runs},
		{"while a writer waits", func(j *job) { j.writing = make(chan struct{}) }, func(o *owner) {
			o.assign(first, 0, "split", "1000")
			untilReport[message.SplitDone](o)
		}},
		{"during a checkpoint", nil, func(o *owner) {
			o.runs()
			o.command(first, 0, message.Trigger{ID: 1})
			untilReport[message.Ack](o)
		}},
		{"after a failure", nil, func(o *owner) {
			o.assign(first, 0, "split", bad)
			untilReport[message.Failed](o)
		}},
		{"after the end of its input", nil, func(o *owner) {
			for i := range parallelism {
				o.command(first, i, message.NoMoreSplits{})
			}
			untilReport[message.Ended](o)
			untilReport[message.Ended](o)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newJob()
			if c.job != nil {
				c.job(j)
			}
			o := newOwner(t, open, j)
			o.fails = true
			o.deploy(first, nil)
			c.do(o)
			o.cancel(first)
			o.cancel(first)
			untilReport[message.Stopped](o)
			o.cancel(first)
			o.command(first, 0, message.Resume{})
			o.Close()
			if left := o.left(); len(left) > 0 {
				t.Errorf("after it had stopped came %v", left)
			}
		})
	}
}

func testNotStarted(t *testing.T, open Open) {
	o := newOwner(t, open, newJob())
	o.fails = true
	for i, from := range []*snapshot.Metadata{
		{ID: 1, Parallelism: parallelism, MaxParallelism: 2 * maxParallelism},
		{ID: 1, Parallelism: parallelism, MaxParallelism: maxParallelism}, // which nothing reads
	} {
		e := message.Execution{Attempt: 1, Restart: int64(i)}
		o.deploy(e, from)
		if f := untilReport[message.Failed](o); f.Subtask != (message.Subtask{}) {
			t.Errorf("%v could not be started, want no subtask: %v", f.Subtask, f.Err)
		}
		o.trigger(e, 1)
		o.Abort(e, 1)
		if got := o.Metrics(); len(got) > 0 {
			t.Errorf("what could not be started has counted %v", got)
		}
		o.cancel(e)
		untilReport[message.Stopped](o)
	}
	o.deploy(first, nil)
	o.runs()
}

func testNames(t *testing.T, open Open) {
	o := newOwner(t, open, newJob())
	o.fails = true
	o.deploy(first, nil)
	o.runs()
	for _, older := range []message.Execution{first, {Attempt: first.Attempt, Restart: 0}, {Attempt: first.Attempt - 1, Restart: 9}} {
		o.Deploy(executor.Deployment{Execution: older})
	}
	early := message.Execution{Attempt: first.Attempt, Restart: first.Restart + 1}
	o.deploy(early, nil)
	events := o.until(func(e message.Event) bool {
		_, failed := e.Report.(message.Failed)
		return failed
	})
	if last := events[len(events)-1]; last.Execution != early {
		t.Errorf("%s failed, want the one that came too early", last.Execution)
	}
	o.trigger(first, 1)
	o.acks(first, 1)
	for _, e := range []message.Execution{early, first} {
		o.cancel(e)
		if got := o.until(func(e message.Event) bool { return e.Report == message.Stopped{} }); got[len(got)-1].Execution != e {
			t.Errorf("%s has stopped, want %s", got[len(got)-1].Execution, e)
		}
	}
	next := message.Execution{Attempt: first.Attempt + 1}
	o.deploy(next, nil)
	o.runs()
	o.trigger(next, 2)
	o.acks(next, 2)
}

func testRestore(t *testing.T, open Open) {
	o := newOwner(t, open, newJob())
	o.deploy(first, nil)
	o.assign(first, 0, "a", "10")
	untilReport[message.SplitDone](o)
	o.trigger(first, 1)
	acks := o.acks(first, 1)
	if got := committed(acks); got != "10" {
		t.Errorf("%s rows were counted, want 10", got)
	}
	from := o.complete(1, acks)
	o.assign(first, 0, "b", "100") // is rolled back
	untilReport[message.SplitDone](o)
	o.cancel(first)
	untilReport[message.Stopped](o)
	second := message.Execution{Attempt: first.Attempt, Restart: first.Restart + 1}
	o.deploy(second, from)
	o.assign(second, 1, "c", "5")
	untilReport[message.SplitDone](o)
	o.trigger(second, 2)
	if got := committed(o.acks(second, 2)); got != "15" {
		t.Errorf("%s rows were counted, want 15", got)
	}
}

// counted are the rows that an operator has got, and the number of its subtasks.
func counted(metrics []message.Metrics, uid string) (rows int64, subtasks int) {
	for _, m := range metrics {
		if m.UID == uid {
			rows += m.RecordsIn
			subtasks++
		}
	}
	return rows, subtasks
}

func testMetrics(t *testing.T, open Open) {
	o := newOwner(t, open, newJob())
	if got := o.Metrics(); len(got) > 0 {
		t.Errorf("before anything was deployed there are the counters %v", got)
	}
	o.deploy(first, nil)
	o.assign(first, 0, "a", "10")
	untilReport[message.SplitDone](o)
	o.trigger(first, 1)
	o.acks(first, 1)
	for _, uid := range []string{keyUID, countUID, sinkUID} {
		if rows, subtasks := counted(o.Metrics(), uid); rows != 10 || subtasks != parallelism {
			t.Errorf("%s has got %d rows in %d subtasks, want 10 in %d", uid, rows, subtasks, parallelism)
		}
	}
	o.cancel(first)
	if got := o.Metrics(); len(got) > 0 {
		t.Errorf("a cancelled execution has the counters %v", got)
	}
}

func testClose(t *testing.T, open Open) {
	o := newOwner(t, open, newJob())
	o.deploy(first, nil)
	o.assign(first, 0, "a", "10")
	untilReport[message.SplitDone](o)
	o.trigger(first, 1)
	o.acks(first, 1)
	o.Close()
	o.Close()
	if rows, _ := counted(o.Metrics(), countUID); rows != 10 {
		t.Errorf("the counters that stay say %d rows, want 10", rows)
	}
	o.trigger(first, 2)
	o.Abort(first, 2)
	o.cancel(first)
	o.deploy(message.Execution{Attempt: first.Attempt + 1}, nil)
	for _, e := range o.left() {
		if _, ok := e.Report.(message.Stopped); ok {
			t.Error("what was closed says that it has stopped")
		}
	}
}
