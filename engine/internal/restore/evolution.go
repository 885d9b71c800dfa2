package restore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/snapshot"
)

// evolved is what a snapshot says of an operator, as it would be if the values of its states had been written with the layouts that they have now:
// of those that can become such when they are restored. If values of a state that evolves cannot, it says why.
func evolved(old *snapshot.OperatorState, n *graph.Node) (*snapshot.OperatorState, *IncompatibleError) {
	out := *old
	out.Schemas = slices.Clone(old.Schemas)
	for _, d := range n.States() {
		i := slices.IndexFunc(out.Schemas, func(s snapshot.StateSchema) bool { return s.Name == d.Name })
		if i < 0 || d.Evolve == nil || out.Schemas[i].Kind != d.Kind.String() {
			continue
		}
		was := withoutTTL(out.Schemas[i]).ValueFields
		if slices.Equal(was, d.Value) {
			continue
		}
		if _, err := d.Evolve(was); err != nil {
			return nil, &IncompatibleError{
				UID:    n.UID,
				Reason: fmt.Sprintf("its state %s holds %s, and should now hold %s: %v", d.Name, strings.Join(was, ", "), strings.Join(d.Value, ", "), err),
				Remedy: "give the fields that have changed other names, so that they start empty, or the state another name and leave the old one behind " +
					"(the operator needs another uid for that, and spec.upgrade.allowNonRestoredState), or take the old types back",
			}
		}
		line := func(fields []string) string {
			return fmt.Sprintf("state %s %v %s", d.Name, d.Kind, strings.Join(fields, ", "))
		}
		lines := strings.Split(out.Fingerprint, "\n")
		for k := range lines {
			if lines[k] == line(was) {
				lines[k] = line(d.Value)
			}
		}
		out.Fingerprint = strings.Join(lines, "\n")
		out.Schemas[i].ValueFields = d.Fields()
	}
	return &out, nil
}
