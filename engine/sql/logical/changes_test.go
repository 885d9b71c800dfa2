package logical_test

import (
	"testing"

	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/window"
)

func TestWhatOpsMakeOfChanges(t *testing.T) {
	const (
		inserts = logical.Inserts
		all     = logical.Inserts | logical.Updates | logical.Deletes
	)
	windowing := logical.NewWindowing("TUMBLE", window.Tumble(1000, 0), "ts")
	for _, c := range []struct {
		name  string
		op    logical.Op
		takes logical.Changes
		gives logical.Changes // of all that it takes
	}{
		{"a table is read as it grows", &logical.Scan{}, 0, inserts},
		{"a projection is of each row by itself", &logical.Calc{}, all, all},
		{"a filter may cut an update in two", &logical.Calc{Filter: []expr.Expr{&expr.Literal{}}}, all, all},
		{"a window drops what is late, and cannot take it back", &logical.Window{}, inserts, inserts},
		{"a window gives its results once", &logical.Aggregate{Windowing: windowing}, inserts, inserts},
		{"a group changes with its rows", &logical.Aggregate{Calls: make([]logical.Call, 1)}, all, all},
		{"without aggregates it comes and goes", &logical.Aggregate{}, all, inserts | logical.Deletes},
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

func TestWhatOpsGiveOfInsertsAlone(t *testing.T) {
	filter := &logical.Calc{Filter: []expr.Expr{&expr.Literal{}}}
	for _, c := range []struct {
		name      string
		op        logical.Op
		in, gives logical.Changes
	}{
		{"a filter of inserts", filter, logical.Inserts, logical.Inserts},
		{"a filter of updates may pass a half", filter, logical.Inserts | logical.Updates, logical.Inserts | logical.Updates | logical.Deletes},
		{"a group of inserts never ends", &logical.Aggregate{Calls: make([]logical.Call, 1)}, logical.Inserts, logical.Inserts | logical.Updates},
		{"its rows are told apart once", &logical.Aggregate{}, logical.Inserts, logical.Inserts},
		{"what is updated may leave a group", &logical.Aggregate{}, logical.Inserts | logical.Updates, logical.Inserts | logical.Deletes},
	} {
		if got := c.op.Gives(c.in); got != c.gives {
			t.Errorf("%s: it gives %v, want %v", c.name, got, c.gives)
		}
	}
}
