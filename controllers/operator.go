package controllers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/weirstream/weir/manifest"
)

const (
	// startTimeout bounds what an operator asks the cluster before it works.
	startTimeout = time.Minute
	// Requests per second to the API server, and how many at once: a hundred jobs at their start, and then almost none.
	qps, burst = 50, 100
)

// Options are what an operator is started with.
type Options struct {
	// Image is the engine's, for jobs that name none.
	Image string
	// Global is weir.yaml, with defaults for all jobs; nil: there is none.
	Global *manifest.File
	// Namespaces are where jobs are looked after; none: in all.
	Namespaces []string
	// Namespace is the operator's own: its key and its Lease are there.
	Namespace string
	// LeaderElection lets several operators stand by for one.
	LeaderElection bool
	// MetricsAddress and ProbeAddress are host:port; "0": not served.
	MetricsAddress, ProbeAddress string
	Logger                       *slog.Logger
}

// log is the logger as Kubernetes' libraries want it.
func (o *Options) log() logr.Logger { return logr.FromSlogHandler(o.Logger.Handler()) }

// Run is an operator until ctx is done: nil, or why it ended. The cluster is that of the pod, or of $KUBECONFIG.
func Run(ctx context.Context, o Options) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find a cluster: %w; run in a pod, or set KUBECONFIG", err)
	}
	ctrl.SetLogger(o.log())
	klog.SetLogger(o.log())
	return run(ctx, config, o)
}

// run is Run without what there is once in a process: the loggers of libraries, which may not be set while anything logs.
func run(ctx context.Context, config *rest.Config, o Options) error {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst, config.UserAgent = qps, burst, "weir-operator"
	scheme, err := NewScheme()
	if err != nil {
		return err
	}
	direct, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("connect to the cluster: %w", err)
	}
	base, err := prepare(ctx, config, direct, o.Namespace)
	if err != nil {
		return err
	}
	mgr, err := newManager(config, scheme, o)
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	if err := addControllers(mgr, base, o); err != nil {
		return err
	}
	collector := statusMetrics{cache: mgr.GetCache()}
	if err := metrics.Registry.Register(collector); err != nil {
		return fmt.Errorf("register the metrics: %w", err)
	}
	defer metrics.Registry.Unregister(collector)
	o.Logger.Info("the operator starts", "cluster", base.cluster, "engineImage", o.Image, "namespaces", o.Namespaces)
	if err := mgr.Start(ctx); err != nil && !(errors.Is(err, context.Canceled) && ctx.Err() != nil) {
		return fmt.Errorf("run the controllers: %w", err)
	}
	return nil
}

// foundation is what the operator knows before it looks at a job.
type foundation struct {
	cluster string // see clusterID
	key     []byte // see operatorKey
}

// prepare asks the cluster for it, and fails with what has to be done if the cluster is not ready for an operator.
func prepare(ctx context.Context, config *rest.Config, c client.Client, namespace string) (f foundation, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	disc, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return f, fmt.Errorf("connect to the cluster: %w", err)
	}
	if err := awaitCRDs(ctx, disc); err != nil {
		return f, err
	}
	if f.cluster, err = clusterID(ctx, c); err != nil {
		return f, err
	}
	f.key, err = operatorKey(ctx, c, namespace, rand.Reader)
	return f, err
}
