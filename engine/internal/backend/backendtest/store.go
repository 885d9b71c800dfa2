package backendtest

import (
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// Store is a job's folder in memory: state is written to it and read back as in a run.
type Store struct {
	t       testing.TB
	bucket  storage.Bucket
	chain   *snapshot.Chain
	attempt snapshot.Attempt
	next    int64
	done    int64    // newest complete checkpoint; 0: none
	runs    []string // that it names
}

// NewStore makes an empty store. wrap, if it is not nil, may put faults between the store and its users.
func NewStore(t testing.TB, wrap func(storage.Bucket) storage.Bucket) *Store {
	t.Helper()
	b, err := storage.OpenWithoutRetry(t.Context(), "mem://backendtest"+t.TempDir()) // a name that no other run has
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		b = wrap(b)
	}
	s := &Store{t: t, bucket: b, chain: snapshot.NewChain(b, "job", nil), next: 1}
	newest, err := s.chain.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.attempt, err = s.chain.Claim(t.Context(), newest.N, snapshot.Claimant{Owner: "test"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// Files is where the data files of a checkpoint go.
func (s *Store) Files(checkpoint int64) backend.Files { return s.chain.Files(s.attempt, 0, checkpoint) }

// Publish completes a checkpoint and opens it.
func (s *Store) Publish(m *snapshot.Metadata) *snapshot.Snapshot {
	s.t.Helper()
	if err := s.chain.Publish(s.t.Context(), s.attempt, m); err != nil {
		s.t.Fatal(err)
	}
	snap, err := snapshot.OpenSnapshot(s.t.Context(), s.chain.Path(m.ID))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := snap.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return snap
}

// write writes frozen versions as one checkpoint of an operator, releases them, and opens it.
func (s *Store) write(scope backend.Scope, parts ...backend.Frozen) *snapshot.Snapshot {
	s.t.Helper()
	id := s.id()
	o, err := s.writeParts(id, scope, parts)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.publish(id, scope, o)
}

// id returns that of the next checkpoint.
func (s *Store) id() int64 {
	s.next++
	return s.next - 1
}

// freeze fixes the state of a backend for a checkpoint that nothing else is known of.
func (s *Store) freeze(b backend.Backend) backend.Frozen { return b.Freeze(s.next, s.done) }

// writeParts may run beside the test.
func (s *Store) writeParts(id int64, scope backend.Scope, parts []backend.Frozen) (snapshot.OperatorState, error) {
	o := snapshot.OperatorState{UID: scope.UID, MaxParallelism: scope.MaxParallelism, Parallelism: len(parts)}
	for i, f := range parts {
		written, err := f.Write(s.t.Context(), s.Files(id))
		f.Release()
		if err != nil {
			return o, err
		}
		written.Index = i
		o.Subtasks = append(o.Subtasks, written)
	}
	return o, nil
}

func (s *Store) publish(id int64, scope backend.Scope, o snapshot.OperatorState) *snapshot.Snapshot {
	s.t.Helper()
	m := &snapshot.Metadata{ID: id, MaxParallelism: scope.MaxParallelism, Retained: []int64{id}, Operators: []snapshot.OperatorState{o}}
	if s.done > 0 {
		m.Retained = []int64{s.done, id}
	}
	for _, f := range m.Files() {
		if f.Checkpoint != 0 && f.Checkpoint != id && !slices.Contains(s.runs, f.RunKey()) {
			s.t.Fatalf("checkpoint %d names the run %s, which is neither its own nor of the newest complete one", id, f.Path)
		}
	}
	s.done, s.runs = id, m.RunKeys()
	snap := s.Publish(m)
	if err := s.chain.Sweep(s.t.Context(), s.attempt, m); err != nil {
		s.t.Fatal(err)
	}
	return snap
}
