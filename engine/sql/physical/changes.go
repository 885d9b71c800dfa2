package physical

import (
	"errors"
	"fmt"

	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
)

// written is which changes tables take: files and streams of lines only grow.
const written = logical.Inserts

// checkChanges refuses a query that changes rows which it has given, where that cannot be carried out: an operator would take
// a change for a row of its own, and the table would hold rows that are no more.
func checkChanges(flow logical.Flow, in logical.Insert) error {
	changes, err := flow.Of(in.Input)
	var conflict *logical.Conflict
	switch extra := changes &^ written; {
	case errors.As(err, &conflict):
		return refuse(in, conflict.Changes, name(conflict.At))
	case err != nil:
		return err
	case extra != 0:
		return refuse(in, extra, "the table "+in.Into.Name)
	}
	return nil
}

func refuse(in logical.Insert, changes logical.Changes, by string) error {
	return parser.Unsupported(in.At, fmt.Sprintf("a query that gives %v of its rows to %s", changes, by), "aggregate in windows, whose results never change")
}

// name is what people call an op.
func name(op logical.Op) string {
	switch op.(type) {
	case *logical.Calc:
		return "a filter"
	case *logical.Window, *logical.Aggregate:
		return "a window"
	}
	return fmt.Sprintf("%T", op)
}
