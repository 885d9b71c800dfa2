package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

// forwardLimit is how long kubectl may take until it listens.
const forwardLimit = 30 * time.Second

var listening = regexp.MustCompile(`^Forwarding from (127\.0\.0\.1:\d+) -> `)

// forward lets kubectl listen on this machine for a port of a pod, so that it is reached wherever the cluster runs. The
// pod must stay; stop ends it.
func (l *Lab) forward(ctx context.Context, namespace, target, port string) (address string, stop func(), err error) {
	c := exec.CommandContext(context.WithoutCancel(ctx), l.kubectl, "-n", namespace, "port-forward", target, ":"+port)
	c.Env = append(os.Environ(), l.environment...)
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := c.Start(); err != nil {
		return "", nil, err
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
	stop = func() {
		_ = c.Process.Kill() // gone already is as good
		<-ended
	}
	limit := time.NewTimer(forwardLimit)
	defer limit.Stop()
	select {
	case address = <-said:
		return address, stop, nil
	case <-ended:
		err = errors.New("it ended")
	case <-limit.C:
		err = fmt.Errorf("it does not listen after %v", forwardLimit)
	case <-ctx.Done():
		err = ctx.Err()
	}
	stop()
	return "", nil, fmt.Errorf("kubectl port-forward %s in %s: %w", target, namespace, err)
}
