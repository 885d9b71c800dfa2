package job

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// savepointRequest asks for a savepoint; an empty target is spec.savepoint.storage.
func savepointRequest(cfg Config, g *Graph, id, target string) (request, error) {
	place, err := targetOf(cfg, g, id, target)
	if err == nil && place == "" {
		err = &rest.Error{Code: rest.BadRequest, Message: "there is no place for the savepoint",
			Remedy: "name a target, or set spec.savepoint.storage"}
	}
	return request{id: id, kind: rest.SavepointOperation, details: target,
		event: coordinator.SavepointRequested{ID: id, Target: place}}, err
}

// stopRequest asks for the end of the job. A stop without a savepoint is one from its last checkpoint.
func stopRequest(cfg Config, g *Graph, id, target string, drain bool) (request, error) {
	place, err := targetOf(cfg, g, id, target)
	details := target
	if drain {
		details += " with drain"
	}
	return request{id: id, kind: rest.StopOperation, details: details,
		event: coordinator.StopRequested{ID: id, Target: place, Drain: drain}}, err
}

func checkpointRequest(id string) request {
	return request{id: id, kind: rest.CheckpointOperation, event: coordinator.CheckpointRequested{ID: id}}
}

func cancelRequest(id string) request {
	return request{id: id, kind: rest.CancelOperation, event: coordinator.CancelRequested{}}
}

// targetOf returns the place of a savepoint; empty: there is none.
func targetOf(cfg Config, g *Graph, id, target string) (string, error) {
	if target == "" {
		if target = cfg.SavepointStorage; target == "" {
			return "", nil
		}
		return target, lasts("spec.savepoint.storage", target) // refuseOverlaps has looked at it
	}
	if err := checkTarget(target); err != nil {
		return target, err
	}
	return target, refuseTarget(cfg, g, id, target)
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
