package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/weirstream/weir/engine/rest"
)

// registered is what a running job leaves in $XDG_RUNTIME_DIR/weir for the commands of its user.
type registered struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// runtimeFolder is the $XDG_RUNTIME_DIR of a job's processes: jobs of other tests are not found there.
func (j *FlightDelays) runtimeFolder() string { return j.Place("runtime") }

// registration finds the entry of a process; false: it is not there yet, or no more.
func (j *FlightDelays) registration(p *Process) (registered, bool) {
	j.t.Helper()
	names, err := filepath.Glob(filepath.Join(j.runtimeFolder(), "weir", fmt.Sprintf("%d-*.json", p.PID())))
	if err != nil {
		j.t.Fatal(err)
	}
	if len(names) == 0 {
		return registered{}, false
	}
	text, err := os.ReadFile(names[0])
	if errors.Is(err, fs.ErrNotExist) {
		return registered{}, false
	}
	if err != nil {
		j.t.Fatal(err)
	}
	var r registered
	if err := json.Unmarshal(text, &r); err != nil {
		j.t.Fatalf("%s: %v", names[0], err)
	}
	return r, true
}

// Address waits until a process of the job can be asked, and returns where: http://host:port.
func (j *FlightDelays) Address(p *Process) string {
	j.t.Helper()
	var r registered
	p.Until(checkpointWait, "the job can be found", func() (found bool) {
		r, found = j.registration(p)
		return found
	})
	return r.URL
}

// Overview asks a process of the job what it does; false: it does not answer yet, or no more.
func (j *FlightDelays) Overview(p *Process) (rest.Job, bool) {
	j.t.Helper()
	r, found := j.registration(p)
	if !found || p.Ended() {
		return rest.Job{}, false
	}
	client, err := rest.NewClient(r.URL, r.Token, http.DefaultClient)
	if err != nil {
		j.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(j.t.Context(), 5*time.Second)
	defer cancel()
	job, err := client.Job(ctx)
	return job, err == nil
}
