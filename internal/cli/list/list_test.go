package list

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/cli"
)

func TestTheListTellsOfCheckpointsThatFailSinceTheNewestCompleteOne(t *testing.T) {
	var stdout bytes.Buffer
	at := time.Now()
	if err := writeList(&cli.Process{Stdout: &stdout}, []Listed{
		{Job: "well", Overview: &rest.Job{StartTime: at, CompletedCheckpoints: 7, FailedCheckpoints: 9}},
		{Job: "ill", Overview: &rest.Job{StartTime: at, CompletedCheckpoints: 8, FailedCheckpoints: 9, FailedCheckpointsInARow: 2}},
	}, at); err != nil {
		t.Fatal(err)
	}
	if got := stdout.String(); strings.Count(got, "failed") != 1 || !strings.Contains(got, "  8, then 2 failed  ") || !strings.Contains(got, "  7  ") {
		t.Errorf("the list is\n%s", got)
	}
}
