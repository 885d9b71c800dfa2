package commands_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir/internal/cli/list"
	"github.com/weirstream/weir/internal/clitest"
)

func TestARunningJobIsWatchedAskedAndStopped(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "endless.sql", clitest.Endless)
	r := clitest.Start(t, p, "endless.sql")

	listed := r.Command(t, "list")
	if !strings.HasPrefix(listed, "JOB ") || !strings.Contains(listed, "endless ") || !strings.Contains(listed, "http://127.0.0.1:") {
		t.Errorf("list:\n%s", listed)
	}
	var all []list.Listed
	if err := json.Unmarshal([]byte(r.Command(t, "list", "-o", "json")), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].Overview == nil || all[0].Overview.ID != "endless" || all[0].PID != os.Getpid() {
		t.Errorf("list -o json: %+v", all)
	}

	checkpoint := r.Command(t, "checkpoint", "endless")
	if !strings.Contains(checkpoint, "/.weir/checkpoints/endless/chk-") {
		t.Errorf("checkpoint at %q", checkpoint)
	}
	if got := r.Command(t, "snapshot", "verify", checkpoint); !strings.Contains(got, "all checksums hold") {
		t.Errorf("verify: %s", got)
	}
	savepoint := r.Command(t, "savepoint", "endless", "elsewhere", "--id", "before-friday")
	if !strings.HasSuffix(savepoint, "/elsewhere/savepoint-endless-before-friday") {
		t.Errorf("savepoint at %q", savepoint)
	}
	if again := r.Command(t, "savepoint", "endless", "elsewhere", "--id", "before-friday"); again != savepoint {
		t.Errorf("asked for again under the same id: %q, before %q", again, savepoint)
	}
	if got := r.Refused(t, 1, "checkpoint", "--id", "before-friday"); !strings.Contains(got, "another request") {
		t.Errorf("another request under a used id: %s", got)
	}
	if got := r.Refused(t, 1, "savepoint", "other"); !strings.Contains(got, `no job "other" runs here; there are endless`) {
		t.Errorf("another job: %s", got)
	}

	for _, verb := range []string{"stop", "cancel"} {
		if got := r.Refused(t, 2, verb); !strings.Contains(got, "name the job that is to end: weir "+verb+" JOB") {
			t.Errorf("%s without a job: %s", verb, got)
		}
	}
	if got := r.Refused(t, 1, "stop", "endless", "--savepoint-path", "mem://x"); !strings.Contains(got, "gone with the job's process") {
		t.Errorf("stopped into memory: %s", got)
	}
	last := r.Command(t, "stop", "endless", "--savepoint-path", "last")
	if !strings.Contains(last, "/last/savepoint-endless-") {
		t.Errorf("stopped with %q", last)
	}
	if code := r.Ended(t); code != 0 {
		t.Errorf("the stopped job's exit code is %d\n%s", code, r.Stderr)
	}
	if got := r.Command(t, "list"); got != "" {
		t.Errorf("still listed: %s", got)
	}
	if _, err := os.Stat(filepath.FromSlash(strings.TrimPrefix(last, "file://"))); err != nil {
		t.Error(err)
	}
}

func TestAJobIsFoundByItsAddress(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "endless.sql", clitest.Endless)
	p.Env["WEIR_TOKEN"] = "chosen"
	r := clitest.Start(t, p, "endless.sql")
	address := clitest.Live(t, p)[0].URL
	if got := r.Command(t, "checkpoint", address); !strings.Contains(got, "chk-") {
		t.Errorf("with a registered token: %s", got)
	}
	port := address[strings.LastIndexByte(address, ':'):]
	delete(r.Env, "WEIR_TOKEN")
	if got := r.Command(t, "checkpoint", "http://localhost"+port); !strings.Contains(got, "chk-") {
		t.Errorf("as localhost: %s", got)
	}
	// Another user, or machine: nothing is registered there.
	unauthorized := clitest.Join(map[string]string{"XDG_RUNTIME_DIR": t.TempDir(), "WEIR_TOKEN": "chosen"})
	if code := unauthorized.Run("checkpoint", address); code != 0 {
		t.Errorf("with the token of the environment: %s", unauthorized.Stderr)
	}
	unauthorized.Env["WEIR_TOKEN"] = "guessed"
	if code := unauthorized.Run("cancel", address); code != 1 || !strings.Contains(unauthorized.Stderr.String(), "no valid token") {
		t.Errorf("with a wrong token: exit code %d, %s", code, unauthorized.Stderr)
	}
	r.Command(t, "cancel", address)
	if code := r.Ended(t); code != 0 {
		t.Errorf("the cancelled job's exit code is %d\n%s", code, r.Stderr)
	}
}

func TestOfSeveralJobsOneMustBeNamed(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "a.sql", clitest.Endless)
	clitest.Write(t, "b.sql", clitest.Endless)
	a := clitest.Start(t, p, "a.sql")
	b := clitest.Start(t, clitest.Join(p.Env), "b.sql")
	if got := a.Refused(t, 2, "savepoint"); !strings.Contains(got, "several jobs run here: a, b; name one") {
		t.Errorf("none named: %s", got)
	}
	b.Command(t, "cancel", "b")
	b.Ended(t)
	if got := a.Command(t, "savepoint"); !strings.Contains(got, "/.weir/savepoints/savepoint-a-") {
		t.Errorf("the one that is left: %s", got)
	}
}

func TestAJobOnOneFolderRunsOnce(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "endless.sql", clitest.Endless)
	r := clitest.Start(t, p, "endless.sql")
	if got := r.Refused(t, 1, "run", "endless.sql"); !strings.Contains(got, "in use by process") || strings.Count(got, "\n") != 1 {
		t.Errorf("a second one: %s", got)
	}
}

func TestTheVersionIsPrinted(t *testing.T) {
	p := clitest.New(t)
	if code := p.Run("version"); code != 0 || !strings.HasPrefix(p.Stdout.String(), "weir dev go1.") {
		t.Errorf("exit code %d, %s", code, p.Stdout)
	}
}
