package savepoint

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// TestScenarios tells what becomes of Savepoints, see testdata. The commands:
//
//	new [mode=] [deadline=] [tries=] [policy=]   a Savepoint is created; the clock shows 0s
//	job running|absent|suspended|rests|deleting [generation=]   its StreamJob; rests: stopped, without a pod
//	pod NAME STATE [outcome=] [op=] [code=] [path=] [own=false] [ending=true] [attempt=] [checkpoint=]   what a coordinator says; STATE silent: nothing; gone: no such pod
//	copied attempt=                              the object has the annotations of another Savepoint
//	operator NAME purpose= phase= [checkpoint=]   a Savepoint by which the operator stops the job, or stopped it
//	pass [+DURATION] [says=] [code=]             time passes, then the controller looks; says is the answer if it asks
//	delete                                       the object is deleted
//	dispose running|done|failed|impossible       how far the Job is that clears storage
//	forget                                       the status is lost, and what a coordinator knew of the request
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &scenario{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.tell(t, d) })
	})
}

// scenario is one Savepoint and what is around it.
type scenario struct {
	facts facts
}

func (s *scenario) tell(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	arg := func(name, otherwise string) string {
		for _, a := range d.CmdArgs {
			if a.Key == name && len(a.Vals) == 1 {
				return a.Vals[0]
			}
		}
		return otherwise
	}
	switch d.Cmd {
	case "new":
		s.create(t, arg)
	case "forget":
		s.facts.savepoint.Status = v1alpha1.SavepointStatus{}
		for i := range s.facts.coordinators {
			s.facts.coordinators[i].Operation = nil
		}
	case "copied":
		asked{Savepoint: "another", Attempt: number(t, arg("attempt", "1")), Generation: 1}.writeTo(s.facts.savepoint)
	case "operator":
		s.operator(t, d.CmdArgs[0].Key, arg)
	case "job":
		s.job(d.CmdArgs[0].Key, number(t, arg("generation", "7")))
	case "pod":
		s.pod(t, d.CmdArgs[0].Key, d.CmdArgs[1].Key, arg)
	case "delete":
		s.facts.savepoint.DeletionTimestamp = &metav1.Time{Time: s.facts.now}
	case "dispose":
		s.facts.disposal = map[string]disposal{"running": {state: disposing}, "done": {state: disposed},
			"failed":     {state: disposeFailed, message: "permission denied"},
			"impossible": {state: cannotDispose, message: "no revision is left"}}[d.CmdArgs[0].Key]
	case "pass":
		if len(d.CmdArgs) > 0 && strings.HasPrefix(d.CmdArgs[0].Key, "+") {
			s.facts.now = s.facts.now.Add(duration(t, d.CmdArgs[0].Key[1:]))
		}
		if s.facts.savepoint.DeletionTimestamp != nil {
			return s.removal()
		}
		return s.pass(arg)
	default:
		t.Fatalf("%s: no command %q", d.Pos, d.Cmd)
	}
	return ""
}

func (s *scenario) create(t *testing.T, arg func(string, string) string) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := DefaultPace()
	s.facts = facts{now: start, jitter: 0.5, pace: p, savepoint: &v1alpha1.Savepoint{
		ObjectMeta: metav1.ObjectMeta{Name: "before-lunch", Namespace: "default", UID: "uid-1", Generation: 1, CreationTimestamp: metav1.Time{Time: start}},
		Spec:       v1alpha1.SavepointSpec{JobRef: v1alpha1.JobReference{Name: "flights"}},
	}}
	spec := &s.facts.savepoint.Spec
	if m := v1alpha1.SavepointMode(arg("mode", "")); m != "" {
		spec.Mode = &m
	}
	if p := v1alpha1.DeletionPolicy(arg("policy", "")); p != "" {
		spec.DeletionPolicy = &p
	}
	if d := arg("deadline", ""); d != "" {
		spec.Deadline = &metav1.Duration{Duration: duration(t, d)}
	}
	if n := arg("tries", ""); n != "" {
		var tries int32
		if _, err := fmt.Sscan(n, &tries); err != nil {
			t.Fatal(err)
		}
		tries--
		spec.BackoffLimit = &tries
	}
	s.job("running", 7)
}

func (s *scenario) job(state string, generation int64) {
	s.facts.job = &v1alpha1.StreamJob{ObjectMeta: metav1.ObjectMeta{Name: "flights", Namespace: "default", Generation: generation}}
	switch state {
	case "absent":
		s.facts.job, s.facts.coordinators = nil, nil
	case "suspended":
		suspended := v1alpha1.Suspended
		s.facts.job.Spec.DesiredState = &suspended
	case "rests":
		s.facts.job.Status.Phase, s.facts.job.Status.ObservedGeneration = v1alpha1.PhaseSuspended, generation
		s.facts.coordinators = nil
	case "deleting":
		s.facts.job.DeletionTimestamp = &metav1.Time{Time: s.facts.now}
	}
}

// operator is a Savepoint of the operator's.
func (s *scenario) operator(t *testing.T, name string, arg func(string, string) string) {
	made := plan.Savepoint{Name: name, Purpose: arg("purpose", ""), Mode: v1alpha1.Stop, Phase: v1alpha1.SavepointPhase(arg("phase", "")), Checkpoint: number(t, arg("checkpoint", "0"))}
	s.facts.operators = slices.DeleteFunc(s.facts.operators, func(o plan.Savepoint) bool { return o.Name == name })
	s.facts.operators = append(s.facts.operators, made)
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *scenario) pod(t *testing.T, name, state string, arg func(string, string) string) {
	c := coordinators.Answer{Pod: name, Ending: arg("ending", "false") == "true"}
	switch state {
	case "silent":
	case "untrusted":
		c.Untrusted = true
	default:
		c.Job = &rest.Job{State: rest.State(state), Attempt: number(t, arg("attempt", "3")), Revision: "rev", Settings: &rest.Settings{SavepointStorage: "s3://b/savepoints"}}
		if c.Job.State != rest.Running {
			c.Job.Chain = &rest.Chain{Attempt: 3, Revision: "rev", Outcome: outcome.Outcome(arg("outcome", "")),
				Checkpoint: &rest.Checkpoint{ID: number(t, arg("checkpoint", "12"))}}
		}
		if c.Job.State == rest.Failed {
			c.Job.Failure = "row 3 is no JSON"
		}
		if arg("own", "true") == "false" {
			c.Job.Chain.Revision = "older"
		}
		if status := arg("op", ""); status != "" {
			op := operationOf(rest.Status(status), rest.Code(arg("code", "")))
			if p := arg("path", ""); p != "" {
				op.Path = p
			}
			c.Operation = &op
		}
	}
	s.facts.coordinators = slices.DeleteFunc(s.facts.coordinators, func(o coordinators.Answer) bool { return o.Pod == name })
	if state != "gone" {
		s.facts.coordinators = append(s.facts.coordinators, c)
	}
}

func operationOf(status rest.Status, code rest.Code) rest.Operation {
	op := rest.Operation{ID: "uid-1", Status: status}
	switch status {
	case rest.InProgress:
		op.SizeBytes, op.CopiedBytes = 3<<20, 1<<20
	case rest.Done:
		op.Path, op.CheckpointID, op.SizeBytes = "s3://b/savepoints/savepoint-default.flights-uid-1", 12, 3<<20
	case rest.Undone:
		op.Error = &rest.Error{Code: code, Message: "storage says no", Remedy: "look after storage"}
	}
	return op
}

// pass is Reconciler.advance without the world.
func (s *scenario) pass(arg func(string, string) string) string {
	var out strings.Builder
	f := s.facts
	f.answer = nil
	d := decide(&f)
	if d.ask != "" {
		if d.record != nil {
			fmt.Fprintf(&out, "records attempt %d, generation %d\n", d.record.Attempt, d.record.Generation)
			d.record.writeTo(s.facts.savepoint)
		}
		fmt.Fprintf(&out, "asks %s\n", d.ask)
		op := operationOf(rest.Status(arg("says", "InProgress")), rest.Code(arg("code", "")))
		reply := coordinators.Reply{Operation: &op}
		switch says := arg("says", ""); says {
		case "nothing":
			reply = coordinators.Reply{Silence: errors.New("ask the coordinator: connection refused")}
		case "error":
			reply = coordinators.Reply{Refused: &rest.Error{Code: rest.Code(arg("code", "")), Message: "the coordinator says no"}}
		}
		f.answer = &answer{d.ask, reply}
		d = decide(&f)
	}
	before := s.facts.savepoint.Status
	s.facts.savepoint.Status = statusAfter(&f, d)
	s.describe(&out, &before, d)
	return out.String()
}

func (s *scenario) describe(out *strings.Builder, before *v1alpha1.SavepointStatus, d decision) {
	status := &s.facts.savepoint.Status
	fmt.Fprintf(out, "%s %s: %s\n", status.Phase, d.reason, d.message)
	var conditions []string
	for _, c := range status.Conditions {
		conditions = append(conditions, fmt.Sprintf("%s=%s", c.Type, c.Status))
	}
	fmt.Fprintf(out, "%s", strings.Join(conditions, " "))
	if status.Progress != "" {
		fmt.Fprintf(out, ", %s", status.Progress)
	}
	if status.Failures != before.Failures {
		fmt.Fprintf(out, ", failures %d", status.Failures)
	}
	if status.Path != "" {
		fmt.Fprintf(out, ", %s from checkpoint %d, %d bytes in %v", status.Path, status.CheckpointID, status.SizeBytes, status.Duration.Duration)
	}
	if status.JobGeneration != before.JobGeneration {
		fmt.Fprintf(out, ", stops generation %d", status.JobGeneration)
	}
	if d.requeue > 0 {
		fmt.Fprintf(out, "; again in %v", d.requeue)
	}
	if onlyProgress(before, status) {
		out.WriteString("; nothing new")
	}
	out.WriteString("\n")
}

// removal is Reconciler.remove without the world.
func (s *scenario) removal() string {
	var out strings.Builder
	r := decideRemoval(&s.facts)
	switch {
	case r.dispose != "":
		fmt.Fprintf(&out, "disposes of %s\n", r.dispose)
	case r.release && r.left != "":
		fmt.Fprintf(&out, "released; %s\n", r.left)
	case r.release:
		out.WriteString("released; nothing is left\n")
	default:
		fmt.Fprintf(&out, "waits: %s; again in %v\n", r.message, r.requeue)
	}
	return out.String()
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBackoffDoublesWithJitterUpToItsMaximum(t *testing.T) {
	p := DefaultPace()
	for _, c := range []struct {
		failures int32
		jitter   float64
		want     time.Duration
	}{
		{1, 0, 5 * time.Second}, {1, 0.5, 7500 * time.Millisecond}, {2, 0, 10 * time.Second}, {4, 0, 40 * time.Second},
		{6, 0, 150 * time.Second}, {7, 0, 150 * time.Second}, {100, 0, 150 * time.Second}, {0, 0, 5 * time.Second},
	} {
		if got := p.Retry.Pause(int(c.failures), c.jitter); got != c.want {
			t.Errorf("after %d failures with jitter %v: %v, want %v", c.failures, c.jitter, got, c.want)
		}
	}
}

func TestSizesAreReadable(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 3 << 19: "1.5 MiB", 1 << 62: "4.0 EiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
