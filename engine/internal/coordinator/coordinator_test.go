package coordinator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

const smallJob = "source s monitored none\nsink out"

func newScript(t *testing.T, cfg Config, c *Coordinator) *script {
	return &script{
		t: t, cfg: cfg, c: c,
		readers: map[message.Subtask][]snapshot.SplitState{},
		barrier: map[int64]map[message.Subtask][]snapshot.SplitState{},
	}
}

func TestNewRefusesWhatCannotRun(t *testing.T) {
	cases := map[string]struct {
		change func(*Config)
		want   string
	}{
		"no parallelism":               {func(c *Config) { c.Parallelism = 0 }, "parallelism 0"},
		"more subtasks than groups":    {func(c *Config) { c.Parallelism = 9 }, "key groups"},
		"no interval":                  {func(c *Config) { c.Interval = 0 }, "interval"},
		"a negative pause":             {func(c *Config) { c.MinPause = -1 }, "negative"},
		"nothing retained":             {func(c *Config) { c.Retained = 0 }, "retained"},
		"no restart delay":             {func(c *Config) { c.Restart.InitialDelay = 0 }, "restart delay"},
		"an id that was used":          {func(c *Config) { c.FirstCheckpoint = 0 }, "first checkpoint"},
		"no randomness":                {func(c *Config) { c.Random = nil }, "randomness"},
		"a negative deadline":          {func(c *Config) { c.FinishDeadline = -1 }, "deadline"},
		"nothing to finish":            {func(c *Config) { c.OnlyFinish = true }, "ended the job"},
		"no source":                    {func(c *Config) { c.Sources = nil }, "no source"},
		"an operator twice":            {func(c *Config) { c.Operators = append(c.Operators, c.Operators[0]) }, "twice"},
		"a task without operator":      {func(c *Config) { c.Tasks = append(c.Tasks, "x") }, "task x"},
		"a source that heads no task":  {func(c *Config) { c.Tasks = []string{"out"} }, "source s"},
		"a damaged enumerator's state": {damage, "restore the splits of source s"},
		"a reader's unknown split":     {orphan, `split "lost" of subtask 0`},
	}
	for name, c := range cases {
		cfg := newScriptJob(t, smallJob)
		cfg.FirstCheckpoint = 1
		if _, err := New(cfg); err != nil {
			t.Fatal(err)
		}
		c.change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", name, err, c.want)
		}
	}
}

func damage(c *Config) {
	c.Restored = &snapshot.Metadata{ID: 1, Operators: []snapshot.OperatorState{{UID: "s", Enumerator: []byte("x")}}}
}

func orphan(c *Config) {
	c.Restored = &snapshot.Metadata{ID: 1, Operators: []snapshot.OperatorState{{
		UID: "s", Subtasks: []snapshot.SubtaskState{{Splits: []snapshot.SplitState{{ID: "lost"}}}},
	}}}
}

func TestForeignSnapshotIsCommittedButNeverForgottenNorAParent(t *testing.T) {
	cfg := newScriptJob(t, smallJob+"\nforeign")
	cfg.FirstCheckpoint = 1
	cfg.Restored = &snapshot.Metadata{ID: 77, Confirmed: 76, Retained: []int64{76, 77}, Operators: []snapshot.OperatorState{
		{UID: "out", Subtasks: []snapshot.SubtaskState{{Committables: [][]byte{[]byte("theirs")}}}},
	}}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t, cfg, c)
	out := s.step(0, []string{"started", "committed 77", "running", "checkpoint c", "acks 1", "published 1", "committed 1"})
	for _, want := range []string{"Commit 77: out [theirs]", "Publish 1 parent 0 outcome none retained [1] confirmed 0", "SweepStaged except out [theirs]"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "Forget") {
		t.Errorf("what belongs to another chain is forgotten:\n%s", out)
	}
}

func TestACheckpointOfTheOwnChainIsTheParentOfTheNextAndWhatItStagedIsForgotten(t *testing.T) {
	cfg := newScriptJob(t, smallJob)
	cfg.FirstCheckpoint = 78
	cfg.Restored = &snapshot.Metadata{ID: 77, Confirmed: 76, Retained: []int64{77}, Operators: []snapshot.OperatorState{
		{UID: "out", Subtasks: []snapshot.SubtaskState{{Committables: [][]byte{[]byte("ours")}}}},
	}}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t, cfg, c)
	out := s.step(0, []string{"started", "committed 77", "running", "checkpoint c", "acks 78", "published 78", "committed 78"})
	// The first sweep of what is staged spares what the restored checkpoint names: it may be restored once more.
	for _, want := range []string{"Publish 78 parent 77 outcome none", "confirmed 77", "Forget out [ours]", "SweepStaged except out [ours]"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestTheLastCommitMayTakeLongerThanTheFinishDeadlineWhileItIsUnderWay(t *testing.T) {
	for name, c := range map[string]struct{ end, want string }{
		"it succeeds": {"committed 1", "Exit Stopped"},
		"it fails":    {"commit-failed 1 transient x", "Exit Failed"},
	} {
		cfg := newScriptJob(t, smallJob)
		cfg.FirstCheckpoint, cfg.FinishDeadline = 1, time.Minute
		coordinator, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		s := newScript(t, cfg, coordinator)
		s.step(0, []string{"started", "running", "stop s", "acks 1", "published 1"})
		if out := s.step(time.Hour, []string{"tick"}); strings.Contains(out, "Exit") {
			t.Errorf("%s: the run ends while it commits:\n%s", name, out)
		}
		if out := s.step(time.Hour, []string{c.end}); !strings.Contains(out, c.want) {
			t.Errorf("%s: no %q in\n%s", name, c.want, out)
		}
	}
}

func TestASourceThatIsUnboundedNowIsAskedForMore(t *testing.T) {
	for kind, want := range map[string]bool{"bounded": false, "monitored": true} {
		cfg := newScriptJob(t, "source s "+kind+" none\nsink out")
		cfg.FirstCheckpoint = 2
		cfg.Restored = &snapshot.Metadata{ID: 1, Operators: []snapshot.OperatorState{
			{UID: "s", Enumerator: (&enumerator{seen: []byte("a"), done: true}).encode()},
		}}
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		out := newScript(t, cfg, c).step(0, []string{"started"})
		if got := strings.Contains(out, "Discover s"); got != want {
			t.Errorf("%s: asked %v, want %v:\n%s", kind, got, want, out)
		}
	}
}

func TestMessagesThatNoSubtaskCouldSendFailTheExecution(t *testing.T) {
	s0 := message.Subtask{Task: "s"}
	reports := map[string]message.Report{
		"an unknown task":         message.Running{Subtask: message.Subtask{Task: "x"}},
		"a subtask out of range":  message.Running{Subtask: message.Subtask{Task: "s", Index: 1}},
		"an unknown split":        message.SplitDone{Subtask: s0, Split: "x"},
		"a split of a mere task":  message.SplitWanted{Subtask: message.Subtask{Task: "t"}},
		"a state of no operator":  message.Ack{Subtask: s0, Checkpoint: 1, States: []message.OperatorState{{UID: "x"}}},
		"a state of another task": message.Ack{Subtask: s0, Checkpoint: 1, States: []message.OperatorState{{UID: "s", State: snapshot.SubtaskState{Index: 3}}}},
	}
	for name, r := range reports {
		cfg := newScriptJob(t, "source s monitored none\ntask t\nsink out")
		cfg.FirstCheckpoint = 1
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		s := newScript(t, cfg, c)
		s.step(0, []string{"started", "running", "checkpoint c"})
		effects := fmt.Sprint(c.Step(0, Reported{message.Event{Execution: c.execution.name, Report: r}}))
		if c.execution.phase != cancelling {
			t.Errorf("%s: the execution goes on: %s", name, effects)
		}
	}
}

func TestErrorsArePermanentByClassOrWhenEqualThreeTimesAtOnePosition(t *testing.T) {
	unknown := fmt.Errorf("x")
	type try struct {
		err      error
		position int64
		want     bool
	}
	cases := map[string][]try{
		"permanent at once":       {{fault.Permanentf("", "", "no"), 1, true}},
		"transient never":         {{fault.AsTransient(unknown), 1, false}, {fault.AsTransient(unknown), 1, false}, {fault.AsTransient(unknown), 1, false}},
		"the third equal one":     {{unknown, 1, false}, {unknown, 1, false}, {unknown, 1, true}},
		"another position":        {{unknown, 1, false}, {unknown, 1, false}, {unknown, 2, false}, {unknown, 2, false}, {unknown, 2, true}},
		"another text in between": {{unknown, 1, false}, {unknown, 1, false}, {fmt.Errorf("y"), 1, false}, {unknown, 1, false}},
	}
	for name, tries := range cases {
		var r repeats
		for i, c := range tries {
			if got := r.permanent(c.err, c.position); got != c.want {
				t.Errorf("%s: failure %d: permanent is %v", name, i+1, got)
			}
		}
	}
}

func TestStatusTellsOfCheckpointsAndSplits(t *testing.T) {
	cfg := newScriptJob(t, smallJob)
	cfg.FirstCheckpoint = 1
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t, cfg, c)
	s.step(time.Second, []string{"started", "discovered s a b next=1h", "running", "wanted s/0", "checkpoint c"})
	got := c.Status()
	if got.State != rest.Running || got.Current == nil || got.Current.Status != rest.InProgress || got.Current.Subtasks != 1 {
		t.Errorf("while a checkpoint is under way: %+v", got)
	}
	if want := (SplitStatus{Source: "s", Waiting: 1, Assigned: 1}); got.Splits[0] != want {
		t.Errorf("splits are %+v, want %+v", got.Splits[0], want)
	}
	s.step(3*time.Second, []string{"acks 1", "published 1", "committed 1", "checkpoint d", "decline s/0 2 transient x"})
	got = c.Status()
	if got.Completed != 1 || got.Aborted != 1 || len(got.Checkpoints) != 2 || got.Newest.ID != 1 || got.Current != nil {
		t.Errorf("after one complete and one failed checkpoint: %+v", got)
	}
	if first := got.Checkpoints[0]; first.Status != rest.Done || first.Ended-first.Started != 2*time.Second || first.Stats.Bytes != 10 {
		t.Errorf("the complete one is %+v", first)
	}
	if second := got.Checkpoints[1]; second.Status != rest.Undone || second.Failure == nil {
		t.Errorf("the failed one is %+v", second)
	}
}

func TestTheStatusKeepsTheNewestCompleteCheckpointHoweverManyFailAfterIt(t *testing.T) {
	cfg := newScriptJob(t, smallJob)
	cfg.FirstCheckpoint, cfg.TolerableFailures = 1, 2*keptCheckpoints
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t, cfg, c)
	s.step(time.Second, []string{"started", "discovered s a b next=1h", "running", "wanted s/0", "checkpoint c"})
	s.step(2*time.Second, []string{"acks 1", "published 1", "committed 1"})
	fail := func(id int) {
		s.step(time.Duration(id)*time.Hour, []string{"tick", fmt.Sprintf("decline s/0 %d transient x%d", id, id)})
	}
	for id := 2; id < keptCheckpoints+4; id++ {
		fail(id)
	}
	got := c.Status()
	if got.Complete == nil || got.Complete.ID != 1 || got.Checkpoints[0].ID == 1 {
		t.Errorf("the newest complete checkpoint is %+v; the oldest that is listed, %d", got.Complete, got.Checkpoints[0].ID)
	}
	if got.AbortedInARow != keptCheckpoints+2 || !strings.Contains(got.LastFailure.Error(), "x23") {
		t.Errorf("%d in a row have failed, the last because of %v", got.AbortedInARow, got.LastFailure)
	}
	s.step(100*time.Hour, []string{"tick", "acks 24", "published 24", "committed 24"})
	if got := c.Status(); got.AbortedInARow != 0 || got.LastFailure != nil || got.Complete.ID != 24 || got.Aborted != keptCheckpoints+2 {
		t.Errorf("after a complete one: %d in a row have failed, the last because of %v; complete is %+v", got.AbortedInARow, got.LastFailure, got.Complete)
	}
}

func TestAStopThatTheEndOfTheJobDoesNotServeIsRefusedForGood(t *testing.T) {
	c := &Coordinator{}
	c.chain.ending, c.chain.head = outcome.Drained, &snapshot.Metadata{ID: 7, Outcome: outcome.Drained}
	stop := &request{Request: rest.Request{ID: "s", Kind: rest.StopOperation}, state: queued}
	c.requests = []*request{stop}
	c.bindToEnd(stop)
	reply, ok := c.effects[0].(Reply)
	if !ok || reply.Err == nil || fault.ClassOf(reply.Err) != fault.Permanent || len(c.requests) != 0 {
		t.Errorf("of a drained job the stop became %+v; whoever asks again would hear the same", c.effects)
	}
}

func TestAnswersAreForgottenWhenThereAreMany(t *testing.T) {
	c := &Coordinator{}
	waiting := &request{Request: rest.Request{ID: "waiting"}, state: queued}
	c.requests = append(c.requests, waiting)
	for i := range keptAnswers + 10 {
		c.requests = append(c.requests, &request{Request: rest.Request{ID: fmt.Sprint(i)}, state: answered, replied: true})
	}
	c.forgetAnswers()
	if len(c.requests) != keptAnswers+1 || c.requests[0] != waiting || c.requests[1].ID != "10" {
		t.Errorf("%d requests are kept, the first %q", len(c.requests), c.requests[1].ID)
	}
}
