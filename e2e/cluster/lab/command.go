package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// command runs a program to its end and returns its standard output; the error has its standard error. It is killed when
// limit is over.
func (l *Lab) command(ctx context.Context, limit time.Duration, program string, args ...string) (string, error) {
	return l.run(ctx, limit, "", nil, program, args...)
}

// told is command for what takes long: what it says on standard error is told line by line while it runs.
func (l *Lab) told(ctx context.Context, limit time.Duration, say func(format string, args ...any), program string, args ...string) (string, error) {
	return l.run(ctx, limit, "", &teller{say: say}, program, args...)
}

// commandIn is command with a text as standard input.
func (l *Lab) commandIn(ctx context.Context, limit time.Duration, stdin, program string, args ...string) (string, error) {
	return l.run(ctx, limit, stdin, nil, program, args...)
}

// teller tells the lines that are written to it; what is left without an end is not told.
type teller struct {
	say  func(format string, args ...any)
	line []byte
}

// Write is part of io.Writer.
func (t *teller) Write(text []byte) (int, error) {
	for line := range bytes.Lines(text) {
		t.line = append(t.line, line...)
		if bytes.HasSuffix(line, []byte("\n")) {
			t.say("%s", bytes.TrimRight(t.line, "\r\n"))
			t.line = t.line[:0]
		}
	}
	return len(text), nil
}

func (l *Lab) run(ctx context.Context, limit time.Duration, stdin string, told *teller, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Dir = l.root
	c.Env = append(os.Environ(), l.environment...)
	c.Stdin = strings.NewReader(stdin)
	c.WaitDelay = 5 * time.Second // its children may hold its output open
	var out, errors bytes.Buffer
	c.Stdout, c.Stderr = &out, &errors
	if told != nil {
		c.Stderr = io.MultiWriter(&errors, told)
	}
	err := c.Run()
	if ctx.Err() == context.DeadlineExceeded {
		err = fmt.Errorf("not done after %v", limit)
	}
	if err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, errors.String())
	}
	return out.String(), nil
}

// kubectlLimit is how long kubectl may take.
const kubectlLimit = Patience + time.Minute

// Kubectl runs kubectl on the cluster.
func (l *Lab) Kubectl(ctx context.Context, args ...string) (string, error) {
	return l.command(ctx, kubectlLimit, l.kubectl, args...)
}

// apply lets kubectl apply manifests.
func (l *Lab) apply(ctx context.Context, manifests string) error {
	_, err := l.commandIn(ctx, kubectlLimit, manifests, l.kubectl, "apply", "-f", "-")
	return err
}
