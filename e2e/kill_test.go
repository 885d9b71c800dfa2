package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
	engine "github.com/weirstream/weir/engine/job"
)

// parallelisms are what a job runs at: one subtask, and numbers that divide neither each other nor the key groups.
var parallelisms = []int{1, 2, 3, 7}

// at returns the argument that sets the parallelism of one run.
func at(parallelism int) string { return fmt.Sprintf("--set=spec.parallelism=%d", parallelism) }

// TestTheResultIsTheSameAtEveryParallelism compares the lines byte for byte between the runs, and the rows with the oracle.
func TestTheResultIsTheSameAtEveryParallelism(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"none", "path"} {
		t.Run("split-order "+order, func(t *testing.T) {
			files := input(t, flights.Options{Records: 20_000, Files: 12})
			want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
			lines := ""
			for _, p := range parallelisms {
				job := harness.NewJob(t, weir)
				job.SplitOrder = order
				job.Feed(files)
				job.Start(at(p)).Succeed(patience)
				output := harness.Open(t, job.Output)
				requireExact(t, want.Rows, output)
				if got := sortedLines(output); lines == "" {
					lines = got
				} else if got != lines {
					t.Errorf("the lines at parallelism %d are not those at parallelism %d", p, parallelisms[0])
				}
			}
		})
	}
}

// TestAKillIsHarmlessWhateverTheParallelismOfTheTables kills a job, and goes on with other numbers for the source, the aggregate and
// the sink: the rows are those of the oracle.
func TestAKillIsHarmlessWhateverTheParallelismOfTheTables(t *testing.T) {
	t.Parallel()
	_, n := seed(t)
	files := input(t, flights.Options{Records: 9000, Files: 18})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	for stream, order := range []string{"none", "path"} {
		t.Run("split-order "+order, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(n, uint64(20+stream)))
			job := harness.NewJob(t, weir)
			job.SplitOrder, job.RowsPerSecond, job.Interval = order, 1500, 100*time.Millisecond
			job.Feed(files)
			output := harness.Open(t, job.Output)
			audit := output.Audit()
			for range 10 {
				job.ScanParallelism, job.SinkParallelism = random.IntN(5), random.IntN(5)
				run := job.Start(at(parallelisms[random.IntN(len(parallelisms))]))
				harness.Pass(t, time.Duration(random.Int64N(int64(900*time.Millisecond))))
				run.End()
				audit.Look()
			}
			job.RowsPerSecond, job.ScanParallelism, job.SinkParallelism = 0, 3, 1
			job.Start(at(2)).Succeed(patience)
			audit.Look()
			requireExact(t, want.Rows, output)
		})
	}
}

// TestAKillAtAnyInstantIsHarmless kills without looking: in the middle of starts, restores, checkpoints and commits that come
// ten times a second, and at every step that has a name.
func TestAKillAtAnyInstantIsHarmless(t *testing.T) {
	t.Parallel()
	_, n := seed(t)
	files := input(t, flights.Options{Records: 9000, Files: 18})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	steps := []engine.Step{engine.StepRestoring, engine.StepDeployed, engine.StepPublished, engine.StepCommit, engine.StepUnrecorded, engine.StepCommitted}
	for stream, c := range []struct {
		order string
		whole bool
	}{{"none", false}, {"path", false}, {"none", true}, {"path", true}} {
		t.Run(fmt.Sprintf("split-order %s, incremental %v", c.order, !c.whole), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(n, uint64(stream)))
			job := harness.NewJob(t, weir)
			job.Whole = c.whole
			job.SplitOrder, job.RowsPerSecond, job.Interval = c.order, 1500, 100*time.Millisecond
			job.Feed(files)
			output := harness.Open(t, job.Output)
			audit := output.Audit()
			for range 20 {
				p := at(parallelisms[random.IntN(len(parallelisms))])
				var run *harness.Process
				if random.IntN(2) == 0 {
					run = job.Start(p)
				} else {
					run = job.StartToCrash(string(steps[random.IntN(len(steps))]), 1+random.IntN(3), p)
				}
				harness.Pass(t, time.Duration(random.Int64N(int64(600*time.Millisecond))))
				run.End()
				audit.Look()
			}
			job.RowsPerSecond = 0
			job.Start(at(2)).Succeed(patience)
			audit.Look()
			requireExact(t, want.Rows, output)
		})
	}
}

// TestAnInterruptTakesALastCheckpoint and nothing is read again after it.
func TestAnInterruptTakesALastCheckpoint(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 4000, Files: 10})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	job := harness.NewJob(t, weir)
	job.RowsPerSecond, job.Interval = 800, time.Hour
	job.Feed(files)
	run := job.Start()
	read := 0
	run.Until(patience, "a quarter of the records is read", func() bool {
		if now, ok := job.Overview(run); ok {
			read = int(now.RecordsIn)
		}
		return read > want.Records/4
	})
	run.Interrupt()
	run.Succeed(patience)
	head := job.Chain().Head()
	if head == nil {
		t.Fatal("there is no checkpoint")
	}
	if behind := sum(positions(t, head, files)); behind < read {
		t.Errorf("the last checkpoint has %d records behind it, %d were read", behind, read)
	}
	job.RowsPerSecond = 0
	job.Start(at(3)).Succeed(patience)
	requireExact(t, want.Rows, harness.Open(t, job.Output))
}

// The main run: 16,000 records in 40 files at 400 a second are 40 s of work.
const (
	mainRecords = 16_000
	mainFiles   = 40
	mainRate    = 400
	kills       = 15
	crashes     = 3 // at each of the steps
)

// TestKillsLoseNothingRepeatNothingAndCostLittle kills one job 24 times: 15 times at a random moment after a new complete
// checkpoint, and 3 times each between publish and commit, during a commit, and before what is restored is recorded.
func TestKillsLoseNothingRepeatNothingAndCostLittle(t *testing.T) {
	t.Parallel()
	random, _ := seed(t)
	files := input(t, flights.Options{Records: mainRecords, Files: mainFiles})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	if len(want.Late) != 0 {
		t.Fatalf("%d records are late: the input is not what this test is about", len(want.Late))
	}
	job := harness.NewJob(t, weir)
	job.RowsPerSecond, job.SplitOrder = mainRate, "path"
	job.Feed(files)
	v := newVictim(t, job, files, want, random)

	for _, death := range v.plan() {
		death()
		v.account()
	}
	v.endsByItself()

	requireExact(t, want.Rows, v.output)
	v.requireItCostLittle()
}

// victim is a job that is killed again and again, and what was seen of it.
type victim struct {
	t      *testing.T
	job    *harness.FlightDelays
	chain  *harness.Chain
	output *harness.Place
	audit  *harness.Audit
	random *rand.Rand
	files  []flights.File
	want   oracle.Result

	checkpoints map[int64]bool // all that were seen complete
	removed     map[string]bool
	behind      int   // records that the checkpoint to restore has behind it
	read        int   // records that the run since has read, as far as was seen
	again       []int // records that were read again because of each kill
	half        *halfTime
}

// halfTime is what was visible when half of the records were read.
type halfTime struct{ records, rows int }

func newVictim(t *testing.T, job *harness.FlightDelays, files []flights.File, want oracle.Result, random *rand.Rand) *victim {
	output := harness.Open(t, job.Output)
	return &victim{t: t, job: job, chain: job.Chain(), output: output, audit: output.Audit(), random: random,
		files: files, want: want, checkpoints: map[int64]bool{}, removed: map[string]bool{}}
}

// plan returns all deaths of the job in random order. Each runs it until it is dead.
func (v *victim) plan() []func() {
	var deaths []func()
	for range kills {
		deaths = append(deaths, v.killAfterACheckpoint)
	}
	for range crashes {
		deaths = append(deaths,
			func() { v.crash(engine.StepPublished, parallelisms) },
			func() { v.crash(engine.StepCommit, parallelisms[1:]) }, // of several committables some are not committed
			func() { v.crash(engine.StepRestoring, parallelisms) })
	}
	v.random.Shuffle(len(deaths), func(i, j int) { deaths[i], deaths[j] = deaths[j], deaths[i] })
	return deaths
}

// anyOf draws a parallelism.
func (v *victim) anyOf(choices []int) string { return at(choices[v.random.IntN(len(choices))]) }

// killAfterACheckpoint waits for a new complete checkpoint, and then for a random part of the interval.
func (v *victim) killAfterACheckpoint() {
	before := v.chain.Newest()
	p := v.job.Start(v.anyOf(parallelisms))
	p.Until(patience, fmt.Sprintf("there is a checkpoint above %d", before), func() bool {
		v.look(p)
		return v.chain.Newest() > before
	})
	moment := time.Now().Add(time.Duration(v.random.Int64N(int64(v.job.Interval))))
	p.Until(patience, "the moment of the kill has come", func() bool {
		v.look(p)
		return time.Now().After(moment)
	})
	p.Kill()
}

// crash runs the job until it kills itself when it comes to a step.
func (v *victim) crash(step engine.Step, choices []int) {
	p := v.job.StartToCrash(string(step), 1, v.anyOf(choices))
	v.lookUntilItEnds(p)
	if !p.WasKilled() {
		v.t.Fatalf("the job ended before step %q", step)
	}
}

func (v *victim) lookUntilItEnds(p *harness.Process) {
	harness.Await(v.t, patience, "the process has ended", func() bool {
		v.look(p)
		return p.Ended()
	})
}

// look notes what the job says of itself; before it answers, and after it has ended, that is nothing.
func (v *victim) look(p *harness.Process) {
	job, ok := v.job.Overview(p)
	if !ok {
		return
	}
	v.read = int(job.RecordsIn)
	if job.LastCheckpoint != nil {
		v.checkpoints[job.LastCheckpoint.ID] = true
	}
	if records := v.behind + v.read; v.half == nil && records*2 >= v.want.Records {
		v.half = &halfTime{records, len(rows(v.t, v.output.Visible()))}
	}
}

// account measures what the last death costs, and takes the input away that nobody needs any more.
func (v *victim) account() {
	v.audit.Look()
	behind := 0
	if head := v.chain.Head(); head != nil {
		done := positions(v.t, head, v.files)
		v.removeFinished(done)
		behind = sum(done)
	}
	v.again = append(v.again, v.behind+v.read-behind)
	v.behind, v.read = behind, 0
}

// removeFinished removes the input files that are fully read.
func (v *victim) removeFinished(done []int) {
	for i, f := range v.files {
		if done[i] < f.Records || v.removed[f.Name] {
			continue
		}
		if err := os.Remove(filepath.Join(v.job.Input, f.Name)); err != nil {
			v.t.Fatal(err)
		}
		v.removed[f.Name] = true
	}
}

func (v *victim) endsByItself() {
	p := v.job.Start(at(2))
	v.lookUntilItEnds(p)
	p.Succeed(patience)
	v.audit.Look()
}

// requireItCostLittle checks what was measured over all runs.
func (v *victim) requireItCostLittle() {
	interval := int(mainRate * v.job.Interval.Seconds())
	for i, n := range v.again {
		if n > 2*interval {
			v.t.Errorf("death %d: %d records were read again, two intervals are %d", i, n, 2*interval)
		}
	}
	if total := sum(v.again); total > 2*interval*len(v.again) {
		v.t.Errorf("%d records were read again over %d deaths", total, len(v.again))
	}
	if len(v.checkpoints) < 20 {
		v.t.Errorf("%d checkpoints were seen, want at least 20", len(v.checkpoints))
	}
	if len(v.removed) == 0 {
		v.t.Error("no input file was removed: that it may be has not been shown")
	}
	if v.half == nil {
		v.t.Fatal("the job was never seen at half of its records")
	}
	switch {
	case v.half.records*4 > v.want.Records*3:
		v.t.Errorf("the job was first seen at %d of %d records", v.half.records, v.want.Records)
	case v.half.rows*100 < len(v.want.Rows)*30:
		v.t.Errorf("at %d of %d records %d of %d rows were visible, want at least 30 %%",
			v.half.records, v.want.Records, v.half.rows, len(v.want.Rows))
	}
	v.t.Logf("%d deaths, %d checkpoints seen, %d input files removed on the way, at most %d records read again",
		len(v.again), len(v.checkpoints), len(v.removed), slices.Max(v.again))
	v.t.Logf("at %d of %d records %d of %d rows were visible", v.half.records, v.want.Records, v.half.rows, len(v.want.Rows))
}

// TestASignalInTheFirstMomentsLosesNothing sends SIGTERM to processes that have just been started. One that came to its command
// takes a last checkpoint and says that all is well; one that did not has begun nothing.
func TestASignalInTheFirstMomentsLosesNothing(t *testing.T) {
	t.Parallel()
	random, _ := seed(t)
	files := input(t, flights.Options{Records: 6000, Files: 12})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	job := harness.NewJob(t, weir)
	job.SplitOrder, job.RowsPerSecond, job.Interval = "path", 1000, 100*time.Millisecond
	job.Feed(files)
	output := harness.Open(t, job.Output)
	audit := output.Audit()
	for range 25 {
		before := job.Chain().Attempts()
		run := job.Start(at(2))
		harness.Pass(t, time.Duration(random.Int64N(int64(200*time.Millisecond))))
		run.Terminate()
		if !run.WasEndedBy(syscall.SIGTERM) {
			run.Succeed(patience)
		} else if now := job.Chain().Attempts(); now != before {
			t.Errorf("ended by the signal, it had claimed attempt %d", now)
		}
		audit.Look()
	}
	job.RowsPerSecond = 0
	job.Start(at(2)).Succeed(patience)
	audit.Look()
	requireExact(t, want.Rows, output)
}
