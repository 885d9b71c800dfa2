package controllers

import (
	"context"
	"errors"
	"net/http"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/weirstream/weir/controllers/resources"
)

const (
	// LeaseName is that of the Lease by which one of several operators leads.
	LeaseName = "weir-operator"

	// concurrency is how many objects of a kind are worked on at a time: most of that time goes into waiting for
	// coordinators.
	concurrency = 8
	// reconcileTimeout bounds the work on one object; what is not done then is done the next time.
	reconcileTimeout = time.Minute
	// shutdownTimeout is for that work to end, within the grace period of the operator's pod.
	shutdownTimeout = 20 * time.Second
	// syncPatience is how long a readiness probe waits for the caches.
	syncPatience = 2 * time.Second
)

// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=weir-system,roleName=weir-operator,resources=leases,verbs=create
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=weir-system,roleName=weir-operator,resources=leases,resourceNames=weir-operator,verbs=get;update
// +kubebuilder:rbac:groups="",namespace=weir-system,roleName=weir-operator,resources=events,verbs=create;patch

// newManager makes the manager: who leads, what is cached, where it is probed. It has no controllers yet.
func newManager(c *rest.Config, scheme *runtime.Scheme, o Options) (manager.Manager, error) {
	grace, anyName := shutdownTimeout, true
	mgr, err := manager.New(c, manager.Options{
		Scheme: scheme,
		Logger: o.log(),
		Cache:  cacheOptions(o.Namespaces),
		Client: client.Options{Cache: &client.CacheOptions{
			// The operator may not list these; a cache would try to.
			DisableFor: []client.Object{&corev1.Secret{}, &corev1.Namespace{}},
		}},
		LeaderElection:                o.LeaderElection,
		LeaderElectionID:              LeaseName,
		LeaderElectionNamespace:       o.Namespace,
		LeaderElectionReleaseOnCancel: true, // the process ends with the manager
		Metrics:                       metricsserver.Options{BindAddress: o.MetricsAddress},
		HealthProbeBindAddress:        o.ProbeAddress,
		GracefulShutdownTimeout:       &grace,
		Controller: config.Controller{
			MaxConcurrentReconciles: concurrency,
			ReconciliationTimeout:   reconcileTimeout,
			SkipNameValidation:      &anyName, // a process has one operator; tests have several, one after the other
		},
	})
	if err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("process", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("caches", synced(mgr.GetCache()))
}

// cacheOptions bound the caches: StreamJobs and Savepoints of the namespaces (none: all), and of all other kinds what the
// operator made. Without managedFields an object is about half as large; those of StatefulSets tell who has changed them.
func cacheOptions(namespaces []string) cache.Options {
	ours := cache.ByObject{Label: resources.ManagedSelector()}
	whole := cache.ByObject{Label: resources.ManagedSelector(), Transform: func(o any) (any, error) { return o, nil }}
	o := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}: ours, &corev1.ConfigMap{}: ours, &corev1.Service{}: ours,
			&appsv1.StatefulSet{}: whole, &appsv1.ControllerRevision{}: ours, &batchv1.Job{}: ours,
		},
	}
	if len(namespaces) > 0 {
		o.DefaultNamespaces = map[string]cache.Config{}
		for _, n := range namespaces {
			o.DefaultNamespaces[n] = cache.Config{}
		}
	}
	return o
}

// synced is ready when all that is watched has been read once.
func synced(c cache.Cache) healthz.Checker {
	return func(r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), syncPatience)
		defer cancel()
		if !c.WaitForCacheSync(ctx) {
			return errors.New("the caches are not filled yet")
		}
		return nil
	}
}
