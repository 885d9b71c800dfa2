package coordinator_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/clitest"
	"github.com/weirstream/weir/manifest"
)

func TestACoordinatorWaitsForItsActivationAndGoesOnByItself(t *testing.T) {
	p := clitest.New(t)
	j, id := clitest.InPod(t, clitest.Endless)
	c := clitest.Coordinate(t, p, id)
	if got := c.Job(t); got.State != rest.Standby || got.Revision != clitest.PodRevision() || got.ID != "default.delays" {
		t.Errorf("before it is activated: %+v", got)
	}
	op, err := c.Client.Activate(t.Context(), rest.ActivateRequest{ID: "first", Revision: clitest.PodRevision(), AllowEmpty: true, Settings: manifest.Settings(&j.Spec)})
	if op = c.Await(t, op, err); op.Attempt != 1 {
		t.Errorf("activated: %+v", op)
	}
	op, err = c.Client.Checkpoint(t.Context(), rest.CheckpointRequest{ID: "one"})
	if op = c.Await(t, op, err); !strings.Contains(op.Path, "/bucket/default.delays/chk-") {
		t.Errorf("a checkpoint at %q", op.Path)
	}
	if got := metricsOf(t, c.Metrics); !strings.Contains(got, "weir_job_attempt") || strings.Contains(got, id.Token()) {
		t.Errorf("metrics:\n%s", got)
	}
	p.Signals <- syscall.SIGTERM
	if code := c.Ended(t); code != 0 || !strings.Contains(p.Stderr.String(), "ending, after a last checkpoint") {
		t.Fatalf("exit code %d\n%s", code, p.Stderr)
	}
	for line := range strings.Lines(p.Stderr.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a log line that is no JSON: %s", line)
		}
	}

	// Its pod is started again: nobody has to tell it what to do (P3).
	again := clitest.Coordinate(t, clitest.Join(p.Env), id)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	op, err = again.Client.Checkpoint(ctx, rest.CheckpointRequest{ID: "two"})
	for refused := (*rest.Error)(nil); errors.As(err, &refused) && again.Job(t).State != rest.Failed; { // it has not claimed its attempt yet
		op, err = again.Client.Checkpoint(ctx, rest.CheckpointRequest{ID: "two"})
	}
	again.Await(t, op, err)
	if got := again.Job(t); got.Attempt != 2 || got.RestoredFrom == "" {
		t.Errorf("started again: %+v", got)
	}
}

func metricsOf(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestACoordinatorTakesTheIdentityThatItsSecretHasNow(t *testing.T) {
	p := clitest.New(t)
	p.IdentityPause = time.Millisecond
	_, old := clitest.InPod(t, clitest.Endless)
	c := clitest.Coordinate(t, p, old)
	c.Job(t)
	another, err := rest.NewIdentity([]byte(strings.Repeat("another ", 4)), "uid")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{rest.TokenFile, rest.OperatorFile, rest.KeyFile, rest.CertificateFile} { // as a node would, but not at once
		clitest.Write(t, filepath.Join("identity", name), string(another.Files()[name]))
	}
	client, err := rest.NewPodClient(c.Address, another)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := client.Job(ctx)
		if err == nil && got.State == rest.Standby {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("with the new identity: %+v, %v\n%s", got, err, p.Stderr)
		}
	}
	if _, err := c.Client.Job(ctx); err == nil {
		t.Error("the old identity is served still")
	}
	p.Signals <- syscall.SIGTERM
	if code := c.Ended(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.Stderr)
	}
}

func TestACoordinatorThatCannotRunSaysWhyWhereTheOperatorLooks(t *testing.T) {
	for _, c := range []struct {
		name, sql, remove string
		code              int
		want              string
		permanent         bool
	}{
		{"the SQL does not plan", strings.Replace(clitest.Endless, "FROM g", "FROM h", 1), "", 2, "spec.sql:4:30: there is no table or view h", true},
		{"the manifest is not there", clitest.Endless, "job.yaml", 2, "job.yaml: no such file or directory", true},
		{"the identity is not there", clitest.Endless, "identity", 1, "--identity: ", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := clitest.New(t)
			clitest.InPod(t, c.sql)
			flags := []string{"--revision=" + clitest.PodRevision(), "--owner=" + clitest.PodOwner, "--identity=identity", "--listen=127.0.0.1:0", "--metrics=127.0.0.1:0"}
			if c.remove != "" {
				if err := os.RemoveAll(c.remove); err != nil {
					t.Fatal(err)
				}
			}
			code := p.Run(clitest.PodArgs("coordinator", flags...)...)
			if got := p.Stderr.String(); code != c.code || !strings.HasPrefix(got, "weir: "+c.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("exit code %d\n%s", code, got)
			}
			if got := clitest.Words(t); got.OK || got.Permanent != c.permanent || !strings.HasPrefix(got.Message, c.want) {
				t.Errorf("last words %+v", got)
			}
		})
	}
}

func TestASecondPodOfAStatefulSetDoesNotRun(t *testing.T) {
	p := clitest.New(t)
	clitest.InPod(t, strings.Replace(clitest.Endless, "FROM g", "FROM h", 1)) // it would not plan: nothing is run here
	p.Env[resources.PodEnv] = "flights-0-1"
	code := p.Run(clitest.PodArgs("coordinator", "--revision="+clitest.PodRevision(), "--owner="+clitest.PodOwner, "--identity=identity", "--listen=127.0.0.1:0", "--metrics=127.0.0.1:0")...)
	if got := clitest.Words(t); code != 2 || !got.Permanent || !strings.Contains(got.Message, "pod flights-0-1 is one too many") {
		t.Errorf("exit code %d, last words %+v", code, got)
	}
}
