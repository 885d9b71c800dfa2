package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/manifest"
)

const podOwner = "cluster/uid"

// podRevision is that of the manifest that the pod finds; of one that is wrong any.
func podRevision() string {
	text, err := os.ReadFile("job.yaml")
	if err == nil {
		if j, err := manifest.Load(manifest.Input{Manifest: &manifest.File{Name: "job.yaml", Text: text}, Cluster: true}); err == nil {
			return resources.Revision(&j.Spec)
		}
	}
	return "0123456789"
}

// inPod writes what a pod finds: the manifest job.yaml, the job's identity, and the file for its last words.
func inPod(t *testing.T, sql string) (*manifest.Job, *rest.Identity) {
	t.Helper()
	storage, err := filepath.Abs("bucket")
	if err != nil {
		t.Fatal(err)
	}
	text := manifestOf + indented(sql) + "  checkpoint: {storage: \"file://" + filepath.ToSlash(storage) + "\", interval: 1h}\n"
	write(t, "job.yaml", text)
	write(t, "words", "what another process said, which is longer than what is said now")
	id, err := rest.NewIdentity([]byte(strings.Repeat("k", 32)), "uid")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range id.Files() {
		write(t, filepath.Join("identity", name), string(content))
	}
	j, err := manifest.Load(manifest.Input{Manifest: &manifest.File{Name: "job.yaml", Text: []byte(text)}, Cluster: true})
	if err != nil {
		return nil, id
	}
	return j, id
}

// words are the last ones of a process.
func words(t *testing.T) (r resources.Result) {
	t.Helper()
	text, err := os.ReadFile("words")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Fatalf("%v: %q", err, text)
	}
	return r
}

func podArgs(verb string, more ...string) []string {
	return append([]string{verb, "--manifest=job.yaml", "--termination-log=words"}, more...)
}

// coordinating is a coordinator that runs beside the test.
type coordinating struct {
	*running
	address, metrics string
	client           *rest.Client
}

// coordinate starts a coordinator, and returns when it can be asked.
func coordinate(t *testing.T, p *process, id *rest.Identity) *coordinating {
	t.Helper()
	r := startVerb(t, p, podArgs("coordinator", "--revision="+podRevision(), "--owner="+podOwner, "--identity=identity", "--listen=127.0.0.1:0", "--metrics=127.0.0.1:0")...)
	var line struct{ Address, Metrics string }
	for text := range strings.Lines(p.stderr.String()) {
		if strings.Contains(text, "the job can be asked") {
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
		}
	}
	client, err := rest.NewPodClient(line.Address, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &coordinating{r, line.Address, line.Metrics, client}
}

// await waits until a request is carried out.
func (c *coordinating) await(t *testing.T, op rest.Operation, err error) rest.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err == nil {
		op, err = c.client.Await(ctx, op)
	}
	if err != nil || op.Status != rest.Done {
		t.Fatalf("%+v: %v\n%s", op, err, c.stderr)
	}
	return op
}

func (c *coordinating) job(t *testing.T) rest.Job {
	t.Helper()
	j, err := c.client.Job(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestACoordinatorWaitsForItsActivationAndGoesOnByItself(t *testing.T) {
	p := newProcess(t)
	j, id := inPod(t, endless)
	c := coordinate(t, p, id)
	if got := c.job(t); got.State != rest.Standby || got.Revision != podRevision() || got.ID != "default.delays" {
		t.Errorf("before it is activated: %+v", got)
	}
	op, err := c.client.Activate(t.Context(), rest.ActivateRequest{ID: "first", Revision: podRevision(), AllowEmpty: true, Settings: resources.Settings(&j.Spec)})
	if op = c.await(t, op, err); op.Attempt != 1 {
		t.Errorf("activated: %+v", op)
	}
	op, err = c.client.Checkpoint(t.Context(), rest.CheckpointRequest{ID: "one"})
	if op = c.await(t, op, err); !strings.Contains(op.Path, "/bucket/default.delays/chk-") {
		t.Errorf("a checkpoint at %q", op.Path)
	}
	if got := metricsOf(t, c.metrics); !strings.Contains(got, "weir_job_attempt") || strings.Contains(got, id.Token()) {
		t.Errorf("metrics:\n%s", got)
	}
	p.signals <- syscall.SIGTERM
	if code := c.ended(t); code != 0 || !strings.Contains(p.stderr.String(), "ending, after a last checkpoint") {
		t.Fatalf("exit code %d\n%s", code, p.stderr)
	}
	for line := range strings.Lines(p.stderr.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a log line that is no JSON: %s", line)
		}
	}

	// Its pod is started again: nobody has to tell it what to do (P3).
	again := coordinate(t, joinProcess(p.env), id)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	op, err = again.client.Checkpoint(ctx, rest.CheckpointRequest{ID: "two"})
	for refused := (*rest.Error)(nil); errors.As(err, &refused) && again.job(t).State != rest.Failed; { // it has not claimed its attempt yet
		op, err = again.client.Checkpoint(ctx, rest.CheckpointRequest{ID: "two"})
	}
	again.await(t, op, err)
	if got := again.job(t); got.Attempt != 2 || got.RestoredFrom == "" {
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
	p := newProcess(t)
	p.identityPause = time.Millisecond
	_, old := inPod(t, endless)
	c := coordinate(t, p, old)
	c.job(t)
	another, err := rest.NewIdentity([]byte(strings.Repeat("another ", 4)), "uid")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{rest.TokenFile, rest.OperatorFile, rest.KeyFile, rest.CertificateFile} { // as a node would, but not at once
		write(t, filepath.Join("identity", name), string(another.Files()[name]))
	}
	client, err := rest.NewPodClient(c.address, another)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
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
			t.Fatalf("with the new identity: %+v, %v\n%s", got, err, p.stderr)
		}
	}
	if _, err := c.client.Job(ctx); err == nil {
		t.Error("the old identity is served still")
	}
	p.signals <- syscall.SIGTERM
	if code := c.ended(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.stderr)
	}
}

func TestACoordinatorThatCannotRunSaysWhyWhereTheOperatorLooks(t *testing.T) {
	for _, c := range []struct {
		name, sql, remove string
		code              int
		want              string
		permanent         bool
	}{
		{"the SQL does not plan", strings.Replace(endless, "FROM g", "FROM h", 1), "", 2, "spec.sql:4:30: there is no table or view h", true},
		{"the manifest is not there", endless, "job.yaml", 2, "job.yaml: no such file or directory", true},
		{"the identity is not there", endless, "identity", 1, "--identity: ", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProcess(t)
			inPod(t, c.sql)
			flags := []string{"--revision=" + podRevision(), "--owner=" + podOwner, "--identity=identity", "--listen=127.0.0.1:0", "--metrics=127.0.0.1:0"}
			if c.remove != "" {
				if err := os.RemoveAll(c.remove); err != nil {
					t.Fatal(err)
				}
			}
			code := p.run(podArgs("coordinator", flags...)...)
			if got := p.stderr.String(); code != c.code || !strings.HasPrefix(got, "weir: "+c.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("exit code %d\n%s", code, got)
			}
			if got := words(t); got.OK || got.Permanent != c.permanent || !strings.HasPrefix(got.Message, c.want) {
				t.Errorf("last words %+v", got)
			}
		})
	}
}

func TestAPodRunsNothingThatWasChangedByHand(t *testing.T) {
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	for _, c := range []struct {
		name string
		// beside is what the digest is of; empty: there is none.
		beside, edit, pod, want string
	}{
		{"as it was written", "before", "", "flights-0-0", ""},
		{"as an earlier operator wrote it, without a digest", "", "", "", ""},
		{"another interval", "before", "interval: 2h", "", "the manifest is not what its digest says: it was changed by hand"},
		{"another text, and its digest", "after", "FROM k", "", "the manifest is that of revision "},
		{"a second pod", "before", "", "flights-0-1", "pod flights-0-1 is one too many"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProcess(t)
			inPod(t, strings.Replace(endless, "FROM g", "FROM h", 1)) // it would not plan: nothing is run here
			text, err := os.ReadFile("job.yaml")
			if err != nil {
				t.Fatal(err)
			}
			revision, after := podRevision(), string(text)
			switch {
			case strings.HasPrefix(c.edit, "interval"):
				after = strings.Replace(after, "interval: 1h", c.edit, 1)
			case c.edit != "":
				after = strings.Replace(after, "FROM h", "FROM k", 1)
			}
			write(t, "job.yaml", after)
			if c.beside != "" {
				write(t, resources.DigestKey, sum(map[string]string{"before": string(text), "after": after}[c.beside]))
			}
			p.env[resources.PodEnv] = c.pod
			code := p.run(podArgs("coordinator", "--revision="+revision, "--owner="+podOwner, "--identity=identity", "--listen=127.0.0.1:0", "--metrics=127.0.0.1:0")...)
			want := c.want
			if want == "" {
				want = "there is no table or view h"
			}
			if got := words(t); code != 2 || !got.Permanent || !strings.Contains(got.Message, want) {
				t.Errorf("exit code %d, last words %+v", code, got)
			}
		})
	}
}

func TestTroubleOfStorageIsWorthAnotherCheck(t *testing.T) {
	for _, c := range []struct {
		err       error
		permanent bool
	}{
		{&fault.Error{Class: fault.Permanent, Err: fmt.Errorf("read: %w", storage.ErrPermission)}, false},
		{&fault.Error{Class: fault.Permanent, Err: fmt.Errorf("the bucket: %w", storage.ErrNotFound)}, false},
		{&fault.Error{Class: fault.Permanent, Err: storage.ErrFull}, false},
		{fault.AsTransient(errors.New("it is away")), false},
		{&fault.Error{Class: fault.Permanent, Err: storage.ErrInvalid}, true},
		{usagef("no such flag"), true},
	} {
		if got := resultOf(c.err); got.Permanent != c.permanent || got.Message == "" {
			t.Errorf("%v gives %+v", c.err, got)
		}
	}
}

func TestAPreflightLeavesItsResult(t *testing.T) {
	for _, c := range []struct {
		name, sql, spec string
		code            int
		want            resources.Result
	}{
		{"nothing has run", endless, "", 0, resources.Result{OK: true, Chain: &rest.Chain{}}},
		{"the SQL does not plan", strings.Replace(endless, "FROM g", "FROM h", 1), "", 1, resources.Result{
			Message: "spec.sql:4:30: there is no table or view h", Remedy: "declare it before it is used", Permanent: true}},
		{"the manifest is wrong", endless, "  restart: {maxDelay: 2m}\n", 1, resources.Result{
			Message: "job.yaml:1: spec.checkpoint.storage: it is missing", Remedy: "name a bucket there or in weir.yaml, such as s3://bucket/prefix", Permanent: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProcess(t)
			inPod(t, c.sql)
			if c.spec != "" {
				write(t, "job.yaml", manifestOf+indented(c.sql)+c.spec)
			}
			code := p.run(podArgs("preflight", "--revision="+podRevision(), "--owner="+podOwner)...)
			if code != c.code || strings.Count(p.stdout.String()+p.stderr.String(), "\n") != 1 {
				t.Errorf("exit code %d\nstdout %s\nstderr %s", code, p.stdout, p.stderr)
			}
			if diff := cmp.Diff(c.want, words(t)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if _, err := os.Stat("bucket/default.delays/attempts"); err == nil {
				t.Error("it has claimed an attempt")
			}
		})
	}
}

func TestAPreflightOutlastsAMinuteOfTrouble(t *testing.T) {
	transient, permanent := fault.AsTransient(errors.New("the bucket is away")), fault.Permanentf("", "", "state does not fit")
	for _, c := range []struct {
		name     string
		fails    time.Duration // for so long
		with     error
		want     error
		least    int
		atMost   time.Duration
		stopping bool
	}{
		{"storage that comes back", 40 * time.Second, transient, nil, 3, 50 * time.Second, false},
		{"storage that does not", time.Hour, transient, transient, 3, time.Minute, false},
		{"state that does not fit", time.Hour, permanent, permanent, 1, 0, false},
		{"a signal", time.Hour, transient, transient, 1, 5 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.stopping {
					time.AfterFunc(5*time.Second, cancel)
				}
				begin, checks := time.Now(), 0
				_, err := patiently(ctx, slog.New(slog.DiscardHandler), func(context.Context) (rest.Chain, error) {
					if checks++; time.Since(begin) < c.fails {
						return rest.Chain{}, c.with
					}
					return rest.Chain{}, nil
				})
				if took := time.Since(begin); !errors.Is(err, c.want) || checks < c.least || took > c.atMost {
					t.Errorf("%v after %v and %d checks", err, took, checks)
				}
			})
		})
	}
}

func TestTheResultFitsIntoATerminationMessage(t *testing.T) {
	nonces := make([]int64, 5000)
	for i, r := range []resources.Result{
		{OK: true, Chain: &rest.Chain{Attempt: 7, RestoreNonces: nonces}},
		{Message: strings.Repeat("ü\"", 5000), Remedy: "shorten it", Permanent: true},
	} {
		text, err := resultLine(r)
		if err != nil || len(text) > mostTerminationLog {
			t.Fatalf("%d: %d bytes, %v", i, len(text), err)
		}
		var got resources.Result
		if err := json.Unmarshal(text, &got); err != nil || got.OK != r.OK || got.Remedy != r.Remedy || (got.Chain != nil) != (r.Chain != nil) {
			t.Errorf("%d: %v: %+v", i, err, got)
		}
	}
}

func TestWhatAJobLeavesBehindIsDeleted(t *testing.T) {
	p := newProcess(t)
	j, id := inPod(t, endless)
	c := coordinate(t, p, id)
	op, err := c.client.Activate(t.Context(), rest.ActivateRequest{ID: "first", Revision: podRevision(), AllowEmpty: true, Settings: resources.Settings(&j.Spec)})
	c.await(t, op, err)
	folder, err := filepath.Abs("savepoints")
	if err != nil {
		t.Fatal(err)
	}
	op, err = c.client.Stop(t.Context(), rest.StopRequest{ID: "last", Target: "file://" + filepath.ToSlash(folder)})
	savepoint := c.await(t, op, err).Path
	p.signals <- syscall.SIGTERM
	if code := c.ended(t); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.stderr)
	}

	if code := joinProcess(p.env).run(podArgs("dispose", "--path="+j.Config.Storage)...); code != 1 || words(t).OK {
		t.Errorf("a folder that is no savepoint's: exit code %d, %+v", code, words(t))
	}
	for range 2 { // again: no failure
		q := joinProcess(p.env)
		if code := q.run(podArgs("dispose", "--path="+savepoint)...); code != 0 || !words(t).OK || q.stdout.String() != savepoint+" is deleted\n" {
			t.Errorf("dispose: exit code %d, stdout %s, stderr %s", code, q.stdout, q.stderr)
		}
	}
	if _, err := os.Stat(strings.TrimPrefix(savepoint, "file://")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the savepoint is still there: %v", err)
	}
	for range 2 {
		q := joinProcess(p.env)
		if code := q.run(podArgs("discard", "--owner="+podOwner)...); code != 0 || !words(t).OK || q.stdout.String() != "the checkpoints of default.delays are deleted\n" {
			t.Errorf("discard: exit code %d, stdout %s, stderr %s", code, q.stdout, q.stderr)
		}
	}
	if left, err := filepath.Glob("bucket/default.delays/chk-*"); err != nil || len(left) != 0 {
		t.Errorf("left: %v %v", left, err)
	}
}
