package job

import (
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/storage"
)

// written is a file such as the job writes.
type written struct {
	file string
	what string
	// harmless says that bounded input may hold it: that is listed once, before any output is visible.
	harmless bool
}

// refuseCircles refuses a job that would read what it writes itself: its snapshots, or, if it looks for new files for
// ever, its output, so that it would never come to rest.
func refuseCircles(cfg Config, g *graph.Graph) error {
	files := writes(cfg, g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Source == nil {
			continue
		}
		reader, ok := n.Source.Source.(connector.PlaceReader)
		if !ok {
			continue
		}
		for _, w := range files {
			if reader.Reads(w.file) && !(w.harmless && n.Source.Bounded()) {
				return fault.Permanentf(n.UID, "let them be folders of which neither is in the other", "it would read %s", w.what)
			}
		}
	}
	return nil
}

// writes lists what the job will write, as far as that is known.
func writes(cfg Config, g *graph.Graph) []written {
	var files []written
	for _, s := range []struct{ place, key, what string }{
		{cfg.Storage, cfg.Job + "/attempts/1", "the job's own checkpoints (spec.checkpoint.storage)"},
		{cfg.SavepointStorage, "savepoint-" + cfg.Job + "-1/1", "the job's own savepoints (spec.savepoint.storage)"},
	} {
		if file, err := storage.JoinURL(s.place, s.key); err == nil { // a URL that is wrong is refused where it is opened
			files = append(files, written{file: file, what: s.what})
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if w, ok := n.Sink.(connector.PlaceWriter); ok {
			files = append(files, written{file: w.Writes(cfg.Job, n.UID), what: "the output of " + n.UID, harmless: true})
		}
	}
	return files
}
