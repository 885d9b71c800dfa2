package graph

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// Conversions are how what a snapshot holds of the node becomes its states, by their names, of those that are others now. What may become of
// them was decided before the attempt began (P9); a later checkpoint of it has what they have become.
func (n *Node) Conversions(old *snapshot.OperatorState) (map[string]state.Conversion, error) {
	out := map[string]state.Conversion{}
	for _, d := range n.State {
		i := slices.IndexFunc(old.Schemas, func(s snapshot.StateSchema) bool { return s.Name == d.Name })
		if i < 0 {
			continue
		}
		ttl, fields := state.SplitTTL(old.Schemas[i].ValueFields)
		c := state.Conversion{CellBytes: d.CellBytes}
		if d.TTL != nil && d.CellBytes > 0 {
			c.CellBytes -= state.StampBytes
		}
		values := n.Convert != nil && len(old.Schemas) == 1 && !slices.Equal(fields, d.Value)
		if values {
			var err error
			if c, err = n.Convert(fields); err != nil {
				return nil, err
			}
		}
		if d.Evolve != nil && !slices.Equal(fields, d.Value) {
			value, err := d.Evolve(fields)
			if err != nil {
				return nil, fmt.Errorf("state %s: %w", d.Name, err)
			}
			c.Value, values = value, true
		}
		if !values && sameTTL(ttl, d.TTL) {
			continue
		}
		if c.TTL = ttl; ttl != nil && d.CellBytes > 0 {
			c.CellBytes += state.StampBytes
		}
		out[d.Name] = c
	}
	return out, nil
}

// sameTTL tells whether entries keep their stamps, and none can have expired by one that is there by the other.
func sameTTL(was, is *state.TTL) bool {
	if was == nil || is == nil {
		return was == is
	}
	return was.MS == is.MS && was.Processing == is.Processing
}

// ItemConversion is how values of an operator state that a snapshot holds become those of the node; nil: they are as they were.
func (n *Node) ItemConversion(old *snapshot.OperatorState, d state.Descriptor) (func(dst, earlier []byte) ([]byte, error), error) {
	for _, schema := range old.Schemas {
		if schema.Name == d.Name && d.Evolve != nil && !slices.Equal(schema.ValueFields, d.Value) {
			return d.Evolve(schema.ValueFields)
		}
	}
	return nil, nil
}
