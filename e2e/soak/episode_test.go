package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/harness"
)

// patience is how long a job that has work for some seconds may take on a machine that does much else.
const patience = 3 * time.Minute

// episode is a job, and what was done to it.
type episode struct {
	t      *testing.T
	random *rand.Rand
	home   string // its folder; moved now and then
	logs   string // the output of its processes; never moved
	bucket string // the URL where checkpoints and output are, with a %s for the name; empty: in home

	script *script
	rows   []row
	at     time.Time // event time of the next row
	fed    map[string]*input
	files  int

	process *harness.Process
	recent  []*harness.Process // the last few
	log     []string           // what was done, for the one who has to understand it
}

// input is a file that the job must read.
type input struct {
	source, name string
	rows         []row
	removed      bool
}

// newEpisode lays out a folder. Half of the episodes keep checkpoints and output in a bucket.
func newEpisode(t *testing.T, random *rand.Rand) *episode {
	t.Helper()
	top := t.TempDir()
	e := &episode{t: t, random: random, home: filepath.Join(top, "home"), logs: filepath.Join(top, "logs"), script: newScript(random),
		at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), fed: map[string]*input{}}
	t.Cleanup(func() {
		if t.Failed() {
			e.tell()
		}
	})
	for _, dir := range []string{e.home, e.logs, filepath.Join(top, "runtime"), filepath.Join(e.home, "a"), filepath.Join(e.home, "b")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if random.IntN(3) == 0 {
		e.bucket = strings.Replace(harness.NewBucket(t).URL("PLACE"), "PLACE", "%s", 1)
	}
	return e
}

// note records a step of the episode.
func (e *episode) note(format string, args ...any) {
	e.log = append(e.log, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// tell is what stands below a failure: what was done before it, and what the last processes said.
func (e *episode) tell() {
	e.t.Logf("what was done:\n  %s", strings.Join(e.log[max(0, len(e.log)-30):], "\n  "))
	for _, p := range e.recent {
		e.t.Log(p.Report())
	}
}

// local says whether the job's places are folders.
func (e *episode) local() bool { return e.bucket == "" }

// place is where a table, the checkpoints or the savepoints are, as the manifest says it: relative paths.
func (e *episode) place(name string) string {
	if e.local() || name == "a" || name == "b" {
		return name
	}
	return fmt.Sprintf(e.bucket, name)
}

// seen is a place as the test reaches it.
func (e *episode) seen(name string) string {
	if place := e.place(name); place != name {
		return place
	}
	return filepath.Join(e.home, name)
}

// chain is the folder of the job's attempts and checkpoints.
func (e *episode) chain() *harness.Chain {
	e.t.Helper()
	if e.local() {
		return harness.OpenChain(e.t, filepath.Join(e.home, "chk", jobName))
	}
	return harness.OpenChain(e.t, fmt.Sprintf(e.bucket, "chk/"+jobName))
}

const jobName = "soak"

// manifest writes the manifest of a script.
func (e *episode) manifest(s *script) {
	e.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: weir.stream/v1alpha1\nkind: StreamJob\nmetadata: {name: %s}\nspec:\n", jobName)
	fmt.Fprintf(&b, "  parallelism: %d\n  maxParallelism: 64\n", 1+e.random.IntN(4))
	fmt.Fprintf(&b, "  checkpoint: {storage: %q, interval: %dms, retained: %d}\n", e.place("chk"), 100+e.random.IntN(500), 1+e.random.IntN(3))
	fmt.Fprintf(&b, "  savepoint: {storage: %q}\n  restart: {initialDelay: 50ms, maxDelay: 500ms}\n  sql: |\n", e.place("sav"))
	for line := range strings.Lines(s.text(e.place)) {
		b.WriteString("    " + line)
	}
	if err := os.WriteFile(filepath.Join(e.home, "job.yaml"), []byte(b.String()), 0o644); err != nil {
		e.t.Fatal(err)
	}
}

// weir runs the binary in the episode's folder.
func (e *episode) weir(env []string, args ...string) *harness.Process {
	e.t.Helper()
	runtime := filepath.Join(filepath.Dir(e.logs), "runtime")
	p := harness.Start(e.t, harness.Launch{Path: weir, Args: args, Dir: e.home, Logs: e.logs, Env: append([]string{"XDG_RUNTIME_DIR=" + runtime}, env...), Quiet: true})
	e.recent = append(e.recent, p)
	e.recent = e.recent[max(0, len(e.recent)-3):]
	return p
}

// start runs the job with a script and waits until it has completed a checkpoint, or has ended. The complaint is that
// of a job that has ended.
func (e *episode) start(s *script, args ...string) (complaint string, up bool) {
	e.t.Helper()
	e.manifest(s)
	before := e.chain().Newest()
	p := e.weir(nil, append([]string{"run", "-f", "job.yaml"}, args...)...)
	chain := e.chain()
	harness.Await(e.t, patience, "the job has completed a checkpoint, or has ended", func() bool { return p.Ended() || chain.Newest() > before })
	if p.Ended() && chain.Newest() == before {
		return p.Fail(patience), false
	}
	e.process = p
	return "", true
}

// ensure runs the job if it does not run. Nothing was done that it may refuse.
func (e *episode) ensure() {
	e.t.Helper()
	if e.process != nil {
		return
	}
	if complaint, up := e.start(e.script); !up {
		e.t.Fatalf("the job does not start: %s", complaint)
	}
	e.note("started")
}

// check demands that the process still runs, if it should, and that what is visible is right.
func (e *episode) check() {
	e.t.Helper()
	if e.process != nil && e.process.Ended() {
		e.t.Fatalf("the job has ended by itself: %s", lastLine(e.process.Stderr()))
	}
	got := e.visible()
	if wrong, _ := compare(e.want(), got); len(wrong) > 0 {
		// A window may hold rows that were fed after it was counted only if it was not over: then it would not be visible.
		e.t.Fatalf("wrong rows:\n%s", strings.Join(wrong, "\n"))
	}
}

func (e *episode) want() answer {
	e.t.Helper()
	want, err := compute(e.rows, e.script.queries)
	if err != nil {
		e.t.Fatal(err)
	}
	return want
}

// visible is what readers of the output see.
func (e *episode) visible() answer {
	e.t.Helper()
	got := answer{}
	for _, table := range e.script.tables() {
		if e.local() {
			if _, err := os.Stat(e.seen(table)); err != nil {
				continue // nothing was written yet
			}
		}
		if err := got.parse(table, harness.Open(e.t, e.seen(table)).Visible()); err != nil {
			e.t.Fatalf("%v", err)
		}
	}
	return got
}

var cities = []string{"Oslo", "Rome", "Lima", "Pune", "Kyiv"}

// feed lets a file of some rows appear, whole. Event times of both sources go on together, each row at most 40 s behind
// the latest before it, which is less than the watermark's delay: no row is late.
func (e *episode) feed() {
	e.t.Helper()
	source := []string{"a", "b"}[e.random.IntN(2)]
	e.files++
	in := &input{source: source, name: fmt.Sprintf("%06d.jsonl", e.files)}
	var text strings.Builder
	for range 20 + e.random.IntN(300) {
		e.at = e.at.Add(time.Duration(e.random.IntN(400)) * time.Millisecond)
		at := e.at.Add(-time.Duration(e.random.IntN(40_000)) * time.Millisecond).Truncate(time.Second)
		r := row{At: at.Format(layout), City: cities[e.random.IntN(len(cities))], V: e.random.IntN(100), N: len(e.rows), source: source}
		line, err := json.Marshal(r)
		if err != nil {
			e.t.Fatal(err)
		}
		text.Write(append(line, '\n'))
		e.rows = append(e.rows, r)
		in.rows = append(in.rows, r)
	}
	folder := filepath.Join(e.home, source)
	hidden := filepath.Join(folder, "."+in.name)
	if err := os.WriteFile(hidden, []byte(text.String()), 0o644); err != nil {
		e.t.Fatal(err)
	}
	if err := os.Rename(hidden, filepath.Join(folder, in.name)); err != nil {
		e.t.Fatal(err)
	}
	e.fed[in.name] = in
}

// covered are the files of which every row is in visible output, so that a complete checkpoint has their ends behind it.
func (e *episode) covered() []*input {
	e.t.Helper()
	got := e.visible()
	var files []*input
	for _, in := range e.fed {
		all := !in.removed
		for _, r := range in.rows {
			_, there := got[key{table: "plain", label: in.source, city: fmt.Sprint(r.N)}]
			all = all && there
		}
		if all {
			files = append(files, in)
		}
	}
	return files
}

// finish drains the job and demands every row.
func (e *episode) finish() {
	e.t.Helper()
	e.ensure()
	e.process.Until(patience, "every row has been read", func() bool {
		plain := answer{}
		if err := plain.parse("plain", harness.Open(e.t, e.seen("plain")).Visible()); err != nil {
			e.t.Fatalf("%v", err)
		}
		return len(plain) == len(e.rows)
	})
	e.asked("stop", jobName, "--drain", "--savepoint-path", e.place("sav"))
	e.process.Succeed(patience)
	wrong, missing := compare(e.want(), e.visible())
	if len(wrong)+len(missing) > 0 {
		e.t.Fatalf("in the end:\n%s\n%s", strings.Join(wrong, "\n"), strings.Join(missing, "\n"))
	}
}

// lastLine is the end of a text.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
