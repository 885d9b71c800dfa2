package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// TestEveryFlippedByteAndEveryCutIsFound takes a small checkpoint of a real run, with state in windows that are open, and
// damages every file of it at every place.
func TestEveryFlippedByteAndEveryCutIsFound(t *testing.T) {
	t.Parallel()
	random, _ := seed(t)
	folder := smallCheckpoint(t)
	files := snapshotFiles(t, folder)
	if len(files) < 3 {
		t.Fatalf("the checkpoint has only the files %v: its state is not worth the test", files)
	}
	bucket, err := storage.Open(t.Context(), "mem://verify")
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	for name, content := range files {
		put(t, bucket, name, content)
	}
	if damage := verify(t, bucket); damage != "" {
		t.Fatalf("the intact copy is damaged: %s", damage)
	}
	flipped, cut := 0, 0
	for name, content := range files {
		for i := range content {
			requireFound(t, bucket, name, flip(content, i, random), fmt.Sprintf("byte %d of %s flipped", i, name))
			requireFound(t, bucket, name, content[:i], fmt.Sprintf("%s cut at %d", name, i))
			flipped, cut = flipped+1, cut+1
		}
		put(t, bucket, name, content)
	}
	t.Logf("%d flipped bytes and %d cuts in %d files were found", flipped, cut, len(files))
}

// smallCheckpoint returns the folder of the newest checkpoint of a job that was killed, about ten rows of state.
func smallCheckpoint(t *testing.T) string {
	t.Helper()
	job := harness.NewJob(t, weir)
	job.Whole = true // so that all of it is in its folder
	job.MaxParallelism, job.RowsPerSecond, job.Interval = 4, 200, 300*time.Millisecond
	job.Where = "origin IN ('ATL', 'SLC', 'GSO') AND delay > 0"
	job.Feed(input(t, flights.Options{Records: 2000, Files: 1}))
	run := job.Start()
	id := run.UntilCheckpoint(job.Chain(), 1)
	run.Kill()
	return filepath.Join(job.Folder(), fmt.Sprintf("chk-%d", max(id, job.Chain().Newest())))
}

func snapshotFiles(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = content
	}
	return files
}

// flip returns content with at least one bit of one byte changed.
func flip(content []byte, at int, random *rand.Rand) []byte {
	changed := append([]byte(nil), content...)
	changed[at] ^= byte(1 + random.IntN(255))
	return changed
}

func put(t *testing.T, bucket storage.Bucket, name string, content []byte) {
	t.Helper()
	w, err := bucket.Writer(t.Context(), "chk-1/"+name)
	if err == nil {
		_, err = w.Write(content)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// verify returns what is wrong with the copy, naming the object; nothing if all is well.
func verify(t *testing.T, bucket storage.Bucket) string {
	t.Helper()
	s, err := snapshot.Load(t.Context(), bucket, "chk-1")
	var corrupt *snapshot.CorruptError
	if errors.As(err, &corrupt) {
		return corrupt.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.OK() {
		return ""
	}
	return report.String()
}

func requireFound(t *testing.T, bucket storage.Bucket, name string, damaged []byte, what string) {
	t.Helper()
	put(t, bucket, name, damaged)
	if said := verify(t, bucket); !strings.Contains(said, "chk-1/"+name) {
		t.Fatalf("%s: verify says %q", what, said)
	}
}

// TestTheCommandNamesWhatIsDamaged runs `weir snapshot verify` and `inspect` on a checkpoint as it is and damaged.
func TestTheCommandNamesWhatIsDamaged(t *testing.T) {
	t.Parallel()
	folder := smallCheckpoint(t)
	cli := harness.NewJob(t, weir)
	intact := cli.Weir("snapshot", "verify", folder)
	intact.Succeed(patience)
	if said := intact.Stdout(); !strings.Contains(said, "all checksums hold") {
		t.Errorf("verify says %q of an intact checkpoint", said)
	}
	inspect := cli.Weir("snapshot", "inspect", folder)
	inspect.Succeed(patience)
	for _, uid := range []string{"source/flights", "sink/delays"} {
		if !strings.Contains(inspect.Stdout(), uid) {
			t.Errorf("inspect does not tell of %s: %s", uid, inspect.Stdout())
		}
	}
	for name, content := range snapshotFiles(t, folder) {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content[:len(content)-1], 0o644); err != nil {
			t.Fatal(err)
		}
		run := cli.Weir("snapshot", "verify", folder)
		if code := run.Exit(patience); code != 1 {
			t.Errorf("%s is cut: exit code %d, want 1", name, code)
		}
		if said := run.Stdout() + run.Stderr(); !strings.Contains(said, name) {
			t.Errorf("%s is cut, and verify says %q", name, said)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestADamagedHeadIsNotPassedOverInSilence damages the newest checkpoint after its output was committed. Going back to an
// older one would write that output again, so the run refuses, and says what; it goes on when it is told that it may (P2).
func TestADamagedHeadIsNotPassedOverInSilence(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 6000, Files: 15})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	job := harness.NewJob(t, weir)
	job.RowsPerSecond, job.SplitOrder, job.Interval = 600, "path", 500*time.Millisecond
	job.Feed(files)
	chain, output := job.Chain(), harness.Open(t, job.Output)
	run := job.Start()
	run.Until(patience, "there is output of two checkpoints", func() bool { return len(output.Visible()) > 4 })
	for id := chain.Newest(); ; {
		id = run.UntilCheckpoint(chain, id)
		written := func() bool { return len(upTo(t, output.Visible(), id)) > len(upTo(t, output.Visible(), id-1)) }
		run.Until(patience, fmt.Sprintf("output of checkpoint %d is visible, or there is a later one", id), func() bool {
			return written() || chain.Newest() > id
		})
		if !written() {
			continue // no window has fired in it
		}
		run.Freeze()
		if chain.Newest() == id {
			break
		}
		run.Thaw() // the next checkpoint was there already, and its output perhaps not
	}
	run.Kill()
	head := chain.Head()
	object := damage(t, job, head)
	visible := output.VisibleListing()

	complaint := job.Start().Fail(patience)
	for _, word := range []string{filepath.Base(object), fmt.Sprintf("checkpoint %d", head.ID), "again", "allow-repeated-output"} {
		requireSays(t, complaint, word)
	}
	requireUntouched(t, visible, output.VisibleListing())

	job.Start("--allow-repeated-output").Succeed(patience)
	requireRowsAtLeastOnce(t, want.Rows, rows(t, output.Visible()))
	requireVisibleKept(t, visible, output.VisibleListing())
}

// TestADamagedHeadWithoutOutputIsPassedOver does the same while every window is open: nothing was committed beyond the older
// checkpoint, so nothing would be repeated, and the run goes back by itself and says so.
func TestADamagedHeadWithoutOutputIsPassedOver(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 1500, Files: 5})
	want := expect(t, oracle.Query{Delay: 28 * 24 * time.Hour}, files)
	job := harness.NewJob(t, weir)
	job.WatermarkHours = 28 * 24 // more than the input spans
	job.RowsPerSecond, job.Interval = 300, 500*time.Millisecond
	job.Feed(files)
	chain := job.Chain()
	run := job.Start()
	run.UntilCheckpoint(chain, 2)
	run.Kill()
	object := damage(t, job, chain.Head())

	again := job.Start()
	again.Succeed(patience)
	if !strings.Contains(again.Stderr(), filepath.Base(object)) {
		t.Errorf("nothing is said of the damaged %s: %s", object, again.Stderr())
	}
	requireExact(t, want.Rows, harness.Open(t, job.Output))
}

// damage flips a byte of the data file that was written last for a checkpoint, which those before do not share, and returns its path.
func damage(t *testing.T, job *harness.FlightDelays, m *snapshot.Metadata) string {
	t.Helper()
	if len(m.Files()) == 0 {
		t.Fatal("the newest checkpoint has no data file to damage")
	}
	file := m.Files()[0]
	for _, f := range m.Files() {
		if f.Checkpoint == m.ID {
			file = f
		}
	}
	path := filepath.Join(job.Folder(), fmt.Sprintf("chk-%d", m.ID), file.Path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 0x10
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// requireRowsAtLeastOnce checks that every right row is there, and no wrong one.
func requireRowsAtLeastOnce(t *testing.T, want, got []oracle.Row) {
	t.Helper()
	once, seen := []oracle.Row{}, map[oracle.Row]bool{}
	for _, r := range got {
		if !seen[r] {
			seen[r] = true
			once = append(once, r)
		}
	}
	if len(once) == len(got) {
		t.Error("no row was repeated: going back has not been shown")
	}
	for _, d := range oracle.Diff(want, once) {
		t.Error(d)
	}
}

// requireVisibleKept checks that what was visible still is, unchanged.
func requireVisibleKept(t *testing.T, before, after []string) {
	t.Helper()
	for _, line := range harness.Difference(before, after) {
		if strings.HasPrefix(line, "- ") {
			t.Errorf("visible output has changed: %s", line)
		}
	}
}
