package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage"
)

// askFlags are those of every verb that asks a running job for something.
type askFlags struct {
	id      string
	timeout time.Duration
}

func (f *askFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.id, "id", "", "id of the request: repeated under the same id it is done only once (default: a new UUID)")
	c.Flags().DurationVar(&f.timeout, "timeout", 10*time.Minute, "how long to wait for the end of it")
}

// ask begins an operation of a job, and waits for its end.
func (a *app) ask(ctx context.Context, f askFlags, jobName string, begin func(context.Context, *rest.Client, string) (rest.Operation, error)) (rest.Operation, error) {
	id := f.id
	if id == "" {
		id = uuid.NewString()
	} else if err := rest.CheckID(id); err != nil {
		return rest.Operation{}, usageError{err}
	}
	if f.timeout <= 0 {
		return rest.Operation{}, usagef("--timeout %v leaves no time", f.timeout)
	}
	deadline, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	deadline, stop := a.untilSignal(deadline)
	defer stop()
	client, err := a.find(deadline, jobName)
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

// untilSignal returns a context that ends with the first signal.
func (a *app) untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-a.signals:
			cancel(errSignal)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// first returns the first argument, if there is one.
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// place makes what the user names a URL: the job has a working directory of its own.
func place(flag, name string) (string, error) {
	u, err := storage.ParseURL(name)
	if err != nil {
		return "", usagef("%s: %w", flag, err)
	}
	return u.String(), nil
}
