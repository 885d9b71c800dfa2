package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"github.com/weirstream/weir/engine/rest"
)

// Container is the process of a pod's container on the node, which must be this machine, or a container on it, and the
// process that the node's runtime keeps as its parent.
type Container struct {
	job       *FlightDelays
	pid, shim int
}

// Container finds the process of a pod.
func (j *FlightDelays) Container(pod *corev1.Pod) *Container {
	j.t.Helper()
	c, err := findContainer(pod)
	if err != nil {
		j.t.Fatal(err)
	}
	c.job = j
	j.t.Cleanup(func() { // what is gone needs nothing
		_ = syscall.Kill(c.pid, syscall.SIGCONT)
		_ = syscall.Kill(c.shim, syscall.SIGCONT)
	})
	return c
}

// findContainer looks for a process of this machine that is in a pod's cgroup and runs our binary.
func findContainer(pod *corev1.Pod) (*Container, error) {
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return nil, err
	}
	// A cgroup driver may write the UID with underscores.
	uid := string(pod.UID)
	names := []string{uid, strings.ReplaceAll(uid, "-", "_")}
	for _, file := range groups {
		text, err := os.ReadFile(file) // it may have ended meanwhile
		if err != nil || !slices.ContainsFunc(names, func(n string) bool { return bytes.Contains(text, []byte(n)) }) {
			continue
		}
		process := filepath.Dir(file)
		command, err := os.ReadFile(filepath.Join(process, "cmdline"))
		if err != nil || !bytes.HasPrefix(command, []byte("/weir\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			return nil, err
		}
		_, parent, err := stat(pid)
		return &Container{pid: pid, shim: parent}, err
	}
	return nil, fmt.Errorf("no process on this machine is of pod %s: this needs a node that is this machine, and root", pod.Name)
}

// stat returns the state and the parent of a process (proc(5)).
func stat(pid int) (state string, parent int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	if len(fields) < 2 {
		return "", 0, fmt.Errorf("/proc/%d/stat is %q", pid, text)
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0], parent, err
}

// Freeze stops the process, and the one through which the kubelet would kill it.
func (c *Container) Freeze() {
	c.job.t.Helper()
	if c.shim <= 1 {
		c.job.t.Fatalf("process %d has parent %d, and not its runtime's", c.pid, c.shim)
	}
	for _, pid := range []int{c.pid, c.shim} {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			c.job.t.Fatal(err)
		}
	}
	c.job.Holds(10*time.Second, "the process and its parent are stopped", func() bool {
		state, _, err := stat(c.pid)
		shim, _, shimErr := stat(c.shim)
		if err := errors.Join(err, shimErr); err != nil {
			c.job.t.Fatal(err)
		}
		return state == "T" && shim == "T"
	})
}

// Thaw lets the process go on; the kubelet still cannot reach it.
func (c *Container) Thaw() {
	c.job.t.Helper()
	c.signal(c.pid, syscall.SIGCONT)
}

// ThawShim lets the kubelet do what it wanted meanwhile.
func (c *Container) ThawShim() {
	c.job.t.Helper()
	c.signal(c.shim, syscall.SIGCONT)
}

// Kill ends the process with SIGKILL.
func (c *Container) Kill() {
	c.job.t.Helper()
	c.signal(c.pid, syscall.SIGKILL)
}

func (c *Container) signal(pid int, s syscall.Signal) {
	c.job.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		c.job.t.Fatalf("send %v to process %d: %v", s, pid, err)
	}
}

// UntilGone waits until the process has ended.
func (c *Container) UntilGone() {
	c.job.t.Helper()
	c.job.Holds(Patience, "the process is gone", func() bool { return errors.Is(syscall.Kill(c.pid, 0), syscall.ESRCH) })
}

// Overview asks the coordinator in the container what it does, from within its network: also when its pod is no more for
// Kubernetes. False: it does not answer.
func (c *Container) Overview() (rest.Job, bool) {
	c.job.t.Helper()
	// What matters here is what it says; whether it is who it says it is, other tests ask.
	transport := &http.Transport{DialContext: c.dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	asked, err := rest.NewClient("https://127.0.0.1:8443", c.job.Token(), &http.Client{Transport: transport})
	if err != nil {
		c.job.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(c.job.t.Context(), 5*time.Second)
	defer cancel()
	job, err := asked.Job(ctx)
	return job, err == nil
}

// dial connects from within the container's network name space.
func (c *Container) dial(ctx context.Context, network, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		err := within(fmt.Sprintf("/proc/%d/ns/net", c.pid), func() {
			r.conn, r.err = new(net.Dialer).DialContext(ctx, network, address)
		})
		done <- result{r.conn, errors.Join(r.err, err)}
	}()
	r := <-done
	return r.conn, r.err
}

// within does something on a thread that is in another network name space. The thread comes back, so that it need not end:
// processes that were started from it would end with it (Pdeathsig).
func within(space string, do func()) error {
	home, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return err
	}
	away, err := os.Open(space)
	if err != nil {
		return errors.Join(err, home.Close())
	}
	runtime.LockOSThread()
	if err = unix.Setns(int(away.Fd()), unix.CLONE_NEWNET); err == nil {
		do()
		err = unix.Setns(int(home.Fd()), unix.CLONE_NEWNET)
	}
	if err == nil {
		runtime.UnlockOSThread() // else the thread ends with its goroutine, and nobody else is where it is
	}
	return errors.Join(err, home.Close(), away.Close())
}
