package kafkatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Broker is a running Apache Kafka: one broker in KRaft mode.
type Broker struct {
	// Address is where it listens, without encryption and credentials unless the properties say otherwise.
	Address string
	// Secure is where it listens with SASL over TLS, if it was launched so.
	Secure string
	// Dir holds its data and its configuration.
	Dir string

	port, controller int
	environment      []string
	properties       []string
	command          *exec.Cmd
	output           bytes.Buffer  // of the command; read after ended is closed
	ended            chan struct{} // closed when the process is gone
}

const (
	startTries = 5
	startWait  = 2 * time.Minute // fetching its jars the first time is not in it: Launch fetches them before
	fetchWait  = 10 * time.Minute
)

// Start starts a broker for the duration of a test. The properties are lines key=value of its configuration.
func Start(t *testing.T, properties ...string) *Broker {
	t.Helper()
	b, err := Launch(t.Context(), t.TempDir(), nil, properties...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("open transactions: %s", ongoing(context.WithoutCancel(t.Context()), b.Address))
		}
		b.Kill()
		if t.Failed() {
			t.Logf("broker: %s", b.output.String())
		}
	})
	return b
}

// Launch starts a broker with its data in a folder, until Kill or Stop, and waits until it answers. The environment is what
// `hack/kafka/kafka` is told beside its own. On Linux the broker ends with this process, however that ends.
func Launch(ctx context.Context, dir string, environment []string, properties ...string) (*Broker, error) {
	if err := fetch(ctx); err != nil {
		return nil, err
	}
	var failures []error
	for range startTries {
		ports, err := freePorts(ctx, 2)
		if err != nil {
			return nil, err
		}
		b := &Broker{Dir: dir, port: ports[0], controller: ports[1], environment: environment, properties: properties, Address: fmt.Sprintf("127.0.0.1:%d", ports[0])}
		if err = b.Restart(ctx); err == nil {
			return b, nil
		}
		failures = append(failures, err) // a port may have been taken meanwhile
		if err := os.RemoveAll(filepath.Join(dir, "data")); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("start Kafka: %w", errors.Join(failures...))
}

// LaunchSecure is Launch of a broker that also listens with SASL over TLS; the properties say who may connect, and with which certificates.
func LaunchSecure(ctx context.Context, dir string, environment []string, properties ...string) (*Broker, error) {
	ports, err := freePorts(ctx, 3)
	if err != nil {
		return nil, err
	}
	plain, secure, controller := ports[0], fmt.Sprintf("127.0.0.1:%d", ports[1]), ports[2]
	b := &Broker{Dir: dir, port: plain, controller: controller, environment: environment, Address: fmt.Sprintf("127.0.0.1:%d", plain), Secure: secure}
	b.properties = append([]string{
		fmt.Sprintf("listeners=PLAINTEXT://%s,SASL_SSL://%s,CONTROLLER://127.0.0.1:%d", b.Address, secure, controller),
		fmt.Sprintf("advertised.listeners=PLAINTEXT://%s,SASL_SSL://%s", b.Address, secure),
	}, properties...)
	if err := fetch(ctx); err != nil {
		return nil, err
	}
	return b, b.Restart(ctx)
}

// Restart starts the broker again after Kill or Stop, at the same address with the data that it had.
func (b *Broker) Restart(ctx context.Context) error {
	script, err := script()
	if err != nil {
		return err
	}
	args := append([]string{"run", b.Dir, fmt.Sprint(b.port), fmt.Sprint(b.controller)}, b.properties...)
	b.ended, b.output = make(chan struct{}), bytes.Buffer{}
	// Kill ends it, not ctx: a test's context is over before its cleanups, which may still need the broker.
	b.command = exec.CommandContext(context.WithoutCancel(ctx), script, args...)
	b.command.Env = append(os.Environ(), b.environment...)
	b.command.Stdout, b.command.Stderr = &b.output, &b.output
	noOrphan(b.command)
	if err := b.command.Start(); err != nil {
		return err
	}
	ended := b.ended
	go func() {
		_ = b.command.Wait() // that it was killed is no error, and what else may be is in its output
		close(ended)
	}()
	if err := b.await(ctx); err != nil {
		b.Kill()
		return fmt.Errorf("%w: %s", err, b.output.String())
	}
	return nil
}

// await waits until the broker accepts connections. Requests to it are retried by clients until it is ready.
func (b *Broker) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-b.ended:
			return errors.New("the broker has ended")
		case <-ctx.Done():
			return fmt.Errorf("the broker does not listen: %w", ctx.Err())
		case <-tick.C:
		}
		c, err := new(net.Dialer).DialContext(ctx, "tcp", b.Address)
		if err == nil {
			return c.Close()
		}
	}
}

// Kill ends the broker at once, as a lost machine does, and waits until it is gone.
func (b *Broker) Kill() { b.end(syscall.SIGKILL) }

// Stop shuts the broker down, and waits until it is gone.
func (b *Broker) Stop() { b.end(syscall.SIGTERM) }

// Freeze stops the broker where it is, and returns what has it go on.
func (b *Broker) Freeze() (thaw func()) {
	_ = b.command.Process.Signal(syscall.SIGSTOP)
	return func() { _ = b.command.Process.Signal(syscall.SIGCONT) }
}

func (b *Broker) end(s syscall.Signal) {
	_ = b.command.Process.Signal(s) // one that has ended already is waited for all the same
	<-b.ended
}

// Client is a client of the broker, for the duration of a test.
func (b *Broker) Client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	return Client(t, b.Address, opts...)
}

// fetch gets what the broker runs from, once.
func fetch(ctx context.Context) error {
	script, err := script()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	if out, err := exec.CommandContext(ctx, script, "fetch").CombinedOutput(); err != nil {
		return fmt.Errorf("fetch Kafka: %w: %s", err, out)
	}
	return nil
}

// script finds hack/kafka/kafka.
func script() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, "hack", "kafka", "kafka")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("there is no hack/kafka/kafka above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

func freePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() //nolint:gocritic,errcheck // all are held until all are known, and nothing was written to them
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
