package coordinator

import (
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/snapshot"
)

// OpenSplits returns what a snapshot knows of a source: what its enumerator had seen, in the connector's own encoding, and
// the splits that are not read to the end, in the order in which they go on after a restore.
func OpenSplits(state *snapshot.OperatorState) (seen []byte, open []connector.OpenSplit, err error) {
	var s source
	if err := s.restore(state); err != nil {
		return nil, nil, err
	}
	for _, p := range s.queue {
		open = append(open, connector.OpenSplit{Split: p.Split, Position: p.position})
	}
	return s.seen, open, nil
}
