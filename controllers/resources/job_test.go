package resources_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/manifest"
)

func newJobOf(t *testing.T, in resources.Input) *resources.Objects {
	t.Helper()
	job, err := resources.NewObjects(in)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func TestAJobThatCannotBecomeObjectsIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*resources.Input)
		want   string
	}{
		{"a name too long for its pods", func(in *resources.Input) { in.Name = strings.Repeat("n", 41) }, "at most 40"},
		{"a name that no Service can have", func(in *resources.Input) { in.Name = "1st" }, "beginning with a letter"},
		{"a name with a dot", func(in *resources.Input) { in.Name = "a.b" }, "small letters"},
		{"no namespace", func(in *resources.Input) { in.Namespace = "" }, "no namespace"},
		{"no owner", func(in *resources.Input) { in.Owner = "" }, "owner"},
		{"a revision that is none", func(in *resources.Input) { in.Revision = "latest" }, "not a revision"},
		{"no image", func(in *resources.Input) { in.Spec.Image = nil }, "not complete"},
		{"a text that no ConfigMap holds", func(in *resources.Input) { in.Spec.SQL = new(strings.Repeat("\x01", 256<<10)) }, "make spec.sql or spec.program.args shorter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(plain(t))
			c.change(&in)
			if _, err := resources.NewObjects(in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestTheLongestNamesAreNamesAndLabels(t *testing.T) {
	job, revision := strings.Repeat("j", resources.MaxJobName), "0123456789"
	const longest = int64(1<<63 - 1)
	for kind, name := range map[string]string{
		"revision":            resources.Name(job, revision),
		"pod":                 resources.CoordinatorPod(job, revision),
		"pod's hash":          resources.Name(job, revision) + "-5d4f8c7b9d",
		"service":             resources.ServiceName(job),
		"secret":              resources.SecretName(job),
		"preflight":           resources.PreflightName(job, revision, 0),
		"preflight, short":    resources.PreflightName(job, revision, 9999999),
		"preflight, restored": resources.PreflightName(job, revision, longest),
		"discard":             resources.DiscardName(job),
		"dispose":             resources.DisposeName(savepointUID),
	} {
		if e := append(validation.IsDNS1123Label(name), validation.IsValidLabelValue(name)...); len(e) > 0 {
			t.Errorf("%s %q: %v", kind, name, e)
		}
	}
	if e := validation.IsDNS1123Subdomain(resources.StopSavepointName(job, longest, longest)); len(e) > 0 {
		t.Errorf("stop: %v", e)
	}
}

func TestPreflightsOfDifferentNoncesHaveDifferentNames(t *testing.T) {
	job, revision := strings.Repeat("j", resources.MaxJobName), "0123456789"
	seen := map[string]int64{}
	for _, nonce := range []int64{0, 1, 9999999, 10000000, 1763848800, 1763848801, 1<<63 - 1} {
		name := resources.PreflightName(job, revision, nonce)
		if before, ok := seen[name]; ok {
			t.Errorf("%d and %d are both %s", before, nonce, name)
		}
		seen[name] = nonce
	}
}

func TestTheRevisionIsWhatTheJobDoes(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*v1alpha1.StreamJobSpec)
		another bool
	}{
		{"sql", func(s *v1alpha1.StreamJobSpec) { s.SQL = new(sql + " ") }, true},
		{"a program", func(s *v1alpha1.StreamJobSpec) { s.SQL, s.Program = nil, &v1alpha1.ProgramSpec{Image: "x"} }, true},
		{"image", func(s *v1alpha1.StreamJobSpec) { s.Image = new("weir:3") }, true},
		{"backend", func(s *v1alpha1.StreamJobSpec) { s.State.Backend = new(v1alpha1.StateBackend("Pebble")) }, true},
		{"credentials", func(s *v1alpha1.StreamJobSpec) { s.Checkpoint.CredentialsSecret = nil }, true},
		{"memory", func(s *v1alpha1.StreamJobSpec) { s.Worker.Resources.Limits = nil }, true},
		{"a label of the pods", func(s *v1alpha1.StreamJobSpec) { s.Worker.PodTemplate.Labels = nil }, true},
		{"parallelism", func(s *v1alpha1.StreamJobSpec) { s.Parallelism = new(int32(9)) }, false},
		{"desired state", func(s *v1alpha1.StreamJobSpec) { s.DesiredState = new(v1alpha1.Suspended) }, false},
		{"interval", func(s *v1alpha1.StreamJobSpec) { s.Checkpoint.Interval = nil }, false},
		{"retention", func(s *v1alpha1.StreamJobSpec) { s.Checkpoint.Retained = nil }, false},
		{"restore", func(s *v1alpha1.StreamJobSpec) { s.Restore.Nonce = new(int64(77)) }, false},
		{"restart", func(s *v1alpha1.StreamJobSpec) { s.Restart.MaxDelay = nil }, false},
		{"a quantity in other words", func(s *v1alpha1.StreamJobSpec) {
			s.Worker.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("0.5"), corev1.ResourceMemory: resource.MustParse("1024Mi")}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := full(t), full(t)
			c.change(&after)
			if got := resources.Revision(&before) != resources.Revision(&after); got != c.another {
				t.Errorf("another revision: %v, want %v", got, c.another)
			}
			if got := !resources.Fields(&before).Equal(resources.Fields(&after)); got != c.another {
				t.Errorf("fields differ: %v, want %v", got, c.another)
			}
		})
	}
}

// A release that hashes the same spec to something else would upgrade every job at once.
func TestRevisionsOfEarlierReleasesKeepTheirHash(t *testing.T) {
	spec := v1alpha1.StreamJobSpec{
		SQL: new("INSERT INTO b SELECT * FROM a WHERE x < 1"), Image: new("weir:1"),
		State: v1alpha1.StateSpec{Backend: new(v1alpha1.Heap)},
	}
	if got := resources.Revision(&spec); got != "14e08c364b" {
		t.Errorf("revision is %s", got)
	}
}

func TestASpecWhoseUserChangedNothingKeepsItsImage(t *testing.T) {
	recorded, resolved := full(t), full(t)
	resolved.Image, resolved.Parallelism = new("a-newer-operator"), new(int32(9))
	resources.Fields(&recorded).Apply(&resolved)
	if *resolved.Image != *recorded.Image || *resolved.Parallelism != 9 {
		t.Errorf("image %s, parallelism %d", *resolved.Image, *resolved.Parallelism)
	}
	if resources.Revision(&resolved) != resources.Revision(&recorded) {
		t.Error("it is another revision")
	}
}

func TestARecordedRevisionIsReadBack(t *testing.T) {
	spec := full(t)
	source := resources.RevisionFields{SQL: spec.SQL}
	written, err := newJob(t, spec).ControllerRevision(7, source)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(written.Data.Raw), `\u003c`) {
		t.Error("comparisons in a query take six times their place")
	}
	got, err := resources.ReadRevision(&appsv1.ControllerRevision{Data: *written.Data})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Source.Equal(source) {
		t.Errorf("source is %+v", got.Source)
	}
	if d := cmp.Diff(encode(t, spec), encode(t, got.Spec)); d != "" {
		t.Error(d)
	}
}

func TestARevisionOfSomebodyElseIsRefused(t *testing.T) {
	for _, text := range []string{"", "null", "{}", `{"spec":{"template":{}}}`, `{"spec":3}`} {
		if _, err := resources.ReadRevision(&appsv1.ControllerRevision{Data: runtime.RawExtension{Raw: json.RawMessage(text)}}); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestSettingsAreWhatAnAttemptIsActivatedWith(t *testing.T) {
	spec := full(t)
	want := rest.Settings{
		Parallelism: 3, Interval: 5 * time.Second, Timeout: 10 * time.Minute, MinPause: time.Second, Retained: 7, TolerableFailures: 0,
		Restart:          config.Restart{InitialDelay: time.Second, MaxDelay: time.Minute, ResetAfter: time.Hour},
		SavepointStorage: "s3://bucket/savepoints",
		Restore:          rest.Restore{Path: "s3://bucket/savepoints/savepoint-x", Nonce: 4, AllowNonRestoredState: true, AllowRepeatedOutput: true},
	}
	if d := cmp.Diff(want, manifest.Settings(&spec)); d != "" {
		t.Error(d)
	}
}

func TestTheConfigMapOfAGenerationIsReadBack(t *testing.T) {
	spec := full(t)
	var written corev1.ConfigMap
	if err := json.Unmarshal(encode(t, newJob(t, spec).ConfigMap()), &written); err != nil {
		t.Fatal(err)
	}
	got, generation, err := resources.ReadConfigMap(&written)
	if err != nil || generation != 3 {
		t.Fatalf("generation %d, %v", generation, err)
	}
	if d := cmp.Diff(encode(t, spec), encode(t, got)); d != "" {
		t.Error(d)
	}
	for name, change := range map[string]func(*corev1.ConfigMap){
		"no generation":   func(c *corev1.ConfigMap) { c.Annotations = nil },
		"no manifest":     func(c *corev1.ConfigMap) { c.Data = nil },
		"a text, no YAML": func(c *corev1.ConfigMap) { c.Data = map[string]string{resources.ManifestKey: ":"} },
	} {
		broken := written.DeepCopy()
		change(broken)
		if _, _, err := resources.ReadConfigMap(broken); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
}

func TestTheResultOfAPodIsInItsTerminationMessage(t *testing.T) {
	terminated := func(exit int32, reason, message string) corev1.PodStatus {
		return corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name:  resources.ContainerName,
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: exit, Reason: reason, Message: message}},
		}}}
	}
	for _, c := range []struct {
		name   string
		status corev1.PodStatus
		want   resources.Result
		ended  bool
	}{
		{"one that waits has none", corev1.PodStatus{Phase: corev1.PodPending}, resources.Result{}, false},
		{"ok, with the chain", terminated(0, "Completed", `{"ok":true,"chain":{"attempt":4}}`), resources.Result{OK: true, Chain: &rest.Chain{Attempt: 4}}, true},
		{"not ok, for good", terminated(1, "Error", `{"ok":false,"message":"m","remedy":"r","permanent":true}`), resources.Result{Message: "m", Remedy: "r", Permanent: true}, true},
		{"a success that failed is none", terminated(1, "Error", `{"ok":true}`), resources.Result{}, true},
		{"killed before it could speak", terminated(137, "OOMKilled", ""), resources.Result{Message: "the container ended with exit code 137 without a result (OOMKilled)"}, true},
		{"a panic", terminated(2, "Error", "panic: x\ngoroutine 1"), resources.Result{Message: "the container ended with exit code 2 without a result (Error): panic: x",
			Remedy: "look whether the entrypoint of its image is weir, or a program whose main function is job.Main, of an engine that knows this operator"}, true},
		{"evicted", corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "disk"}, resources.Result{Message: "pod p ended: Evicted disk"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod := &corev1.Pod{Status: c.status}
			pod.Name = "p"
			got, ended := resources.ReadResult(pod)
			if d := cmp.Diff(c.want, got); d != "" || ended != c.ended {
				t.Errorf("ended %v: %s", ended, d)
			}
		})
	}
}

func TestAnotherProgramIsAnotherRevision(t *testing.T) {
	of := func(p v1alpha1.ProgramSpec, engine string) string {
		spec := full(t)
		spec.SQL, spec.Program, spec.Image = nil, &p, &engine
		return resources.Revision(&spec)
	}
	base := of(v1alpha1.ProgramSpec{Image: "x:1", Args: []string{"a", "b"}}, "weir:1")
	for _, other := range []v1alpha1.ProgramSpec{{Image: "x:2", Args: []string{"a", "b"}}, {Image: "x:1", Args: []string{"a b"}}, {Image: "x:1"}} {
		if of(other, "weir:1") == base {
			t.Errorf("%+v is the revision of another program", other)
		}
	}
	if of(v1alpha1.ProgramSpec{Image: "x:1", Args: []string{"a", "b"}}, "weir:2") != base {
		t.Error("a later operator makes another revision of a program")
	}
}
