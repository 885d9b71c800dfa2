package operator

import "errors"

// RowError is the error of one row of the batch that an operator was given. On its way back through the chain each operator
// that emitted other rows than it got says which row of its own that was ([Selected]), so that at its source the record
// can be named (P13).
type RowError struct {
	Row int
	Err error
}

// Error is that of the row.
func (e *RowError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the row.
func (e *RowError) Unwrap() error { return e.Err }

// Selected returns the error of emitting the rows sel of a batch as one of that batch.
func Selected(err error, sel []int32) error {
	if err == nil {
		return nil
	}
	var row *RowError
	if errors.As(err, &row) && row.Row < len(sel) {
		row.Row = int(sel[row.Row])
	}
	return err
}
