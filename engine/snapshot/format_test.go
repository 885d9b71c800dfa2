package snapshot_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

var update = flag.Bool("update", false, "write the golden files of the current format anew")

// example is a snapshot of the current format with every field in use.
func example(files ...snapshot.GroupFile) *snapshot.Metadata {
	return &snapshot.Metadata{
		Format: snapshot.Format, Savepoint: true, Job: "default.flight-delays", ID: 42, Parent: 41, Attempt: 3, Restart: 1,
		Nonce: snapshot.Nonce{0: 1, 15: 255}, Outcome: outcome.Stopped, Retained: []int64{40, 41, 42}, Confirmed: 39,
		Uncommitted: []snapshot.Uncommitted{
			{Checkpoint: 40, Sinks: []snapshot.SinkCommittables{{UID: "delays/group.1", Committables: [][]byte{[]byte("part-0"), {}}}, {UID: "sink/out", Committables: [][]byte{[]byte("a")}}}},
			{Checkpoint: 41, Sinks: []snapshot.SinkCommittables{{UID: "sink/out", Committables: [][]byte{[]byte("b")}}}},
		},
		Time:   time.Date(2001, 1, 2, 3, 4, 5, 678_000_000, time.UTC),
		Engine: "v0.1.0", Revision: "7c4f9", Parallelism: 2, MaxParallelism: 1024,
		Operators: []snapshot.OperatorState{
			{
				UID: "source/flights", Name: "flights", Fingerprint: "filesystem path=/data", Connector: "filesystem", Parallelism: 2, MaxParallelism: 1024,
				Enumerator: []byte("seen"),
				Subtasks: []snapshot.SubtaskState{
					{Index: 0, Splits: []snapshot.SplitState{
						{ID: "a.json:0", Spec: []byte("spec"), Position: []byte("pos"), MaxTime: 978_400_000_000, Done: true},
						{ID: "a.json:1", MaxTime: snapshot.NoTime},
					}},
					{Index: 1, Extra: []byte{0, 1, 2}},
				},
			},
			{
				UID: "delays/group.1", Name: "per airport", Fingerprint: "key origin; TUMBLE(time, 1 hour)", Advisory: "source source/flights\nrows where delay > 0",
				Parallelism: 2, MaxParallelism: 1024,
				Schemas: []snapshot.StateSchema{{
					Name: "sum", Kind: "value", KeyFields: []string{"origin STRING"}, ValueFields: []string{"delay BIGINT", "n BIGINT"},
				}},
				Subtasks: []snapshot.SubtaskState{{Index: 0, Files: files, Committables: [][]byte{[]byte("part-1"), {}}}},
			},
			{UID: "sink/out", Name: "out", Parallelism: 1, MaxParallelism: 1024},
		},
	}
}

// writeExample makes a small snapshot with two data files in a folder, and returns the folder.
func writeExample(t *testing.T, place string) string {
	t.Helper()
	b := openBucket(t, place)
	// A source of bytes that are no secret: names and nonces are the same in every run.
	c := snapshot.NewChain(b, "default.flight-delays", rand.NewChaCha8([32]byte{1}))
	a := snapshot.Attempt{N: 3}
	var files []snapshot.GroupFile
	for i, states := range [][]string{{"sum", "timers"}, {"sum"}} {
		w, err := c.Files(a, 1, 42).Create(t.Context(), "delays/group.1", i)
		if err != nil {
			t.Fatal(err)
		}
		for group := i * 3; group < i*3+3; group++ {
			for _, state := range states {
				err := w.BeginBlock(group, state, int64(978_400_000_000+group))
				if err == nil {
					_, err = fmt.Fprintf(w, "%s of key group %d", state, group)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		file, err := w.Finish()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if err := b.Create(t.Context(), "chk-42/_metadata", snapshot.Encode(example(files...))); err != nil {
		t.Fatal(err)
	}
	place, err := storageurl.Join(place, "chk-42")
	if err != nil {
		t.Fatal(err)
	}
	return place
}

func TestMetadataReadsBackAsItWasWritten(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		m := randomMetadata(r)
		encoded := snapshot.Encode(m)
		got, err := snapshot.Decode(encoded)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(m, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
		if !bytes.Equal(encoded, snapshot.Encode(got)) {
			t.Fatalf("seed %d: equal metadata gives different bytes", seed)
		}
	}
}

// randomMetadata draws metadata that a reader accepts.
func randomMetadata(r *rand.Rand) *snapshot.Metadata {
	text := func() string { return strings.Repeat("x☺", r.IntN(5)) }
	number := func() int64 {
		return []int64{0, 1, -1, math.MaxInt64, math.MinInt64, r.Int64()}[r.IntN(6)]
	}
	some := func() []byte {
		b := make([]byte, r.IntN(20))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	m := &snapshot.Metadata{
		Format: snapshot.Format, Savepoint: r.IntN(2) == 0, Job: text(), ID: number(), Parent: number(), Attempt: number(), Restart: number(),
		Outcome: []outcome.Outcome{outcome.None, outcome.Stopped, outcome.Drained, outcome.Completed}[r.IntN(4)], Confirmed: number(), Engine: text(), Revision: text(),
		Parallelism: int(r.Int32()), MaxParallelism: r.IntN(100),
	}
	copy(m.Nonce[:], some())
	if r.IntN(2) == 0 {
		m.Time = time.UnixMilli(r.Int64N(1<<40) + 1).UTC()
	}
	for range r.IntN(4) {
		m.Retained = append(m.Retained, number())
	}
	for id := m.ID - 3; id < m.ID && m.ID > math.MinInt64+3; id++ {
		u := snapshot.Uncommitted{Checkpoint: id}
		for range r.IntN(3) {
			u.Sinks = append(u.Sinks, snapshot.SinkCommittables{UID: text(), Committables: [][]byte{some(), some()}})
		}
		m.Uncommitted = append(m.Uncommitted, u)
	}
	for range r.IntN(4) {
		o := snapshot.OperatorState{
			UID: text(), Name: text(), Fingerprint: text(), Advisory: text(), Parallelism: r.IntN(9), MaxParallelism: r.IntN(9), Enumerator: some(),
		}
		for range r.IntN(3) {
			o.Schemas = append(o.Schemas, snapshot.StateSchema{
				Name: text(), Kind: text(), KeyFields: []string{text(), text()}, ValueFields: []string{text()},
			})
		}
		for range r.IntN(4) {
			s := snapshot.SubtaskState{Index: r.IntN(9), Extra: some()}
			for range r.IntN(3) {
				s.Splits = append(s.Splits, snapshot.SplitState{
					ID: text(), Spec: some(), Position: some(), MaxTime: number(), Done: r.IntN(2) == 0,
				})
				s.Committables = append(s.Committables, some())
				f := snapshot.GroupFile{Path: "f" + text(), Size: 1000, CRC32C: r.Uint32()}
				if m.ID > 0 && r.IntN(2) == 0 {
					f.Path, f.Checkpoint = "../shared/"+f.Path, 1+r.Int64N(m.ID)
				}
				for range r.IntN(3) {
					f.Blocks = append(f.Blocks, snapshot.Block{
						Group: r.IntN(1024), State: text(), Offset: 12 + r.Int64N(100), Size: r.Int64N(100),
						CRC32C: r.Uint32(), Watermark: number(),
					})
					if b := &f.Blocks[len(f.Blocks)-1]; r.IntN(2) == 0 {
						b.End = b.Group + 1 + r.IntN(100)
					}
				}
				s.Files = append(s.Files, f)
			}
			o.Subtasks = append(o.Subtasks, s)
		}
		m.Operators = append(m.Operators, o)
	}
	return m
}

func TestGoldenFilesOfEveryReleasedFormatRestore(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.folder, func(t *testing.T) { testGolden(t, g) })
	}
	if newest := goldens[len(goldens)-1]; newest.format != snapshot.Format || newest.folder != currentGolden {
		t.Errorf("the newest golden files are %s, of format %d", newest.folder, newest.format)
	}
}

// golden is a folder in testdata with the example as an engine once wrote it.
type golden struct {
	folder  string
	format  int
	without func(*snapshot.Metadata) // takes out what it could not say
}

// currentGolden holds what this engine writes. The others are never written again.
const currentGolden = "format-2-parallelism"

var goldens = []golden{
	{"format-1", 1, func(m *snapshot.Metadata) {
		withoutQueue(m)
		for i := range m.Operators {
			m.Operators[i].Advisory, m.Operators[i].Connector = "", ""
		}
	}},
	{"format-2", 2, withoutQueue},
	{"format-2-uncommitted", 2, withoutOwnParallelism},
	{currentGolden, 2, func(*snapshot.Metadata) {}},
}

// withoutQueue is the example from before a checkpoint could wait for the commits of another.
func withoutQueue(m *snapshot.Metadata) {
	withoutOwnParallelism(m)
	m.Uncommitted, m.Confirmed = nil, 41
}

// withoutOwnParallelism is the example from before an operator could have another parallelism than the job.
func withoutOwnParallelism(m *snapshot.Metadata) {
	for i := range m.Operators {
		m.Operators[i].Parallelism = m.Parallelism
	}
}

// of returns the example as it was then.
func (g golden) of(m *snapshot.Metadata) *snapshot.Metadata {
	m.Format = g.format
	g.without(m)
	return m
}

func testGolden(t *testing.T, g golden) {
	golden := filepath.Join("testdata", g.folder)
	if *update && g.folder == currentGolden {
		if err := os.RemoveAll(golden); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(golden, os.DirFS(strings.TrimPrefix(writeExample(t, t.TempDir()), "file://"))); err != nil {
			t.Fatal(err)
		}
	}
	report, err := snapshot.Verify(t.Context(), golden)
	if err != nil || !report.OK() || len(report.Extra) > 0 {
		t.Fatalf("%v\n%v", report, err)
	}
	s, err := snapshot.OpenSnapshot(t.Context(), golden)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if diff := cmp.Diff(g.of(example(s.Metadata.Files()...)), s.Metadata, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	o := s.Metadata.Operator("delays/group.1")
	for group := range 6 {
		for _, l := range snapshot.Layers(o.Subtasks, group, group+1) {
			got, err := s.ReadBlock(t.Context(), l.File, l.Block)
			if want := fmt.Sprintf("%s of key group %d", l.Block.State, group); err != nil || string(got) != want {
				t.Errorf("block is %q, %v, want %q", got, err, want)
			}
		}
	}
	if n := len(snapshot.Layers(o.Subtasks, 1, 5)); n != 6 {
		t.Errorf("key groups 1 to 4 have %d blocks, want 6", n)
	}
	if g.folder != currentGolden {
		return
	}
	// What this engine writes is what the golden files hold.
	written := writeExample(t, t.TempDir())
	for _, name := range append([]string{"_metadata"}, pathsOf(s.Metadata)...) {
		want, err := os.ReadFile(filepath.Join(golden, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(strings.TrimPrefix(written, "file://"), name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is written differently now, %v: a change of the format needs a new version", name, err)
		}
	}
}

func pathsOf(m *snapshot.Metadata) []string {
	var paths []string
	for _, f := range m.Files() {
		paths = append(paths, f.Path)
	}
	return paths
}

func TestEveryFlippedByteAndEveryTruncationIsDetectedAndNamed(t *testing.T) {
	place := writeExample(t, t.TempDir())
	folder := strings.TrimPrefix(place, "file://")
	intact, err := snapshot.OpenSnapshot(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer intact.Close()
	names := append([]string{"_metadata"}, pathsOf(intact.Metadata)...)
	if len(names) != 3 {
		t.Fatalf("the snapshot has the files %v", names)
	}
	for _, name := range names {
		file := filepath.Join(folder, name)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, damaged []byte, at int) {
			t.Helper()
			if err := os.WriteFile(file, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			report, err := snapshot.Verify(t.Context(), place)
			if err != nil {
				t.Fatalf("%s of %s: %v", what, name, err)
			}
			if len(report.Problems) != 1 {
				t.Fatalf("%s of %s: problems %v, want one", what, name, report.Problems)
			}
			p := report.Problems[0]
			if p.Object != place+"/"+name || p.Offset > int64(at) || p.Reason == "" {
				t.Fatalf("%s at byte %d of %s is reported as %v", what, at, name, p)
			}
			// In a data file the damage is located to the block, the header or the footer.
			if name != "_metadata" && int64(at)-p.Offset > 64 {
				t.Fatalf("%s at byte %d of %s is placed at byte %d", what, at, name, p.Offset)
			}
		}
		for i := range content {
			damaged := bytes.Clone(content)
			damaged[i] ^= byte(1 << (i % 8))
			check("a flipped bit", damaged, i)
			damaged[i] = ^content[i]
			check("a flipped byte", damaged, i)
			check("a truncation", content[:i], i)
		}
		check("an appended byte", append(bytes.Clone(content), 0), len(content))
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	report, err := snapshot.Verify(t.Context(), place)
	if err != nil || !report.OK() {
		t.Errorf("the repaired snapshot: %v, %v", report, err)
	}
}

func TestReadingADamagedBlockNamesFileAndOffset(t *testing.T) {
	place := writeExample(t, t.TempDir())
	s, err := snapshot.OpenSnapshot(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := s.Metadata.Files()[0]
	name := filepath.Join(strings.TrimPrefix(place, "file://"), f.Path)
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b := f.Blocks[2]
	for what, damaged := range map[string][]byte{
		"a flipped byte": func() []byte {
			c := bytes.Clone(content)
			c[b.Offset+b.Size-1]++
			return c
		}(),
		"a truncation": content[:b.Offset+1],
		"a lost file":  nil,
	} {
		if damaged == nil {
			err = os.Remove(name)
		} else {
			err = os.WriteFile(name, damaged, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err := s.ReadBlock(t.Context(), f, b)
		var corrupt *snapshot.CorruptError
		if !errors.As(err, &corrupt) || !strings.HasSuffix(corrupt.Object, f.Path) || corrupt.Offset > b.Offset+b.Size {
			t.Errorf("%s: %v", what, err)
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnAbortedDataFileLeavesNothing(t *testing.T) {
	b := openBucket(t, t.TempDir())
	w, err := snapshot.NewChain(b, "job", nil).Files(snapshot.Attempt{N: 1}, 0, 1).Create(t.Context(), "uid", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("wrote outside of a block")
	}
	if err := w.BeginBlock(0, "s", snapshot.NoTime); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); err == nil {
		t.Error("an aborted file was finished")
	}
	if list, err := b.List(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

func TestASnapshotOfANewerFormatIsNotCalledDamaged(t *testing.T) {
	file := snapshot.Encode(example())
	file[8] = snapshot.Format + 1
	_, err := snapshot.Decode(file)
	if !is[*snapshot.CorruptError](err) {
		t.Errorf("a flipped version without its checksum: %v, want a CorruptError", err)
	}
	_, err = snapshot.Decode(withChecksum(file))
	if err == nil || is[*snapshot.CorruptError](err) || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a newer version: %v", err)
	}
}

func TestMetadataThatLeadsOutOfItsSnapshotIsRefused(t *testing.T) {
	for name, file := range map[string]snapshot.GroupFile{
		"an absolute path":           {Path: "/etc/passwd", Size: 100},
		"a path upwards":             {Path: "../../x", Size: 100},
		"a path into another folder": {Path: "../chk-1/x", Size: 100},
		"an empty path":              {Size: 100},
		"the metadata":               {Path: "_metadata", Size: 100},
		"a block before the header":  {Path: "x", Size: 100, Blocks: []snapshot.Block{{Offset: 11, Size: 1}}},
		"a block into the footer":    {Path: "x", Size: 100, Blocks: []snapshot.Block{{Offset: 12, Size: 69}}},
		"a block that overflows":     {Path: "x", Size: 100, Blocks: []snapshot.Block{{Offset: 20, Size: math.MaxInt64}}},
		"a block of negative size":   {Path: "x", Size: 100, Blocks: []snapshot.Block{{Offset: 20, Size: -1}}},
		"changes in no key group":    {Path: "x", Size: 100, Blocks: []snapshot.Block{{Group: 4, End: 4, Offset: 20, Size: 1}}},
		"a run of no checkpoint":     {Path: "../shared/x", Size: 100},
		"a run of a later one":       {Path: "../shared/x", Size: 100, Checkpoint: 43},
		"a run beside its metadata":  {Path: "x", Size: 100, Checkpoint: 42},
	} {
		if _, err := snapshot.Decode(snapshot.Encode(example(file))); !is[*snapshot.CorruptError](err) {
			t.Errorf("%s: %v, want a CorruptError", name, err)
		}
	}
	for _, file := range []snapshot.GroupFile{{Path: "1.0-abc-0-def", Size: 100}, {Path: "../shared/1.0-abc", Size: 100, Checkpoint: 42}} {
		if _, err := snapshot.Decode(snapshot.Encode(example(file))); err != nil {
			t.Errorf("%s: %v", file.Path, err)
		}
	}
}

func TestMetadataWhoseCommitsAreOutOfOrderIsRefused(t *testing.T) {
	of := func(ids ...int64) *snapshot.Metadata {
		m := &snapshot.Metadata{Job: "j", ID: 5}
		for _, id := range ids {
			m.Uncommitted = append(m.Uncommitted, snapshot.Uncommitted{Checkpoint: id})
		}
		return m
	}
	if _, err := snapshot.Decode(snapshot.Encode(of(2, 4))); err != nil {
		t.Errorf("in order: %v", err)
	}
	for _, ids := range [][]int64{{4, 2}, {2, 2}, {2, 5}, {6}} {
		if _, err := snapshot.Decode(snapshot.Encode(of(ids...))); !is[*snapshot.CorruptError](err) {
			t.Errorf("checkpoints %v before 5: %v, want a CorruptError", ids, err)
		}
	}
}

func FuzzDecodeMetadata(f *testing.F) {
	f.Add(snapshot.Encode(example(snapshot.GroupFile{Path: "x", Size: 100, Blocks: []snapshot.Block{{Offset: 12, Size: 3}}})))
	f.Add(snapshot.Encode(&snapshot.Metadata{}))
	f.Add([]byte("WEIRSNAP"))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, file := range [][]byte{file, withChecksum(file)} {
			m, err := snapshot.Decode(file)
			if err != nil {
				continue
			}
			m.Format = snapshot.Format // an older one is written anew as the current one
			again, err := snapshot.Decode(snapshot.Encode(m))
			if err != nil {
				t.Fatalf("what was decoded does not decode again: %v", err)
			}
			if diff := cmp.Diff(m, again, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("(-first +again):\n%s", diff)
			}
		}
	})
}

func TestInspectSaysWhatIsInASnapshot(t *testing.T) {
	golden := filepath.Join("testdata", "inspect")
	s, err := snapshot.OpenSnapshot(t.Context(), filepath.Join("testdata", currentGolden, "_metadata"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sum := s.Inspect()
	sum.Path = "file:///savepoints/x"
	var text, js bytes.Buffer
	if err := errors.Join(sum.WriteText(&text), sum.WriteJSON(&js)); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{golden + ".txt": text.Bytes(), golden + ".json": js.Bytes()} {
		if *update {
			if err := os.WriteFile(name, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTheConnectorOfASourceIsKnown: snapshots from before it was recorded say it in the fingerprint alone.
func TestTheConnectorOfASourceIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		state snapshot.OperatorState
		want  string
	}{
		"recorded":                      {snapshot.OperatorState{Connector: "kafka", Fingerprint: "connector kafka\ntopic t", Enumerator: []byte{1}}, "kafka"},
		"said by the fingerprint":       {snapshot.OperatorState{Fingerprint: "connector filesystem\npath in", Enumerator: []byte{1}}, "filesystem"},
		"said by nothing else":          {snapshot.OperatorState{Fingerprint: "connector datagen", Enumerator: []byte{1}}, "datagen"},
		"the source of a Go program":    {snapshot.OperatorState{Enumerator: []byte{1}}, ""},
		"an operator that is no source": {snapshot.OperatorState{Fingerprint: "connector x"}, ""},
	} {
		c.state.UID = "u"
		m, err := snapshot.Decode(snapshot.Encode(&snapshot.Metadata{Job: "j", ID: 1, Parallelism: 1, MaxParallelism: 8, Operators: []snapshot.OperatorState{c.state}}))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Operators[0].Connector; got != c.want {
			t.Errorf("%s: the connector is %q, want %q", name, got, c.want)
		}
	}
}

// TestASavepointHasNothingToCommit: it is made when all output up to its checkpoint is committed, also what waited before.
func TestASavepointHasNothingToCommit(t *testing.T) {
	from, err := snapshot.OpenSnapshot(t.Context(), filepath.Join("testdata", currentGolden))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	savepoint, err := snapshot.Export(t.Context(), from, openBucket(t, t.TempDir()), "s", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := savepoint.Metadata
	for _, o := range from.Metadata.Operators {
		if left := m.ToCommit(o.UID); len(left) > 0 || len(m.Uncommitted) > 0 {
			t.Errorf("of %s it has %q to commit, of earlier checkpoints %v", o.UID, left, m.Uncommitted)
		}
	}
	if n := len(from.Metadata.ToCommit("sink/out")); n != 2 {
		t.Errorf("the checkpoint has %d committables of sink/out, want those of two before it", n)
	}
}

// TestFieldsThatThisEngineDoesNotKnowAreRefused: those too whose numbers are reserved for what is planned. To read on
// without them would lose state in silence.
func TestFieldsThatThisEngineDoesNotKnowAreRefused(t *testing.T) {
	within := func(n protowire.Number, inner []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), inner)
	}
	field := func(n protowire.Number) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), 2)
	}
	for name, body := range map[string][]byte{
		"Metadata has a field 18":   field(18),
		"Operator has a field 11":   within(16, field(11)),
		"Subtask has a field 7":     within(16, within(8, field(7))),
		"File has a field 6":        within(16, within(8, within(4, field(6)))),
		"Block has a field 8":       within(16, within(8, within(4, within(4, field(8))))),
		"Uncommitted has a field 3": within(17, field(3)),
		"Sink has a field 3":        within(17, within(2, field(3))),
	} {
		file := snapshot.Encode(&snapshot.Metadata{Job: "j", ID: 1})
		end := len(file) - 4
		file = append(append(bytes.Clone(file[:end]), body...), 0, 0, 0, 0)
		binary.LittleEndian.PutUint64(file[12:], uint64(end-20+len(body)))
		if _, err := snapshot.Decode(withChecksum(file)); err == nil || !strings.Contains(err.Error(), name+", which format 2 does not know") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
