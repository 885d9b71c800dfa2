package logical_test

import (
	"testing"

	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
)

func TestWhatOpsMakeOfChanges(t *testing.T) {
	const (
		inserts = logical.Inserts
		stand   = logical.Inserts | logical.Deletes // alone, without a second half
		all     = logical.Inserts | logical.Updates | logical.Deletes
	)
	for _, c := range []struct {
		name  string
		op    logical.Op
		takes logical.Changes
		gives logical.Changes // of all that it takes
	}{
		{"a table is read as it grows", &logical.Scan{}, 0, inserts},
		{"a projection is of each row by itself", &logical.Calc{}, all, all},
		{"a filter may cut an update in two", &logical.Calc{Filter: []expr.Expr{&expr.Literal{}}}, stand, stand},
		{"a window drops what is late, and cannot take it back", &logical.Window{}, inserts, inserts},
		{"a window gives its results once", &logical.Aggregate{}, inserts, inserts},
		{"a union is all of its branches", &logical.Union{}, all, all},
	} {
		if got := c.op.Takes(); got != c.takes {
			t.Errorf("%s: it takes %v, want %v", c.name, got, c.takes)
		}
		if got := c.op.Gives(c.takes); got != c.gives {
			t.Errorf("%s: it gives %v, want %v", c.name, got, c.gives)
		}
	}
}
