package coordinator

import (
	"cmp"
	"container/heap"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

var (
	seedFlag = flag.Uint64("seed", 0, "run the simulation with this seed alone")
	runsFlag = flag.Int("runs", 150, "number of simulations")
)

// TestAnyHistoryOfFaultsConvergesExactlyOnce drives the coordinator against a model of tasks, sinks and store that fails,
// delays and reorders at random, and whose processes are killed. Whatever happens, every record of the input is visible
// exactly once at the end, and every published checkpoint is consistent.
func TestAnyHistoryOfFaultsConvergesExactlyOnce(t *testing.T) {
	if *seedFlag != 0 {
		newWorld(t, *seedFlag).run()
		return
	}
	base := rand.Uint64()
	total := tally{}
	for i := range *runsFlag {
		w := newWorld(t, base+uint64(i))
		w.run()
		total.add(w.tally)
		if t.Failed() {
			return
		}
	}
	t.Logf("seeds from %d: %+v", base, total)
	if total.published < *runsFlag || total.restarts == 0 || total.kills == 0 || total.exported == 0 || total.aborted == 0 ||
		total.full == 0 || total.recovered == 0 || total.told == 0 || total.encoded == 0 {
		t.Errorf("the simulation has not tried what it is for: %+v", total)
	}
}

// tally counts what has happened, to see that the simulation is not hollow.
type tally struct {
	published, aborted, restarts, kills, exits, exported, steps int
	full                                                        int // as many complete checkpoints waited for their commits as may
	recovered                                                   int // processes that began with commits of more than one checkpoint
	told                                                        int // complete checkpoints that an execution was told of
	encoded                                                     int // orders and events that went through their encoding
}

func (a *tally) add(b tally) {
	a.published += b.published
	a.aborted += b.aborted
	a.restarts += b.restarts
	a.kills += b.kills
	a.exits += b.exits
	a.exported += b.exported
	a.steps += b.steps
	a.full += b.full
	a.recovered += b.recovered
	a.told += b.told
	a.encoded += b.encoded
}

// world is everything outside the coordinator.
type world struct {
	t      *testing.T
	seed   uint64
	random *rand.Rand
	tally  tally
	trace  []string // the last steps, for a failure

	now   time.Duration
	queue happenings
	calm  time.Duration // no faults from then on
	over  bool

	input      modelInput
	subtasks   map[string]int // of each task
	process    int            // counts processes
	c          *Coordinator
	execution  *modelExecution
	up         map[message.Subtask]bool // of the execution
	unread     bool                     // nothing has verified what was restored, and it is being read for the first time
	inFlight   map[int]func()           // what is under way in storage: to apply it
	nextFlight int

	complete  map[int64]*snapshot.Metadata // in the store
	published map[int64]*snapshot.Metadata // that were ever complete
	waiting   []int64                      // complete, not known to this process to be committed, and all after the first that has output
	recording int64                        // that of waiting whose commit is but the record of the end
	slowness  time.Duration                // of commits
	stored    stored
	visible   map[record]bool
	committed map[string]bool
	removed   map[string]bool // staged objects
	stagedBy  map[string]int  // process

	highest  int64 // id ever triggered
	open     int64 // checkpoint that is neither aborted nor known to be complete; 0: none
	started  map[string]map[string]bool
	encoded  bool            // subtasks are in another process: what is said to them and by them goes through its encoding
	portions bool            // unbounded sources know all their splits, and return them little by little
	retired  map[string]bool // splits that were removed, by source/id
	asked    map[string]bool // requests without an answer
}

// happening is something that happens at a time.
type happening struct {
	at    time.Duration
	order int
	do    func()
}

type happenings struct {
	list []happening
	next int
}

func (h *happenings) Len() int { return len(h.list) }
func (h *happenings) Less(i, j int) bool {
	if h.list[i].at != h.list[j].at {
		return h.list[i].at < h.list[j].at
	}
	return h.list[i].order < h.list[j].order
}
func (h *happenings) Swap(i, j int) { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *happenings) Push(x any)    { h.list = append(h.list, x.(happening)) }
func (h *happenings) Pop() any {
	x := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return x
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 1)),
		complete:  map[int64]*snapshot.Metadata{},
		published: map[int64]*snapshot.Metadata{},
		stored:    stored{states: map[string]map[record]bool{}, committables: map[string][]record{}},
		visible:   map[record]bool{},
		committed: map[string]bool{},
		removed:   map[string]bool{},
		stagedBy:  map[string]int{},
		retired:   map[string]bool{},
	}
	w.calm = time.Duration(20+w.random.IntN(40)) * time.Second
	w.encoded = seed%3 == 0
	w.portions = w.random.IntN(2) == 0
	w.slowness = []time.Duration{300 * time.Millisecond, 4 * time.Second, 20 * time.Second}[w.random.IntN(3)]
	w.input = modelInput{splits: map[string][]connector.Split{}, rows: map[string]int{}}
	for i := range 1 + w.random.IntN(2) {
		s := Source{
			UID:     fmt.Sprintf("source%d", i),
			Bounded: w.random.IntN(4) > 0,
			Order:   connector.SplitOrder(w.random.IntN(2)),
			Retires: w.random.IntN(2) == 0,

			Assignment: connector.Assignment(w.random.IntN(2)),
		}
		w.input.sources = append(w.input.sources, s)
		for j := range w.random.IntN(12) {
			id := fmt.Sprintf("%d-%d", i, j)
			w.input.splits[s.UID] = append(w.input.splits[s.UID], connector.Split{
				ID: id, Chain: w.chain(s), Spec: []byte(id),
			})
			w.input.rows[id] = w.random.IntN(60)
		}
	}
	return w
}

// chain names the chain of a split. Those of a source that retires are alone: they are discovered one after the other.
func (w *world) chain(s Source) string {
	if s.Retires {
		return ""
	}
	return []string{"", "x", "y"}[w.random.IntN(3)]
}

// retire removes splits, after a while and in part. What is gone is never read again, in no attempt.
func (w *world) retire(e Retire) {
	gone := func(p connector.Split) {
		w.retired[e.Source+"/"+p.ID] = true
		for row := range w.input.rows[p.ID] {
			if !w.visible[record{source: e.Source, split: p.ID, row: row}] {
				w.failf("%s/%s is removed before the output of row %d is visible", e.Source, p.ID, row)
			}
		}
	}
	w.later(time.Second, func() Event {
		var done []string
		for _, p := range e.Splits {
			if !w.faulty(20) {
				gone(p)
				done = append(done, p.ID)
			}
		}
		return Retired{Source: e.Source, IDs: done}
	})
}

func (w *world) failf(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.trace[max(len(w.trace)-60, 0):] {
		w.t.Log(line)
	}
	w.t.Fatalf("%s\nrun again with: go test -run %s -seed=%d", fmt.Sprintf(format, args...), w.t.Name(), w.seed)
}

func (w *world) transient(text string) error {
	if w.random.IntN(2) == 0 {
		return fault.AsTransient(errors.New(text))
	}
	return fmt.Errorf("%s (%d)", text, w.random.Int())
}

// faulty is true once in n times, until the world calms down.
func (w *world) faulty(n int) bool { return w.now < w.calm && w.random.IntN(n) == 0 }

func (w *world) after(d time.Duration, do func()) {
	heap.Push(&w.queue, happening{at: w.now + d, order: w.queue.next, do: do})
	w.queue.next++
}

func (w *world) within(d time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(d)))
}

// run plays the history until the job is done.
func (w *world) run() {
	w.start()
	w.after(w.within(time.Second), w.disturb)
	for !w.over {
		w.tally.steps++
		if w.now > w.calm+5*time.Minute {
			w.failf("the job has not ended %v after the last fault: %+v", w.now-w.calm, w.c.Status())
		}
		at, set := w.c.NextDeadline()
		if set && (w.queue.Len() == 0 || at <= w.queue.list[0].at) {
			w.now = at
			w.step(Tick{})
			continue
		}
		next := heap.Pop(&w.queue).(happening)
		w.now = next.at
		next.do()
	}
	for source, splits := range w.input.splits {
		for _, s := range splits {
			for row := range w.input.rows[s.ID] {
				if !w.visible[record{source, s.ID, row}] {
					w.failf("row %d of split %s of %s is not visible", row, s.ID, source)
				}
			}
		}
	}
}

// start begins a process on what the store holds.
func (w *world) start() {
	w.process++
	parallelism := 1 + w.random.IntN(3)
	own := func(task string) int { // every other task has a number of its own
		n := w.random.IntN(2) * (1 + w.random.IntN(3))
		w.subtasks[task] = cmp.Or(n, parallelism)
		return n
	}
	w.subtasks = map[string]int{}
	w.inFlight = map[int]func(){}
	w.asked = map[string]bool{}
	w.open, w.execution, w.waiting, w.recording = 0, nil, nil, 0
	cfg := Config{
		Job: "j", Attempt: int64(w.process) + 1, MaxParallelism: 8, FirstCheckpoint: w.highest + 1, Random: w.random.Float64,
		Sources: w.input.sources, Tasks: []string{"work"},
		Settings: config.Settings{
			Parallelism:       parallelism,
			Interval:          time.Second,
			Timeout:           4 * time.Second,
			MinPause:          100 * time.Millisecond,
			Retained:          1 + w.random.IntN(3),
			TolerableFailures: w.random.IntN(3),
			Restart:           config.Restart{InitialDelay: 200 * time.Millisecond, MaxDelay: 5 * time.Second, ResetAfter: time.Minute},
		},
	}
	work := own("work")
	cfg.Operators = []Operator{{UID: "work", Parallelism: work}, {UID: "sink", Sink: true, Parallelism: work}}
	for _, s := range w.input.sources {
		cfg.Tasks = append(cfg.Tasks, s.UID)
		cfg.Operators = append(cfg.Operators, Operator{UID: s.UID, Parallelism: own(s.UID)})
	}
	if len(w.complete) > 0 {
		cfg.Restored = w.complete[slices.Max(slices.Collect(maps.Keys(w.complete)))]
		cfg.OnlyFinish = cfg.Restored.Outcome == outcome.Completed
		cfg.Unverified = !cfg.OnlyFinish && w.random.IntN(2) == 0
		for _, u := range cfg.Restored.Uncommitted {
			w.waits(u.Checkpoint)
		}
		w.waits(cfg.Restored.ID)
		if len(w.waiting) > 1 {
			w.tally.recovered++
		}
	}
	w.unread = cfg.Unverified
	c, err := New(cfg)
	if err != nil {
		w.failf("start: %v", err)
	}
	w.c = c
	w.step(Started{})
}

// kill ends the process; what was under way in storage may or may not be done.
func (w *world) kill() {
	w.tally.kills++
	w.note("KILL")
	for _, i := range slices.Sorted(maps.Keys(w.inFlight)) {
		if w.random.IntN(2) == 0 {
			w.inFlight[i]()
		}
	}
	w.start()
}

// disturb does something that nobody expects.
func (w *world) disturb() {
	if w.now > w.calm {
		w.endMonitored()
		w.after(time.Second, w.disturb)
		return
	}
	id := strconv.Itoa(w.random.IntN(1000))
	switch w.random.IntN(12) {
	case 0:
		w.kill()
	case 1, 2:
		if x := w.execution; x != nil {
			x.report(message.Failed{Subtask: x.workers[0].task, Err: message.FailureOf(w.transient("lost"))})
		}
	case 3, 4:
		w.ask("savepoint"+id, Requested{Request: rest.Request{ID: id, Kind: rest.SavepointOperation, Target: "t"}, Deadline: time.Second + w.within(20*time.Second)})
	case 5, 6:
		w.ask("checkpoint"+id, asked(rest.CheckpointOperation, id, "", false))
	case 7:
		w.ask("stop"+id, Requested{Request: rest.Request{ID: id, Kind: rest.StopOperation, Target: []string{"", "t"}[w.random.IntN(2)]}, Deadline: w.within(20 * time.Second)})
	case 8:
		if w.random.IntN(4) == 0 {
			w.step(InterruptRequested{})
		}
	}
	w.after(w.within(2*time.Second), w.disturb)
}

// endMonitored stops a job that has no end of its own when all of its input is visible.
func (w *world) endMonitored() {
	bounded := !slices.ContainsFunc(w.input.sources, func(s Source) bool { return !s.Bounded })
	if !bounded && w.allVisible() {
		w.ask("stopend", asked(rest.StopOperation, "end", "", false))
	}
}

func (w *world) allVisible() bool {
	rows := 0
	for _, n := range w.input.rows {
		rows += n
	}
	return rows == len(w.visible)
}

func (w *world) ask(key string, e Event) {
	w.asked[key] = true
	w.step(e)
}

func (w *world) note(text string) {
	w.trace = append(w.trace, fmt.Sprintf("%10v p%d %s", w.now, w.process, text))
}

// step gives the coordinator an event, and carries out what comes of it.
func (w *world) step(e Event) {
	w.note(fmt.Sprintf("> %T%+v", e, e))
	effects := w.c.Step(w.now, e)
	if at, ok := w.c.NextDeadline(); ok && at <= w.now {
		w.failf("the coordinator wants to be called at %v, which is not after now", at)
	}
	c := w.c
	for _, effect := range effects {
		w.note("  " + show(effect))
		w.carryOut(effect)
		if w.c != c {
			break // Exit was the last
		}
	}
}

// later delivers an event to this process, unless it is gone by then.
func (w *world) later(d time.Duration, e func() Event) {
	process, flight := w.process, w.nextFlight
	w.nextFlight++
	done := false
	var event Event
	apply := func() {
		if !done {
			done = true
			event = e()
		}
	}
	w.inFlight[flight] = apply
	w.after(d, func() {
		if process != w.process {
			return
		}
		delete(w.inFlight, flight)
		apply()
		switch e := event.(type) {
		case Published:
			w.open = 0
			w.waits(e.Checkpoint)
		case Committed:
			w.waiting = w.waiting[1:]
			w.settleWaiting()
		}
		w.step(event)
	})
}

func (w *world) carryOut(effect Effect) {
	latency := w.within(300 * time.Millisecond)
	switch e := effect.(type) {
	case Deploy:
		w.deploy(e)
	case CancelTasks:
		x := w.execution
		w.later(latency, func() Event {
			if w.execution == x {
				w.execution = nil
			}
			return TasksStopped(e)
		})
	case SendCommand:
		w.command(e)
	case NotifyComplete:
		w.told(e)
	case AbortCheckpoint:
		w.tally.aborted++
		if w.complete[e.Checkpoint] != nil {
			w.failf("checkpoint %d is aborted, but complete", e.Checkpoint)
		}
		if w.open == e.Checkpoint {
			w.open = 0
		}
		if w.execution != nil && w.execution.name == e.Execution {
			w.execution.abort(e.Checkpoint)
		}
	case Discover:
		w.later(6*latency, func() Event { return w.discover(e) })
	case Publish:
		w.checkConsistent(e.Metadata)
		w.checkCarried(e.Metadata)
		w.later(latency, func() Event { return w.publish(e.Metadata) })
	case Commit:
		if w.unread {
			w.failf("checkpoint %d is committed before what was restored is known to be whole", e.Checkpoint)
		}
		if len(w.waiting) == 0 || e.Checkpoint != w.waiting[0] {
			w.failf("checkpoint %d is committed, and %v wait", e.Checkpoint, w.waiting)
		}
		w.later(w.within(w.slowness), func() Event { return w.commit(e) })
	case Forget:
		w.forget(e)
	case Retire:
		if w.unread {
			w.failf("splits %v are removed before what was restored is known to be whole", e.Splits)
		}
		w.retire(e)
	case SweepStaged:
		w.sweepStaged(e)
	case Sweep:
		w.sweep(e.Newest)
	case ProbeTarget:
		w.later(latency, func() Event {
			if w.faulty(5) {
				return TargetProbeFailed{ID: e.ID, Err: w.transient("no bucket")}
			}
			return TargetProbed{ID: e.ID}
		})
	case Export:
		w.later(10*latency, func() Event { return w.export(e) })
	case Log:
		if strings.Contains(e.Text, "was not assigned") {
			w.failf("the coordinator has lost track: %s", e.Text)
		}
	case Reply:
		delete(w.asked, e.Kind.Word()+e.ID)
		if e.Err == nil {
			w.checkCommitted(e.Result.Checkpoint, "the "+e.Kind.Word()+" is answered")
		}
	case Exit:
		w.exited(e)
	}
}

func (w *world) exited(e Exit) {
	w.tally.exits++
	if len(w.asked) > 0 {
		w.failf("requests %v were not answered before %v", w.asked, e)
	}
	if effects := w.c.Step(w.now+time.Hour, Tick{}); effects != nil {
		w.failf("effects after Exit: %v", effects)
	}
	w.execution = nil
	if e.Outcome == outcome.Completed || e.Outcome == outcome.Stopped || e.Outcome == outcome.Drained || e.Outcome == outcome.Interrupted && e.Err == nil {
		w.checkCommitted(math.MaxInt64, "the job has "+e.Outcome.Word())
	}
	switch {
	case e.Outcome == outcome.Completed, e.Outcome == outcome.Stopped && w.now > w.calm && w.allVisible():
		w.over = true
	case e.Outcome == outcome.Failed:
		w.failf("a job of transient errors has failed: %v", e.Err)
	default:
		w.process++ // nothing of it is delivered any more
		w.start()
	}
}

func (w *world) deploy(e Deploy) {
	if w.execution != nil {
		w.failf("%s is deployed beside %s", e.Execution, w.execution.name)
	}
	if e.Execution.Restart > 0 {
		w.tally.restarts++
	}
	last := map[message.Subtask]time.Duration{}
	x := newExecution(w, e.Execution, e.From, func(r message.Report) { w.report(e.Execution, last, r) })
	w.execution = x
	w.up = map[message.Subtask]bool{}
	w.started = w.startedIn(e.From)
	w.pump(x)
}

// report delivers what a subtask says: in order, except for acknowledgements, which come from the background. What comes too
// late, from an execution that is gone with its process or without, comes all the same.
func (w *world) report(of message.Execution, last map[message.Subtask]time.Duration, r message.Report) {
	at := w.now + w.within(50*time.Millisecond)
	if _, background := r.(message.Ack); background {
		at += w.within(300 * time.Millisecond)
		if w.faulty(50) {
			at += 6 * time.Second
		}
	} else {
		task := r.From()
		if w.faulty(300) {
			at += 3 * time.Second
		}
		at = max(at, last[task])
		last[task] = at
	}
	r = w.sent(message.Event{Execution: of, Report: r}).Report
	w.after(at-w.now, func() {
		if up, ok := r.(message.Running); ok && w.execution != nil && w.execution.name == of {
			w.up[up.Subtask] = true
			w.unread = w.unread && len(w.up) < len(w.execution.readers)+len(w.execution.workers)
		}
		w.step(Reported{message.Event{Execution: of, Report: r}})
	})
}

func (w *world) pump(x *modelExecution) {
	if w.execution != x {
		return
	}
	for range 10 {
		x.pump()
	}
	w.after(w.within(50*time.Millisecond), func() { w.pump(x) })
}

func (w *world) command(e SendCommand) {
	e.Order = w.ordered(e.Order)
	if t, ok := e.Command.(message.Trigger); ok && t.ID != w.open {
		if w.open != 0 || t.ID <= w.highest {
			w.failf("checkpoint %d is triggered while %d is under way; the highest was %d", t.ID, w.open, w.highest)
		}
		if len(w.waiting) > mostWaiting {
			w.failf("checkpoint %d is triggered while %v wait for their commits", t.ID, w.waiting)
		}
		w.open, w.highest = t.ID, t.ID
		w.execution.triggered = t.ID
	}
	if h, ok := e.Command.(message.WatermarkBound); ok {
		w.checkHold(e.To.Task, h.MaxTime)
	}
	if a, ok := e.Command.(message.Assign); ok {
		if w.retired[e.To.Task+"/"+a.Split.ID] {
			w.failf("%s/%s is read, and was removed before", e.To.Task, a.Split.ID)
		}
		w.started[e.To.Task][a.Split.ID] = true
	}
	if w.execution == nil || w.execution.name != e.Execution {
		w.failf("a command goes to %s, which does not run", e.Execution)
	}
	for _, r := range w.execution.readers {
		if r.task == e.To {
			r.commands = append(r.commands, e.Command)
		}
	}
}

// startedIn returns the splits of each source of which a snapshot has nothing left.
func (w *world) startedIn(m *snapshot.Metadata) map[string]map[string]bool {
	processed := w.processed(m)
	started := map[string]map[string]bool{}
	for _, s := range w.input.sources {
		started[s.UID] = map[string]bool{}
		if m == nil {
			continue
		}
		left := w.positions(m, s.UID)
		for _, p := range w.input.splits[s.UID] {
			_, waits := left[p.ID]
			started[s.UID][p.ID] = !waits && w.rowsOf(processed, s.UID, p.ID) == w.input.rows[p.ID] && w.known(m, s.UID, p.ID)
		}
	}
	return started
}

// known tells whether a snapshot's enumerator had found a split.
func (w *world) known(m *snapshot.Metadata, source, split string) bool {
	e, err := decodeEnumerator(m.Operator(source).Enumerator)
	if err != nil {
		w.failf("checkpoint %d: %v", m.ID, err)
	}
	i := slices.IndexFunc(w.input.splits[source], func(p connector.Split) bool { return p.ID == split })
	return i < rowOf(e.seen)
}

// checkHold: a hold is lifted only when every split that is known has started; with bounded input, every one there is (P4).
func (w *world) checkHold(source string, hold int64) {
	if hold != math.MaxInt64 {
		return
	}
	s := w.c.source(source)
	for i, p := range w.input.splits[source] {
		if !w.started[source][p.ID] && (s.cfg.Bounded || w.portions || i < rowOf(s.seen)) {
			w.failf("the hold of %s is lifted, but %s has not started", source, p.ID)
		}
	}
}

func (w *world) discover(e Discover) Event {
	if w.faulty(10) {
		return DiscoverFailed{Source: e.Source, Err: w.transient("cannot list")}
	}
	all := w.input.splits[e.Source]
	known := rowOf(e.Seen)
	n := min(known+w.random.IntN(4), len(all))
	d := connector.Discovery{Splits: all[known:n], Seen: []byte(strconv.Itoa(n)), Next: w.within(time.Second)}
	bounded := w.c.source(e.Source).cfg.Bounded
	d.Done, d.More = bounded && n == len(all), !bounded && w.portions && n < len(all)
	return Discovered{Source: e.Source, Discovery: d}
}

func (w *world) publish(m *snapshot.Metadata) Event {
	switch {
	case w.complete[m.ID] != nil:
	case w.faulty(60):
		return PublishFailed{Checkpoint: m.ID, Err: &snapshot.FencedError{Attempt: 99}}
	case w.faulty(30):
		return PublishFailed{Checkpoint: m.ID, Err: &snapshot.TakenError{ID: m.ID}}
	case w.faulty(20):
		return PublishFailed{Checkpoint: m.ID, Err: w.transient("cannot write")}
	case w.faulty(10):
		return PublishFailed{Checkpoint: m.ID, Err: &snapshot.UndecidedError{ID: m.ID, Err: errors.New("no answer")}}
	default:
		w.tally.published++
		w.complete[m.ID], w.published[m.ID] = m, m
	}
	if w.faulty(10) {
		return PublishFailed{Checkpoint: m.ID, Err: &snapshot.UndecidedError{ID: m.ID, Err: errors.New("answer lost")}}
	}
	return Published{Checkpoint: m.ID}
}

func (w *world) checkComplete(id int64) {
	if w.complete[id] == nil {
		w.failf("checkpoint %d is used but not complete", id)
	}
}

func (w *world) sweep(newest *snapshot.Metadata) {
	w.checkComplete(newest.ID)
	if !slices.Contains(newest.Retained, newest.ID) {
		w.failf("checkpoint %d does not retain itself", newest.ID)
	}
	for id := range w.complete {
		if id < newest.ID && !slices.Contains(newest.Retained, id) {
			delete(w.complete, id)
		}
	}
}

func (w *world) export(e Export) Event {
	w.checkComplete(e.Metadata.ID) // nobody has swept it meanwhile
	if w.faulty(3) {
		return ExportFailed{ID: e.ID, Err: w.transient("cannot copy")}
	}
	w.checkCommitted(e.Metadata.ID, fmt.Sprintf("checkpoint %d is exported", e.Metadata.ID))
	w.tally.exported++
	return Exported{ID: e.ID, Path: "t/" + e.ID, Checkpoint: e.Metadata.ID, Bytes: 1}
}

// positions returns how far each split that is left was read, and checks that none is there twice.
func (w *world) positions(m *snapshot.Metadata, source string) map[string]int {
	left := map[string]int{}
	add := func(id string, position []byte) {
		if _, twice := left[id]; twice {
			w.failf("split %s is in checkpoint %d twice", id, m.ID)
		}
		left[id] = rowOf(position)
	}
	o := m.Operator(source)
	e, err := decodeEnumerator(o.Enumerator)
	if err != nil {
		w.failf("checkpoint %d: %v", m.ID, err)
	}
	for _, p := range e.queue {
		add(p.ID, p.position)
	}
	for _, t := range o.Subtasks {
		for _, p := range t.Splits {
			add(p.ID, p.Position)
		}
	}
	return left
}

func (w *world) rowsOf(processed map[record]bool, source, split string) int {
	n := 0
	for row := range w.input.rows[split] {
		if processed[record{source, split, row}] {
			n++
		}
	}
	return n
}

// checkConsistent: a checkpoint's state has processed exactly the rows before its positions (P4).
func (w *world) checkConsistent(m *snapshot.Metadata) {
	for _, o := range m.Operators {
		if n := len(o.Subtasks); n != o.Parallelism {
			w.failf("checkpoint %d has %d parts of operator %s, which has a parallelism of %d", m.ID, n, o.UID, o.Parallelism)
		}
	}
	processed := w.processed(m)
	for _, s := range w.input.sources {
		left := w.positions(m, s.UID)
		for _, p := range w.input.splits[s.UID] {
			want := w.input.rows[p.ID]
			if position, ok := left[p.ID]; ok {
				want = position
			} else if !w.known(m, s.UID, p.ID) {
				want = 0
			}
			if got := w.rowsOf(processed, s.UID, p.ID); got != want {
				w.failf("checkpoint %d has processed %d rows of split %s, and its positions say %d", m.ID, got, p.ID, want)
			}
		}
	}
}
