package localjobs

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// open opens a folder of the test's own.
func open(t *testing.T) (*Folder, string) {
	t.Helper()
	runtime := t.TempDir()
	f, err := Open(env(runtime))
	if err != nil {
		t.Fatal(err)
	}
	return f, filepath.Join(runtime, "weir")
}

func env(runtime string) func(string) string {
	return func(name string) string {
		if name == "XDG_RUNTIME_DIR" {
			return runtime
		}
		return ""
	}
}

// listener is a place where somebody listens.
func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func live(t *testing.T, f *Folder) []Entry {
	t.Helper()
	jobs, err := f.Live(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

func files(t *testing.T, folder string) int {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestAJobIsFoundUntilItIsRemoved(t *testing.T) {
	f, folder := open(t)
	b := Entry{Job: "b", URL: "http://" + listener(t).Addr().String(), Token: "tb", PID: os.Getpid(), Start: time.Unix(1, 0).UTC()}
	a := Entry{Job: "a", URL: "http://" + listener(t).Addr().String(), Token: "ta", PID: os.Getpid(), Start: time.Unix(2, 0).UTC()}
	removeB, err := f.Add(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Add(a); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Entry{a, b}, live(t, f)); diff != "" {
		t.Errorf("two are registered (-want +got):\n%s", diff)
	}
	if err := removeB(); err != nil {
		t.Fatal(err)
	}
	if err := removeB(); err != nil {
		t.Errorf("removed twice: %v", err)
	}
	if diff := cmp.Diff([]Entry{a}, live(t, f)); diff != "" {
		t.Errorf("one is left (-want +got):\n%s", diff)
	}
	if n := files(t, folder); n != 1 {
		t.Errorf("%d files are left", n)
	}
}

func TestOnlyTheUserCanReadTokens(t *testing.T) {
	f, folder := open(t)
	if _, err := f.Add(Entry{Job: "a", URL: "http://127.0.0.1:1", PID: os.Getpid()}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	info, err := entries[0].Info()
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(env(filepath.Dir(folder))); err == nil || !strings.Contains(err.Error(), "you alone") {
		t.Errorf("a folder that others can read: %v", err)
	}
}

func TestALinkIsNoFolder(t *testing.T) {
	runtime := t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(runtime, "weir")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(env(runtime)); err == nil {
		t.Error("it is taken")
	}
}

func TestWhatDoesNotRunIsForgotten(t *testing.T) {
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	closed := listener(t)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	open1 := "http://" + listener(t).Addr().String()
	for _, c := range []struct{ name, file, text string }{
		{"its process is gone", "1.json", `{"job":"a","url":"` + open1 + `","pid":` + strconv.Itoa(ended.ProcessState.Pid()) + `}`},
		{"nobody listens", "1.json", `{"job":"a","url":"http://` + closed.Addr().String() + `","pid":` + strconv.Itoa(os.Getpid()) + `}`},
		{"the file is no JSON", "1.json", `{"job":`},
		{"there is no process", "1.json", `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, folder := open(t)
			if err := os.WriteFile(filepath.Join(folder, c.file), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if jobs := live(t, f); len(jobs) != 0 {
				t.Errorf("found %v", jobs)
			}
			if n := files(t, folder); n != 0 {
				t.Errorf("%d files are left", n)
			}
		})
	}
}

func TestALookThatIsGivenUpForgetsNothing(t *testing.T) {
	f, folder := open(t)
	if _, err := f.Add(Entry{Job: "a", URL: "http://" + listener(t).Addr().String(), PID: os.Getpid()}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if jobs, err := f.Live(ctx); err == nil {
		t.Errorf("found %v", jobs)
	}
	if n := files(t, folder); n != 1 {
		t.Errorf("%d files are left", n)
	}
}

func TestWithoutARuntimeFolderItIsAmongTheTemporaryFiles(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f, err := Open(env(""))
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(os.TempDir(), "weir-"+strconv.Itoa(os.Geteuid())); f.path != want {
		t.Errorf("%s, want %s", f.path, want)
	}
}
