package attempt

import (
	"errors"
	"fmt"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/overlap"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// Check refuses a job that no attempt can run, before any storage is touched.
func Check(cfg config.Config, g *graph.Graph) error {
	if err := g.Check(); err != nil {
		return &fault.Error{Class: fault.Permanent, Err: err}
	}
	if cfg.Parallelism > cfg.MaxParallelism {
		return fault.Permanentf("job "+cfg.Job, fmt.Sprintf("set parallelism to at most %d: a key group is never divided", cfg.MaxParallelism),
			"parallelism %d is more than maxParallelism, %d", cfg.Parallelism, cfg.MaxParallelism)
	}
	most := min(config.Parallelism.Most, cfg.MaxParallelism)
	for _, n := range g.Nodes {
		if n.Parallelism > most {
			return fault.Permanentf("operator "+n.UID, fmt.Sprintf("set it to at most %d", most),
				"its parallelism is %d; a job of %d key groups has room for %d subtasks of an operator", n.Parallelism, cfg.MaxParallelism, most)
		}
	}
	return overlap.Check(cfg, g)
}

// CheckActivated is Check for a job that is activated with settings: those of the manifest must do.
func CheckActivated(cfg config.Config, g *graph.Graph) error {
	if err := Check(cfg, g); err != nil {
		return err
	}
	if wrong := WrongSettings(cfg.Settings, cfg.MaxParallelism); wrong != "" {
		return &fault.Error{Class: fault.Permanent, Place: "job " + cfg.Job, Err: errors.New(wrong)}
	}
	return nil
}

// WrongSettings says what no attempt can run with; empty: nothing.
func WrongSettings(s config.Settings, maxParallelism int) string {
	if wrong := s.Check(maxParallelism); wrong != "" {
		return wrong
	}
	for _, place := range []struct{ name, url string }{{"savepointStorage", s.SavepointStorage}, {"restore.path", s.Restore.Path}} {
		if place.url == "" {
			continue
		}
		if _, err := storageurl.Parse(place.url); err != nil {
			return fmt.Sprintf("%s: %v", place.name, err)
		}
	}
	return ""
}
