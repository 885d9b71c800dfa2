// Package resttest is the conformance suite of package rest: what whoever asks a coordinator relies on, as tests that
// each implementation runs. There are two, the engine's, and the one that the controllers' tests play; what the controllers
// decide by is asserted here, field by field, so that the played one says what the real one says.
//
// All is asked over HTTPS, with the identity of a job. What the protocol cannot bring about, such as the loss of a pod, an
// implementation does for the suite: see World. Routes that only people ask (operators, the list of checkpoints, a checkpoint
// on demand, cancel) are not part of it.
package resttest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/rest"
)

// World is the storage of one job whose input goes on until it is ended, and what may happen around it. Its functions may be
// called as long as the test runs; what they started has ended when it ends.
type World struct {
	// JobID is the job's.
	JobID string
	// Settings are those of its manifest: an attempt can be activated with them, at any parallelism up to 4. They name a place
	// for savepoints.
	Settings rest.Settings
	// Elsewhere is another place for savepoints.
	Elsewhere string
	// Start runs a coordinator of a revision for an owner, as a new pod does. Several can run at once.
	Start func(t *testing.T, owner, revision string) Pod
	// Preflight is what the check of a revision says that is to begin with a restore: the chain as it is, and why it may not.
	Preflight func(t *testing.T, owner, revision string, r rest.Restore) (rest.Chain, error)
	// EndInput ends the input.
	EndInput func()
	// FailJob lets what runs fail permanently for a reason, FailCheckpoints each checkpoint; empty: they go well again.
	FailJob, FailCheckpoints func(why string)
}

// Pod is a coordinator that runs.
type Pod struct {
	// Address is the host:port that it answers on.
	Address string
	// Identity is its job's, the same in each pod.
	Identity *rest.Identity
	// Kill ends the process at once; Terminate as a SIGTERM does, after a last checkpoint. Both return when it is gone.
	Kill, Terminate func()
}

// The owner and the revision that most cases are about.
const (
	me       = "cluster/me"
	somebody = "cluster/somebody"
	first    = "1111111111"
	second   = "2222222222"
)

// patience bounds the waits of the suite. It decides nothing.
const patience = time.Minute

// Run tests an implementation. World makes a new job each time.
func Run(t *testing.T, world func(t *testing.T) World) {
	for _, group := range [][]testCase{activations, stops, savepoints, pods, restores, failures, access} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				t.Cleanup(cancel)
				c.test(&run{World: world(t), t: t, ctx: ctx})
			})
		}
	}
}

type testCase struct {
	name string
	test func(*run)
}

// run is one case: it plays those who ask.
type run struct {
	World
	t   *testing.T
	ctx context.Context
}

// testedPod is a pod with those who ask it.
type testedPod struct {
	*run
	Pod
	operator, user, unauthenticated *rest.Client
	plain                           *http.Client // trusts the pod, and bears nothing
}

// start starts a pod of the first revision.
func (r *run) start() *testedPod { return r.startAs(me, first) }

func (r *run) startAs(owner, revision string) *testedPod {
	r.t.Helper()
	a := &testedPod{run: r, Pod: r.Start(r.t, owner, revision)}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(a.Identity.CertificatePEM()) {
		r.t.Fatal("the identity has no certificate")
	}
	a.plain = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: trusted, ServerName: rest.PodServerName}}}
	var err error
	if a.operator, err = rest.NewPodClient(a.Address, a.Identity); err != nil {
		r.t.Fatal(err)
	}
	if a.user, err = rest.NewClient("https://"+a.Address, a.Identity.Token(), a.plain); err != nil {
		r.t.Fatal(err)
	}
	if a.unauthenticated, err = rest.NewClient("https://"+a.Address, "not the token", a.plain); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { a.operator.Close(); a.plain.CloseIdleConnections() })
	return a
}

// job is what the coordinator says of the job.
func (a *testedPod) job() rest.Job {
	a.t.Helper()
	j, err := a.operator.Job(a.ctx)
	if err != nil {
		a.t.Fatalf("ask for the job: %v", err)
	}
	return j
}

// until asks until a fact about the job holds.
func (a *testedPod) until(what string, fact func(rest.Job) bool) rest.Job {
	a.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var j rest.Job
	for {
		var err error
		if j, err = a.operator.Job(a.ctx); err == nil && fact(j) {
			return j
		}
		select {
		case <-tick.C:
		case <-a.ctx.Done():
			a.t.Fatalf("waited in vain until %s: %v; the job is %+v, its chain %+v", what, err, j, j.Chain)
		}
	}
}

// waiting: nothing runs, and the chain has been seen.
func waiting(j rest.Job) bool { return j.State == rest.Standby && j.Chain != nil }

func in(s rest.State) func(rest.Job) bool { return func(j rest.Job) bool { return j.State == s } }

// ended: an attempt has ended well, and the chain has been seen since.
func ended(s rest.State) func(rest.Job) bool {
	return func(j rest.Job) bool { return j.State == s && j.Chain != nil }
}

// runsWell: an attempt runs and has completed a checkpoint.
func runsWell(j rest.Job) bool { return j.State == rest.Running && j.CompletedCheckpoints > 0 }

// activation asks for the attempt after expected, with the settings of the manifest.
func (r *run) activation(id string, expected int64) rest.ActivateRequest {
	return rest.ActivateRequest{ID: id, ExpectedAttempt: expected, Revision: first, AllowEmpty: expected == 0, Settings: r.Settings}
}

// final is what becomes of a request that is taken.
func (a *testedPod) final(op rest.Operation, err error) rest.Operation {
	a.t.Helper()
	if err != nil {
		a.t.Fatalf("the request was not taken: %v", err)
	}
	op, err = a.operator.Await(a.ctx, op)
	if err != nil && op.Status != rest.Undone {
		a.t.Fatal(err)
	}
	return op
}

// done is final for a request that is carried out.
func (a *testedPod) done(op rest.Operation, err error) rest.Operation {
	a.t.Helper()
	if op = a.final(op, err); op.Status != rest.Done || op.Error != nil {
		a.t.Fatalf("%s %s became %+v, %v", op.Kind, op.ID, op, op.Error)
	}
	return op
}

// fails is final for a request that is taken and comes to nothing.
func (a *testedPod) fails(want rest.Code, op rest.Operation, err error) rest.Error {
	a.t.Helper()
	if op = a.final(op, err); op.Status != rest.Undone || op.Error == nil || op.Error.Code != want || op.Error.Message == "" || op.Attempt != 0 || op.Path != "" {
		a.t.Fatalf("%s %s became %+v, %v; want that it fails as %s", op.Kind, op.ID, op, op.Error, want)
	}
	return *op.Error
}

// refused checks that a request was not taken.
func (r *run) refused(want rest.Code, what string, err error) rest.Error {
	r.t.Helper()
	var e *rest.Error
	if !errors.As(err, &e) || e.Code != want || e.Message == "" {
		r.t.Fatalf("%s: %v, want the answer %s", what, err, want)
	}
	return *e
}

// running is a pod whose first attempt runs and has completed a checkpoint.
func (r *run) running() *testedPod {
	r.t.Helper()
	a := r.start()
	a.until("it waits", waiting)
	a.activated(r.activation("begin", 0))
	return a
}

// activated activates, and waits for a complete checkpoint.
func (a *testedPod) activated(q rest.ActivateRequest) rest.Job {
	a.t.Helper()
	op := a.done(a.operator.Activate(a.ctx, q))
	if op.Attempt != q.ExpectedAttempt+1 {
		a.t.Fatalf("attempt %d was begun after %d", op.Attempt, q.ExpectedAttempt)
	}
	return a.until("the attempt has a checkpoint", func(j rest.Job) bool { return j.Attempt == op.Attempt && runsWell(j) })
}

// stop stops the job with a savepoint.
func (a *testedPod) stop(id string) rest.Operation {
	a.t.Helper()
	return a.done(a.operator.Stop(a.ctx, rest.StopRequest{ID: id}))
}

// savepointAt checks the result of a savepoint, or of a stop with one.
func (a *testedPod) savepointAt(place string, op rest.Operation) {
	a.t.Helper()
	if !strings.HasPrefix(op.Path, place) || !strings.HasSuffix(op.Path, "/savepoint-"+a.JobID+"-"+op.ID) ||
		op.CheckpointID < 1 || op.SizeBytes < 0 || op.CopiedBytes != op.SizeBytes {
		a.t.Errorf("%s %s became %+v; want a savepoint in %s", op.Kind, op.ID, op, place)
	}
}

// chainIs compares what a coordinator saw of the chain, its checkpoint aside.
func (a *testedPod) chainIs(got *rest.Chain, want rest.Chain) {
	a.t.Helper()
	if got == nil {
		a.t.Fatal("the coordinator tells of no chain")
	}
	seen := *got
	seen.Checkpoint = nil
	if diff := cmp.Diff(want, seen); diff != "" {
		a.t.Errorf("the chain (-want +got):\n%s", diff)
	}
}

// completeIs checks a complete checkpoint of the chain.
func (a *testedPod) completeIs(c *rest.Checkpoint, id int64, kind rest.CheckpointType) {
	a.t.Helper()
	if c == nil || id != 0 && c.ID != id || c.ID < 1 || c.Type != kind || c.Status != rest.Done || c.TriggerTime.IsZero() || c.SizeBytes < 0 || c.DurationMs < 0 ||
		!strings.HasSuffix(c.Path, checkpointPath(a.JobID, c.ID)) {
		a.t.Errorf("the checkpoint is %+v; want %d, %s", c, id, kind)
	}
}

func checkpointPath(job string, id int64) string { return fmt.Sprintf("/%s/chk-%d", job, id) }
