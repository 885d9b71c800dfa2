package coordinator

import (
	"testing"

	"github.com/weirstream/weir/engine/snapshot"
)

// naming is a checkpoint that names runs of some checkpoints.
func naming(id int64, checkpoints ...int64) *snapshot.Metadata {
	var files []snapshot.GroupFile
	for _, of := range checkpoints {
		files = append(files, snapshot.GroupFile{Path: "../shared/" + string(rune('a'+of)), Checkpoint: of})
	}
	files = append(files, snapshot.GroupFile{Path: "beside"})
	return &snapshot.Metadata{ID: id, Operators: []snapshot.OperatorState{{UID: "o", Subtasks: []snapshot.SubtaskState{{Files: files}}}}}
}

func TestACheckpointNamesNewRunsAndThoseOfTheNewestCompleteOne(t *testing.T) {
	head := naming(4, 1, 3)
	for what, c := range map[string]struct {
		coordinator Coordinator
		m           *snapshot.Metadata
		want        string
	}{
		"its own run, and one of each before": {Coordinator{chain: chain{head: head}}, naming(5, 1, 3, 5), ""},
		"a run that the newest does not name": {Coordinator{chain: chain{head: head}}, naming(5, 2, 5), "../shared/c"},
		"a run, after none":                   {Coordinator{}, naming(1, 1), ""},
		"a run of another, after none":        {Coordinator{}, naming(5, 3), "../shared/d"},
		"what was restored, the newest":       {Coordinator{cfg: Config{Restored: head, Newest: true}, chain: chain{head: head}}, naming(5, 1), ""},
		"what was restored, not the newest":   {Coordinator{cfg: Config{Restored: head}, chain: chain{head: head}}, naming(5, 1), "../shared/b"},
		"what was restored from elsewhere": {Coordinator{cfg: Config{Restored: head, Newest: true, Foreign: true}, chain: chain{head: head}},
			naming(5, 1), "../shared/b"},
	} {
		if got := c.coordinator.strangeRun(c.m); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}

// TestACheckpointThatNamesAStrangeRunFails: it would be complete, and a sweep might delete what it names.
func TestACheckpointThatNamesAStrangeRunFails(t *testing.T) {
	m := naming(1, 1)
	m.Operators[0].Subtasks[0].Files[0].Checkpoint = 7
	c := &Coordinator{}
	c.cfg.TolerableFailures = 1
	c.cfg.Operators = []Operator{{UID: "o"}}
	c.chain.current = &checkpoint{id: 1, states: map[string][]snapshot.SubtaskState{"o": m.Operators[0].Subtasks}}
	c.advanceCheckpoint()
	if c.chain.current != nil || c.chain.failures != 1 {
		t.Errorf("checkpoint %+v is under way after %d failures", c.chain.current, c.chain.failures)
	}
	for _, e := range c.effects {
		if _, published := e.(Publish); published {
			t.Error("it was published")
		}
	}
}
