// Package localjobs lets the commands of one user find the jobs that `weir run` has running on this machine: where each
// listens, and the token that it wants.
//
// Each job has one file in a folder that only the user can read: $XDG_RUNTIME_DIR/weir, or weir-<uid> in the folder for
// temporary files. A file appears whole and is removed when the job ends; one whose process is gone, or where nobody
// listens any more, is removed by whoever comes across it. The package knows nothing of what a job answers.
package localjobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Entry is one running job.
type Entry struct {
	Job   string    `json:"job"` // its id
	URL   string    `json:"url"` // http://host:port
	Token string    `json:"token"`
	PID   int       `json:"pid"`
	Start time.Time `json:"start"`
	// Storage is the URL that its folder is below, without credentials; empty: an older weir did not say.
	Storage string `json:"storage,omitempty"`
}

// Folder is where the jobs of one user are registered.
type Folder struct{ path string }

// Open finds the user's folder, and makes it if need be. It refuses one that others could have made or could read: the
// tokens in it open the jobs.
func Open(getenv func(string) string) (*Folder, error) {
	uid := os.Geteuid()
	path := filepath.Join(os.TempDir(), "weir-"+strconv.Itoa(uid))
	if runtime := getenv("XDG_RUNTIME_DIR"); runtime != "" {
		path = filepath.Join(runtime, "weir")
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the folder of running jobs (set XDG_RUNTIME_DIR to a folder of your own): %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("look at the folder of running jobs: %w", err)
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || known && int(owner.Uid) != uid {
		return nil, fmt.Errorf("the folder of running jobs, %s, is not a folder that you alone can use; remove it, or set XDG_RUNTIME_DIR to a folder of your own", path)
	}
	return &Folder{path}, nil
}

// suffix ends the names of the files; what is being written has another.
const suffix = ".json"

// Add registers a job, until remove is called.
func (f *Folder) Add(j Entry) (remove func() error, err error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("register the job: %w", err)
	}
	u, err := url.Parse(j.URL)
	if err != nil {
		return nil, fmt.Errorf("register the job: %w", err)
	}
	// One process and port is one job: the name is nobody else's.
	name := filepath.Join(f.path, fmt.Sprintf("%d-%s%s", j.PID, u.Port(), suffix))
	staged := name + ".new"
	if err := os.WriteFile(staged, text, 0o600); err != nil {
		return nil, fmt.Errorf("register the job: %w", err)
	}
	if err := os.Rename(staged, name); err != nil {
		return nil, fmt.Errorf("register the job: %w", errors.Join(err, os.Remove(staged)))
	}
	return func() error { return removeFile(name) }, nil
}

// Live returns the jobs that run, by name and start, and removes the files of those that do not.
func (f *Folder) Live(ctx context.Context) ([]Entry, error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, fmt.Errorf("list running jobs: %w", err)
	}
	var live []Entry
	for _, e := range entries {
		if filepath.Ext(e.Name()) != suffix {
			continue
		}
		name := filepath.Join(f.path, e.Name())
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it ended just now
		}
		if err != nil {
			return nil, fmt.Errorf("list running jobs: %w", err)
		}
		var j Entry
		if json.Unmarshal(text, &j) == nil && runs(j.PID) && listens(ctx, j.URL) {
			live = append(live, j)
			continue
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("list running jobs: %w", ctx.Err())
		}
		if err := removeFile(name); err != nil {
			return nil, fmt.Errorf("list running jobs: %w", err)
		}
	}
	slices.SortFunc(live, func(a, b Entry) int {
		if a.Job != b.Job {
			return strings.Compare(a.Job, b.Job)
		}
		return a.Start.Compare(b.Start)
	})
	return live, nil
}

func removeFile(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// runs tells whether a process exists. Its id may have been given to another one since: then nobody listens.
func runs(pid int) bool {
	return pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// dialTimeout is ample on one machine; a process that is stopped still accepts connections.
const dialTimeout = time.Second

// listens tells whether somebody takes connections there. Only a refusal says that nobody does.
func listens(ctx context.Context, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return ctx.Err() == nil && !errors.Is(err, syscall.ECONNREFUSED)
	}
	// Nothing was sent: closing loses nothing.
	_ = conn.Close()
	return true
}
