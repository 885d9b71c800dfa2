package controllers

import (
	"fmt"
	"math/rand/v2"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/controllers/savepoint"
	"github.com/weirstream/weir/controllers/streamjob"
)

// recorderName is who reports an Event.
const recorderName = "weir-operator"

// addControllers gives the manager its controllers, which share one way to the coordinators of jobs.
func addControllers(mgr manager.Manager, base foundation, o Options) error {
	directory, err := coordinators.NewDirectory(base.key)
	if err != nil {
		return fmt.Errorf("use the operator's key: %w", err)
	}
	jobs := &streamjob.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder(recorderName), Coordinators: directory,
		ClusterID: base.cluster, EngineImage: o.Image, Global: o.Global, OneNamespace: len(o.Namespaces) > 0,
		Now: time.Now, Pace: streamjob.DefaultPace(),
	}
	if err := jobs.SetupWithManager(mgr); err != nil {
		return err
	}
	savepoints := &savepoint.Reconciler{
		Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder(recorderName), Coordinators: directory,
		ClusterID: base.cluster, Now: time.Now, Random: rand.Float64, Pace: savepoint.DefaultPace(),
	}
	return savepoints.SetupWithManager(mgr)
}
