package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// AskFlags are those of every verb that asks a running job for something.
type AskFlags struct {
	id      string
	timeout time.Duration
}

// Add adds them to a command.
func (f *AskFlags) Add(c *cobra.Command) {
	c.Flags().StringVar(&f.id, "id", "", "id of the request: repeated under the same id it is done only once (default: a new UUID)")
	c.Flags().DurationVar(&f.timeout, "timeout", 10*time.Minute, "how long to wait for the end of it")
}

// Ask begins an operation of a job, and waits for its end.
func (p *Process) Ask(ctx context.Context, f AskFlags, jobName string, begin func(context.Context, *rest.Client, string) (rest.Operation, error)) (rest.Operation, error) {
	id := f.id
	if id == "" {
		id = uuid.NewString()
	} else if err := rest.CheckID(id); err != nil {
		return rest.Operation{}, UsageError{err}
	}
	if f.timeout <= 0 {
		return rest.Operation{}, Usagef("--timeout %v leaves no time", f.timeout)
	}
	deadline, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	deadline, stop := p.UntilSignal(deadline)
	defer stop()
	client, err := p.Find(deadline, jobName)
	if err != nil {
		return rest.Operation{}, err
	}
	op, err := begin(deadline, client, id)
	if err == nil {
		op, err = client.Await(deadline, op)
	}
	if err != nil && deadline.Err() != nil {
		return op, fmt.Errorf("stopped waiting (%w), but the request goes on; ask again with --id %s", context.Cause(deadline), id)
	}
	if rest.IsUnreachable(err) {
		return op, fmt.Errorf("the job ended or cannot be reached, so that it is not known what became of request %s: %w", id, err)
	}
	return op, err
}

// errSignal is a signal's, while a command waits.
var errSignal = errors.New("interrupted")

// UntilSignal returns a context that ends with the first signal.
func (p *Process) UntilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-p.Signals:
			cancel(errSignal)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// First returns the first argument, if there is one.
func First(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// Place makes what the user names a URL: the job has a working directory of its own.
func Place(flag, name string) (string, error) {
	u, err := storageurl.Parse(name)
	if err != nil {
		return "", Usagef("%s: %w", flag, err)
	}
	return u.String(), nil
}
