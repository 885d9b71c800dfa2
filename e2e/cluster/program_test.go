package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/e2e/cluster/lab"
)

// texts are files for the example word-count: each word of it is in every line of each.
const (
	textLine  = `{"text": "The weir, the low barrier; it lets the stream flow"}` + "\n"
	textLines = 50
)

// wordsOfLine is how often each word is in a line.
var wordsOfLine = map[string]int{"the": 3, "weir": 1, "low": 1, "barrier": 1, "it": 1, "lets": 1, "stream": 1, "flow": 1}

// TestAProgramRunsAndIsUpgradedLikeSQL runs an example program from its own image, kills its pod, gives it arguments and images that
// cannot work and others that can, and requires every count of every word once.
func TestAProgramRunsAndIsUpgradedLikeSQL(t *testing.T) {
	t.Parallel()
	job := testbed.NewJob(t, "program")
	files := 0
	more := func() {
		for range 10 {
			job.Put("in", fmt.Sprintf("%03d.jsonl", files), []byte(strings.Repeat(textLine, textLines)))
			files++
		}
	}
	program := func(watch string) *v1alpha1.ProgramSpec {
		return &v1alpha1.ProgramSpec{Image: testbed.WordCount, Args: []string{"--input=" + job.URL("in"), "--output=" + job.URL("out"), "--watch=" + watch}}
	}
	spec := &job.Declared.Spec
	spec.SQL, spec.Image, spec.Program = nil, nil, program("1s")
	more()
	job.Apply()
	first := job.UntilReady()
	job.UntilCheckpoint(1)

	killed := job.Pod()
	job.Kill(killed)
	more()
	pod := job.UntilReplaced(killed)
	job.UntilReady()

	for _, c := range []struct {
		name   string
		change *v1alpha1.ProgramSpec
		says   string
	}{
		{"an argument that it does not know", &v1alpha1.ProgramSpec{Image: testbed.WordCount, Args: []string{"--topic=a b"}}, "flag provided but not defined: -topic"},
		{"the engine's image", &v1alpha1.ProgramSpec{Image: testbed.Engine}, "the image is the engine's own, and no program"},
		{"an image of something else", &v1alpha1.ProgramSpec{Image: testbed.Unauthorized}, "or a program whose main function is job.Main"},
	} {
		good := spec.Program
		spec.Program = c.change
		job.Apply()
		if stalled := job.UntilStalled(); stalled.Reason != v1alpha1.ReasonPreflightFailed || !strings.Contains(stalled.Message, c.says) {
			t.Errorf("%s: %s: %s", c.name, stalled.Reason, stalled.Message)
		}
		if now := job.Pod(); now.UID != pod.UID {
			t.Errorf("%s: pod %s took the place of what ran", c.name, now.Name)
		}
		spec.Program = good
		job.Apply()
		job.UntilReady()
	}

	spec.Program = program("2s")
	two := int32(2)
	spec.Parallelism = &two
	job.Apply()
	after := job.Until(lab.Patience, "the upgrade is done", func(seen *v1alpha1.StreamJob) bool {
		return seen.Status.Revision != first.Status.Revision && seen.Status.Phase == v1alpha1.PhaseRunning && seen.Status.Parallelism == two
	})
	if after.Status.RestoredFrom == "" {
		t.Error("the upgrade began empty")
	}
	more()
	out := job.Place("out")
	job.Holds(lab.Patience, "every word is counted", func() bool { return len(countsOf(t, out.Visible())) >= files*textLines*10 })
	job.Savepoint("stop", v1alpha1.Stop)
	job.UntilSavepoint("stop")
	requireCounts(t, countsOf(t, out.Visible()), files*textLines)
}

// countsOf lists the counts that are visible, as "word n", with how often each is there.
func countsOf(t *testing.T, visible map[string][]byte) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for name, content := range visible {
		for line := range bytes.Lines(content) {
			var row struct {
				Word  string `json:"word"`
				Times int    `json:"times"`
			}
			if err := json.Unmarshal(line, &row); err != nil {
				t.Fatalf("%s: %v: %s", name, err, line)
			}
			counts[fmt.Sprintf("%s %d", row.Word, row.Times)]++
		}
	}
	return counts
}

// requireCounts requires that each word was counted from 1 to its number in so many lines, each count once.
func requireCounts(t *testing.T, got map[string]int, lines int) {
	t.Helper()
	want := 0
	for word, inLine := range wordsOfLine {
		for n := 1; n <= inLine*lines; n++ {
			want++
			if times := got[fmt.Sprintf("%s %d", word, n)]; times != 1 {
				t.Errorf("the count %q %d is there %d times", word, n, times)
			}
		}
	}
	if len(got) != want {
		t.Errorf("%d counts are visible, and there are %d", len(got), want)
	}
}
