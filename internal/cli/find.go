package cli

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/localjobs"
)

// Find returns a client for the job that the user names: by its id, by its coordinator's address, or, empty, the only one
// that runs on this machine.
func (p *Process) Find(ctx context.Context, name string) (*rest.Client, error) {
	if strings.Contains(name, "://") {
		return p.findByAddress(ctx, name)
	}
	jobs, err := p.LiveJobs(ctx)
	if err != nil {
		return nil, err
	}
	var found []localjobs.Entry
	for _, j := range jobs {
		if name == "" || j.Job == name {
			found = append(found, j)
		}
	}
	switch {
	case len(found) == 1:
		return rest.NewClient(found[0].URL, found[0].Token, nil)
	case len(found) > 1 && name == "":
		return nil, Usagef("several jobs run here: %s; name one", jobNames(found))
	case len(found) > 1:
		return nil, Usagef("several processes run %s; name one by its address: %s", name, addresses(found))
	case len(jobs) > 0:
		return nil, fmt.Errorf("no job %q runs here; there are %s", name, jobNames(jobs))
	case name == "":
		return nil, fmt.Errorf("no job runs here; start one with `weir run`, or name a coordinator's address, http://host:port")
	}
	return nil, fmt.Errorf("no job %q runs here, nor any other; start it with `weir run`, or name its coordinator's address, http://host:port", name)
}

// findByAddress takes the token of the local job that listens there, or that of the environment.
func (p *Process) findByAddress(ctx context.Context, address string) (*rest.Client, error) {
	c, err := rest.NewClient(address, "", nil)
	if err != nil {
		return nil, UsageError{err}
	}
	token := p.Getenv("WEIR_TOKEN")
	jobs, err := p.LiveJobs(ctx)
	if err != nil && token == "" {
		return nil, err
	}
	for _, j := range jobs {
		if sameServer(j.URL, c.Base()) {
			token = j.Token
		}
	}
	if token == "" {
		return nil, Usagef("%s is no job of yours on this machine; set WEIR_TOKEN to its token", address)
	}
	return rest.NewClient(address, token, nil)
}

// LiveJobs are the jobs of this user that run on this machine.
func (p *Process) LiveJobs(ctx context.Context) ([]localjobs.Entry, error) {
	folder, err := localjobs.Open(p.Getenv)
	if err != nil {
		return nil, err
	}
	return folder.Live(ctx)
}

// sameServer tells whether two addresses are the same, localhost being 127.0.0.1.
func sameServer(a, b string) bool {
	host := func(s string) string {
		u, err := url.Parse(s)
		if err != nil {
			return ""
		}
		if u.Hostname() == "localhost" {
			return "127.0.0.1:" + u.Port()
		}
		return u.Host
	}
	return host(a) != "" && host(a) == host(b)
}

func jobNames(jobs []localjobs.Entry) string {
	names := make([]string, len(jobs))
	for i, j := range jobs {
		names[i] = j.Job
	}
	return strings.Join(names, ", ")
}

func addresses(jobs []localjobs.Entry) string {
	urls := make([]string, len(jobs))
	for i, j := range jobs {
		urls[i] = j.URL
	}
	return strings.Join(urls, ", ")
}
