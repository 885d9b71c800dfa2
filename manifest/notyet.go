package manifest

// notYet lists the fields that are planned and do nothing yet, with what to do instead. Each leaves this list when it
// enters the API types together with its behaviour.
var notYet = map[string]string{
	"spec.secrets":                      leaveOut,
	"spec.slotsPerWorker":               leaveOut,
	"spec.coordinator":                  leaveOut,
	"spec.checkpoint.alignmentTimeout":  "leave it out: checkpoints are always aligned",
	"spec.savepoint.schedule":           "leave it out, and run `weir savepoint` when one is needed",
	"spec.savepoint.history":            "leave it out: savepoints are kept until you delete them",
	"spec.upgrade.strategy":             leaveOut,
	"spec.upgrade.acknowledgeStateLoss": leaveOut,
	"spec.upgrade.verify":               leaveOut,
	"spec.upgrade.rollback":             leaveOut,
	"spec.worker.resources.claims":      leaveOut,
	"spec.restore.claimMode":            "leave it out: snapshots that are restored are never claimed (NoClaim)",
	"spec.checkpoint.mode: AtLeastOnce": "leave it out: checkpoints are ExactlyOnce",
	"spec.state.backend: Pebble":        "leave it out: state is kept on the Heap",
}

const leaveOut = "leave it out for now"
