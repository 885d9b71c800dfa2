package operations

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/overlap"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// Request is something that a job is asked for, under an id.
type Request struct {
	ID   string
	Kind rest.OperationKind
	// details tell requests of one kind apart.
	details string
	// Event tells an attempt's coordinator of it; nil: it is not for attempts.
	Event coordinator.Event
}

// outlives tells that the request makes sense to a job whose attempt has ended: its last checkpoint, or the next attempt,
// can serve it (P3).
func (r Request) outlives() bool {
	return r.Kind == rest.SavepointOperation || r.Kind == rest.StopOperation
}

func (r Request) String() string { return fmt.Sprintf("%s %s", r.Kind, r.details) }

// Savepoint asks for a savepoint; an empty target is spec.savepoint.storage.
func Savepoint(cfg config.Config, g *graph.Graph, id, target string) (Request, error) {
	place, err := targetOf(cfg, g, id, target)
	if err == nil && place == "" {
		err = &rest.Error{Code: rest.BadRequest, Message: "there is no place for the savepoint",
			Remedy: "name a target, or set spec.savepoint.storage"}
	}
	return Request{ID: id, Kind: rest.SavepointOperation, details: target,
		Event: coordinator.SavepointRequested{ID: id, Target: place}}, err
}

// Stop asks for the end of the job. A stop without a savepoint is one from its last checkpoint.
func Stop(cfg config.Config, g *graph.Graph, id, target string, drain bool) (Request, error) {
	place, err := targetOf(cfg, g, id, target)
	details := target
	if drain {
		details += " with drain"
	}
	return Request{ID: id, Kind: rest.StopOperation, details: details,
		Event: coordinator.StopRequested{ID: id, Target: place, Drain: drain}}, err
}

// Checkpoint asks for a checkpoint now.
func Checkpoint(id string) Request {
	return Request{ID: id, Kind: rest.CheckpointOperation, Event: coordinator.CheckpointRequested{ID: id}}
}

// Cancel asks for the end of the attempt at once.
func Cancel(id string) Request {
	return Request{ID: id, Kind: rest.CancelOperation, Event: coordinator.CancelRequested{}}
}

// Activation asks for an attempt. All of it but the id tells it from another.
func Activation(q rest.ActivateRequest) (Request, error) {
	id := q.ID
	q.ID = ""
	details, err := json.Marshal(q)
	return Request{ID: id, Kind: rest.ActivateOperation, details: string(details)}, err
}

// targetOf returns the place of a savepoint; empty: there is none.
func targetOf(cfg config.Config, g *graph.Graph, id, target string) (string, error) {
	if target == "" {
		if target = cfg.SavepointStorage; target == "" {
			return "", nil
		}
		return target, lasts("spec.savepoint.storage", target) // overlap.Check has looked at it
	}
	if err := checkTarget(target); err != nil {
		return target, err
	}
	return target, overlap.Target(cfg, g, id, target)
}

// lasts refuses a place for savepoints that is gone with the process.
func lasts(what, target string) error {
	if u, err := storageurl.Parse(target); err == nil && u.Scheme == "mem" {
		return &rest.Error{Code: rest.BadRequest, Message: what + ": a savepoint in " + target + " would be gone with the job's process",
			Remedy: "name a folder or a bucket"}
	}
	return nil
}

// checkTarget refuses what is no place. A relative path is one only to the sender, whose working directory is another.
func checkTarget(target string) error {
	_, err := storageurl.Parse(target)
	if err == nil && !strings.Contains(target, "://") && !filepath.IsAbs(target) {
		err = fmt.Errorf("path %q is relative", target)
	}
	if err != nil {
		return &rest.Error{Code: rest.BadRequest, Message: "target: " + err.Error(), Remedy: "name a URL or an absolute path"}
	}
	return lasts("target", target)
}
