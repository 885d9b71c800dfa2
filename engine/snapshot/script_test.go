package snapshot_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/weirstream/weir/engine/backoff"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storagetest"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// uniqueName keeps tests apart that share a process or a server.
func uniqueName() string { return strings.ToLower(rand.Text()) }

// places are the kinds of storage that a test of the protocol runs on.
var places = []struct {
	name string
	open func(t *testing.T) string
}{
	{"mem", func(*testing.T) string { return "mem://" + uniqueName() + "/root" }},
	{"file", func(t *testing.T) string { return t.TempDir() }},
	{"s3", func(t *testing.T) string { return storagetest.StartS3(t).URL }},
}

func openBucket(t *testing.T, place string) storage.Bucket {
	t.Helper()
	b, err := storage.Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// TestTheChainFollowsItsProtocol runs the scripts in testdata/chain, which read like P1, P2, P3 and P5, on every kind of
// storage. The commands are the methods of script.
func TestTheChainFollowsItsProtocol(t *testing.T) {
	for _, place := range places {
		t.Run(place.name, func(t *testing.T) {
			datadriven.Walk(t, "testdata/chain", func(t *testing.T, path string) {
				s := newScript(t, openBucket(t, place.open(t)))
				datadriven.RunTest(t, path, s.run)
			})
		})
	}
}

// script is one run of a protocol script: actors on one job's folder.
type script struct {
	root   storage.Bucket
	job    storage.Bucket // of all observations, without faults
	actors map[string]*actor
	fault  storagetest.Plan // of the next command only; nil: none
	place  string           // what is printed as <job>
}

// actor is a coordinator that may be paused for as long as the script likes.
type actor struct {
	chain   *snapshot.Chain
	attempt snapshot.Attempt
	chosen  snapshot.Chosen
	newest  *snapshot.Metadata // last one published and complete
	pending *snapshot.Metadata // last one published, in any way
}

func newScript(t *testing.T, root storage.Bucket) *script {
	job := root.Sub("job")
	place, _, _ := strings.Cut(job.String(), "?")
	s := &script{root: root, job: job, actors: map[string]*actor{}, place: place}
	return s
}

func (s *script) actor(name string) *actor {
	a := s.actors[name]
	if a == nil {
		faulty := storagetest.Faulty(s.job, func(op storagetest.Operation) storagetest.Fault {
			if s.fault == nil {
				return storagetest.NoFault
			}
			return s.fault(op)
		})
		quick := storage.Retry{Total: 100 * time.Millisecond, Pauses: backoff.Backoff{First: time.Microsecond, Most: time.Millisecond, Jitter: backoff.UpperHalf}}
		a = &actor{chain: snapshot.NewChain(storage.WithRetry(faulty, quick), "job", nil)}
		s.actors[name] = a
	}
	return a
}

// arg returns an argument's first value, or otherwise.
func arg(d *datadriven.TestData, key, otherwise string) string {
	if a, ok := d.Arg(key); ok && len(a.Vals) > 0 {
		return a.Vals[0]
	}
	return otherwise
}

func argInt(t *testing.T, d *datadriven.TestData, key string, otherwise int64) int64 {
	t.Helper()
	if d.HasArg(key) {
		var n int64
		d.ScanArgs(t, key, &n)
		return n
	}
	return otherwise
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	a := s.actor(arg(d, "by", "A"))
	commands := map[string]func(*testing.T, *datadriven.TestData, *actor) (string, error){
		"claim": s.claim, "choose": s.choose, "base": s.base, "publish": s.publish, "sweep": s.sweep, "head": s.head,
		"start": s.start, "ls": s.ls, "damage": s.damage, "delete": s.delete, "write": s.write, "export": s.export,
		"move": s.move, "verify": s.verify, "erase": s.erase, "dispose": s.dispose,
	}
	command := commands[d.Cmd]
	if command == nil {
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	s.fault = s.planOf(t, d)
	out, err := command(t, d, a)
	s.fault = nil
	if err != nil {
		out += fmt.Sprintf("%s%v\n", classOf(err), err)
	}
	return s.readable(out)
}

// planOf reads the fault that the command meets: lost=create loses the answer to the first create, unavailable=list fails
// all listings, deletes=2 denies all deletions but two, and before the first listing of rival-before=list another claims.
func (s *script) planOf(t *testing.T, d *datadriven.TestData) storagetest.Plan {
	if op := arg(d, "lost", ""); op != "" {
		return storagetest.First(1, op, storagetest.LostResponse)
	}
	if op := arg(d, "unavailable", ""); op != "" {
		return func(o storagetest.Operation) storagetest.Fault {
			if o.Name == op {
				return storagetest.Unavailable
			}
			return storagetest.NoFault
		}
	}
	if d.HasArg("deletes") {
		allowed := argInt(t, d, "deletes", 0)
		return func(o storagetest.Operation) storagetest.Fault {
			if o.Name == "delete" {
				if allowed--; allowed < 0 {
					return storagetest.Denied
				}
			}
			return storagetest.NoFault
		}
	}
	if op := arg(d, "rival-before", ""); op != "" {
		done := false
		return func(o storagetest.Operation) storagetest.Fault {
			if o.Name == op && !done {
				done = true
				rival := snapshot.NewChain(s.job, "job", nil)
				newest, err := rival.Newest(t.Context())
				if err == nil {
					_, err = rival.Claim(t.Context(), newest.N, snapshot.Claimant{Owner: "rival"})
				}
				if err != nil {
					t.Errorf("rival: %v", err)
				}
			}
			return storagetest.NoFault
		}
	}
	return nil
}

// classOf names the type of errors that callers act on.
func classOf(err error) string {
	for _, class := range []struct {
		name string
		is   func(error) bool
	}{
		{"lost", is[*snapshot.LostError]}, {"fenced", is[*snapshot.FencedError]},
		{"taken", is[*snapshot.TakenError]}, {"void", is[*snapshot.VoidError]}, {"repeat", is[*snapshot.RepeatError]},
		{"state missing", is[*snapshot.StateMissingError]}, {"damaged", is[*snapshot.DamagedError]},
		{"corrupt", is[*snapshot.CorruptError]}, {"not a savepoint", is[*snapshot.NotSavepointError]},
	} {
		if class.is(err) {
			return class.name + ": "
		}
	}
	return "error: "
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// unstable is what differs between runs and places, and what is printed for it.
var unstable = []struct {
	text *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\?endpoint=\S*?region=us-east-1[^\s;:,]*`), ""},
	{regexp.MustCompile(`(-\d+)-[0-9a-f]{16}`), "$1-RANDOM"},
	{regexp.MustCompile(`[0-9a-f]{8}, not [0-9a-f]{8}`), "X, not Y"},
	{regexp.MustCompile(`after \d+ tries`), "after N tries"},
	{regexp.MustCompile(` \(check [^)]*\)`), ""},
}

// readable removes from an output what differs between runs and places.
func (s *script) readable(out string) string {
	for _, u := range unstable {
		out = u.text.ReplaceAllString(out, u.as)
	}
	out = strings.ReplaceAll(out, s.place, "<job>")
	return strings.ReplaceAll(out, strings.TrimSuffix(s.place, "/job"), "<root>")
}

func (s *script) claim(t *testing.T, d *datadriven.TestData, a *actor) (string, error) {
	after := argInt(t, d, "after", -1)
	if after < 0 {
		newest, err := a.chain.Newest(t.Context())
		if err != nil {
			return "", err
		}
		after = newest.N
	}
	var err error
	a.attempt, err = a.chain.Claim(t.Context(), after, snapshot.Claimant{Owner: arg(d, "by", "A"), Revision: "r1"})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("attempt %d\n", a.attempt.N), nil
}

func (s *script) choose(t *testing.T, d *datadriven.TestData, a *actor) (string, error) {
	r := snapshot.Request{
		Nonce: argInt(t, d, "nonce", 0), ExpectState: d.HasArg("expect-state"),
		AllowRepeatedOutput: d.HasArg("allow-repeated-output"), SinksCanRewind: d.HasArg("sinks-can-rewind"),
		VerifyWhenRead: d.HasArg("when-read"),
	}
	if p := arg(d, "path", ""); p != "" {
		path, err := storageurl.Join(s.root.String(), p)
		if err != nil {
			return "", err
		}
		r.Path = path
	}
	chosen, err := a.chain.Choose(t.Context(), a.attempt, r)
	if err != nil {
		return "", err
	}
	a.chosen, a.newest = chosen, nil
	out := fmt.Sprintf("from %s, next checkpoint %d\n", chosen.From, chosen.NextID)
	if chosen.Unverified {
		out += "its data files are verified when they are read\n"
	}
	if chosen.Parallelism > 0 {
		out += fmt.Sprintf("parallelism before: %d\n", chosen.Parallelism)
	}
	if chosen.Outcome != outcome.None {
		out += fmt.Sprintf("the job has %s\n", chosen.Outcome.Word())
	}
	if len(chosen.Passed) > 0 {
		out += fmt.Sprintf("passed over: %v\n", chosen.Passed)
	}
	if len(chosen.Void) > 0 {
		out += fmt.Sprintf("void: %v\n", chosen.Void)
	}
	for _, note := range chosen.Notes {
		out += "note: " + note + "\n"
	}
	if chosen.Snapshot != nil {
		return out, chosen.Snapshot.Close()
	}
	return out, nil
}

func (s *script) base(t *testing.T, d *datadriven.TestData, a *actor) (string, error) {
	err := a.chain.Base(t.Context(), a.attempt, a.chosen, int(argInt(t, d, "parallelism", 2)))
	if err != nil {
		return "", err
	}
	return "ok\n", nil
}

// start is claim, choose and base.
func (s *script) start(t *testing.T, d *datadriven.TestData, a *actor) (string, error) {
	var out string
	for _, step := range []func(*testing.T, *datadriven.TestData, *actor) (string, error){s.claim, s.choose, s.base} {
		text, err := step(t, d, a)
		if text != "ok\n" {
			out += text
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// publish takes a checkpoint, a data file and the metadata; or repeats the last one with the argument again.
func (s *script) publish(t *testing.T, d *datadriven.TestData, a *actor) (string, error) {
	m := a.pending
	if !d.HasArg("again") {
		id := argInt(t, d, "id", 0)
		var err error
		if m, err = s.checkpoint(t.Context(), a, id); err != nil {
			return "", err
		}
		m.Retained = snapshot.Retain(m.Retained, id, int(argInt(t, d, "retained", 3)))
		m.Outcome = map[string]outcome.Outcome{
			"stopped": outcome.Stopped, "drained": outcome.Drained, "completed": outcome.Completed,
		}[arg(d, "outcome", "")]
		if d.HasArg("commits") {
			m.Operators[0].Subtasks[0].Committables = [][]byte{[]byte("part")}
		}
	}
	a.pending = m
	ctx := t.Context()
	if d.HasArg("unavailable") {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
	}
	if err := a.chain.Publish(ctx, a.attempt, m); err != nil {
		if is[*snapshot.UndecidedError](err) {
			return "undecided\n", nil // the rest of the text depends on timing
		}
		return "", err
	}
	a.newest = m
	return fmt.Sprintf("complete, retains %v\n", m.Retained), nil
}

// checkpoint writes the data of a checkpoint and returns its metadata.
func (s *script) checkpoint(ctx context.Context, a *actor, id int64) (*snapshot.Metadata, error) {
	m := &snapshot.Metadata{
		ID: id, Engine: "test", Parallelism: 1, MaxParallelism: 8,
		Operators: []snapshot.OperatorState{{
			UID: "count", Name: "count", Parallelism: 1, MaxParallelism: 8,
			Subtasks: []snapshot.SubtaskState{{Index: 0}},
		}},
	}
	switch {
	case a.newest != nil:
		m.Parent, m.Retained = a.newest.ID, a.newest.Retained
	default:
		m.Parent, m.Retained = a.chosen.Parent, a.chosen.Retained
	}
	w, err := a.chain.Files(a.attempt, 0, id).Create(ctx, "count", 0)
	if err != nil {
		return nil, err
	}
	for group := range 2 {
		if err := w.BeginBlock(group, "sum", snapshot.NoTime); err != nil {
			return nil, err
		}
		if _, err := fmt.Fprintf(w, "state of group %d in checkpoint %d", group, id); err != nil {
			return nil, err
		}
	}
	file, err := w.Finish()
	m.Operators[0].Subtasks[0].Files = []snapshot.GroupFile{file}
	return m, err
}

func (s *script) sweep(t *testing.T, d *datadriven.TestData, a *actor) (string, error) {
	if a.newest == nil {
		d.Fatalf(t, "the actor has no complete checkpoint")
	}
	if err := a.chain.Sweep(t.Context(), a.attempt, a.newest); err != nil {
		return "", err
	}
	return s.ls(t, d, a)
}

func (s *script) head(t *testing.T, _ *datadriven.TestData, a *actor) (string, error) {
	head, err := a.chain.Head(t.Context())
	if err != nil {
		return "", err
	}
	out := fmt.Sprintf("newest attempt %d of %s, revision %s\n", head.Newest.N, head.Newest.Owner, head.Newest.Revision)
	if head.Base != nil {
		out += fmt.Sprintf("started: attempt %d of %s\n", head.Base.Attempt, head.Began.Owner)
	}
	if head.Snapshot != nil {
		out += fmt.Sprintf("head %s, outcome %s\n", head.Snapshot.Path(), head.Outcome.Word())
	}
	return out, nil
}

func (s *script) ls(t *testing.T, d *datadriven.TestData, _ *actor) (string, error) {
	objects, err := s.root.List(t.Context(), arg(d, "under", "job/"))
	if err != nil {
		return "", err
	}
	var lines []string
	for _, o := range objects {
		lines = append(lines, s.readable(o.Key))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n") + "\n", nil
}

// key returns the one object whose key begins with an argument.
func (s *script) key(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	objects, err := s.root.List(t.Context(), d.CmdArgs[0].Key)
	for _, o := range objects {
		if o.Key == d.CmdArgs[0].Key {
			return o.Key
		}
	}
	if err != nil || len(objects) != 1 {
		d.Fatalf(t, "%d objects begin with %s, %v", len(objects), d.CmdArgs[0].Key, err)
	}
	return objects[0].Key
}

// damage flips a byte of an object.
func (s *script) damage(t *testing.T, d *datadriven.TestData, _ *actor) (string, error) {
	key := s.key(t, d)
	body, err := s.root.Read(t.Context(), key)
	if err != nil {
		return "", err
	}
	body[argInt(t, d, "at", int64(len(body)/2))] ^= 0x10
	return "", s.replace(t, key, body)
}

func (s *script) replace(t *testing.T, key string, body []byte) error {
	w, err := s.root.Writer(t.Context(), key)
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return err
	}
	return w.Close()
}

func (s *script) delete(t *testing.T, d *datadriven.TestData, _ *actor) (string, error) {
	return "", s.root.Delete(t.Context(), s.key(t, d))
}

func (s *script) write(t *testing.T, d *datadriven.TestData, _ *actor) (string, error) {
	return "", s.replace(t, d.CmdArgs[0].Key, []byte("x"))
}

// export makes a savepoint of a checkpoint in <root>/savepoints.
func (s *script) export(t *testing.T, d *datadriven.TestData, _ *actor) (string, error) {
	from, err := snapshot.Load(t.Context(), s.job, fmt.Sprintf("chk-%d", argInt(t, d, "checkpoint", 0)))
	if err != nil {
		return "", err
	}
	target := storagetest.Faulty(s.root.Sub("savepoints"), func(op storagetest.Operation) storagetest.Fault {
		if s.fault == nil {
			return storagetest.NoFault
		}
		return s.fault(op)
	})
	copied := int64(0)
	savepoint, err := snapshot.Export(t.Context(), from, target, arg(d, "id", ""), nil, func(n int64) { copied = max(copied, n) })
	if err != nil {
		return "", err
	}
	if size := savepoint.Metadata.StateSize(); copied != 0 && copied != size {
		return "", fmt.Errorf("%d bytes were copied, the savepoint has %d", copied, size)
	}
	return savepoint.Path() + "\n", nil
}

// erase deletes the job's folder under the claim that the actor has.
func (s *script) erase(t *testing.T, _ *datadriven.TestData, a *actor) (string, error) {
	return "", a.chain.Erase(t.Context(), a.attempt)
}

// dispose deletes a savepoint.
func (s *script) dispose(t *testing.T, d *datadriven.TestData, _ *actor) (string, error) {
	root := storagetest.Faulty(s.root, func(op storagetest.Operation) storagetest.Fault {
		if s.fault == nil {
			return storagetest.NoFault
		}
		return s.fault(op)
	})
	return "", snapshot.Dispose(t.Context(), root, arg(d, "job", "job"), d.CmdArgs[0].Key)
}

// move renames a folder, object by object.
func (s *script) move(t *testing.T, d *datadriven.TestData, _ *actor) (string, error) {
	from, to := d.CmdArgs[0].Key, d.CmdArgs[1].Key
	objects, err := s.root.List(t.Context(), from+"/")
	if err != nil {
		return "", err
	}
	for _, o := range objects {
		body, err := s.root.Read(t.Context(), o.Key)
		if err == nil {
			err = s.replace(t, to+strings.TrimPrefix(o.Key, from), body)
		}
		if err == nil {
			err = s.root.Delete(t.Context(), o.Key)
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}

func (s *script) verify(t *testing.T, d *datadriven.TestData, _ *actor) (string, error) {
	place, err := storageurl.Join(s.root.String(), d.CmdArgs[0].Key)
	if err != nil {
		return "", err
	}
	report, err := snapshot.Verify(t.Context(), place)
	if err != nil {
		return "", err
	}
	return report.String(), nil
}

func TestFiftyClaimantsHaveOneWinner(t *testing.T) {
	for _, place := range places {
		t.Run(place.name, func(t *testing.T) {
			b := openBucket(t, place.open(t)).Sub("job")
			type answer struct {
				attempt snapshot.Attempt
				err     error
			}
			answers := make(chan answer, storagetest.Creators)
			start := make(chan struct{})
			for i := range storagetest.Creators {
				go func() {
					c := snapshot.NewChain(b, "job", nil)
					<-start
					a, err := c.Claim(t.Context(), 0, snapshot.Claimant{Owner: fmt.Sprint("claimant ", i)})
					answers <- answer{a, err}
				}()
			}
			close(start)
			var winners []string
			var lost []*snapshot.LostError
			for range storagetest.Creators {
				a := <-answers
				var l *snapshot.LostError
				switch {
				case a.err == nil:
					winners = append(winners, a.attempt.Owner)
				case errors.As(a.err, &l):
					lost = append(lost, l)
				default:
					t.Error(a.err)
				}
			}
			if len(winners) != 1 {
				t.Fatalf("winners: %v", winners)
			}
			if i := slices.IndexFunc(lost, func(l *snapshot.LostError) bool { return l.Owner != winners[0] || l.Attempt != 1 }); i >= 0 {
				t.Errorf("a loser was told %v, but %s won", lost[i], winners[0])
			}
		})
	}
}
