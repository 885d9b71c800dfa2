// Package task is what the operator has done in a pod of its own and waits for: a revision is checked (`weir preflight`),
// checkpoints or a savepoint are deleted (`weir discard`, `weir dispose`).
package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/daemon/pod"
	"github.com/weirstream/weir/manifest"
)

// task does one piece of work of a job in a pod of its own, and leaves the result where the operator finds it. The exit code
// says only whether it is done: wrong SQL is a result like others.
func task(a *cli.Process, c *cobra.Command, f pod.Flags, program *manifest.Program, do func(context.Context, *manifest.StreamJob, *slog.Logger) (string, *rest.Chain, error)) error {
	ctx, stop := a.UntilSignal(c.Context())
	defer stop()
	log := slog.New(slog.NewJSONHandler(a.Stderr, nil))
	result := resources.Result{OK: true}
	said := ""
	j, err := pod.Job(a, f, program)
	if err == nil {
		said, result.Chain, err = do(ctx, j, log.With("job", j.Config.Job))
	}
	if err != nil {
		result = pod.ResultOf(err)
	}
	if err := errors.Join(err, pod.LastWords(f.Log, result)); err != nil {
		return fmt.Errorf("%s", cli.OneLine(err.Error())) // not wrapped: see above
	}
	_, err = fmt.Fprintln(a.Stdout, said)
	return err
}
