package charts

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"

	"github.com/weirstream/weir/api/v1alpha1"
)

// TestArgoCDIsToldTheTruth runs the health check as Argo CD does, on what the operator writes.
func TestArgoCDIsToldTheTruth(t *testing.T) {
	type health struct{ Status, Message string }
	condition := func(kind, status, reason, message string) map[string]string {
		return map[string]string{"type": kind, "status": status, "reason": reason, "message": message}
	}
	of := func(kind, reason, message string) []map[string]string {
		var all []map[string]string
		for _, k := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionProgressing, v1alpha1.ConditionStalled} {
			status := "False"
			if k == kind {
				status = "True"
			}
			all = append(all, condition(k, status, reason, message))
		}
		return append(all, condition(v1alpha1.ConditionCheckpointFresh, "True", v1alpha1.ReasonFresh, "it is fresh"))
	}
	unseen := health{"Progressing", "the operator has not seen this generation yet"}
	for _, c := range []struct {
		name       string
		observed   int // the generation that the status is about; the object's is 2
		conditions []map[string]string
		want       health
	}{
		{"no status", 0, nil, unseen},
		{"a status of the spec before", 1, of(v1alpha1.ConditionReady, v1alpha1.ReasonRunning, "it runs"), unseen},
		{"a job that runs", 2, of(v1alpha1.ConditionReady, v1alpha1.ReasonRunning, "it runs"), health{"Healthy", "it runs"}},
		{"a job that is completed", 2, of(v1alpha1.ConditionReady, v1alpha1.ReasonCompleted, "it is over"), health{"Healthy", "it is over"}},
		{"a job that is suspended", 2, of(v1alpha1.ConditionReady, v1alpha1.ReasonSuspended, "it is stopped"), health{"Suspended", "it is stopped"}},
		{"an upgrade", 2, of(v1alpha1.ConditionProgressing, v1alpha1.ReasonStandby, "a pod starts"), health{"Progressing", "a pod starts"}},
		{"a job that is stalled", 2, of(v1alpha1.ConditionStalled, v1alpha1.ReasonInvalidSpec, "mend it"), health{"Degraded", "mend it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := lua.NewState()
			defer state.Close()
			object := state.NewTable()
			metadata := state.NewTable()
			metadata.RawSetString("generation", lua.LNumber(2))
			object.RawSetString("metadata", metadata)
			if c.observed > 0 {
				status, conditions := state.NewTable(), state.NewTable()
				for _, fields := range c.conditions {
					one := state.NewTable()
					for name, value := range fields {
						one.RawSetString(name, lua.LString(value))
					}
					conditions.Append(one)
				}
				status.RawSetString("observedGeneration", lua.LNumber(c.observed))
				status.RawSetString("conditions", conditions)
				object.RawSetString("status", status)
			}
			state.SetGlobal("obj", object)
			script, err := os.ReadFile("../config/argocd/health.lua")
			if err != nil {
				t.Fatal(err)
			}
			if err := state.DoString(string(script)); err != nil {
				t.Fatal(err)
			}
			result, ok := state.Get(-1).(*lua.LTable)
			if !ok {
				t.Fatalf("it returns %v", state.Get(-1))
			}
			got := health{result.RawGetString("status").String(), result.RawGetString("message").String()}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
