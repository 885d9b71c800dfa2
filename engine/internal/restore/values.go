package restore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// value is one of those that the cells of a state hold, such as an aggregate, that the snapshot or the job alone has (P9).
type value struct {
	uid, name string
	added     bool // else it is gone
}

// key is how a user names the value, in spec.upgrade.initEmpty.
func (v value) key() string { return v.uid + "#" + v.name }

// agreed tells whether the user has said what may become of the value: that one which is new has not seen the rows of windows
// that are open, and that one which is gone is left behind.
func (v value) agreed(cfg config.Config) bool {
	if v.added {
		return cfg.Restore.InitEmpty.Has(v.key())
	}
	return cfg.Restore.AllowNonRestoredState
}

// refusal says what is to be agreed to.
func (v value) refusal() *IncompatibleError {
	if v.added {
		return &IncompatibleError{
			UID:    v.uid,
			Reason: fmt.Sprintf("%s is new, and has not seen the rows that are in the state", v.name),
			Remedy: fmt.Sprintf("name %q in spec.upgrade.initEmpty to let it begin without them, or take the old text back", v.key()),
		}
	}
	return &IncompatibleError{
		UID:    v.uid,
		Reason: fmt.Sprintf("it no longer has %s", v.name),
		Remedy: "put it back, or set spec.upgrade.allowNonRestoredState (-n) to leave its state behind",
	}
}

// converts tells whether cells of a snapshot become others when they are restored: the node can do that, the keys are equal, and
// the values are not, or stand in another order.
func converts(old *snapshot.OperatorState, n *graph.Node) bool {
	if n.Convert == nil || len(old.Schemas) != 1 || len(n.State) != 1 {
		return false
	}
	was, is := withoutTTL(old.Schemas[0]), withoutTTL(Schemas(n)[0])
	if slices.Equal(was.ValueFields, is.ValueFields) || was.Name != is.Name || was.Kind != is.Kind || !slices.Equal(was.KeyFields, is.KeyFields) {
		return false
	}
	_, err := n.Convert(was.ValueFields)
	return err == nil
}

// withoutValues is a fingerprint without the lines that name the values of a state.
func withoutValues(fingerprint string, s snapshot.StateSchema) string {
	var lines []string
	for line := range strings.SplitSeq(fingerprint, "\n") {
		if name, ok := strings.CutPrefix(line, "aggregate "); !ok || !slices.Contains(s.ValueFields, name) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// changedValues are those that are new, in the order of the job, and those that are gone. A name counts as often as it is there.
func changedValues(old *snapshot.OperatorState, n *graph.Node) []value {
	var out []value
	left := slices.Clone(withoutTTL(old.Schemas[0]).ValueFields)
	for _, name := range n.State[0].Value {
		if i := slices.Index(left, name); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			out = append(out, value{uid: n.UID, name: name, added: true})
		}
	}
	for _, name := range left {
		out = append(out, value{uid: n.UID, name: name})
	}
	return out
}

// withoutTTL is a schema without the field that says for how long entries are there, which may change.
func withoutTTL(s snapshot.StateSchema) snapshot.StateSchema {
	_, s.ValueFields = state.SplitTTL(s.ValueFields)
	return s
}
