package controllertest

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/rest/resttest"
)

// TestTheProtocolOfACoordinator has the played coordinators run the suite that the engine runs: what controllers are tested
// against is what they meet.
func TestTheProtocolOfACoordinator(t *testing.T) {
	resttest.Run(t, func(t *testing.T) resttest.World {
		b := newBucket("default.flights")
		id, err := rest.NewIdentity(bytes.Repeat([]byte("k"), 32), "uid-1")
		if err != nil {
			t.Fatal(err)
		}
		settings := smallestSettings()
		settings.SavepointStorage = places
		return resttest.World{
			JobID: b.jobID, Settings: settings, Elsewhere: "s3://b/elsewhere",
			Start: func(t *testing.T, owner, revision string) resttest.Pod { return play(t, b, id, owner, revision) },
			Preflight: func(_ *testing.T, _, _ string, r rest.Restore) (rest.Chain, error) {
				chain, repeats := b.check(r)
				if repeats != "" {
					return *chain, errors.New(repeats)
				}
				return *chain, nil
			},
			EndInput:        func() { b.Behave(func(b *Behaviour) { b.CompleteJob = true }) },
			FailJob:         func(why string) { b.Behave(func(b *Behaviour) { b.FailJob = why }) },
			FailCheckpoints: func(why string) { b.Behave(func(b *Behaviour) { b.FailCheckpoints = why }) },
		}
	})
}

// play runs a coordinator as a node does.
func play(t *testing.T, b *Bucket, id *rest.Identity, owner, revision string) resttest.Pod {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := launch(b, listener.Addr().String(), owner, revision, places, func() {})
	server, err := serve(listener, c, &corev1.Secret{Data: id.Files()})
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	var playing sync.WaitGroup
	playing.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
				c.step()
			}
		}
	})
	var once sync.Once
	end := func(gracefully bool) func() {
		return func() {
			once.Do(func() {
				close(stopped)
				playing.Wait()
				(&container{coordinator: c, server: server}).stop(gracefully)
			})
		}
	}
	t.Cleanup(end(false))
	return resttest.Pod{Address: listener.Addr().String(), Identity: id, Kill: end(false), Terminate: end(true)}
}
