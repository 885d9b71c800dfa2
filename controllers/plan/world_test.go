package plan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// world is a small model of what an operator acts on: StatefulSets with their pods, coordinators over one folder,
// Savepoints, preflights. It moves by itself, in random order, and it breaks.
type world struct {
	random *rand.Rand
	now    time.Time
	// the StreamJob
	generation  int64
	revision    string
	parallelism int
	desired     v1alpha1.DesiredState
	stopFirst   bool
	recorded    int64
	lastStatus  plan.LastStatus
	// the cluster
	pods       map[string]*pod // by revision: its StatefulSet has a replica
	preflight  plan.Preflight
	checks     string // the revision that it checks
	savepoints map[string]*plan.Savepoint
	// storage
	attempt     int64
	by          string
	outcome     outcome.Outcome
	checkpoints int64
	log         []string
}

type pod struct {
	running    bool
	state      rest.State
	attempt    int64
	settings   rest.Settings
	checkpoint int64
}

func newWorld(seed uint64) *world {
	return &world{random: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1_700_000_000, 0), generation: 1, revision: "r0", parallelism: 1,
		desired: v1alpha1.Running, pods: map[string]*pod{}, savepoints: map[string]*plan.Savepoint{}}
}

// bad revisions do not pass their preflight.
func bad(revision string) bool { return revision[len(revision)-1] == '3' }

func (w *world) settings() rest.Settings { return rest.Settings{Parallelism: w.parallelism} }

// observe is what a reconciler would see.
func (w *world) observe() plan.Facts {
	f := plan.Facts{Now: w.now, Owner: owner,
		Job:        plan.StreamJob{Name: "job", Generation: w.generation, Desired: w.desired},
		Target:     plan.Target{Revision: w.revision, Settings: w.settings(), Recorded: w.recorded == w.generation, StopFirst: w.stopFirst, Fresh: time.Hour, Folder: "mem"},
		LastStatus: w.lastStatus}
	if w.preflight.Name != "" && w.checks == w.revision {
		f.Preflight = w.preflight
	} else if w.preflight.Name != "" {
		f.OldPreflights = []string{w.preflight.Name}
	}
	for name, p := range w.pods {
		r := plan.Revision{Name: name, Exists: true}
		if p != nil {
			r.Replicas = 1
			r.Pods = []plan.Pod{{Name: "job-" + name + "-0", Exists: true, Running: p.running}}
			if p.running {
				r.Coordinator = w.answer(name, p)
			}
		}
		f.Revisions = append(f.Revisions, r)
	}
	for _, s := range w.savepoints {
		f.Savepoints = append(f.Savepoints, *s)
	}
	return f
}

func (w *world) answer(name string, p *pod) *rest.Job {
	j := &rest.Job{State: p.state, Revision: name, Attempt: p.attempt, CompletedCheckpoints: p.checkpoint}
	if p.attempt > 0 {
		settings := p.settings
		j.Settings = &settings
	}
	if w.checkpoints > 0 {
		j.LastCheckpoint = &rest.Checkpoint{ID: w.checkpoints, TriggerTime: w.now}
	}
	if !executing(p.state) {
		j.Chain = &rest.Chain{Attempt: w.attempt, Owner: owner, Revision: w.by, Outcome: w.outcome, Checkpoint: j.LastCheckpoint}
	}
	return j
}

func executing(s rest.State) bool {
	return s == rest.Starting || s == rest.Running || s == rest.Recovering || s == rest.Stopping
}

// holds: the revision's pod executes the newest attempt.
func (w *world) holds(revision string) bool {
	p := w.pods[revision]
	return p != nil && p.running && executing(p.state) && p.attempt == w.attempt
}

// operate is one reconcile: with old facts, or crashed somewhere, or done twice.
func (w *world) operate(t *testing.T, old plan.Facts, faults bool) plan.Facts {
	t.Helper()
	seen := w.observe()
	facts := seen
	stale := faults && w.random.IntN(4) == 0
	if stale {
		facts = old
		facts.Now = w.now
	}
	d := plan.Decide(facts)
	w.check(t, facts, d)
	if faults && w.random.IntN(10) == 0 {
		return seen // killed before its status was written
	}
	w.remember(facts, d)
	if faults && w.random.IntN(10) == 0 {
		return seen // killed before it acted
	}
	if stale && plan.Guarded(d.Action) && fmt.Sprint(plan.Decide(w.observe()).Action) != d.Action.String() {
		return seen // what is seen past the caches decides otherwise
	}
	for range 1 + w.random.IntN(2) {
		w.act(t, d)
	}
	return seen
}

// check holds what must be true of every decision, however old its facts.
func (w *world) check(t *testing.T, f plan.Facts, d plan.Decision) {
	t.Helper()
	again := plan.Decide(f)
	if fmt.Sprint(again.Action) != fmt.Sprint(d.Action) || again.Reason != d.Reason {
		w.fail(t, "the same facts are decided differently: %s, then %s", d.Action, again.Action)
	}
	if d.Reason == "" || d.Message == "" || d.Phase == "" {
		w.fail(t, "%q says nothing: %+v", d.Rule, d)
	}
	truths := 0
	for _, c := range plan.Conditions(f, d, nil) {
		if c.ObservedGeneration != f.Job.Generation {
			w.fail(t, "condition %s is about generation %d of %d", c.Type, c.ObservedGeneration, f.Job.Generation)
		}
		if c.Status == "True" && (c.Type == v1alpha1.ConditionReady || c.Type == v1alpha1.ConditionProgressing || c.Type == v1alpha1.ConditionStalled) {
			truths++
		}
	}
	if truths != 1 {
		w.fail(t, "%d of Ready, Progressing and Stalled are true", truths)
	}
	taken := ""
	switch a := d.Action.(type) {
	case plan.ScaleDown:
		taken = a.Revision
	case plan.RemoveRevision:
		taken = a.Revision
	}
	newest := int64(0)
	for _, r := range f.Revisions {
		if r.Coordinator != nil {
			newest = max(newest, r.Coordinator.Attempt)
		}
	}
	for _, r := range f.Revisions {
		if r.Name == taken && r.Coordinator != nil && executing(r.Coordinator.State) && !makesRoom(f, r.Coordinator.State) && r.Coordinator.Attempt == newest {
			w.fail(t, "%q: %s, which executes attempt %d", d.Rule, d.Action, newest)
		}
	}
}

// makesRoom: where there is no room for a second pod, one whose attempt recovers is not waited for.
func makesRoom(f plan.Facts, s rest.State) bool { return f.Target.StopFirst && s == rest.Recovering }

func (w *world) remember(f plan.Facts, d plan.Decision) {
	w.lastStatus.Upgrade, w.lastStatus.Stalled = d.Upgrade, nil
	for _, r := range f.Revisions {
		if c := r.Coordinator; c != nil && c.State != rest.Standby && c.Attempt >= w.lastStatus.Attempt {
			w.lastStatus.Attempt, w.lastStatus.Revision, w.lastStatus.Outcome = c.Attempt, r.Name, outcome.None
			if c.Chain != nil {
				w.lastStatus.Outcome = c.Chain.Outcome
			}
			w.lastStatus.RecoveryPoint = w.lastStatus.RecoveryPoint || c.LastCheckpoint != nil
			if c.LastCheckpoint != nil {
				w.lastStatus.Checkpoint = c.LastCheckpoint.ID
			}
		}
	}
}

// act does to the model what the action does to a cluster.
func (w *world) act(t *testing.T, d plan.Decision) {
	w.note("operator: %s (%s)", d.Action, d.Rule)
	switch a := d.Action.(type) {
	case plan.Wait:
	case plan.RecordRevision:
		if a.Revision == w.revision {
			w.recorded = w.generation
		}
	case plan.StartPreflight:
		if w.preflight.Name == "" {
			w.preflight, w.checks = plan.Preflight{Name: "pf-" + a.Revision, State: plan.Checking, Generation: w.generation}, a.Revision
		}
	case plan.RemovePreflight:
		if w.preflight.Name == a.Name {
			w.preflight = plan.Preflight{}
		}
	case plan.StartRevision:
		if w.pods[a.Revision] == nil {
			w.pods[a.Revision] = &pod{}
		}
	case plan.RequestStop:
		if w.savepoints[a.Name] == nil {
			w.savepoints[a.Name] = &plan.Savepoint{Name: a.Name, Purpose: a.Purpose, Mode: v1alpha1.Stop, Phase: v1alpha1.SavepointPending}
		}
	case plan.Activate:
		w.activate(t, a)
	case plan.ScaleDown:
		if w.holds(a.Revision) && !(w.stopFirst && w.pods[a.Revision].state == rest.Recovering) {
			w.fail(t, "%q takes the pod that executes attempt %d", d.Rule, w.attempt)
		}
		w.pods[a.Revision] = nil
	case plan.RemoveRevision:
		if w.holds(a.Revision) {
			w.fail(t, "%q removes what executes attempt %d", d.Rule, w.attempt)
		}
		delete(w.pods, a.Revision)
	default:
		w.fail(t, "nobody asked for %s", a)
	}
}

// activate is a coordinator's answer (P3), and what an operator must not ask for.
func (w *world) activate(t *testing.T, a plan.Activate) {
	p := w.pods[a.Revision]
	if p == nil || !p.running || executing(p.state) || a.ExpectedAttempt != w.attempt || bad(a.Revision) && w.by != a.Revision {
		return // refused
	}
	for name, other := range w.pods {
		if name != a.Revision && w.holds(name) && other.state != rest.Recovering {
			w.fail(t, "%s although %s executes attempt %d and was not stopped", a, name, w.attempt)
		}
	}
	if w.checkpoints > 0 && w.lastStatus.RecoveryPoint && a.AllowEmpty {
		w.fail(t, "%s although there are checkpoints", a)
	}
	for _, s := range w.savepoints {
		if s.Purpose == "" && s.Phase == v1alpha1.SavepointCompleted && s.JobGeneration == w.generation && s.Checkpoint == w.checkpoints && w.outcome == outcome.Stopped {
			w.fail(t, "%s although Savepoint %s of its user stopped the job at this generation", a, s.Name)
		}
	}
	w.claim(a.Revision, p, a.Settings)
}

func (w *world) claim(revision string, p *pod, s rest.Settings) {
	w.attempt++
	w.by, w.outcome = revision, outcome.None
	*p = pod{running: true, state: rest.Starting, attempt: w.attempt, settings: s}
}

// move is one thing that the cluster does by itself.
func (w *world) move() {
	w.now = w.now.Add(500 * time.Millisecond)
	names := make([]string, 0, len(w.pods))
	for name := range w.pods {
		names = append(names, name)
	}
	slices.Sort(names)
	switch w.random.IntN(3) {
	case 0:
		if w.preflight.State == plan.Checking {
			w.preflight.State, w.preflight.FinishedAt, w.preflight.Permanent = plan.Passed, w.now, true
			if bad(w.checks) {
				w.preflight.State, w.preflight.Message = plan.Refused, "it does not plan"
			}
		}
	case 1:
		for _, name := range sortedKeys(w.savepoints) {
			if s := w.savepoints[name]; !s.Final() {
				w.moveSavepoint(s)
				return
			}
		}
	default:
		if len(names) > 0 {
			if name := names[w.random.IntN(len(names))]; w.pods[name] != nil {
				w.movePod(name, w.pods[name])
			}
		}
	}
}

func sortedKeys(m map[string]*plan.Savepoint) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (w *world) moveSavepoint(s *plan.Savepoint) {
	if s.Phase == v1alpha1.SavepointPending && s.Purpose == "" && !w.mayAsk() {
		return
	}
	if s.Phase == v1alpha1.SavepointPending {
		s.JobGeneration = w.generation
		if w.random.IntN(2) == 0 { // else the coordinator is done before anybody writes that it was asked
			s.Phase = v1alpha1.SavepointInProgress
			return
		}
	}
	for name, p := range w.pods {
		switch {
		case w.holds(name) && p.state == rest.Running:
			p.state = rest.Stopped
			w.checkpoints++
			w.outcome = outcome.Stopped
			w.note("Savepoint %s (%s) stopped attempt %d at generation %d", s.Name, s.Purpose, w.attempt, s.JobGeneration)
			if w.random.IntN(2) == 0 { // its status says so, unless the operator died
				s.Phase, s.Checkpoint = v1alpha1.SavepointCompleted, w.checkpoints
			}
			return
		case p != nil && p.running && p.state == rest.Stopped && p.attempt == w.attempt && w.outcome == outcome.Stopped:
			s.Phase, s.Checkpoint = v1alpha1.SavepointCompleted, w.checkpoints
			return
		}
	}
	if w.random.IntN(20) == 0 {
		s.Phase, s.Message = v1alpha1.SavepointFailed, "its deadline is exceeded"
	}
}

// mayAsk: a user's stop is asked of an attempt that runs, or of one at rest that the operator is not about to follow up.
func (w *world) mayAsk() bool {
	for name, p := range w.pods {
		if w.holds(name) {
			return p.state == rest.Running
		}
	}
	for _, s := range w.savepoints {
		if s.Purpose != "" && !s.Final() {
			return false
		}
	}
	return w.outcome == outcome.Stopped && w.lastStatus.Upgrade == nil
}

func (w *world) movePod(name string, p *pod) {
	switch {
	case !p.running: // it starts: a coordinator claims by itself only what is its own and has no outcome (P3)
		p.running, p.state = true, rest.Standby
		if w.attempt > 0 && w.by == name && w.outcome == outcome.None {
			w.claim(name, p, w.settings())
		}
	case p.attempt < w.attempt && executing(p.state):
		p.state = rest.Standby // fenced; in this model it looks again at once
		p.attempt = 0
	case p.state == rest.Starting, p.state == rest.Recovering:
		p.state = rest.Running
	case p.state == rest.Running:
		w.checkpoints++
		p.checkpoint++
	}
}

// breaks is something that nobody wants.
func (w *world) breaks() {
	switch w.random.IntN(7) {
	case 6:
		name := fmt.Sprintf("user-%d", len(w.savepoints))
		w.savepoints[name] = &plan.Savepoint{Name: name, Mode: v1alpha1.Stop, Phase: v1alpha1.SavepointPending}
		w.note("a user asks for Savepoint %s at generation %d", name, w.generation)
	case 0, 1:
		for name, p := range w.pods {
			if p != nil && w.random.IntN(2) == 0 {
				w.note("pod of %s is lost", name)
				w.pods[name] = &pod{}
				return
			}
		}
	case 2:
		w.generation++
		w.revision = fmt.Sprintf("r%d", w.random.IntN(5))
		w.stopFirst = w.random.IntN(3) == 0
		w.note("spec: generation %d is revision %s (the old pod first: %t)", w.generation, w.revision, w.stopFirst)
	case 3:
		w.generation++
		w.parallelism = 1 + w.random.IntN(3)
		w.note("spec: generation %d has parallelism %d", w.generation, w.parallelism)
	case 4:
		w.generation++
		w.desired = []v1alpha1.DesiredState{v1alpha1.Running, v1alpha1.Suspended}[w.random.IntN(2)]
		w.note("spec: generation %d is %s", w.generation, w.desired)
	default:
		for name, p := range w.pods {
			if p != nil && p.running && p.state == rest.Running && w.holds(name) {
				p.state = rest.Recovering
				return
			}
		}
	}
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

func (w *world) fail(t *testing.T, format string, args ...any) {
	t.Helper()
	for _, line := range w.log[max(0, len(w.log)-25):] {
		t.Log(line)
	}
	t.Fatalf(format, args...)
}

// TestAnyHistoryKeepsThePromises plays random histories: pods are lost, specs change in the middle, the operator sees old
// facts, is killed before and after it acts, and acts twice. What executes is never taken, and when nothing breaks any more
// the job is soon what its spec says.
func TestAnyHistoryKeepsThePromises(t *testing.T) {
	for seed := range uint64(3000) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(seed)
			old := w.observe()
			for range 120 {
				switch w.random.IntN(12) {
				case 0:
					w.breaks()
				case 1, 2, 3, 4, 5:
					old = w.operate(t, old, true)
				default:
					w.move()
				}
			}
			for _, s := range w.savepoints {
				if s.Purpose == "" && !s.Final() {
					s.Phase = v1alpha1.SavepointFailed
				}
			}
			w.generation, w.revision, w.desired = w.generation+1, "r1", v1alpha1.Running
			w.settle(t)
			running := w.attempt
			w.generation, w.desired = w.generation+1, v1alpha1.Suspended
			w.settle(t)
			w.generation, w.revision, w.desired = w.generation+1, "r2", v1alpha1.Running
			w.settle(t)
			if w.attempt != running+1 {
				w.fail(t, "suspending and resuming made %d attempts", w.attempt-running)
			}
			if len(w.pods) != 1 || w.preflight.Name != "" {
				w.fail(t, "something is left: %d StatefulSets, preflight %q", len(w.pods), w.preflight.Name)
			}
		})
	}
}

// settle lets the world go on without faults until the job is Ready and there is nothing to do.
func (w *world) settle(t *testing.T) {
	t.Helper()
	var d plan.Decision
	for range 2000 {
		for range 6 {
			w.move()
		}
		w.operate(t, plan.Facts{}, false)
		d = plan.Decide(w.observe())
		if _, waits := d.Action.(plan.Wait); waits && d.Verdict == plan.Ready {
			return
		}
		if d.Reason == v1alpha1.ReasonStopFailed { // the remedy that it names
			for name, s := range w.savepoints {
				if s.Phase == v1alpha1.SavepointFailed {
					delete(w.savepoints, name)
				}
			}
		}
	}
	w.fail(t, "it does not settle: %s: %s, %s %s: %s", d.Rule, d.Action, d.Verdict, d.Reason, d.Message)
}
