package job_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// wholeWorld is a world in which damage of a checkpoint leaves those before it intact.
func wholeWorld(t *testing.T) *jobtest.World {
	w := jobtest.NewWorld(t)
	w.Whole = true
	return w
}

// withoutOutput is a job that has ended after its attempt 1 with a checkpoint before which nothing was written since the one
// before it: going back repeats nothing. It returns the paths of both.
func withoutOutput(t *testing.T, w *jobtest.World) (newest, older string) {
	t.Helper()
	cfg := w.Config(2)
	cfg.Interval = time.Hour
	w.Input.Open(400)
	r := w.Start(t, cfg, w.Graph(t, "count"))
	r.Until(t, "it had read", jobtest.Read(400))
	for _, id := range []string{"c1", "c2"} {
		if _, err := r.Checkpoint(id); err != nil {
			t.Fatal(err)
		}
		op, err := r.Job.Operation(t.Context(), id)
		if err != nil || op.Status != rest.Done {
			t.Fatalf("the checkpoint became %+v, %v", op, err)
		}
		older = op.Path
	}
	close(r.Interrupt)
	result, err := r.Wait(t)
	if err != nil || result.LastCheckpoint == older {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	return result.LastCheckpoint, older
}

// dataFile is the first of a checkpoint's data files.
func dataFile(t *testing.T, checkpoint string) string {
	t.Helper()
	s, err := snapshot.OpenSnapshot(t.Context(), checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	return filepath.Join(strings.TrimPrefix(checkpoint, "file://"), s.Metadata.Files()[0].Path)
}

// flip changes a bit in the middle of a file.
func flip(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// lockedBuffer is what a job logs.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestDamageThatIsMetWhileItIsReadSendsTheJobBackByItself: the first attempt meets the damage, the second verifies and goes back,
// in one run, which is one job for whoever watches it.
func TestDamageThatIsMetWhileItIsReadSendsTheJobBackByItself(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, file string){
		"a bit is flipped": flip,
		"its end is missing": func(t *testing.T, file string) {
			if err := os.Truncate(file, 50); err != nil {
				t.Fatal(err)
			}
		},
		"it is missing": func(t *testing.T, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := wholeWorld(t)
			newest, older := withoutOutput(t, w)
			file := dataFile(t, newest)
			harm(t, file)
			w.Input.Open(jobtest.All)
			log := &lockedBuffer{}
			// At another parallelism several subtasks read each file, and each may be the first to meet the damage.
			r := jobtest.Start(t, w.Config(3), w.Graph(t, "count"), log)
			result, err := r.Wait(t)
			if err != nil || result.Outcome != outcome.Completed || result.RestoredFrom != older {
				t.Fatalf("ended with %+v, %v\n%s", result, err, log)
			}
			if o := r.Job.Overview(); o.Attempt != 3 {
				t.Errorf("the job that was watched from the first attempt on is at attempt %d, want 3", o.Attempt)
			}
			if said := "going back to " + older; !strings.Contains(log.String(), said) || !strings.Contains(log.String(), filepath.Base(file)) {
				t.Errorf("it does not say %q and name %s:\n%s", said, filepath.Base(file), log)
			}
			w.Exact(t)
		})
	}
}

// TestAnIntactCheckpointIsRestoredByOneAttempt, which verifies it while it reads.
func TestAnIntactCheckpointIsRestoredByOneAttempt(t *testing.T) {
	w := wholeWorld(t)
	newest, _ := withoutOutput(t, w)
	w.Input.Open(jobtest.All)
	r := w.Start(t, w.Config(3), w.Graph(t, "count"))
	result, err := r.Wait(t)
	if err != nil || result.RestoredFrom != newest {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	if o := r.Job.Overview(); o.Attempt != 2 {
		t.Errorf("the job is at attempt %d, want 2", o.Attempt)
	}
	w.Exact(t)
}

// mending mends a file when the job has said that it is damaged.
type mending struct {
	t     *testing.T
	file  string
	whole []byte
	times int
}

func (m *mending) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "the job restarts") && strings.Contains(string(p), "is damaged") {
		m.times++
		if err := os.WriteFile(m.file, m.whole, 0o600); err != nil {
			m.t.Error(err)
		}
	}
	return len(p), nil
}

// TestWhatLooksDamagedOnceIsReadAgain: an answer of a bucket that was cut short looks like a file that was. It costs a restart,
// and no checkpoint.
func TestWhatLooksDamagedOnceIsReadAgain(t *testing.T) {
	w := wholeWorld(t)
	newest, _ := withoutOutput(t, w)
	file := dataFile(t, newest)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 50); err != nil {
		t.Fatal(err)
	}
	w.Input.Open(jobtest.All)
	log := &mending{t: t, file: file, whole: whole}
	r := jobtest.Start(t, w.Config(2), w.Graph(t, "count"), log)
	result, err := r.Wait(t)
	if err != nil || result.RestoredFrom != newest || log.times != 1 {
		t.Fatalf("ended with %+v, %v after %d restarts", result, err, log.times)
	}
	if o := r.Job.Overview(); o.Attempt != 2 {
		t.Errorf("the job is at attempt %d, want 2", o.Attempt)
	}
	w.Exact(t)
}

// TestAPodThatIsKilledWhileItGoesBackLosesNothing kills it at each step of the attempt that meets the damage, and of the one that
// goes back; what follows finds the older checkpoint all the same, by itself.
func TestAPodThatIsKilledWhileItGoesBackLosesNothing(t *testing.T) {
	for nth := 1; nth <= 6; nth++ {
		t.Run(fmt.Sprintf("step %d", nth), func(t *testing.T) {
			w := wholeWorld(t)
			newest, _ := withoutOutput(t, w)
			flip(t, dataFile(t, newest))
			w.Input.Open(jobtest.All)
			var p *jobtest.Pod
			var mu sync.Mutex
			begun, seen := make(chan struct{}), 0
			p = w.Pod(t, nil, func(s job.Step) {
				<-begun
				mu.Lock()
				defer mu.Unlock()
				if s != attempt.StepRestoring && s != attempt.StepDeployed {
					return
				}
				// The first attempt deploys three times before it takes what it reads for damaged.
				if seen++; seen == nth {
					p.Kill()
				}
			})
			close(begun)
			<-p.Done
			p.Killed()
			heir := w.Pod(t, nil)
			heir.Until("it completed", jobtest.In(rest.Completed))
			w.Exact(t)
		})
	}
}

// TestAPodDoesNotGoBackBehindOutputByItself: the attempt after the one that met the damage says why it may not, before it begins.
// TestADamagedRunHarmsAllCheckpointsThatNameIt: none of them is restored, and what is damaged is named.
func TestADamagedRunHarmsAllCheckpointsThatNameIt(t *testing.T) {
	w := jobtest.NewWorld(t)
	newest, older := withoutOutput(t, w)
	file := dataFile(t, newest)
	if file != dataFile(t, older) {
		t.Fatal("nothing was changed between the checkpoints, and they share no run")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	w.Input.Open(jobtest.All)
	_, err := jobtest.Start(t, w.Config(2), w.Graph(t, "count"), &lockedBuffer{}).Wait(t)
	var damaged *snapshot.DamagedError
	if !errors.As(err, &damaged) || !strings.Contains(err.Error(), filepath.Base(file)) {
		t.Errorf("the job ended with %v", err)
	}
}

// TestOnlyACheckpointThatDoesNotNeedADamagedRunIsOffered, which may be none: a run that all retained checkpoints name is one place at which
// all of them can fail, whatever is accepted.
func TestOnlyACheckpointThatDoesNotNeedADamagedRunIsOffered(t *testing.T) {
	for _, c := range []struct {
		name    string
		offered bool
		harm    func(t *testing.T, run string)
	}{
		{"one that the newest alone names is missing", true, func(t *testing.T, run string) {
			if err := os.Remove(run); err != nil {
				t.Fatal(err)
			}
		}},
		{"one that the newest alone names is damaged", true, flip},
		{"one that all name is damaged", false, flip},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := jobtest.NewWorld(t)
			cfg := w.Config(2)
			cfg.Interval = time.Hour
			w.Input.Open(400)
			r := w.Start(t, cfg, w.Graph(t, "count"))
			r.Until(t, "it had read", jobtest.Read(400))
			checkpoint := func(id string) string {
				t.Helper()
				if _, err := r.Checkpoint(id); err != nil {
					t.Fatal(err)
				}
				return done(t, r, id)
			}
			older := checkpoint("c1")
			w.Input.Open(402)
			r.Until(t, "it had read on", jobtest.Read(402))
			newest := checkpoint("c2")
			if _, err := r.Cancel("killed"); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Wait(t); err != nil {
				t.Fatal(err)
			}
			before, _ := runsOf(t, older)
			all, own := runsOf(t, newest)
			run := own[0]
			if !c.offered {
				run = all[slices.IndexFunc(all, func(r string) bool { return slices.Contains(before, r) })]
			}
			c.harm(t, filepath.Join(w.Dir, "counts", run))
			w.Input.Open(jobtest.All)
			cfg.Restore.AllowRepeatedOutput = !c.offered
			_, err := jobtest.Start(t, cfg, w.Graph(t, "count"), &lockedBuffer{}).Wait(t)
			var repeats *snapshot.RepeatError
			var damaged *snapshot.DamagedError
			switch {
			case err == nil || !strings.Contains(err.Error(), filepath.Base(run)):
				t.Fatalf("the job ended with %v, which does not name %s", err, run)
			case c.offered && (!errors.As(err, &repeats) || repeats.Older != older):
				t.Errorf("%v, want an offer of %s", err, older)
			case !c.offered && !errors.As(err, &damaged):
				t.Errorf("%v, want no offer", err)
			}
			if !c.offered {
				return
			}
			cfg.Restore.AllowRepeatedOutput = true
			result, err := jobtest.Start(t, cfg, w.Graph(t, "count"), &lockedBuffer{}).Wait(t)
			if err != nil || result.Outcome != outcome.Completed || result.RestoredFrom != older {
				t.Errorf("accepted, it ended with %+v, %v", result, err)
			}
		})
	}
}

func TestAPodDoesNotGoBackBehindOutputByItself(t *testing.T) {
	w := wholeWorld(t)
	first := w.Pod(t, func(c *job.Config) { c.Interval = time.Hour })
	q := w.Activation("a1", 0, 2)
	q.Settings.Interval = time.Hour
	w.Input.Open(400)
	if op := first.Final(first.Activate(q)); op.Status != rest.Done {
		t.Fatalf("the activation became %+v, %v", op, op.Error)
	}
	var newest string
	for i, rows := range []int64{400, 800} {
		w.Input.Open(int(rows))
		first.Until("it had read", jobtest.Read(rows))
		op := first.Final(first.Checkpoint(fmt.Sprintf("c%d", i)))
		if op.Status != rest.Done {
			t.Fatalf("the checkpoint became %+v, %v", op, op.Error)
		}
		newest = op.Path
	}
	first.Killed()
	file := dataFile(t, newest)
	flip(t, file)
	visible := len(w.Output.Rows())
	heir := w.Pod(t, nil)
	o := heir.Until("it gave up", jobtest.In(rest.Failed))
	for _, word := range []string{filepath.Base(file), "would write output again", "allowRepeatedOutput"} {
		if o.FailureKind != rest.FailedPermanently || !strings.Contains(o.Failure, word) {
			t.Errorf("it ended as %s, without %q: %s", o.FailureKind, word, o.Failure)
		}
	}
	if n := len(w.Output.Rows()); n != visible {
		t.Errorf("%d rows were visible, now %d", visible, n)
	}
}
