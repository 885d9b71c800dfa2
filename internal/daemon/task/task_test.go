package task_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/clitest"
	"github.com/weirstream/weir/manifest"
)

func TestAPreflightLeavesItsResult(t *testing.T) {
	for _, c := range []struct {
		name, sql, spec string
		code            int
		want            resources.Result
	}{
		{"nothing has run", clitest.Endless, "", 0, resources.Result{OK: true, Chain: &rest.Chain{}}},
		{"the SQL does not plan", strings.Replace(clitest.Endless, "FROM g", "FROM h", 1), "", 1, resources.Result{
			Message: "spec.sql:4:30: there is no table or view h", Remedy: "declare it before it is used", Permanent: true}},
		{"the manifest is wrong", clitest.Endless, "  restart: {maxDelay: 2m}\n", 1, resources.Result{
			Message: "job.yaml:1: spec.checkpoint.storage: it is missing", Remedy: "name a bucket there or in weir.yaml, such as s3://bucket/prefix", Permanent: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := clitest.New(t)
			clitest.InPod(t, c.sql)
			if c.spec != "" {
				clitest.Write(t, "job.yaml", clitest.ManifestOf+clitest.Indented(c.sql)+c.spec)
			}
			code := p.Run(clitest.PodArgs("preflight", "--revision="+clitest.PodRevision(), "--owner="+clitest.PodOwner)...)
			if code != c.code || strings.Count(p.Stdout.String()+p.Stderr.String(), "\n") != 1 {
				t.Errorf("exit code %d\nstdout %s\nstderr %s", code, p.Stdout, p.Stderr)
			}
			if diff := cmp.Diff(c.want, clitest.Words(t)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if _, err := os.Stat("bucket/default.delays/attempts"); err == nil {
				t.Error("it has claimed an attempt")
			}
		})
	}
}

func TestWhatAJobLeavesBehindIsDeleted(t *testing.T) {
	p := clitest.New(t)
	j, id := clitest.InPod(t, clitest.Endless)
	c := clitest.Coordinate(t, p, id)
	op, err := c.Client.Activate(t.Context(), rest.ActivateRequest{ID: "first", Revision: clitest.PodRevision(), AllowEmpty: true, Settings: manifest.Settings(&j.Spec)})
	c.Await(t, op, err)
	folder, err := filepath.Abs("savepoints")
	if err != nil {
		t.Fatal(err)
	}
	op, err = c.Client.Stop(t.Context(), rest.StopRequest{ID: "last", Target: "file://" + filepath.ToSlash(folder)})
	savepoint := c.Await(t, op, err).Path
	p.Signals <- syscall.SIGTERM
	if code := c.Ended(t); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.Stderr)
	}

	if code := clitest.Join(p.Env).Run(clitest.PodArgs("dispose", "--path="+j.Config.Storage)...); code != 1 || clitest.Words(t).OK {
		t.Errorf("a folder that is no savepoint's: exit code %d, %+v", code, clitest.Words(t))
	}
	for range 2 { // again: no failure
		q := clitest.Join(p.Env)
		if code := q.Run(clitest.PodArgs("dispose", "--path="+savepoint)...); code != 0 || !clitest.Words(t).OK || q.Stdout.String() != savepoint+" is deleted\n" {
			t.Errorf("dispose: exit code %d, stdout %s, stderr %s", code, q.Stdout, q.Stderr)
		}
	}
	if _, err := os.Stat(strings.TrimPrefix(savepoint, "file://")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the savepoint is still there: %v", err)
	}
	for range 2 {
		q := clitest.Join(p.Env)
		if code := q.Run(clitest.PodArgs("discard", "--owner="+clitest.PodOwner)...); code != 0 || !clitest.Words(t).OK || q.Stdout.String() != "the checkpoints of default.delays are deleted\n" {
			t.Errorf("discard: exit code %d, stdout %s, stderr %s", code, q.Stdout, q.Stderr)
		}
	}
	if left, err := filepath.Glob("bucket/default.delays/chk-*"); err != nil || len(left) != 0 {
		t.Errorf("left: %v %v", left, err)
	}
}
