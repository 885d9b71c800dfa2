package job

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage"
)

// Preflight tells whether a job could begin: that its storage can hold snapshots and be read, and that its state fits what
// it would go on from (P9). It returns the end of the chain as it is, for whoever decides whether to activate; whose the
// chain is, and whether it has ended, are no errors. It claims nothing, and changes nothing but a probe that it removes, so
// that a job may run meanwhile. The error's class (package fault) says whether it may pass.
func Preflight(ctx context.Context, cfg Config, g *Graph) (chain rest.Chain, err error) {
	if err := checkActivated(cfg, g); err != nil {
		return rest.Chain{}, err
	}
	f, err := jobfolder.Observe(ctx, cfg)
	if err != nil {
		return rest.Chain{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// Whoever takes the folder meanwhile removes probes that lie in it, but not below it.
	if err := storage.Probe(ctx, f.Bucket().Sub(probeFolder)); err != nil {
		return rest.Chain{}, fmt.Errorf("checkpoint.storage: %w", jobfolder.Classify(err))
	}
	head, chain, err := f.Look(ctx)
	if err != nil {
		return rest.Chain{}, err
	}
	p := prospect{folder: f, cfg: cfg, graph: g, entry: entry{commanded: true}}
	return chain, p.preflight(ctx, head, restoresAgain(head, cfg.Restore))
}

// probeFolder is where a preflight probes, in the job's folder.
const probeFolder = storage.ProbePrefix + "preflight"
