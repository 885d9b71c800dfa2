package plan_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

const owner = "cluster-1/uid-1"

// TestScenarios plays scenarios: every `observe` changes facts, line by line, and shows what is decided then and which
// conditions changed. What a status would remember is remembered from decision to decision.
//
//	spec generation=2 revision=b parallelism=3 desired=Suspended   what is wanted; what is not named stays
//	revision a pod=running state=Running attempt=1 ...             what was observed of a revision; replaces what was
//	revision a none                                                it is gone
//	preflight passed                                               of the target, for the present generation
//	savepoint job-1-g2 purpose=upgrade phase=Completed             one of the job's; "none" removes it
//	pass 1m                                                        time
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := newScenario()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "observe" {
				d.Fatalf(t, "unknown command %q", d.Cmd)
			}
			for line := range strings.Lines(d.Input) {
				if err := s.change(strings.TrimSpace(line)); err != nil {
					d.Fatalf(t, "%s: %v", strings.TrimSpace(line), err)
				}
			}
			return s.decide()
		})
	})
}

type scenario struct {
	facts      plan.Facts
	conditions []metav1.Condition
}

func newScenario() *scenario {
	return &scenario{facts: plan.Facts{
		Now:   time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
		Owner: owner,
		Job:   plan.StreamJob{Name: "job", Generation: 1, Desired: v1alpha1.Running},
		Target: plan.Target{Revision: "a", Fresh: 50 * time.Second, Folder: "s3://bucket/default.job",
			Settings: rest.Settings{Parallelism: 2, Interval: 10 * time.Second}},
		LivingOwners: map[string]string{},
	}}
}

// options are the words of a line: key=value, or a word alone.
type options map[string]string

func (s *scenario) change(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	verb, rest := words[0], words[1:]
	name := ""
	if len(rest) > 0 && !strings.Contains(rest[0], "=") {
		name, rest = rest[0], rest[1:]
	}
	o := options{}
	for _, w := range rest {
		k, v, _ := strings.Cut(w, "=")
		o[k] = strings.ReplaceAll(v, "_", " ")
	}
	switch verb {
	case "spec":
		return s.spec(o)
	case "recorded":
		s.facts.Target.Recorded = true
	case "preflight":
		return s.preflight(name, o)
	case "oldpreflights":
		s.facts.OldPreflights = strings.FieldsFunc(name, func(r rune) bool { return r == ',' })
	case "revision":
		return s.revision(name, o)
	case "savepoint":
		s.savepoint(name, o)
	case "memory":
		s.memory(o)
	case "owner":
		if s.facts.OwnersUnknown = name == "unknown"; !s.facts.OwnersUnknown {
			s.facts.LivingOwners[name] = o["living"]
		}
	case "activation":
		s.facts.Activation = plan.Activation{Failures: int(o.number("failures")), Message: o["message"], RetryAt: s.facts.Now.Add(o.duration("retry"))}
	case "orphans":
		s.facts.Orphans = nil
		if name != "none" {
			s.facts.Orphans = strings.Split(strings.ReplaceAll(name, "_", " "), ",")
		}
	case "unreadable":
		s.facts.Unreadable = o["message"]
	case "refused":
		s.facts.Refused = nil
		if name != "none" {
			s.facts.Refused = &plan.Refusal{Action: o["action"], Trouble: plan.Trouble{Reason: name, Message: o["message"]}}
		}
	case "deleted":
		s.facts.Job.DeletedAt = s.facts.Now
	case "finalizer":
		s.facts.Job.Finalizer = name != "none"
	case "discard":
		s.facts.Discard = plan.Discard{Started: true, Succeeded: name == "succeeded", Failed: name == "failed", Message: o["message"]}
	case "pass":
		d, err := time.ParseDuration(name)
		s.facts.Now = s.facts.Now.Add(d)
		return err
	default:
		return fmt.Errorf("unknown fact %q", verb)
	}
	return nil
}

func (o options) number(key string) int64 {
	n, err := strconv.ParseInt(o[key], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (o options) numbers(key string) []int64 {
	var all []int64
	for word := range strings.SplitSeq(o[key], ",") {
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			all = append(all, n)
		}
	}
	return all
}

func (o options) duration(key string) time.Duration {
	d, err := time.ParseDuration(o[key])
	if err != nil {
		return 0
	}
	return d
}

func (o options) has(key string) bool { _, ok := o[key]; return ok }

func (s *scenario) spec(o options) error {
	f := &s.facts
	for k, v := range o {
		switch k {
		case "generation":
			f.Job.Generation = o.number(k)
			f.Target.Recorded, f.LastStatus.Stalled, f.LastStatus.Paused, f.LastStatus.Running = false, nil, false, ""
			f.LastStatus.StalledSince = time.Time{}
			f.Target.Problem = ""
		case "revision":
			if f.Target.Revision != v {
				f.Preflight = plan.Preflight{}
			}
			f.Target.Revision = v
		case "parallelism":
			f.Target.Settings.Parallelism = int(o.number(k))
		case "interval":
			f.Target.Settings.Interval = o.duration(k)
		case "desired":
			f.Job.Desired = v1alpha1.DesiredState(v)
		case "nonce":
			f.Target.Settings.Restore.Nonce = o.number(k)
		case "path":
			f.Target.Settings.Restore.Path = v
		case "takeOver":
			f.Target.TakeOver = true
		case "onDelete":
			f.Job.DeleteStorage = v == "Delete"
		case "surge":
			f.Target.StopFirst = v == "false"
		case "volatile":
			f.Target.Volatile = true
		case "problem":
		case "restoreProblem":
			f.Target.RestoreProblem = v
		default:
			return fmt.Errorf("unknown field %q", k)
		}
	}
	if o.has("problem") {
		f.Target.Problem = o["problem"]
	}
	return nil
}

func (s *scenario) preflight(name string, o options) error {
	f := &s.facts
	p := plan.Preflight{Name: "job-pf-" + f.Target.Revision, Generation: f.Job.Generation, Message: o["message"], Remedy: o["remedy"],
		Permanent: o.has("permanent"), FinishedAt: f.Now}
	if o.has("generation") {
		p.Generation = o.number("generation")
	}
	switch name {
	case "none":
		p = plan.Preflight{}
	case "checking":
		p.State = plan.Checking
		p.Pod = plan.Pod{Exists: !o.has("podless"), Name: p.Name + "-x", Waiting: o["waiting"]}
		p.PodlessSince, p.Pod.HomelessSince = s.ago(o, "podless"), s.ago(o, "homeless")
		if o.has("trouble") {
			p.Trouble = &plan.Trouble{Reason: o["trouble"], Message: o["message"]}
		}
	case "passed":
		p.State = plan.Passed
	case "refused":
		p.State = plan.Refused
	default:
		return fmt.Errorf("unknown state %q", name)
	}
	f.Preflight = p
	return nil
}

func (s *scenario) revision(name string, o options) error {
	f := &s.facts
	f.Revisions = slices.DeleteFunc(f.Revisions, func(r plan.Revision) bool { return r.Name == name })
	if o.has("none") {
		return nil
	}
	r := plan.Revision{Name: name, Exists: !o.has("config"), Replicas: 1}
	pod := plan.Pod{Name: "job-" + name + "-0"}
	if o.has("config") || o.has("replicas") {
		r.Replicas = int32(o.number("replicas"))
	}
	switch o["pod"] {
	case "", "none":
	case "running":
		pod.Exists, pod.Running = true, true
	case "pending":
		pod.Exists, pod.Waiting = true, o["waiting"]
	case "trouble":
		pod.Exists, pod.Trouble = true, &plan.Trouble{Reason: o["reason"], Message: o["message"]}
	case "ending":
		pod.Exists, pod.Running, pod.GoneBy = true, true, f.Now.Add(time.Minute)
	default:
		return fmt.Errorf("unknown pod %q", o["pod"])
	}
	r.SilentSince, r.AnsweredAt, r.PodlessSince = s.ago(o, "silent"), s.ago(o, "answered"), s.ago(o, "podless")
	pod.ScheduledAt, pod.HomelessSince = s.ago(o, "scheduled"), s.ago(o, "homeless")
	if pod.Exists {
		r.Pods = []plan.Pod{pod}
	}
	r.Edited = o["edited"]
	r.Untrusted = o.has("untrusted")
	if o.has("state") {
		r.Coordinator = s.coordinator(name, o)
	}
	f.Revisions = append(f.Revisions, r)
	return nil
}

// ago is a time that a word gives as how long ago it was; zero: it is not there.
func (s *scenario) ago(o options, key string) time.Time {
	if !o.has(key) {
		return time.Time{}
	}
	return s.facts.Now.Add(-o.duration(key))
}

// coordinator reads state=, attempt=, checkpoint= (the newest complete), age= (of it), own= (how many the attempt completed), failed= (how
// many failed since), declined= (why the last of those),
// parallelism=, interval=, nonce=, nonces=, from=, failure=, kind=, chain= (newest attempt in storage) with owner=, by= (its revision),
// outcome=, began= (the newest that did something).
func (s *scenario) coordinator(name string, o options) *rest.Job {
	job := &rest.Job{State: rest.State(o["state"]), Attempt: o.number("attempt"), Revision: name, RestoredFrom: o["from"], RestoreNonces: o.numbers("nonces"),
		CompletedCheckpoints: o.number("own"), FailedCheckpointsInARow: o.number("failed"), CheckpointFailure: o["declined"], Failure: o["failure"], FailureKind: rest.FailureKind(o["kind"])}
	if job.Attempt > 0 {
		settings := s.facts.Target.Settings
		settings.Restore = rest.Restore{Nonce: o.number("nonce")}
		if o.has("parallelism") {
			settings.Parallelism = int(o.number("parallelism"))
		}
		if o.has("interval") {
			settings.Interval = o.duration("interval")
		}
		job.Settings, job.Parallelism = &settings, settings.Parallelism
	}
	if o.has("checkpoint") {
		job.LastCheckpoint = &rest.Checkpoint{ID: o.number("checkpoint"), Status: rest.Done, TriggerTime: s.facts.Now.Add(-o.duration("age"))}
	}
	if o.has("chain") {
		job.Chain = &rest.Chain{Attempt: o.number("chain"), Owner: owner, Revision: o["by"], Outcome: outcome.Outcome(o["outcome"]), Began: o.number("began")}
		if o.has("owner") {
			job.Chain.Owner = o["owner"]
		}
		if o.has("checkpoint") {
			job.Chain.Checkpoint = &rest.Checkpoint{ID: o.number("checkpoint")}
		}
	}
	return job
}

func (s *scenario) savepoint(name string, o options) {
	f := &s.facts
	f.Savepoints = slices.DeleteFunc(f.Savepoints, func(p plan.Savepoint) bool { return p.Name == name })
	if o.has("none") {
		return
	}
	mode := v1alpha1.Continue
	if o["purpose"] != "" {
		mode = v1alpha1.Stop
	}
	if o.has("mode") {
		mode = v1alpha1.SavepointMode(o["mode"])
	}
	f.Savepoints = append(f.Savepoints, plan.Savepoint{Name: name, Purpose: o["purpose"], Mode: mode,
		Phase: v1alpha1.SavepointPhase(o["phase"]), JobGeneration: o.number("generation"), Checkpoint: o.number("checkpoint"), Message: o["message"]})
}

func (s *scenario) memory(o options) {
	m := &s.facts.LastStatus
	for k, v := range o {
		switch k {
		case "revision":
			m.Revision = v
		case "nonce":
			m.Nonce = o.number(k)
		case "attempt":
			m.Attempt = o.number(k)
		case "recoveryPoint":
			m.RecoveryPoint = v != "none"
		case "checkpoint":
			m.Checkpoint = o.number(k)
		case "outcome":
			m.Outcome = outcome.Outcome(v)
		}
	}
}

// decide shows a decision, and remembers of it what a status does.
func (s *scenario) decide() string {
	f := &s.facts
	s.remember()
	d := plan.Decide(*f)
	var b strings.Builder
	fmt.Fprintf(&b, "rule:    %s\naction:  %s\nstatus:  %s, %s %s: %s\n", d.Rule, d.Action, d.Phase, d.Verdict, d.Reason, d.Message)
	if d.Upgrade != nil {
		fmt.Fprintf(&b, "upgrade: to %s, %s", d.Upgrade.To, d.Upgrade.Step)
		if d.Upgrade.Savepoint != "" {
			fmt.Fprintf(&b, ", savepoint %s", d.Upgrade.Savepoint)
		}
		b.WriteString("\n")
	}
	conditions := plan.Conditions(*f, d, s.conditions)
	for _, c := range conditions {
		if c.Type == v1alpha1.ConditionReady || c.Type == v1alpha1.ConditionProgressing || c.Type == v1alpha1.ConditionStalled {
			continue // the verdict says it
		}
		i := slices.IndexFunc(s.conditions, func(p metav1.Condition) bool { return p.Type == c.Type })
		if i < 0 || s.conditions[i].Status != c.Status || s.conditions[i].Reason != c.Reason {
			fmt.Fprintf(&b, "         %s=%s (%s)\n", c.Type, c.Status, c.Reason)
		}
	}
	s.conditions = conditions
	f.LastStatus.Upgrade, f.LastStatus.Stalled = d.Upgrade, nil
	if d.Reason == v1alpha1.ReasonFenced && f.LastStatus.Outcome == outcome.None {
		f.LastStatus.Outcome = outcome.Fenced
	}
	if d.Verdict != plan.Stalled {
		f.LastStatus.StalledSince = time.Time{}
	} else if f.LastStatus.StalledSince.IsZero() {
		f.LastStatus.StalledSince = f.Now
	}
	if d.Verdict == plan.Stalled {
		f.LastStatus.Stalled = &plan.Trouble{Reason: d.Reason, Message: d.Message}
	}
	f.LastStatus.Running = ""
	if d.Verdict == plan.Ready && d.Reason == v1alpha1.ReasonRunning {
		f.LastStatus.Running = d.Message
	}
	f.LastStatus.Paused = d.Verdict == plan.Ready && d.Reason == v1alpha1.ReasonSuspended && f.Job.Desired == v1alpha1.Running
	return b.String()
}

// remember takes from the coordinators what a status keeps.
func (s *scenario) remember() {
	m := &s.facts.LastStatus
	all := s.facts.Revisions
	if s.facts.Target.Volatile {
		all = nil
		if live := plan.Live(s.facts); live != nil {
			all, m.Attempt = []plan.Revision{*live}, 0
		}
	}
	for _, r := range all {
		c := r.Coordinator
		if c == nil || c.Attempt < m.Attempt || c.State == rest.Standby || c.Attempt == 0 {
			continue
		}
		m.Attempt, m.Revision, m.Outcome = c.Attempt, r.Name, outcome.None
		if c.Chain != nil && c.Chain.Attempt == c.Attempt {
			m.Outcome = c.Chain.Outcome
		}
		if c.LastCheckpoint != nil {
			m.RecoveryPoint, m.LastCheckpoint, m.Checkpoint = true, plan.CompletedAt(*c.LastCheckpoint), c.LastCheckpoint.ID
		}
	}
}
