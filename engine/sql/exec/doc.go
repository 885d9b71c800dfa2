// Package exec holds the operators that SQL runs on, over batches of typed columns:
//
//	source -> [Stage] -> [Calc] -> [Assign] -> [KeyBy] =keyed edge=> [Aggregate] -> [Calc] -> sink
//
// Each promises to allocate nothing per row once its buffers have grown to the size of a batch, and to let no batch
// boundary decide anything. What an operator emits aliases its own buffers, or the columns of the batch that it got,
// and is valid until Emit returns.
//
// The package knows bound expressions, but no names, tables or plans.
package exec
