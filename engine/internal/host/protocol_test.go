package host_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/rest/resttest"
	"github.com/weirstream/weir/engine/stream"
)

// TestTheProtocolOfAHost has the engine run the suite that the coordinators of the controllers' tests run too.
func TestTheProtocolOfAHost(t *testing.T) {
	resttest.Run(t, func(t *testing.T) resttest.World {
		w := newProtocolWorld(t)
		cfg := w.config(me, "")
		return resttest.World{
			JobID: cfg.Job, Elsewhere: "file://" + filepath.Join(w.dir, "elsewhere"),
			Settings: cfg.Settings,
			Start:    w.start,
			Preflight: func(t *testing.T, owner, revision string, r rest.Restore) (rest.Chain, error) {
				cfg := w.config(owner, revision)
				cfg.Restore = r
				return job.Preflight(t.Context(), cfg, w.graph(t))
			},
			EndInput:        func() { w.input.Open(protocolRows) },
			FailJob:         w.fail.set,
			FailCheckpoints: w.decline.set,
		}
	})
}

// me is an owner that the suite does not know.
const me = "test"

// protocolRows are more than a case waits for, at the pace of the input.
const protocolRows = 200_000

// protocolWorld is a job whose input comes bit by bit, in a storage that several processes may use at once.
type protocolWorld struct {
	dir, storage  string
	input         *enginetest.Tap[int]
	output        *enginetest.Ledger[int]
	identity      *rest.Identity
	served        rest.ServerIdentity
	fail, decline trouble
}

// trouble is why something fails; empty: it does not.
type trouble struct{ why atomic.Pointer[string] }

func (f *trouble) set(why string) { f.why.Store(&why) }

func (f *trouble) get() string {
	if why := f.why.Load(); why != nil {
		return *why
	}
	return ""
}

func newProtocolWorld(t *testing.T) *protocolWorld {
	t.Helper()
	id, err := rest.NewIdentity(bytes.Repeat([]byte("k"), 32), "uid-1")
	if err != nil {
		t.Fatal(err)
	}
	secret := t.TempDir()
	for name, text := range id.Files() {
		if err := os.WriteFile(filepath.Join(secret, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := &protocolWorld{dir: t.TempDir(), storage: "mem://" + rand.Text(), identity: id,
		input: enginetest.NewTap(make([]int, protocolRows), 1000), output: enginetest.NewLedger[int]()}
	if w.served, err = rest.ReadIdentity(secret); err != nil {
		t.Fatal(err)
	}
	var flow sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	flow.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for n := 4; ctx.Err() == nil; n += 4 {
			w.input.Open(n)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	t.Cleanup(func() { cancel(); flow.Wait() })
	return w
}

func (w *protocolWorld) config(owner, revision string) job.Config {
	return job.Config{
		Job: "counts", Owner: owner, Revision: revision, Storage: w.storage, MaxParallelism: 64,
		Settings: job.Settings{
			SavepointStorage:  "file://" + filepath.Join(w.dir, "savepoints"),
			Parallelism:       1,
			Interval:          5 * time.Millisecond,
			Timeout:           time.Minute,
			Retained:          3,
			TolerableFailures: 3,
			Restart:           job.Restart{InitialDelay: time.Millisecond, MaxDelay: 10 * time.Millisecond, ResetAfter: time.Hour},
		},
	}
}

// graph counts the rows and passes them on, unless the job is to fail.
func (w *protocolWorld) graph(t *testing.T) *job.Graph {
	t.Helper()
	j := stream.New()
	byKey := stream.KeyBy(stream.From[int](j, "in", w.input), func(r *int) int { return *r })
	passed := stream.Process(byKey, "pass", func(s *stream.Setup) stream.Functions[int, int] {
		n := stream.ValueState[int64](s, "n")
		return stream.Functions[int, int]{Row: func(c *stream.Context[int], r *int) error {
			if why := w.fail.get(); why != "" {
				return &fault.Error{Class: fault.Permanent, Err: errors.New(why)}
			}
			*n.Ref(c)++
			c.Emit(*r)
			return nil
		}}
	})
	stream.To(passed, "out", decliningSink{w.output, &w.decline})
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// decliningSink is a sink that prepares nothing while it has a trouble.
type decliningSink struct {
	connector.Sink
	trouble *trouble
}

func (s decliningSink) Writer(ctx context.Context, c connector.WriterContext) (connector.Writer, error) {
	writer, err := s.Sink.Writer(ctx, c)
	return decliningWriter{writer, s.trouble}, err
}

type decliningWriter struct {
	connector.Writer
	trouble *trouble
}

func (w decliningWriter) Prepare(ctx context.Context, checkpoint int64) ([][]byte, error) {
	if why := w.trouble.get(); why != "" {
		return nil, fault.AsTransient(errors.New(why))
	}
	return w.Writer.Prepare(ctx, checkpoint)
}

// start runs a host, and serves it as a pod does.
func (w *protocolWorld) start(t *testing.T, owner, revision string) resttest.Pod {
	t.Helper()
	interrupt := make(chan struct{})
	host, err := job.NewHost(w.config(owner, revision), w.graph(t), job.HostOptions{
		Process: job.Process{Interrupt: interrupt, EngineVersion: "test",
			Logger: slog.New(slog.NewTextHandler(t.Output(), nil)).With("revision", revision)},
		Refresh: 5 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(context.WithoutCancel(t.Context()))
	serving, closeServer := context.WithCancel(context.WithoutCancel(t.Context()))
	var process, server sync.WaitGroup
	process.Go(func() {
		if err := host.Run(ctx); err != nil {
			t.Errorf("the process of revision %s: %v", revision, err)
		}
	})
	server.Go(func() {
		if err := host.Serve(serving, l, w.served); err != nil {
			t.Errorf("the server of revision %s: %v", revision, err)
		}
	})
	gone := func() {
		process.Wait()
		closeServer()
		server.Wait()
	}
	var once sync.Once
	t.Cleanup(func() { kill(); gone() })
	return resttest.Pod{
		Address: l.Addr().String(), Identity: w.identity,
		Kill:      func() { kill(); gone() },
		Terminate: func() { once.Do(func() { close(interrupt) }); gone() },
	}
}
