package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
	engine "github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
)

// running starts the flight-delays job, slowly enough that it can be asked for something.
func running(t *testing.T) (*harness.FlightDelays, *harness.Process, []flights.File) {
	t.Helper()
	files := input(t, flights.Options{Records: 6000, Files: 15})
	job := harness.NewJob(t, weir)
	job.SplitOrder, job.RowsPerSecond, job.Interval = "path", 600, 500*time.Millisecond
	job.Feed(files)
	return job, startedWell(t, job), files
}

// startedWell starts a job and waits until it has written something.
func startedWell(t *testing.T, job *harness.FlightDelays) *harness.Process {
	t.Helper()
	run := job.Start()
	output := harness.Open(t, job.Output)
	run.Until(patience, "there is output", func() bool { return len(output.Visible()) > 2 })
	return run
}

// savepoint runs a command of the job that prints the path of a savepoint.
func savepoint(t *testing.T, job *harness.FlightDelays, args ...string) string {
	t.Helper()
	command := job.Weir(args...)
	command.Succeed(patience)
	lines := strings.Fields(command.Stdout())
	if len(lines) == 0 {
		t.Fatalf("weir %s printed no path", strings.Join(args, " "))
	}
	return strings.TrimPrefix(lines[len(lines)-1], "file://")
}

// TestASavepointIsWholeMovesAndRestoresAtAnyParallelism takes one while the job runs, renames it, takes everything else that
// the job has written away, and goes on from it at other parallelisms, with another name, elsewhere.
func TestASavepointIsWholeMovesAndRestoresAtAnyParallelism(t *testing.T) {
	t.Parallel()
	job, run, files := running(t)
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	taken := savepoint(t, job, "savepoint", job.Name)
	run.Kill()
	id := inspect(t, taken).ID
	before := rows(t, upTo(t, harness.Open(t, job.Output).Visible(), id))

	moved := job.Place("kept")
	rename(t, taken, moved)
	for _, place := range []string{job.Checkpoints, job.Savepoints, job.Output} {
		rename(t, place, place+"-denied")
	}
	if err := os.WriteFile(job.Savepoints, []byte("no folder"), 0o444); err != nil {
		t.Fatal(err)
	}
	for _, p := range []int{1, 3, 7} {
		heir := job.Copy("heir-" + strconv.Itoa(p))
		heir.RowsPerSecond = 0
		heir.Start("-s", moved, at(p)).Succeed(patience)
		after := rows(t, harness.Open(t, heir.Output).Visible())
		if len(after) == 0 || len(before) == 0 {
			t.Errorf("parallelism %d: %d rows before the savepoint and %d after it", p, len(before), len(after))
		}
		for _, d := range oracle.Diff(want.Rows, append(append([]oracle.Row{}, before...), after...)) {
			t.Errorf("parallelism %d: %s", p, d)
		}
	}
}

// TestASavepointAskedForAgainIsOne asks under one id: of a job that dies between the checkpoint and its export, of the next
// run, and of that once more (P3).
func TestASavepointAskedForAgainIsOne(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 6000, Files: 15})
	job := harness.NewJob(t, weir)
	job.SplitOrder, job.RowsPerSecond, job.Interval = "path", 600, time.Hour // the first checkpoint is the savepoint's
	job.Feed(files)
	ask := []string{"savepoint", job.Name, "--id", "before-friday"}

	dying := job.StartToCrash(string(engine.StepPublished), 1)
	job.Address(dying)
	requireSays(t, job.Weir(ask...).Fail(patience), "before-friday")
	if !dying.WasKilled() {
		t.Fatal("the job has not died")
	}
	if metadata, err := filepath.Glob(filepath.Join(job.Savepoints, "*", "_metadata")); err != nil || len(metadata) > 0 {
		t.Fatalf("a savepoint is there already: %v, error %v", metadata, err)
	}

	job.Interval = 500 * time.Millisecond
	run := job.Start()
	job.Address(run)
	first := savepoint(t, job, ask...)
	id := inspect(t, first).ID
	run.UntilCheckpoint(job.Chain(), id)
	if again := savepoint(t, job, ask...); again != first || inspect(t, again).ID != id {
		t.Errorf("asked again, the savepoint is %s of checkpoint %d, and was %s of %d", again, inspect(t, again).ID, first, id)
	}
	run.Kill()
	if all, err := filepath.Glob(filepath.Join(job.Savepoints, "savepoint-*")); err != nil || len(all) != 1 {
		t.Errorf("there are savepoints %v, want one, error %v", all, err)
	}
	job.Weir("snapshot", "verify", first).Succeed(patience)
}

// TestAStopEndsTheJobWithASavepointThatGoesOn stops a job and goes on from where it stopped, in a chain of its own.
func TestAStopEndsTheJobWithASavepointThatGoesOn(t *testing.T) {
	t.Parallel()
	job, run, files := running(t)
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	taken := savepoint(t, job, "stop", job.Name, "--savepoint-path", job.Savepoints)
	run.Succeed(patience)
	if end := job.Chain().Head().Outcome; end != outcome.Stopped {
		t.Errorf("the chain ends with outcome %v, want %v", end, outcome.Stopped)
	}
	before := rows(t, harness.Open(t, job.Output).Visible())
	heir := job.Copy("heir")
	heir.RowsPerSecond = 0
	heir.Start("-s", taken, at(3)).Succeed(patience)
	after := rows(t, harness.Open(t, heir.Output).Visible())
	for _, d := range oracle.Diff(want.Rows, append(before, after...)) {
		t.Error(d)
	}
}

// TestASavepointIntoWhatTheJobReadsIsRefused asks for some in the folder that a source monitors: there they would be read.
func TestASavepointIntoWhatTheJobReadsIsRefused(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 3000, Files: 3})
	for name, pattern := range map[string]string{"a folder": "in", "a glob": "i*/**"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := harness.NewJob(t, weir)
			job.SplitOrder, job.Monitor, job.Interval = "path", 100*time.Millisecond, 200*time.Millisecond
			job.Feed(files)
			folder := job.Input
			job.Input = job.Place(pattern)
			link := job.Place("elsewhere")
			if err := os.Symlink(folder, link); err != nil {
				t.Fatal(err)
			}
			before := harness.Open(t, folder).Listing()
			run := job.Start()
			run.UntilCheckpoint(job.Chain(), 0)
			for _, target := range []string{folder, "file://" + folder, link, filepath.Join(folder, "new")} {
				for _, args := range [][]string{{"savepoint", job.Name, target}, {"stop", job.Name, "--savepoint-path", target}} {
					if said := job.Weir(args...).Fail(patience); !strings.Contains(said, "it would read the savepoint") || !strings.Contains(said, "name a folder") {
						t.Errorf("weir %s: %s", strings.Join(args, " "), said)
					}
				}
			}
			if changed := harness.Difference(before, harness.Open(t, folder).Listing()); len(changed) != 0 {
				t.Errorf("what was refused has changed the input: %v", changed)
			}
			job.Weir("snapshot", "verify", savepoint(t, job, "stop", job.Name, "--savepoint-path", job.Savepoints)).Succeed(patience)
			run.Succeed(patience)
		})
	}
}

// TestAChangedConditionKeepsTheState restores with another WHERE. State holds what the old text kept up to the stop, and what
// the new text keeps after it (P9); with one subtask and files in order, the records up to the stop are the first ones.
func TestAChangedConditionKeepsTheState(t *testing.T) {
	t.Parallel()
	job, run, files := running(t)
	taken := savepoint(t, job, "stop", job.Name, "--savepoint-path", job.Savepoints)
	run.Succeed(patience)
	before := rows(t, harness.Open(t, job.Output).Visible())

	heir := job.Copy("heir")
	heir.RowsPerSecond, heir.Where = 0, "destination <> 'ATL'"
	heir.Start("-s", taken).Succeed(patience)
	after := rows(t, harness.Open(t, heir.Output).Visible())
	stopped := positions(t, inspect(t, taken), files)
	want := expect(t, oracle.Query{Delay: 28 * time.Hour, Keep: func(r oracle.Record, file, line int) bool {
		return line < stopped[file] || r.Destination != "ATL"
	}}, files)
	for _, d := range oracle.Diff(want.Rows, append(before, after...)) {
		t.Error(d)
	}
}

// TestASavepointThatCannotBeMadeHarmsNothing asks for one where there is no folder and can be none, twice: to keep, and as
// the end of the job. The job runs on (P3).
func TestASavepointThatCannotBeMadeHarmsNothing(t *testing.T) {
	t.Parallel()
	job, run, files := running(t)
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	nowhere := job.Place("nowhere")
	if err := os.WriteFile(nowhere, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	requireSays(t, job.Weir("savepoint", job.Name, nowhere).Fail(patience), nowhere)
	requireSays(t, job.Weir("stop", job.Name, "--savepoint-path", nowhere).Fail(patience), nowhere)
	run.Succeed(patience)
	requireExact(t, want.Rows, harness.Open(t, job.Output))
}

// TestAChangedKeyIsRefusedBeforeAnythingIsTouched groups by another column, in the job's own chain and from a savepoint.
func TestAChangedKeyIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	job, run, _ := running(t)
	taken := savepoint(t, job, "savepoint", job.Name)
	run.Kill()
	job.Key = "destination"
	heir := job.Copy("heir")
	var places []*harness.Place
	for _, place := range []string{job.Checkpoints, job.Savepoints, job.Output, heir.Checkpoints, heir.Output} {
		places = append(places, harness.Open(t, place))
	}
	untouched := func() []string {
		var all []string
		for i, p := range places {
			for _, line := range p.Listing() {
				all = append(all, fmt.Sprintf("place %d: %s", i, line))
			}
		}
		return all
	}
	before := untouched()
	for name, refused := range map[string]*harness.Process{
		"in its own chain": job.Start(),
		"from a savepoint": heir.Start("-s", taken),
	} {
		complaint := refused.Fail(patience)
		for _, word := range []string{"origin", "destination", "UID("} {
			if !strings.Contains(complaint, word) {
				t.Errorf("%s: the complaint does not say %q: %s", name, word, complaint)
			}
		}
	}
	requireUntouched(t, before, untouched())
}

func inspect(t *testing.T, path string) *snapshot.Metadata {
	t.Helper()
	s, err := snapshot.OpenSnapshot(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Metadata
}

// upTo returns the files of a job's output that belong to checkpoints up to an id: part-<job id>-<uid8>-<checkpoint>-...
func upTo(t *testing.T, visible map[string][]byte, id int64) map[string][]byte {
	t.Helper()
	kept := map[string][]byte{}
	for name, content := range visible {
		parts := strings.Split(filepath.Base(name), "-")
		checkpoint, err := strconv.ParseInt(parts[len(parts)-3], 10, 64)
		if err != nil {
			t.Fatalf("visible file %s: %v", name, err)
		}
		if checkpoint <= id {
			kept[name] = content
		}
	}
	return kept
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
