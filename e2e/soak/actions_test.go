package soak

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/e2e/harness"
	engine "github.com/weirstream/weir/engine/job"
)

// action is one thing that people and machines do to a job. It leaves the job running or not, as it likes.
type action struct {
	name   string
	weight int
	local  bool // it needs folders
	do     func(e *episode)
}

var actions = []action{
	{"let it run", 6, false, func(e *episode) { e.ensure(); e.pass(600 * time.Millisecond) }},
	{"SIGKILL", 6, false, func(e *episode) { e.ensure(); e.pass(300 * time.Millisecond); e.kill() }},
	{"SIGKILL while it starts", 3, false, (*episode).killStarting},
	{"SIGKILL at a step", 4, false, (*episode).killAtStep},
	{"SIGTERM", 3, false, (*episode).interrupt},
	{"a second process beside it", 3, true, (*episode).second},
	{"frozen for a moment", 3, false, func(e *episode) { e.ensure(); e.process.Freeze(); e.pass(500 * time.Millisecond); e.process.Thaw() }},
	{"frozen, and another started", 2, true, (*episode).frozen},
	{"an edited script", 10, false, (*episode).edit},
	{"a stop with a savepoint", 3, false, (*episode).stop},
	{"a savepoint", 2, false, (*episode).savepoint},
	{"foreign files in the input", 4, false, (*episode).foreign},
	{"read files go", 3, false, (*episode).removeRead},
	{"a read file grows", 2, false, (*episode).growRead},
	{"the input folder is away", 3, false, (*episode).inputAway},
	{"the checkpoints' folder is away", 1, true, (*episode).checkpointsAway},
	{"everything is moved", 2, true, (*episode).move},
	{"a copy is run elsewhere", 2, true, (*episode).fork},
	{"a damaged checkpoint", 2, true, (*episode).damage},
	{"the newest checkpoint is lost", 2, true, (*episode).loseHead},
	{"an old copy of the job's folder", 2, true, (*episode).oldCopy},
}

// pass lets up to d go by.
func (e *episode) pass(d time.Duration) {
	e.t.Helper()
	harness.Pass(e.t, time.Duration(e.random.Int64N(int64(d))))
}

// kill ends the process without a warning, wherever it is.
func (e *episode) kill() {
	e.t.Helper()
	if e.process != nil {
		e.process.End()
		e.process = nil
	}
}

func (e *episode) killStarting() {
	e.t.Helper()
	e.kill()
	e.manifest(e.script)
	p := e.weir(nil, "run", "-f", "job.yaml")
	e.pass(400 * time.Millisecond)
	p.End()
}

func (e *episode) killAtStep() {
	e.t.Helper()
	e.kill()
	steps := []engine.Step{engine.StepRestoring, engine.StepDeployed, engine.StepPublished, engine.StepCommit, engine.StepCommitted}
	step := steps[e.random.IntN(len(steps))]
	e.manifest(e.script)
	p := e.weir([]string{fmt.Sprintf("WEIR_CRASH_AT=%s:%d", step, 1+e.random.IntN(4))}, "run", "-f", "job.yaml")
	e.note("it dies at %s", step)
	e.pass(1500 * time.Millisecond)
	p.End()
}

func (e *episode) interrupt() {
	e.t.Helper()
	e.ensure()
	e.process.Interrupt()
	e.process.Succeed(patience)
	e.process = nil
}

// second demands that a second process of the job leaves the first alone.
func (e *episode) second() {
	e.t.Helper()
	e.ensure()
	p := e.weir(nil, "run", "-f", "job.yaml")
	p.Fail(patience)
}

// frozen demands that a process that is only frozen still holds its folder.
func (e *episode) frozen() {
	e.t.Helper()
	e.ensure()
	e.process.Freeze()
	p := e.weir(nil, "run", "-f", "job.yaml")
	p.Fail(patience)
	e.process.Thaw()
}

// edit changes the script of a stopped job. A refusal is an answer where the edit may be refused; then the old script runs on.
func (e *episode) edit() {
	e.t.Helper()
	e.ensure() // so that there is state
	if e.random.IntN(2) == 0 {
		e.kill()
	} else {
		e.interrupt()
	}
	edited := e.script.clone()
	edit := edits[e.random.IntN(len(edits))]
	edit.apply(edited, e.random)
	complaint, up := e.start(edited)
	e.note("%s: accepted %v %s", edit.name, up, complaint)
	switch {
	case up && edit.verdict == refuse:
		e.t.Fatalf("%q was accepted", edit.name)
	case up:
		e.script = edited
	case edit.verdict == accept:
		e.t.Fatalf("%q was refused: %s", edit.name, complaint)
	default:
		e.ensure()
	}
}

// asked runs a verb that asks the running job for something, and returns what it prints. It may take three times: the S3 server
// of the tests keeps objects as files, and answers 409 where it removes an empty folder just as something is put into it; the
// job then restarts, and says that what it was asked for was not done.
func (e *episode) asked(args ...string) string {
	e.t.Helper()
	const times = 3
	for n := 1; ; n++ {
		p := e.weir(nil, args...)
		if code := p.Exit(patience); code == 0 {
			return strings.TrimSpace(p.Stdout())
		} else if e.local() || n == times {
			e.t.Fatalf("weir %s: exit code %d: %s", strings.Join(args, " "), code, lastLine(p.Stderr()))
		}
		e.note("weir %s: %s", args[0], lastLine(p.Stderr()))
	}
}

func (e *episode) savepoint() {
	e.t.Helper()
	e.ensure()
	e.asked("snapshot", "verify", e.asked("savepoint", jobName, e.place("sav")))
}

func (e *episode) stop() {
	e.t.Helper()
	e.ensure()
	e.asked("stop", jobName, "--savepoint-path", e.place("sav"))
	e.process.Succeed(patience)
	e.process = nil
}

// foreign puts files into the input that are none of it: a log that rotation has compressed, an empty file, a link to nothing,
// a folder, a file that is being written.
func (e *episode) foreign() {
	e.t.Helper()
	e.files++
	folder := filepath.Join(e.home, []string{"a", "b"}[e.random.IntN(2)])
	name := func(suffix string) string { return filepath.Join(folder, fmt.Sprintf("%06d%s", e.files, suffix)) }
	var err error
	kind := e.random.IntN(5)
	switch kind {
	case 0:
		err = os.WriteFile(name(".log.1.gz"), []byte("\x1f\x8b\x08\x00nonsense"), 0o644)
	case 1:
		err = os.WriteFile(name(".jsonl"), nil, 0o644)
	case 2:
		err = os.Symlink("nowhere", name(".jsonl"))
	case 3:
		err = os.Mkdir(name(".jsonl"), 0o755)
	default:
		err = os.WriteFile(filepath.Join(folder, fmt.Sprintf(".%06d.jsonl.tmp", e.files)), []byte(`{"n":`), 0o644)
	}
	if err != nil {
		e.t.Fatal(err)
	}
	e.note("foreign file of kind %d in %s", kind, folder)
	e.ensure()
}

// removeRead removes files that a complete checkpoint covers.
func (e *episode) removeRead() {
	e.t.Helper()
	for _, in := range e.covered() {
		if e.random.IntN(2) == 0 {
			if err := os.Remove(filepath.Join(e.home, in.source, in.name)); err != nil {
				e.t.Fatal(err)
			}
			in.removed = true
		}
	}
}

// growRead appends to a file that was read to its end: it is not read again.
func (e *episode) growRead() {
	e.t.Helper()
	covered := e.covered()
	if len(covered) == 0 {
		return
	}
	in := covered[e.random.IntN(len(covered))]
	f, err := os.OpenFile(filepath.Join(e.home, in.source, in.name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		e.t.Fatal(err)
	}
	_, err = f.WriteString(`{"at":"2026-01-01 00:00:00","city":"Nowhere","v":1,"n":-1}` + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		e.t.Fatal(err)
	}
}

// inputAway takes a folder of the input away and brings it back.
func (e *episode) inputAway() {
	e.t.Helper()
	e.ensure()
	folder := filepath.Join(e.home, []string{"a", "b"}[e.random.IntN(2)])
	e.rename(folder, folder+"-away")
	e.pass(2 * time.Second)
	e.rename(folder+"-away", folder)
}

// checkpointsAway takes the checkpoints away for a moment. The job may end, but must go on when they are back; what it has
// written meanwhile, in a folder that it has made anew, is thrown away.
func (e *episode) checkpointsAway() {
	e.t.Helper()
	e.ensure()
	folder := filepath.Join(e.home, "chk")
	e.rename(folder, folder+"-away")
	e.pass(2 * time.Second)
	if e.process.Ended() {
		e.note("it ended: %s", lastLine(e.process.Stderr()))
	}
	e.kill()
	if err := os.RemoveAll(folder); err != nil {
		e.t.Fatal(err)
	}
	e.rename(folder+"-away", folder)
	e.refusedOrExact("its checkpoints were away")
}

func (e *episode) rename(from, to string) {
	e.t.Helper()
	if err := os.Rename(from, to); err != nil {
		e.t.Fatal(err)
	}
}

// move renames the folder that holds everything, while the job does not run.
func (e *episode) move() {
	e.t.Helper()
	e.kill()
	to := filepath.Join(filepath.Dir(e.home), fmt.Sprintf("home-%d", e.files+len(e.log)))
	e.rename(e.home, to)
	e.home = to
	e.ensure()
}

// fork copies everything, as a person does who wants to try something, and runs the copy. The original must not notice.
func (e *episode) fork() {
	e.t.Helper()
	e.kill()
	copied := filepath.Join(filepath.Dir(e.home), "copy")
	e.copyTree(copied, withoutLinks{os.DirFS(e.home)})
	before := e.visible()
	home := e.home
	e.home = copied
	complaint, up := e.start(e.script)
	e.note("the copy runs: %v %s", up, complaint)
	e.pass(time.Second)
	e.check()
	e.kill()
	e.home = home
	if wrong, missing := compare(before, e.visible()); len(wrong)+len(missing) > 0 {
		e.t.Fatalf("the copy has changed the original's output: %v %v", wrong, missing)
	}
	if err := os.RemoveAll(copied); err != nil {
		e.t.Fatal(err)
	}
	e.ensure()
}

// copyTree copies a folder with its times of change, as cp -a does: they are part of the version of a file.
func (e *episode) copyTree(to string, from fs.FS) {
	e.t.Helper()
	if err := os.CopyFS(to, from); err != nil {
		e.t.Fatal(err)
	}
	err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.Chtimes(filepath.Join(to, name), info.ModTime(), info.ModTime())
	})
	if err != nil {
		e.t.Fatal(err)
	}
}

// withoutLinks is a folder without its symbolic links, which os.CopyFS does not follow.
type withoutLinks struct{ fs.FS }

func (w withoutLinks) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(w.FS, name)
	var kept []fs.DirEntry
	for _, entry := range all {
		if entry.Type()&fs.ModeSymlink == 0 {
			kept = append(kept, entry)
		}
	}
	return kept, err
}

// head is the folder of the newest checkpoint; false: there is none.
func (e *episode) head() (string, bool) {
	newest := e.chain().Newest()
	return filepath.Join(e.home, "chk", jobName, fmt.Sprintf("chk-%d", newest)), newest > 0
}

// damage flips a byte of the newest checkpoint: of its metadata, or of one of the data files that it names. Most of these are runs that
// older checkpoints name as well; those that the oldest one names are left alone, because without them there is nothing that the
// job could go back to, and a start says so for ever.
func (e *episode) damage() {
	e.t.Helper()
	e.ensure()
	e.kill()
	folder, there := e.head()
	if !there {
		return
	}
	names := []string{"_metadata"}
	chain, needed := e.chain(), map[string]bool{}
	if oldest := chain.Metadata(slices.Min(chain.Checkpoints())); oldest != nil {
		for _, f := range oldest.Files() {
			needed[f.RunKey()] = true
		}
	}
	for _, f := range chain.Metadata(chain.Newest()).Files() {
		if !needed[f.RunKey()] || f.RunKey() == "" {
			names = append(names, f.Path)
		}
	}
	file := filepath.Join(folder, names[e.random.IntN(len(names))])
	intact, err := os.ReadFile(file)
	if err != nil {
		e.t.Fatal(err)
	}
	if len(intact) == 0 {
		return
	}
	damaged := append([]byte(nil), intact...)
	damaged[e.random.IntN(len(damaged))] ^= byte(1 << e.random.IntN(8))
	e.overwrite(file, damaged)
	if e.refusedOrExact("a byte of " + filepath.Base(file) + " of the newest checkpoint was flipped") {
		return // it goes on from an older one, and may have removed this one
	}
	e.overwrite(file, intact)
	e.ensure()
}

// overwrite writes a file, read-only or not.
func (e *episode) overwrite(file string, content []byte) {
	e.t.Helper()
	if err := errors.Join(os.Chmod(file, 0o644), os.WriteFile(file, content, 0o644)); err != nil {
		e.t.Fatal(err)
	}
}

// refusedOrExact starts the job after something was done to its snapshots. It may refuse, in one line; if it runs, the
// episode's demands go on.
func (e *episode) refusedOrExact(done string) (up bool) {
	e.t.Helper()
	complaint, up := e.start(e.script)
	e.note("%s: it runs: %v %s", done, up, complaint)
	return up
}

// loseHead removes the newest checkpoint's _metadata: what a restore from an older backup, or a hand that slipped, leaves.
func (e *episode) loseHead() {
	e.t.Helper()
	e.ensure()
	e.kill()
	folder, there := e.head()
	if !there {
		return
	}
	metadata := filepath.Join(folder, "_metadata")
	e.rename(metadata, filepath.Join(e.home, "lost"))
	if e.refusedOrExact("the newest checkpoint was lost") {
		return
	}
	// Metadata may have been all that the folder held, and a folder that holds nothing goes.
	if err := os.MkdirAll(folder, 0o755); err != nil {
		e.t.Fatal(err)
	}
	e.rename(filepath.Join(e.home, "lost"), metadata)
	e.ensure()
}

// oldCopy puts an older copy of the job's folder back, and the newer one again if it was refused.
func (e *episode) oldCopy() {
	e.t.Helper()
	e.ensure()
	e.kill()
	folder, old, aside := filepath.Join(e.home, "chk"), filepath.Join(e.home, "old"), filepath.Join(e.home, "aside")
	for _, dir := range []string{old, aside} {
		if err := os.RemoveAll(dir); err != nil {
			e.t.Fatal(err)
		}
	}
	if err := os.CopyFS(old, os.DirFS(folder)); err != nil {
		e.t.Fatal(err)
	}
	e.ensure()
	e.pass(2 * time.Second)
	e.kill()
	e.rename(folder, aside)
	e.rename(old, folder)
	if e.refusedOrExact("an old copy of the checkpoints was put back") {
		return
	}
	if err := os.RemoveAll(folder); err != nil {
		e.t.Fatal(err)
	}
	e.rename(aside, folder)
	e.ensure()
}
