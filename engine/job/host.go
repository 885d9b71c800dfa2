package job

import "github.com/weirstream/weir/engine/internal/host"

// Host is a process that runs a job for an operator: what is in a job's pod.
type Host = host.Host

// HostOptions are what a process adds to a Config.
type HostOptions = host.Options

// NewHost returns a host of the job that cfg and g describe; its Run runs it. A job that no attempt can run is refused with a
// permanent error.
func NewHost(cfg Config, g *Graph, opt HostOptions) (*Host, error) { return host.New(cfg, g, opt) }
