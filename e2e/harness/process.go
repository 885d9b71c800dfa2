package harness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Process is one run of the binary. It is killed, if need be, when its test ends.
type Process struct {
	t       testing.TB
	command *exec.Cmd
	name    string // of the files with its output
	out     string // standard output goes here
	err     string // standard error goes here
	quiet   bool
	ended   chan struct{}
	state   error // of Wait; set before ended is closed
}

// Launch says how a process is started.
type Launch struct {
	Path string
	Args []string
	// Dir is the working directory.
	Dir string
	// Logs is the folder of the files with its output.
	Logs string
	// Env is added to the environment of the test.
	Env []string
	// Credential, unless nil, is the user to run as.
	Credential *syscall.Credential
	// Quiet leaves the telling to the test: a failure does not show what the process said.
	Quiet bool
}

// Start runs a process.
func Start(t testing.TB, l Launch) *Process {
	t.Helper()
	if err := DependsOnSources(); err != nil {
		t.Fatal(err)
	}
	out, err := os.CreateTemp(l.Logs, "run-*.out")
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{t: t, name: strings.TrimSuffix(filepath.Base(out.Name()), ".out"), out: out.Name(), quiet: l.Quiet, ended: make(chan struct{})}
	p.err = strings.TrimSuffix(p.out, ".out") + ".err"
	stderr, err := os.Create(p.err)
	if err != nil {
		t.Fatal(err)
	}
	p.command = exec.CommandContext(t.Context(), l.Path, l.Args...)
	p.command.Dir = l.Dir
	p.command.Env = append(os.Environ(), l.Env...)
	p.command.Stdout, p.command.Stderr = out, stderr
	// A test run that is itself killed takes its processes with it, stopped ones too.
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: l.Credential}
	err = p.command.Start()
	if closeErr := errors.Join(out.Close(), stderr.Close()); closeErr != nil {
		t.Error(closeErr)
	}
	if err != nil {
		t.Fatalf("start %s: %v", l.Path, err)
	}
	go func() {
		p.state = p.command.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.cleanUp)
	return p
}

func (p *Process) cleanUp() {
	if !p.Ended() {
		p.signal(syscall.SIGKILL)
		<-p.ended
	}
	if p.t.Failed() && !p.quiet {
		p.t.Log(p.Report())
	}
}

// Report tells what was run, how it ended, and the end of what it said.
func (p *Process) Report() string {
	end := "still runs"
	if p.Ended() {
		end = fmt.Sprintf("ended with %v", p.command.ProcessState)
	}
	return fmt.Sprintf("%s (%s) %s; the end of its standard error:\n%s", p.name, strings.Join(p.command.Args[1:], " "), end, lastLines(p.Stderr(), 25))
}

// lastLines returns the end of a text.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (p *Process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.command.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("send %v to %s: %v", s, p.name, err)
	}
}

// Ended says whether the process is over.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Kill sends SIGKILL and waits until the process is gone. A process that has ended by itself fails the test.
func (p *Process) Kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	if !p.WasKilled() {
		p.t.Fatalf("%s had ended before it was killed: %v\n%s", p.name, p.command.ProcessState, lastLines(p.Stderr(), 5))
	}
}

// End sends SIGKILL to whatever is left of the process, and waits until it is gone.
func (p *Process) End() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.wait(2 * time.Minute)
}

// WasKilled waits until the process is over and says whether SIGKILL ended it, as a crash point does.
func (p *Process) WasKilled() bool {
	p.t.Helper()
	return p.WasEndedBy(syscall.SIGKILL)
}

// WasEndedBy waits until the process is over and says whether a signal ended it, not the process itself.
func (p *Process) WasEndedBy(s syscall.Signal) bool {
	p.t.Helper()
	p.wait(2 * time.Minute)
	status, ok := p.command.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == s
}

// Freeze stops the process with SIGSTOP and waits until the kernel has stopped all of it.
func (p *Process) Freeze() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	Await(p.t, 10*time.Second, p.name+" is stopped", func() bool { return stopped(p.command.Process.Pid) })
}

// Thaw lets a frozen process go on.
func (p *Process) Thaw() {
	p.t.Helper()
	p.signal(syscall.SIGCONT)
}

// Interrupt sends SIGINT, as Ctrl-C does.
func (p *Process) Interrupt() {
	p.t.Helper()
	p.signal(syscall.SIGINT)
}

// Terminate sends SIGTERM, as a supervisor does.
func (p *Process) Terminate() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
}

func (p *Process) wait(limit time.Duration) {
	p.t.Helper()
	if !holds(p.t, limit, p.Ended, p.ended) {
		p.t.Fatalf("%s has not ended after %v", p.name, limit)
	}
}

// Exit waits until the process has ended by itself and returns its exit code.
func (p *Process) Exit(limit time.Duration) int {
	p.t.Helper()
	p.wait(limit)
	if code := p.command.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	p.t.Fatalf("%s did not exit: %v", p.name, p.command.ProcessState)
	return -1
}

// Succeed waits until the process has ended with exit code 0.
func (p *Process) Succeed(limit time.Duration) {
	p.t.Helper()
	if code := p.Exit(limit); code != 0 {
		p.t.Fatalf("%s: exit code %d: %s", p.name, code, lastLines(p.Stderr(), 5))
	}
}

// Fail waits until the process has ended with exit code 1 or 2, and returns its complaint: the one line on standard error
// that is no log line.
func (p *Process) Fail(limit time.Duration) string {
	p.t.Helper()
	if code := p.Exit(limit); code != 1 && code != 2 {
		p.t.Fatalf("%s: exit code %d, want 1 or 2: %s", p.name, code, lastLines(p.Stderr(), 5))
	}
	lines := complaints(p.Stderr())
	if len(lines) != 1 {
		p.t.Fatalf("%s: %d lines of complaint on standard error, want one clear one:\n%s", p.name, len(lines), strings.Join(lines, "\n"))
	}
	const readable = 1000
	if len(lines[0]) > readable || !strings.HasPrefix(lines[0], "weir: ") {
		p.t.Errorf("%s: this is not a clear line (%d bytes): %.200s", p.name, len(lines[0]), lines[0])
	}
	return lines[0]
}

// complaints returns the lines that are no log lines.
func complaints(stderr string) []string {
	var lines []string
	for line := range strings.Lines(stderr) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "time=") {
			lines = append(lines, line)
		}
	}
	return lines
}

// Until waits until a fact holds while the process runs. A process that ends first fails the test.
func (p *Process) Until(limit time.Duration, what string, fact func() bool) {
	p.t.Helper()
	if holds(p.t, limit, fact, p.ended) {
		return
	}
	if p.Ended() {
		p.t.Fatalf("%s ended (%v) before this was so: %s", p.name, p.command.ProcessState, what)
	}
	p.t.Fatalf("after %v of %s still not: %s", limit, p.name, what)
}

// Stdout returns what the process has written to standard output so far.
func (p *Process) Stdout() string { return p.read(p.out) }

// Stderr returns what the process has written to standard error so far.
func (p *Process) Stderr() string { return p.read(p.err) }

func (p *Process) read(file string) string {
	p.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		p.t.Error(err)
	}
	return string(bytes.ToValidUTF8(text, []byte("?")))
}

// PID is the process's id.
func (p *Process) PID() int { return p.command.Process.Pid }
