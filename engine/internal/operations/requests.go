package operations

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/overlap"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// Request is a request as a list keeps it: as it was asked for, which tells it from another, and what that means to the job now.
type Request struct {
	rest.Request
	// Place is where its savepoint goes; empty: there is none.
	Place string
}

// Resolve finds out what a request means to a job: a request that names no place for a savepoint means spec.savepoint.storage. A
// savepoint must have one; a stop without it is one from its last checkpoint. The errors are what REST answers.
func Resolve(cfg config.Config, g *graph.Graph, r rest.Request) (Request, error) {
	if !makesSavepoint(r) {
		return Request{Request: r}, nil
	}
	place, err := targetOf(cfg, g, r.ID, r.Target)
	if err == nil && place == "" && r.Kind == rest.SavepointOperation {
		err = &rest.Error{Code: rest.BadRequest, Message: "there is no place for the savepoint",
			Remedy: "name a target, or set spec.savepoint.storage"}
	}
	return Request{Request: r, Place: place}, err
}

// Resolved is the request as an attempt's coordinator is told of it.
func (r Request) Resolved() rest.Request {
	q := r.Request
	q.Target = r.Place
	return q
}

// makesSavepoint tells that a request may be for a savepoint. Such a one makes sense to a job whose attempt has ended, too: its
// last checkpoint, or the next attempt, can serve it (P3).
func makesSavepoint(r rest.Request) bool {
	return r.Kind == rest.SavepointOperation || r.Kind == rest.StopOperation
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
