package run_test

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/internal/cli/run"
	"github.com/weirstream/weir/internal/clitest"
	"github.com/weirstream/weir/internal/localjobs"
)

func TestAJobInABucketThatRunsHereAlreadyIsNotTakenOverSilently(t *testing.T) {
	p := clitest.New(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	folder, err := localjobs.Open(p.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	running := localjobs.Entry{Job: "counts", URL: "http://" + l.Addr().String(), PID: os.Getpid(), Start: time.Unix(1, 0), Storage: "s3://bucket/chk?region=x"}
	remove, err := folder.Add(running)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg     job.Config
		refused bool
	}{
		"the same":                   {job.Config{Job: "counts", Storage: "s3://bucket/chk"}, true},
		"another job":                {job.Config{Job: "sums", Storage: "s3://bucket/chk"}, false},
		"another place":              {job.Config{Job: "counts", Storage: "s3://bucket/other"}, false},
		"a folder, which has a lock": {job.Config{Job: "counts", Storage: "/chk"}, false},
		"asked to take over":         {job.Config{Job: "counts", Storage: "s3://bucket/chk", TakeOver: true}, false},
	} {
		err := run.RefuseSecond(context.Background(), p.Process, c.cfg)
		if (err != nil) != c.refused || c.refused && !strings.Contains(err.Error(), "--take-over") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	if err := run.RefuseSecond(context.Background(), p.Process, job.Config{Job: "counts", Storage: "s3://bucket/chk"}); err != nil {
		t.Errorf("after its end: %v", err)
	}
}
