package clitest

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirstream/weir/internal/localjobs"
)

// Running is a job that runs beside the test.
type Running struct {
	*Process
	code chan int
}

// Start runs a job until it can be asked; it is ended with the test, if not before.
func Start(t *testing.T, p *Process, args ...string) *Running {
	t.Helper()
	return StartVerb(t, p, append([]string{"run"}, args...)...)
}

// StartVerb runs a command until the job can be asked.
func StartVerb(t *testing.T, p *Process, args ...string) *Running {
	t.Helper()
	r := &Running{Process: p, code: make(chan int, 1)}
	go func() { r.code <- p.Run(args...) }()
	deadline := time.After(time.Minute)
	for !strings.Contains(p.Stderr.String(), "the job can be asked") {
		select {
		case <-p.Stderr.Written:
		case code := <-r.code:
			t.Fatalf("it ended with %d\n%s", code, p.Stderr)
		case <-deadline:
			t.Fatalf("it does not start\n%s", p.Stderr)
		}
	}
	t.Cleanup(func() {
		select {
		case code := <-r.code:
			r.code <- code
		default:
			p.Signals <- syscall.SIGTERM
			<-r.code
		}
	})
	return r
}

// Ended waits for the end of the job.
func (r *Running) Ended(t *testing.T) int {
	t.Helper()
	select {
	case code := <-r.code:
		r.code <- code
		return code
	case <-time.After(time.Minute):
		t.Fatalf("it does not end\n%s", r.Stderr)
		return 0
	}
}

// Command runs another command to its end, and returns its standard output.
func (r *Running) Command(t *testing.T, args ...string) string {
	t.Helper()
	p := Join(r.Env)
	if code := p.Run(args...); code != 0 {
		t.Fatalf("weir %v: exit code %d\n%s", args, code, p.Stderr)
	}
	return strings.TrimSuffix(p.Stdout.String(), "\n")
}

// Refused runs another command that fails, and returns what it says.
func (r *Running) Refused(t *testing.T, code int, args ...string) string {
	t.Helper()
	p := Join(r.Env)
	if got := p.Run(args...); got != code {
		t.Errorf("weir %v: exit code %d, want %d", args, got, code)
	}
	return p.Stderr.String()
}

// Live lists the registered jobs.
func Live(t *testing.T, p *Process) []localjobs.Entry {
	t.Helper()
	jobs, err := p.LiveJobs(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}
