package job

import (
	"fmt"

	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/snapshot"
)

// Inspect summarises a snapshot from its metadata alone, with the positions of its sources: only who knows the connectors
// can read these.
func Inspect(s *snapshot.Snapshot) (snapshot.Summary, error) {
	sum := s.Inspect()
	for i := range s.Metadata.Operators {
		o := &s.Metadata.Operators[i]
		if len(o.Enumerator) == 0 {
			continue
		}
		positions, err := sourcePositions(o)
		if err != nil {
			return snapshot.Summary{}, fmt.Errorf("positions of %s: %w", o.UID, err)
		}
		sum.Operators[i].Positions = positions
	}
	return sum, nil
}

// sourcePositions reads those of one source.
func sourcePositions(o *snapshot.OperatorState) ([]snapshot.PositionSummary, error) {
	seen, open, err := coordinator.OpenSplits(o)
	if err != nil {
		return nil, err
	}
	positions, err := registry.Positions(o.Connector, seen, open)
	if err != nil {
		return nil, err
	}
	var all []snapshot.PositionSummary
	for _, p := range positions {
		all = append(all, snapshot.PositionSummary{File: p.File, Done: p.Done, Start: p.Start, End: p.End, Offset: p.Offset, Lines: p.Lines})
	}
	return all, nil
}
