package coordinator

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// TestScripts runs the protocol scripts in testdata. Their directives:
//
//	job      a new job: one line for each source, task, sink and setting; see newScriptJob
//	step     t=<time>: steps the coordinator at that time with each line as an event; prints the effects, and when it
//	         wants to be called again
//	crash    a new process on what is complete; settings as in job
//
// A report ends with restart=<n> or attempt=<n> if it is of another execution than the coordinator's newest.
//
// The subtasks' side is played by "acks <id>": every subtask acknowledges, sources with the splits that they had at the
// trigger, sinks with one committable named <sink>.<id>.<subtask>.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if strings.Contains(path, "fuzz") {
			return
		}
		s := &script{t: t}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.t = t
			switch d.Cmd {
			case "job":
				s.complete = nil
				return s.start(d.Input, 1)
			case "crash":
				return s.start(d.Input, s.highest+1)
			case "step":
				var at string
				d.ScanArgs(t, "t", &at)
				return s.step(duration(t, at), strings.Split(d.Input, "\n"))
			}
			t.Fatalf("unknown directive %s", d.Cmd)
			return ""
		})
	})
}

// script is a coordinator with a played outside.
type script struct {
	t        *testing.T
	cfg      Config
	c        *Coordinator
	complete *snapshot.Metadata
	highest  int64 // checkpoint id ever triggered
	attempt  int64 // each process is one

	publishing *snapshot.Metadata
	exporting  int64                                               // the checkpoint of the last Export
	readers    map[message.Subtask][]snapshot.SplitState           // that they have now
	barrier    map[int64]map[message.Subtask][]snapshot.SplitState // that they had at a trigger
}

func duration(t *testing.T, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *script) start(input string, first int64) string {
	if input != "" || s.complete == nil {
		s.cfg = newScriptJob(s.t, input)
	}
	s.attempt++
	s.cfg.Attempt = s.attempt
	s.cfg.FirstCheckpoint = first
	s.cfg.Restored = s.complete
	c, err := New(s.cfg)
	if err != nil {
		return "error: " + err.Error()
	}
	s.c = c
	s.readers = map[message.Subtask][]snapshot.SplitState{}
	s.barrier = map[int64]map[message.Subtask][]snapshot.SplitState{}
	return ""
}

// newScriptJob reads the lines
//
//	parallelism <n>
//	source <uid> bounded|monitored none|path [spread|retires]   a source; it heads a task
//	task <uid>                                  an operator that heads a task
//	sink <uid>                                  a sink, chained to what is before it
//	own <n>                                     the parallelism of what the line before declares, if it is not that of the job
//	timeout|interval|pause|request|finish <time>
//	retained|tolerable <n>
//	finish-only, foreign, unverified
func newScriptJob(t *testing.T, input string) Config {
	cfg := Config{
		Job: "j", Attempt: 1, Engine: "test", MaxParallelism: 8, Random: func() float64 { return 0.5 },
		Settings: config.Settings{
			Parallelism:       1,
			Interval:          10 * time.Second,
			Timeout:           time.Minute,
			Retained:          2,
			TolerableFailures: 1,
			Restart:           config.Restart{InitialDelay: time.Second, MaxDelay: time.Minute, ResetAfter: time.Hour},
		},
	}
	for _, line := range strings.Split(input, "\n") {
		w := strings.Fields(line)
		number := func() int {
			n, err := strconv.Atoi(w[1])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		switch w[0] {
		case "parallelism":
			cfg.Parallelism = number()
		case "source":
			source := Source{UID: w[1], Bounded: w[2] == "bounded", Retires: len(w) > 4 && w[4] == "retires"}
			if w[3] == "path" {
				source.Order = connector.OrderPath
			}
			if len(w) > 4 && w[4] == "spread" {
				source.Assignment = connector.Spread
			}
			cfg.Sources = append(cfg.Sources, source)
			cfg.Tasks = append(cfg.Tasks, w[1])
			cfg.Operators = append(cfg.Operators, Operator{UID: w[1]})
		case "task":
			cfg.Tasks = append(cfg.Tasks, w[1])
			cfg.Operators = append(cfg.Operators, Operator{UID: w[1]})
		case "sink":
			cfg.Operators = append(cfg.Operators, Operator{UID: w[1], Sink: true})
		case "own":
			cfg.Operators[len(cfg.Operators)-1].Parallelism = number()
		case "interval":
			cfg.Interval = duration(t, w[1])
		case "timeout":
			cfg.Timeout = duration(t, w[1])
		case "pause":
			cfg.MinPause = duration(t, w[1])
		case "request":
			cfg.RequestDeadline = duration(t, w[1])
		case "finish":
			cfg.FinishDeadline = duration(t, w[1])
		case "retained":
			cfg.Retained = number()
		case "tolerable":
			cfg.TolerableFailures = number()
		case "finish-only":
			cfg.OnlyFinish = true
		case "unverified":
			cfg.Unverified = true
		case "foreign":
			cfg.Foreign = true
		default:
			t.Fatalf("unknown setting %q", line)
		}
	}
	return cfg
}

// step feeds events and prints what comes of them.
func (s *script) step(now time.Duration, lines []string) string {
	var out strings.Builder
	for _, line := range lines {
		if len(lines) > 1 {
			fmt.Fprintf(&out, "> %s\n", line)
		}
		for _, e := range s.events(strings.Fields(line)) {
			for _, effect := range s.c.Step(now, e) {
				s.note(effect)
				out.WriteString(show(effect) + "\n")
			}
		}
	}
	if at, ok := s.c.NextDeadline(); ok {
		fmt.Fprintf(&out, "next %v\n", at)
	} else {
		out.WriteString("next -\n")
	}
	return out.String()
}

// note plays what an effect changes outside.
func (s *script) note(e Effect) {
	switch e := e.(type) {
	case Deploy:
		clear(s.readers)
	case Publish:
		s.publishing = e.Metadata
	case Export:
		s.exporting = e.Metadata.ID
	case SendCommand:
		task := e.To
		switch m := e.Command.(type) {
		case message.Assign:
			s.readers[task] = append(s.readers[task], snapshot.SplitState{
				ID: m.Split.ID, Spec: m.Split.Spec, Position: m.Position, MaxTime: m.MaxTime,
			})
		case message.Trigger:
			s.highest = max(s.highest, m.ID)
			if s.barrier[m.ID] == nil {
				s.barrier[m.ID] = map[message.Subtask][]snapshot.SplitState{}
			}
			s.barrier[m.ID][task] = slices.Clone(s.readers[task])
		}
	}
}

// read moves a split of a reader on; its position is the time that it has come to.
func (s *script) read(task message.Subtask, split string, maxTime int64) {
	for i := range s.readers[task] {
		if p := &s.readers[task][i]; p.ID == split {
			p.MaxTime = maxTime
			p.Position = fmt.Appendf(nil, "p%d", maxTime)
		}
	}
}

func (s *script) subtask(name string) message.Subtask {
	task, index, ok := strings.Cut(name, "/")
	n, err := strconv.Atoi(index)
	if !ok || err != nil {
		s.t.Fatalf("%q is not a subtask", name)
	}
	return message.Subtask{Task: task, Index: n}
}

func (s *script) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// failure reads "<class> <text>".
func (s *script) failure(words []string) error {
	err := errors.New(strings.Join(words[1:], " "))
	switch words[0] {
	case "unknown":
		return err
	case "transient":
		return fault.AsTransient(err)
	case "permanent":
		return &fault.Error{Class: fault.Permanent, Err: err}
	case "fenced":
		return &snapshot.FencedError{Attempt: 2, Owner: "another"}
	case "damaged":
		return &snapshot.CorruptError{Object: words[1], Reason: strings.Join(words[2:], " ")}
	case "taken":
		return &snapshot.TakenError{ID: s.publishing.ID, Attempt: 1}
	case "undecided":
		return &snapshot.UndecidedError{ID: s.publishing.ID, Err: err}
	}
	s.t.Fatalf("unknown class %q", words[0])
	return nil
}

func (s *script) subtasks() []message.Subtask {
	var all []message.Subtask
	for _, task := range s.cfg.Tasks {
		for i := range s.c.tasks[task] {
			all = append(all, message.Subtask{Task: task, Index: i})
		}
	}
	return all
}

// ack is what a subtask says of a checkpoint. The last task of the job holds the sinks.
func (s *script) ack(task message.Subtask, id int64) message.Ack {
	a := message.Ack{Subtask: task, Checkpoint: id, Stats: message.Stats{Bytes: 10}}
	a.States = append(a.States, message.OperatorState{
		UID:   task.Task,
		State: snapshot.SubtaskState{Index: task.Index, Splits: s.barrier[id][task]},
	})
	if task.Task == s.cfg.Tasks[len(s.cfg.Tasks)-1] {
		for _, o := range s.cfg.Operators {
			if o.Sink {
				committable := fmt.Appendf(nil, "%s.%d.%d", o.UID, id, task.Index)
				a.States = append(a.States, message.OperatorState{
					UID:   o.UID,
					State: snapshot.SubtaskState{Index: task.Index, Committables: [][]byte{committable}},
				})
			}
		}
	}
	return a
}

// events translates a line.
func (s *script) events(w []string) []Event {
	if reports := s.reports(w); reports != nil {
		of := s.c.execution.name
		if last, ok := strings.CutPrefix(w[len(w)-1], "restart="); ok {
			of.Restart = s.number(last)
		}
		if last, ok := strings.CutPrefix(w[len(w)-1], "attempt="); ok {
			of.Attempt = s.number(last)
		}
		events := make([]Event, len(reports))
		for i, r := range reports {
			events[i] = Reported{message.Event{Execution: of, Report: r}}
		}
		return events
	}
	return []Event{s.event(w)}
}

func (s *script) reports(w []string) []message.Report {
	var all []message.Report
	switch w[0] {
	case "runs":
		all = append(all, message.Running{Subtask: s.subtask(w[1])})
	case "running":
		for _, task := range s.subtasks() {
			all = append(all, message.Running{Subtask: task})
		}
	case "wanted":
		all = append(all, message.SplitWanted{Subtask: s.subtask(w[1])})
	case "progress":
		s.read(s.subtask(w[1]), w[2], s.number(w[3]))
		all = append(all, message.SplitProgress{Subtask: s.subtask(w[1]), Split: w[2], MaxTime: s.number(w[3])})
	case "idle", "active":
		all = append(all, message.SplitIdle{Subtask: s.subtask(w[1]), Split: w[2], Idle: w[0] == "idle"})
	case "done":
		task := s.subtask(w[1])
		s.readers[task] = slices.DeleteFunc(s.readers[task], func(p snapshot.SplitState) bool { return p.ID == w[2] })
		all = append(all, message.SplitDone{Subtask: task, Split: w[2], MaxTime: s.number(w[3]), PassedOver: len(w) > 4 && w[4] == "passed-over"})
	case "before-barrier": // what is done is known to the coordinator after the trigger, and came before the barrier
		task := s.subtask(w[1])
		at := s.barrier[s.number(w[2])]
		at[task] = slices.DeleteFunc(at[task], func(p snapshot.SplitState) bool { return p.ID == w[3] })
		all = []message.Report{}
	case "ended":
		for _, source := range s.cfg.Sources {
			for i := range s.cfg.Parallelism {
				all = append(all, message.Ended{Subtask: message.Subtask{Task: source.UID, Index: i}})
			}
		}
	case "ack":
		all = append(all, s.ack(s.subtask(w[1]), s.number(w[2])))
	case "acks":
		for _, task := range s.subtasks() {
			a := s.ack(task, s.number(w[1]))
			if len(w) > 2 && w[2] == "empty" { // nothing was written since the checkpoint before
				for i := range a.States {
					a.States[i].State.Committables = nil
				}
			}
			all = append(all, a)
		}
	case "decline":
		all = append(all, message.Decline{Subtask: s.subtask(w[1]), Checkpoint: s.number(w[2]), Err: message.FailureOf(s.failure(w[3:]))})
	case "failed":
		all = append(all, message.Failed{Subtask: s.subtask(w[1]), Err: message.FailureOf(s.failure(w[2:]))})
	}
	return all
}

func (s *script) event(w []string) Event {
	switch w[0] {
	case "started":
		if len(w) > 1 {
			return Started{Requests: []rest.Request{s.request(w[1:]).(Requested).Request}}
		}
		return Started{}
	case "tick":
		return Tick{}
	case "discovered":
		return s.discovery(w)
	case "discover-failed":
		return DiscoverFailed{Source: w[1], Err: s.failure(w[2:])}
	case "stopped":
		return TasksStopped{s.stopped(w[1:])}
	case "published":
		s.complete = s.publishing
		return Published{Checkpoint: s.number(w[1])}
	case "publish-failed":
		return PublishFailed{Checkpoint: s.number(w[1]), Err: s.failure(w[2:])}
	case "committed":
		return Committed{Checkpoint: s.number(w[1])}
	case "retired":
		return Retired{Source: w[1], IDs: w[2:]}
	case "commit-failed":
		return CommitFailed{Checkpoint: s.number(w[1]), Err: s.failure(w[2:])}
	case "exported":
		return Exported{ID: w[1], Path: w[2], Checkpoint: s.exporting, Bytes: 100}
	case "export-failed":
		return ExportFailed{ID: w[1], Err: s.failure(w[2:])}
	case "probed":
		return TargetProbed{ID: w[1]}
	case "found":
		var end outcome.Outcome
		for _, o := range []outcome.Outcome{outcome.Stopped, outcome.Drained, outcome.Completed} {
			if o.Word() == w[3] {
				end = o
			}
		}
		return SavepointFound{ID: w[1], Path: w[2], Checkpoint: 77, Outcome: end, Bytes: 100}
	case "probe-failed":
		return TargetProbeFailed{ID: w[1], Err: s.failure(w[2:])}
	}
	return s.request(w)
}

// stopped reads "<restart> [attempt=<n>]".
func (s *script) stopped(w []string) message.Execution {
	of := message.Execution{Attempt: s.attempt, Restart: s.number(w[0])}
	if len(w) > 1 {
		of.Attempt = s.number(strings.TrimPrefix(w[1], "attempt="))
	}
	return of
}

// discovery reads "discovered <source> [<split>[:<chain>] ...] [seen=x] [done] [more] [next=5s]".
func (s *script) discovery(w []string) Event {
	var d connector.Discovery
	for _, word := range w[2:] {
		if seen, ok := strings.CutPrefix(word, "seen="); ok {
			d.Seen = []byte(seen)
		} else if next, ok := strings.CutPrefix(word, "next="); ok {
			d.Next = duration(s.t, next)
		} else if word == "done" {
			d.Done = true
		} else if word == "more" {
			d.More = true
		} else {
			id, chain, _ := strings.Cut(word, ":")
			d.Splits = append(d.Splits, connector.Split{ID: id, Chain: chain, Spec: []byte("spec of " + id)})
		}
	}
	return Discovered{Source: w[1], Discovery: d}
}

// asked is the event of a request.
func asked(kind rest.OperationKind, id, target string, drain bool) Requested {
	return Requested{Request: rest.Request{ID: id, Kind: kind, Target: target, Drain: drain}}
}

func (s *script) request(w []string) Event {
	target := func() string {
		if len(w) > 2 && w[2] != "-" {
			return w[2]
		}
		return ""
	}
	switch w[0] {
	case "savepoint":
		return asked(rest.SavepointOperation, w[1], target(), false)
	case "stop":
		return asked(rest.StopOperation, w[1], target(), false)
	case "drain":
		return asked(rest.StopOperation, w[1], target(), true)
	case "checkpoint":
		return asked(rest.CheckpointOperation, w[1], "", false)
	case "cancel":
		return asked(rest.CancelOperation, "", "", false)
	case "interrupt":
		return InterruptRequested{}
	}
	s.t.Fatalf("unknown event %q", w)
	return nil
}

// show prints an effect in the words of the scripts.
func show(e Effect) string {
	switch e := e.(type) {
	case Deploy:
		if e.From == nil {
			return fmt.Sprintf("Deploy restart %d from nothing", e.Execution.Restart)
		}
		return fmt.Sprintf("Deploy restart %d from chk-%d", e.Execution.Restart, e.From.ID)
	case CancelTasks:
		return fmt.Sprintf("CancelTasks restart %d", e.Execution.Restart)
	case SendCommand:
		return fmt.Sprintf("%s/%d <- %s", e.To.Task, e.To.Index, showCommand(e.Command))
	case AbortCheckpoint:
		return fmt.Sprintf("AbortCheckpoint %d", e.Checkpoint)
	case NotifyComplete:
		return fmt.Sprintf("NotifyComplete %d", e.Checkpoint)
	case Discover:
		return fmt.Sprintf("Discover %s seen %q", e.Source, e.Seen)
	case Publish:
		return showMetadata(e.Metadata)
	case Commit:
		text := fmt.Sprintf("Commit %d: %s", e.Checkpoint, showSinks(e.Sinks))
		if e.End != nil {
			text += fmt.Sprintf("; chk-%d has ended the job", e.End.ID)
		}
		if len(e.Staged) > 0 {
			text += ", then nothing stays staged of " + showSinks(e.Staged)
		}
		return text
	case Forget:
		return fmt.Sprintf("Forget %s", showSinks(e.Sinks))
	case SweepStaged:
		return fmt.Sprintf("SweepStaged except %s", showSinks(e.Live))
	case Sweep:
		return fmt.Sprintf("Sweep all but %v", e.Newest.Retained)
	case Retire:
		text := "Retire " + e.Source
		for _, p := range e.Splits {
			text += fmt.Sprintf(" %s (%s)", p.ID, p.Spec)
		}
		return text
	case ProbeTarget:
		return fmt.Sprintf("ProbeTarget %s %s", e.ID, e.Target)
	case Export:
		return fmt.Sprintf("Export chk-%d as %s to %s", e.Metadata.ID, e.ID, e.Target)
	case Reply:
		if e.Err != nil {
			return fmt.Sprintf("Reply to %s %s: error: %v", e.Kind.Word(), e.ID, e.Err)
		}
		return fmt.Sprintf("Reply to %s %s: chk-%d outcome %s path %q", e.Kind.Word(), e.ID, e.Result.Checkpoint, e.Result.Outcome.Word(), e.Result.Path)
	case Log:
		return fmt.Sprintf("Log %s: %s", e.Level, e.Text)
	case Exit:
		if e.Err != nil {
			return fmt.Sprintf("Exit %s: %v", e.Outcome, e.Err)
		}
		return fmt.Sprintf("Exit %s", e.Outcome)
	}
	return fmt.Sprintf("%T", e)
}

func showCommand(m message.Command) string {
	switch m := m.(type) {
	case message.Trigger:
		return fmt.Sprintf("Trigger %d %s", m.ID, [...]string{"continue", "pause", "drain"}[m.Mode])
	case message.Resume:
		return "Resume"
	case message.Assign:
		return "Assign " + showSplit(m.Split.ID, m.Position, m.MaxTime)
	case message.WatermarkBound:
		if m.Watched {
			return "WatermarkBound " + showTime(m.MaxTime) + ", watched"
		}
		return "WatermarkBound " + showTime(m.MaxTime)
	case message.Follow:
		return "Follow " + showTime(m.MaxTime)
	case message.NoMoreSplits:
		return "NoMoreSplits"
	}
	return fmt.Sprintf("%T", m)
}

func showTime(ms int64) string {
	switch ms {
	case math.MinInt64:
		return "nothing"
	case math.MaxInt64:
		return "lifted"
	}
	return fmt.Sprint(ms)
}

func showSplit(id string, position []byte, maxTime int64) string {
	if len(position) == 0 {
		return id
	}
	return fmt.Sprintf("%s@%s", id, showTime(maxTime))
}

func showSinks(sinks []snapshot.SinkCommittables) string {
	var parts []string
	for _, s := range sinks {
		parts = append(parts, fmt.Sprintf("%s %s", s.UID, s.Committables))
	}
	return strings.Join(parts, ", ")
}

func showMetadata(m *snapshot.Metadata) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Publish %d parent %d outcome %s retained %v confirmed %d", m.ID, m.Parent, m.Outcome.Word(), m.Retained, m.Confirmed)
	for _, u := range m.Uncommitted {
		fmt.Fprintf(&out, "\n  uncommitted %d: %s", u.Checkpoint, showSinks(u.Sinks))
	}
	for _, o := range m.Operators {
		if o.Parallelism != m.Parallelism {
			fmt.Fprintf(&out, "\n  %s: parallelism %d", o.UID, o.Parallelism)
		}
		if e, err := decodeEnumerator(o.Enumerator); len(o.Enumerator) > 0 {
			if err != nil {
				return err.Error()
			}
			fmt.Fprintf(&out, "\n  %s: %s", o.UID, showEnumerator(e))
		}
		for _, t := range o.Subtasks {
			for _, p := range t.Splits {
				fmt.Fprintf(&out, "\n  %s/%d has %s", o.UID, t.Index, showSplit(p.ID, p.Position, p.MaxTime))
			}
		}
	}
	return out.String()
}

func showEnumerator(e enumerator) string {
	queue := []string{}
	for _, p := range e.queue {
		queue = append(queue, showSplit(p.ID, p.position, p.maxTime))
	}
	bounds := map[string]int64{}
	for _, b := range e.bounds {
		bounds[b.chain] = b.maxTime
	}
	text := fmt.Sprintf("seen %q queue %v", e.seen, queue)
	for _, chain := range slices.Sorted(maps.Keys(bounds)) {
		text += fmt.Sprintf(" chain %q at %s", chain, showTime(bounds[chain]))
	}
	if e.done {
		text += " done"
	}
	for _, p := range e.finished {
		text += " finished " + p.ID
	}
	for _, chain := range e.spoilt {
		text += " spoilt " + chain
	}
	return text
}
