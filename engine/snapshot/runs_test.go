package snapshot_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storagetest"
)

// writeRun writes a run for a checkpoint: key group 0 whole, then changes of two, which end with the last byte of text.
func writeRun(t *testing.T, files *snapshot.FileWriter, subtask int, text string) snapshot.GroupFile {
	t.Helper()
	w, err := files.CreateRun(t.Context(), "op", subtask)
	if err == nil {
		err = w.BeginBlock(0, "s", snapshot.NoTime)
	}
	if err == nil {
		_, err = w.Write([]byte("whole " + text))
	}
	if err == nil {
		err = w.BeginChanges(1, 3, "s", 7)
	}
	if err == nil {
		_, err = w.Write([]byte("changes " + text))
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// sharing makes a job with two checkpoints, of which the second has a run of its own and shares that of the first but for a block
// that it holds whole itself. It returns the job's folder.
func sharing(t *testing.T) (dir string, second *snapshot.Metadata) {
	t.Helper()
	dir = t.TempDir()
	// A source of bytes that are no secret: names and nonces are the same in every run.
	chain := snapshot.NewChain(openBucket(t, dir), "job", rand.NewChaCha8([32]byte{2}))
	a, err := chain.Claim(t.Context(), 0, snapshot.Claimant{Owner: "test"})
	if err != nil {
		t.Fatal(err)
	}
	var files []snapshot.GroupFile
	for id := int64(1); id <= 2; id++ {
		files = append(snapshot.Carry(files, func(g int) bool { return g == 0 }), writeRun(t, chain.Files(a, 0, id), 0, fmt.Sprint(id)))
		second = &snapshot.Metadata{ID: id, Retained: []int64{1, 2}[:id], Parallelism: 1, MaxParallelism: 8,
			Operators: []snapshot.OperatorState{{UID: "op", Parallelism: 1, MaxParallelism: 8, Subtasks: []snapshot.SubtaskState{{Files: files}}}}}
		if err := chain.Publish(t.Context(), a, second); err != nil {
			t.Fatal(err)
		}
	}
	return dir, second
}

func TestACheckpointSharesRunsAndTheFolderOfItsJobMayBeMoved(t *testing.T) {
	dir, m := sharing(t)
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.CopyFS(moved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{dir, moved, goldenRuns} {
		s, err := snapshot.OpenSnapshot(t.Context(), filepath.Join(folder, "chk-2"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for group := range 3 {
			for _, l := range snapshot.Layers(s.Metadata.Operators[0].Subtasks, group, group+1) {
				content, err := s.ReadBlock(t.Context(), l.File, l.Block)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("%d: %s", group, content))
			}
		}
		if want := "0: whole 2, 1: changes 1, 1: changes 2, 2: changes 1, 2: changes 2"; strings.Join(got, ", ") != want {
			t.Errorf("read %q, want %s", got, want)
		}
		if sum := s.Inspect(); sum.Files != 2 || sum.StateBytes != m.StateSize() || sum.WrittenBytes*2 != sum.StateBytes {
			t.Errorf("inspected: %+v", sum)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// goldenRuns holds the folder of a job as this engine, or one before, wrote it: it is restored for ever.
const goldenRuns = "testdata/format-2-runs"

func TestRunsAreWrittenAsTheGoldenFilesHave(t *testing.T) {
	dir, m := sharing(t)
	if *update {
		if err := errors.Join(os.RemoveAll(goldenRuns), os.CopyFS(goldenRuns, os.DirFS(dir))); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"chk-1/_metadata", "chk-2/_metadata"}
	for _, name := range append(names, m.RunKeys()...) {
		want, err := os.ReadFile(filepath.Join(goldenRuns, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not as it is in %s: %v", name, goldenRuns, err)
		}
	}
}

// TestARunThatTwoCheckpointsNeedIsOfNoneAlone: nothing is garbage while it is not known what all need.
func TestARunThatTwoCheckpointsNeedIsOfNoneAlone(t *testing.T) {
	dir, m := sharing(t)
	chain := snapshot.NewChain(openBucket(t, dir), "job", nil)
	use := func() snapshot.Usage {
		t.Helper()
		u, err := chain.Usage(t.Context())
		if err != nil || len(u.Checkpoints) != 2 {
			t.Fatalf("%+v, %v", u, err)
		}
		return u
	}
	size := m.Files()[0].Size
	u := use()
	first, second := u.Checkpoints[0], u.Checkpoints[1]
	if first.Bytes != first.Alone+size || second.Bytes != second.Alone+size || second.Alone <= size || len(u.Garbage) != 0 {
		t.Errorf("runs of %d bytes: %+v", size, u)
	}
	if err := os.WriteFile(filepath.Join(dir, "shared", "1.0-1-00000000-0-00"), []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	if u := use(); len(u.Garbage) != 1 || u.GarbageBytes != 4 {
		t.Errorf("with a run that nobody names: %+v", u)
	}
	if err := os.WriteFile(filepath.Join(dir, "chk-1", "_metadata"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if u := use(); len(u.Garbage) != 0 || !u.Checkpoints[0].Damaged || u.Checkpoints[0].Alone != 7 {
		t.Errorf("with metadata that cannot be read: %+v", u)
	}
}

func TestARunThatIsBeingWrittenIsNoGarbage(t *testing.T) {
	dir, _ := sharing(t)
	for _, name := range []string{"1.0-3-00000000-0-00", "2.0-1-00000000-0-00", "of another"} {
		if err := os.WriteFile(filepath.Join(dir, "shared", name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u, err := snapshot.NewChain(openBucket(t, dir), "job", nil).Usage(t.Context())
	if err != nil || len(u.Garbage) != 0 {
		t.Errorf("%+v, %v", u.Garbage, err)
	}
}

func TestEveryDamageOfARunIsNamed(t *testing.T) {
	dir, m := sharing(t)
	for _, f := range m.Files() {
		path := filepath.Join(dir, filepath.FromSlash(f.RunKey()))
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string) {
			t.Helper()
			report, err := snapshot.Verify(t.Context(), filepath.Join(dir, "chk-2"))
			if err != nil || len(report.Problems) != 1 || !strings.HasSuffix(report.Problems[0].Object, f.RunKey()) {
				t.Errorf("%s of %s: %v, %v", what, f.Path, report, err)
			}
		}
		for i := range whole {
			harmed := slices.Clone(whole)
			harmed[i] ^= 1
			for what, content := range map[string][]byte{fmt.Sprintf("byte %d", i): harmed, fmt.Sprintf("the end from %d on", i): whole[:i]} {
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				check(what)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		check("all")
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if report, err := snapshot.Verify(t.Context(), filepath.Join(dir, "chk-2")); err != nil || !report.OK() || report.Objects != 3 {
		t.Errorf("whole again: %v, %v", report, err)
	}
}

func TestErasingAJobLeavesNoRun(t *testing.T) {
	dir, _ := sharing(t)
	chain := snapshot.NewChain(openBucket(t, dir), "job", nil)
	a, err := chain.Claim(t.Context(), 1, snapshot.Claimant{Owner: "test"})
	if err == nil {
		err = chain.Erase(t.Context(), a)
	}
	if own, others, holdsErr := chain.Holds(t.Context()); err != nil || holdsErr != nil || len(own)+len(others) > 0 {
		t.Errorf("left: %v, %v; %v, %v", own, others, err, holdsErr)
	}
}

// sweeper is an attempt of a random history; some are superseded and do not know.
type sweeper struct {
	chain   *snapshot.Chain
	attempt snapshot.Attempt
	next    int64
	newest  *snapshot.Metadata // nil: it has no complete checkpoint yet
	before  []int64            // retained, before its first
	files   [2][]snapshot.GroupFile
}

// sweeping is a random history of attempts that share runs, abort checkpoints, are killed and sweep, also in the middle of each
// other's sweeps.
type sweeping struct {
	t      *testing.T
	r      *rand.Rand
	bucket storage.Bucket
	alive  []*sweeper
	newest *snapshot.Metadata // that was published and complete
	nonce  int64
	depth  int // of sweeps within sweeps
	// readers have pinned a checkpoint, and have its metadata; which objects they need does not change.
	readers []*reader
	pinned  int // how many there ever were
}

// reader reads a checkpoint that it has pinned.
type reader struct {
	hold  *snapshot.Hold
	needs []string
}

func TestNoSweepDeletesARunThatARetainedCheckpointNames(t *testing.T) {
	pinned := 0
	for seed := range uint64(60) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			s := &sweeping{t: t, r: rand.New(rand.NewPCG(seed, 17)), bucket: openBucket(t, "mem://"+uniqueName())}
			s.begin()
			for range 80 {
				s.step(s.alive[s.r.IntN(len(s.alive))])
				s.check()
			}
			s.clean()
			pinned += s.pinned
		})
	}
	if pinned < 100 {
		t.Errorf("only %d checkpoints were pinned", pinned)
	}
}

func (s *sweeping) step(a *sweeper) {
	switch n := s.r.IntN(26); {
	case n < 10:
		s.checkpoint(a)
	case n < 16:
		s.sweep(a)
	case n < 20:
		s.begin()
	case n < 24:
		s.read()
	default:
		s.release()
	}
}

// read lets a reader pin any checkpoint that is there; it may be about to be swept, and then is not pinned. Some have loaded it
// before.
func (s *sweeping) read() {
	s.t.Helper()
	folders, err := s.bucket.ListFolder(s.t.Context(), "")
	if err != nil {
		s.t.Fatal(err)
	}
	var ids []int64
	for _, o := range folders {
		var id int64
		if _, err := fmt.Sscanf(o.Key, "chk-%d/", &id); err == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	id := ids[s.r.IntN(len(ids))]
	chain := snapshot.NewChain(s.bucket, "job", nil)
	hold, err := chain.Hold(s.t.Context(), id, "a test")
	var swept *snapshot.SweptError
	if errors.As(err, &swept) {
		return
	}
	var c *snapshot.Snapshot
	if err == nil {
		c, err = snapshot.Load(s.t.Context(), s.bucket, fmt.Sprintf("chk-%d", id))
	}
	if err != nil {
		s.t.Fatalf("of a checkpoint that is pinned: %v", err)
	}
	s.readers = append(s.readers, &reader{hold, append(c.Metadata.RunKeys(), fmt.Sprintf("chk-%d/_metadata", id))})
	s.pinned++
}

// release lets a reader end.
func (s *sweeping) release() {
	s.t.Helper()
	if len(s.readers) == 0 {
		return
	}
	i := s.r.IntN(len(s.readers))
	if err := s.readers[i].hold.Release(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.readers = slices.Delete(slices.Clone(s.readers), i, i+1)
}

// begin lets another attempt go on from the newest checkpoint, or from one that is named. Of those before, some are killed, and
// others do not know yet that they are superseded.
func (s *sweeping) begin() {
	s.t.Helper()
	s.alive = slices.DeleteFunc(s.alive, func(*sweeper) bool { return s.r.IntN(2) == 0 })
	a := &sweeper{}
	bucket := storagetest.Faulty(s.bucket, func(op storagetest.Operation) storagetest.Fault {
		if op.Name != "delete" || s.depth != 1 || s.r.IntN(6) > 0 {
			return storagetest.NoFault
		}
		if s.r.IntN(3) == 0 {
			return storagetest.Denied // it is killed in its sweep
		}
		for range s.r.IntN(4) { // others go on before this object is deleted
			if other := s.alive[s.r.IntN(len(s.alive))]; other != a {
				s.step(other)
			}
		}
		return storagetest.NoFault
	})
	a.chain = snapshot.NewChain(bucket, "job", nil)
	found, err := a.chain.Newest(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if a.attempt, err = a.chain.Claim(s.t.Context(), found.N, snapshot.Claimant{Owner: "test"}); err != nil {
		s.t.Fatal(err)
	}
	r := snapshot.Request{AllowRepeatedOutput: true}
	if s.newest != nil && s.r.IntN(4) == 0 {
		s.nonce++
		r.Nonce, r.Path = s.nonce, a.chain.Path(s.newest.Retained[s.r.IntN(len(s.newest.Retained))])
	}
	chosen, err := a.chain.Choose(s.t.Context(), a.attempt, r)
	var void *snapshot.VoidError
	if errors.As(err, &void) { // an attempt without a checkpoint began from an older one
		chosen, err = a.chain.Choose(s.t.Context(), a.attempt, snapshot.Request{AllowRepeatedOutput: true})
	}
	if err == nil && len(chosen.Passed) > 0 {
		err = fmt.Errorf("checkpoints %v were passed over", chosen.Passed)
	}
	if err == nil {
		err = a.chain.Base(s.t.Context(), a.attempt, chosen, 1)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	a.next, a.before = chosen.NextID, chosen.Retained
	if chosen.Newest {
		for i, subtask := range chosen.Snapshot.Metadata.Operators[0].Subtasks {
			a.files[i] = subtask.Files
		}
	}
	s.alive = append(s.alive, a)
}

// checkpoint takes one that names some of the runs of the one before, and new ones. Some are aborted.
func (s *sweeping) checkpoint(a *sweeper) {
	s.t.Helper()
	id := a.next
	a.next++
	files := a.files
	for i := range files {
		files[i] = slices.DeleteFunc(slices.Clone(files[i]), func(snapshot.GroupFile) bool { return s.r.IntN(3) == 0 })
		if s.r.IntN(4) > 0 {
			files[i] = append(files[i], writeRun(s.t, a.chain.Files(a.attempt, 0, id), i, fmt.Sprint(id)))
		}
	}
	if s.r.IntN(3) == 0 && s.depth == 0 {
		s.sweep(a)
	}
	if s.r.IntN(4) == 0 {
		return // aborted
	}
	retained := a.before
	if a.newest != nil {
		retained = a.newest.Retained
	}
	m := &snapshot.Metadata{ID: id, Retained: snapshot.Retain(retained, id, 1+s.r.IntN(3)), MaxParallelism: 8,
		Operators: []snapshot.OperatorState{{UID: "op", Subtasks: []snapshot.SubtaskState{{Files: files[0]}, {Index: 1, Files: files[1]}}}}}
	err := a.chain.Publish(s.t.Context(), a.attempt, m)
	var fenced *snapshot.FencedError
	var taken *snapshot.TakenError
	switch {
	case errors.As(err, &fenced): // it is over
		s.alive = slices.DeleteFunc(slices.Clone(s.alive), func(other *sweeper) bool { return other == a })
	case errors.As(err, &taken):
	case err != nil:
		s.t.Fatal(err)
	default:
		a.newest, a.files, s.newest = m, files, m
	}
}

// sweep may end in the middle.
func (s *sweeping) sweep(a *sweeper) {
	s.t.Helper()
	if a.newest == nil {
		return
	}
	s.depth++
	defer func() { s.depth-- }()
	err := a.chain.Sweep(s.t.Context(), a.attempt, a.newest)
	if err != nil && !strings.Contains(err.Error(), "injected") {
		s.t.Fatal(err)
	}
}

// check fails the test unless every run is there that the newest checkpoint, or one that it retains, names.
func (s *sweeping) check() {
	s.t.Helper()
	if s.newest == nil {
		return
	}
	there := map[string]bool{}
	for _, o := range s.all("") {
		there[o] = true
	}
	for _, r := range s.readers {
		for _, key := range r.needs {
			if !there[key] {
				s.t.Fatalf("%s is gone, which somebody reads who has pinned it", key)
			}
		}
	}
	for _, key := range s.named() {
		if !there[key] {
			s.t.Fatalf("%s is gone, which one of the checkpoints %v names", key, s.newest.Retained)
		}
	}
}

func (s *sweeping) objects() []string {
	s.t.Helper()
	return s.all("shared/")
}

func (s *sweeping) all(prefix string) []string {
	s.t.Helper()
	objects, err := s.bucket.List(s.t.Context(), prefix)
	if err != nil {
		s.t.Fatal(err)
	}
	var keys []string
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// named are the runs that the newest checkpoint and those that it retains name.
func (s *sweeping) named() []string {
	s.t.Helper()
	var keys []string
	for _, id := range s.newest.Retained {
		c, err := snapshot.Load(s.t.Context(), s.bucket, fmt.Sprintf("chk-%d", id))
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			s.t.Fatal(err)
		}
		keys = append(keys, c.Metadata.RunKeys()...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// clean lets a last attempt take a checkpoint and sweep: what nobody names is gone then. What readers need stays until they end.
func (s *sweeping) clean() {
	s.begin()
	last := s.alive[len(s.alive)-1]
	for last.newest == nil {
		s.checkpoint(last)
	}
	s.depth = 10 // nothing meets its deletions
	for id := last.newest.ID; last.newest.ID == id; {
		s.checkpoint(last)
	}
	if err := last.chain.Sweep(s.t.Context(), last.attempt, last.newest); err != nil {
		s.t.Fatal(err)
	}
	s.check()
	for len(s.readers) > 0 {
		s.release()
	}
	if err := last.chain.Sweep(s.t.Context(), last.attempt, last.newest); err != nil {
		s.t.Fatal(err)
	}
	s.check()
	if left := s.all("pins/"); len(left) > 0 {
		s.t.Errorf("pins are left: %v", left)
	}
	if got, want := s.objects(), s.named(); !slices.Equal(got, want) {
		s.t.Errorf("shared/ holds\n%q, want\n%q", got, want)
	}
}
