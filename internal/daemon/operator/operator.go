// Package operator is `weir operator`: the process of an operator's pod.
package operator

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/controllers"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/manifest"
)

// operatorFlags are those of `weir operator`.
type operatorFlags struct {
	engineImage, config, namespace string
	metrics, probes                string
	namespaces                     []string
	leaderElect                    bool
}

// Func is an operator until its context is done.
type Func func(context.Context, controllers.Options) error

// Command is the verb; run is controllers.Run.
func Command(a *cli.Process, run Func) *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "operator",
		Short: "Look after the StreamJobs and Savepoints of a cluster",
		Long: `Look after the StreamJobs and Savepoints of a cluster: that of the pod, or of $KUBECONFIG.

Several can stand by for one. Jobs run, checkpoint and recover without any; they are needed for changes. Log lines are
JSON, on standard error.`,
		Args: cli.Between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := optionsOf(a, c, f)
			if err != nil {
				return err
			}
			return operate(c.Context(), a, run, o)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.engineImage, "engine-image", "", "the engine's image, for jobs that name none (default: $WEIR_ENGINE_IMAGE; required)")
	flags.StringVar(&f.config, "config", "", "weir.yaml: defaults for the fields of spec (default: $WEIR_CONFIG)")
	flags.StringVar(&f.namespace, "namespace", "", "where the operator's key and Lease are (default: $POD_NAMESPACE, or weir-system)")
	flags.StringSliceVar(&f.namespaces, "namespaces", nil, "whose jobs are looked after, comma-separated (default: all)")
	flags.BoolVar(&f.leaderElect, "leader-elect", true, "let several operators stand by for one")
	flags.StringVar(&f.metrics, "metrics", ":8080", "where Prometheus' metrics are served; 0: nowhere")
	flags.StringVar(&f.probes, "probes", ":8081", "where /healthz and /readyz are served; 0: nowhere")
	return c
}

// optionsOf reads what the flags and the environment say.
func optionsOf(a *cli.Process, c *cobra.Command, f operatorFlags) (controllers.Options, error) {
	o := controllers.Options{
		Image: cmp.Or(f.engineImage, a.Getenv("WEIR_ENGINE_IMAGE")), Namespaces: f.namespaces,
		Namespace:      cmp.Or(f.namespace, a.Getenv("POD_NAMESPACE"), "weir-system"),
		LeaderElection: f.leaderElect, MetricsAddress: f.metrics, ProbeAddress: f.probes,
		Logger: slog.New(slog.NewJSONHandler(a.Stderr, nil)),
	}
	if o.Image == "" {
		return o, cli.Usagef("--engine-image is missing, and WEIR_ENGINE_IMAGE is not set; see `%s --help`", c.CommandPath())
	}
	if path := cmp.Or(f.config, a.Getenv("WEIR_CONFIG")); path != "" {
		file, err := a.ReadFile(path)
		if err != nil {
			return o, err
		}
		if err := checkGlobal(file); err != nil {
			return o, err
		}
		o.Global = file
	}
	return o, nil
}

// checkGlobal refuses a weir.yaml that would stall every job, while the operator before this one still runs.
func checkGlobal(global *manifest.File) error {
	_, err := manifest.Load(manifest.Input{SQL: &manifest.File{Name: "any.sql", Text: []byte("INSERT INTO a SELECT 1;")}, Global: global})
	var wrong *manifest.Error
	if errors.As(err, &wrong) && wrong.Place.Source == global.Name {
		return err
	}
	return nil // what else is wrong is no fault of this file
}

// errOperatorKilled is the second signal's.
var errOperatorKilled = errors.New("ended by a second signal; what was under way is taken up by the next operator")

// operate runs the operator until a signal comes.
func operate(ctx context.Context, a *cli.Process, run Func, o controllers.Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	end := make(chan error, 1)
	go func() { end <- run(ctx, o) }()
	var interrupted time.Time // zero: not yet
	for {
		select {
		case s := <-a.Signals:
			switch {
			case interrupted.IsZero():
				interrupted = time.Now()
			case time.Since(interrupted) < a.SameSignal:
				continue
			default:
				return errOperatorKilled
			}
			o.Logger.Info("ending", "signal", s.String())
			cancel()
		case err := <-end:
			return err
		}
	}
}
