package v1alpha1

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestOneObjectThatCannotBeReadHidesNoOther holds what the informers of the operator, and every other client that lists, need.
func TestOneObjectThatCannotBeReadHidesNoOther(t *testing.T) {
	for _, c := range []struct{ name, spec, problem string }{
		{"a duration that is none", `{"sql":"x","checkpoint":{"interval":"fast"}}`, `spec.checkpoint cannot be read: time: invalid duration "fast"`},
		{"a duration without a unit", `{"restart":{"maxDelay":"10"}}`, "spec.restart cannot be read: "},
		{"a duration that is a number", `{"restart":{"maxDelay":10}}`, "spec.restart cannot be read: "},
		{"a quantity that is none", `{"worker":{"resources":{"limits":{"memory":"1e1.5"}}}}`, "spec.worker cannot be read: "},
		{"a text for a number", `{"parallelism":"two"}`, "spec.parallelism cannot be read: "},
		{"a number that is too large", `{"parallelism":99999999999}`, "spec.parallelism cannot be read: "},
		{"a broken number", `{"maxParallelism":1.5}`, "spec.maxParallelism cannot be read: "},
		{"a number for a text", `{"sql":17}`, "spec.sql cannot be read: "},
		{"a list for a group", `{"checkpoint":[]}`, "spec.checkpoint cannot be read: "},
		{"labels that are no texts", `{"worker":{"podTemplate":{"labels":{"a":1}}}}`, "spec.worker cannot be read: "},
		{"a text", `"all of it"`, "spec cannot be read: "},
		{"a list", `[1,2]`, "spec cannot be read: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list StreamJobList
			text := `{"items":[{"metadata":{"name":"a"},"spec":{"parallelism":2}},{"metadata":{"name":"b"},"spec":` + c.spec + `},{"metadata":{"name":"c"}}]}`
			if err := json.Unmarshal([]byte(text), &list); err != nil {
				t.Fatal(err)
			}
			if len(list.Items) != 3 || *list.Items[0].Spec.Parallelism != 2 || list.Items[0].SpecProblem() != nil || list.Items[2].Name != "c" {
				t.Fatalf("%+v", list.Items)
			}
			bad := &list.Items[1]
			if err := bad.SpecProblem(); err == nil || !strings.HasPrefix(err.Error(), c.problem) {
				t.Errorf("%v, want %s...", err, c.problem)
			}
			again, err := json.Marshal(bad.DeepCopy())
			if err != nil {
				t.Fatal(err)
			}
			var written struct {
				Spec json.RawMessage `json:"spec"`
			}
			if err := json.Unmarshal(again, &written); err != nil || string(written.Spec) != c.spec {
				t.Errorf("its spec is written as %s, %v", written.Spec, err)
			}
		})
	}
}

func TestWhatCanBeReadOfASpecIs(t *testing.T) {
	var s Savepoint
	if err := json.Unmarshal([]byte(`{"metadata":{"name":"a"},"spec":{"jobRef":{"name":"job"},"deadline":"soon"}}`), &s); err != nil {
		t.Fatal(err)
	}
	if err := s.SpecProblem(); err == nil || !strings.HasPrefix(err.Error(), `spec.deadline cannot be read: `) {
		t.Error(err)
	}
	if s.Spec.JobRef.Name != "job" || s.Spec.Deadline != nil {
		t.Errorf("%+v", s.Spec)
	}
}

func TestAStatusThatCannotBeReadIsReadAsFarAsItCan(t *testing.T) {
	var j StreamJob
	text := `{"status":{"attempt":"three","phase":"Running","revision":"abc","recoveryPoint":"there","lastCheckpoint":{"id":7,"time":"noon"},"workers":1}}`
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		t.Fatal(err)
	}
	want := StreamJobStatus{Phase: PhaseRunning, Revision: "abc", Workers: 1, RecoveryPoint: &RecoveryPoint{}}
	if d := cmp.Diff(want, j.Status); d != "" {
		t.Error(d)
	}
	var s Savepoint
	if err := json.Unmarshal([]byte(`{"status":{"phase":"Completed","path":"s3://b/p","duration":"long"}}`), &s); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(SavepointStatus{Phase: SavepointCompleted, Path: "s3://b/p"}, s.Status); d != "" {
		t.Error(d)
	}
}

func TestWhatCanBeReadIsWrittenAsItWasRead(t *testing.T) {
	interval, n := metav1.Duration{Duration: 5 * time.Second}, int32(4)
	j := StreamJob{ObjectMeta: metav1.ObjectMeta{Name: "a", Generation: 3}, Spec: StreamJobSpec{Parallelism: &n, Checkpoint: CheckpointSpec{Interval: &interval}},
		Status: StreamJobStatus{Attempt: 2}}
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	// Read over another one: of that, nothing is left.
	again := StreamJob{Spec: StreamJobSpec{MaxParallelism: &n}, UnreadSpec: []byte("1"), Status: StreamJobStatus{Phase: PhaseStalled}}
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(j, again); d != "" {
		t.Error(d)
	}
}

func TestWhatIsNoObjectIsNotRead(t *testing.T) {
	for _, text := range []string{`[]`, `{"metadata":{"name":1}}`} {
		if err := json.Unmarshal([]byte(text), &StreamJob{}); err == nil {
			t.Errorf("%s is a StreamJob", text)
		}
		if err := json.Unmarshal([]byte(text), &Savepoint{}); err == nil {
			t.Errorf("%s is a Savepoint", text)
		}
	}
}
