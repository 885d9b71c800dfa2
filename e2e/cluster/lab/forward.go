package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"
)

const (
	// forwardLimit is how long kubectl may take until it listens.
	forwardLimit = 30 * time.Second
	// What is behind a forwarded port is asked every forwardProbe whether it answers within that time. If it has not, forwardMisses
	// times in a row, kubectl has lost its connection: it does not find out by itself, and does not make a new one.
	forwardProbe  = 5 * time.Second
	forwardMisses = 2
)

var listening = regexp.MustCompile(`^Forwarding from (127\.0\.0\.1:\d+) -> `)

// forwarding is a port of this machine that leads to an HTTP server in the cluster, by kubectl, wherever the cluster runs. When
// kubectl ends or hangs, another takes its place.
type forwarding struct {
	lab                     *Lab
	namespace, target, port string
	address                 string // of this machine; empty: any port
	probe                   time.Duration

	process *exec.Cmd
	ended   chan struct{} // closed when process has ended
}

// forward begins to forward; stop ends it.
func (l *Lab) forward(ctx context.Context, namespace, target, port string) (address string, stop func(), err error) {
	f := &forwarding{lab: l, namespace: namespace, target: target, port: port, probe: forwardProbe}
	return f.run(ctx)
}

func (f *forwarding) run(ctx context.Context) (address string, stop func(), err error) {
	if err := f.start(ctx); err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() { f.keep(ctx) })
	return f.address, func() {
		cancel()
		done.Wait()
	}, nil
}

// keep looks after the forwarding until the context ends.
func (f *forwarding) keep(ctx context.Context) {
	defer func() { f.kill() }()
	probe := time.NewTicker(f.probe)
	defer probe.Stop()
	for misses := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-f.ended:
			misses = forwardMisses
		case <-probe.C:
			if f.answers(ctx) {
				misses = 0
				continue
			}
			misses++
		}
		if misses < forwardMisses || ctx.Err() != nil {
			continue
		}
		f.kill()
		fmt.Fprintf(os.Stderr, "kubectl port-forward %s in %s was lost, and is started again\n", f.target, f.namespace)
		err := f.start(ctx)
		if err == nil {
			misses = 0
			continue
		}
		fmt.Fprintln(os.Stderr, err)
		select { // what hinders it takes a moment to pass
		case <-probe.C:
		case <-ctx.Done():
		}
	}
}

// answers says whether the server answers anything at all.
func (f *forwarding) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, f.probe)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.address, nil)
	if err != nil {
		return false
	}
	request.Close = true // a connection of its own
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil
}

// start starts kubectl and waits until it listens.
func (f *forwarding) start(ctx context.Context) error {
	_, local, _ := net.SplitHostPort(f.address) // empty the first time
	c := exec.CommandContext(context.WithoutCancel(ctx), f.lab.kubectl, "-n", f.namespace, "port-forward", f.target, local+":"+f.port)
	c.Env = append(os.Environ(), f.lab.environment...)
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	said := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// It says a line for each connection, and would end if nobody read them.
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil && len(said) == 0 {
				said <- m[1]
			}
		}
		_ = c.Wait() // that it was killed is all there is to say
	}()
	f.process, f.ended = c, ended
	limit := time.NewTimer(forwardLimit)
	defer limit.Stop()
	select {
	case f.address = <-said:
		return nil
	case <-ended:
		err = errors.New("it ended")
	case <-limit.C:
		err = fmt.Errorf("it does not listen after %v", forwardLimit)
	case <-ctx.Done():
		err = ctx.Err()
	}
	f.kill()
	return fmt.Errorf("kubectl port-forward %s in %s: %w", f.target, f.namespace, err)
}

// kill ends kubectl, if it has not ended.
func (f *forwarding) kill() {
	_ = f.process.Process.Kill() // gone already is as good
	<-f.ended
}
