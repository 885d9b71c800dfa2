package physical

import (
	"errors"
	"fmt"

	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
)

// changesOf infers which changes a query gives to its table. It refuses one that changes rows which an operator takes only once: it
// would take a change for a row of its own.
func changesOf(flow logical.Flow, in logical.Insert) (logical.Changes, error) {
	changes, err := flow.Of(in.Input)
	var conflict *logical.Conflict
	if errors.As(err, &conflict) {
		return 0, parser.Unsupported(in.At, fmt.Sprintf("a query that gives %v of its rows to %s", conflict.Changes, name(conflict.At)), "aggregate in windows first, whose results never change")
	}
	return changes, err
}

// name is what people call an op.
func name(op logical.Op) string {
	switch op.(type) {
	case *logical.Window, *logical.Aggregate:
		return "a window"
	}
	return fmt.Sprintf("%T", op)
}
